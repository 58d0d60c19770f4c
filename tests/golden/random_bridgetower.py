# SPDX-License-Identifier: LGPL-2.1-or-later
"""Random BridgeTower weights that mean something, and what transformers makes of them.

Plain random initialisation gives attention that is nearly uniform and logits near zero: a wrong mask, a swapped head or a
lost bias then hides below any tolerance. Here every parameter is random and non-trivial (biases, layer-norm gains), and the
query and key weights of every attention are scaled, layer by layer in the order of the forward pass, until the rows of its
map peak. The peaks are kept no sharper than needed, because sharper attention also amplifies rounding.
"""

import math

import numpy as np
import torch
from transformers import (
    BridgeTowerForContrastiveLearning,
    BridgeTowerForImageAndTextRetrieval,
    BridgeTowerForMaskedLM,
    BridgeTowerModel,
)

CROSS_PEAK = 0.4   # mean row maximum aimed at for cross-attention; the golden models promise at least 0.3
SELF_PEAK = 0.35   # the same for self-attention, in all three stacks
LOGITS_STD = 2.0   # of the matching head, over the batch

HEADS = {
    "itm": BridgeTowerForImageAndTextRetrieval,
    "mlm": BridgeTowerForMaskedLM,
    "itc": BridgeTowerForContrastiveLearning,
    "none": BridgeTowerModel,
}


def tower(model):
    """The bare BridgeTowerModel inside a class with a head, or itself."""
    return getattr(model, "bridgetower", model)


def _draw(name, shape, rng):
    """One parameter's values. Weights keep the variance of what goes through them; the rest is far from 0 and 1."""
    if name.endswith(("logit_scale", "scaled_factor", "beta")):
        return np.array({"e": math.log(1 / 0.07), "r": 1.3, "a": 0.35}[name[-1]])
    if "norm" in name.lower() or ".ln_" in name:
        return rng.uniform(0.6, 1.4, shape) if name.endswith("weight") else rng.normal(0, 0.1, shape)
    if "embedding" in name and "patch" not in name:
        return rng.normal(0, 1.0 if "word" in name else 0.5, shape)
    if len(shape) == 1:
        return rng.normal(0, 0.1, shape)
    branch = 0.35 if ".output.dense." in name else 1.0    # strong branches make all tokens of a post-norm stack alike
    return rng.normal(0, branch / math.sqrt(np.prod(shape[1:])), shape)


@torch.no_grad()
def fill(model, seed):
    """Draws every parameter from numpy's PCG64: the values depend on the seed and the names, not on torch's version."""
    rng = np.random.Generator(np.random.PCG64(seed))
    for name, parameter in sorted(model.named_parameters()):
        values = _draw(name, tuple(parameter.shape), rng).astype(np.float32)
        parameter.copy_(torch.from_numpy(values).reshape(parameter.shape))


def _peak(scores):
    return scores.softmax(-1).amax(-1).mean().item()


def _sharpening(scores, mask, goal):
    """The factor on both query and key that brings the mean row maximum of softmax (scores) up to the goal; never below 1."""
    low, high = 1.0, 8.0
    masked = scores if mask is None else scores + mask
    if _peak(masked) >= goal:
        return 1.0
    for _ in range(30):
        middle = (low + high) / 2
        masked = scores * middle**2 if mask is None else scores * middle**2 + mask
        low, high = (middle, high) if _peak(masked) < goal else (low, middle)
    return high


def _heads(x, heads):
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def _sharpen_bert(goal):
    def hook(module, args, kwargs):
        x = args[0]
        y = kwargs.get("encoder_hidden_states")
        q = _heads(module.query(x), module.num_attention_heads)
        k = _heads(module.key(x if y is None else y), module.num_attention_heads)
        factor = _sharpening(q @ k.transpose(2, 3) * module.scaling, kwargs.get("attention_mask"), goal)
        for linear in (module.query, module.key):
            linear.weight *= factor
            linear.bias *= factor

    return hook


def _sharpen_vision(goal):
    def hook(module, args):
        x = args[0].transpose(0, 1)                                    # [tokens, batch, d] -> [batch, tokens, d]
        d = x.shape[-1]
        qk = x @ module.in_proj_weight[: 2 * d].T + module.in_proj_bias[: 2 * d]
        q, k = (_heads(half, module.num_heads) for half in qk.chunk(2, -1))
        factor = _sharpening(q @ k.transpose(2, 3) / math.sqrt(module.head_dim), None, goal)
        module.in_proj_weight[: 2 * d] *= factor
        module.in_proj_bias[: 2 * d] *= factor

    return hook


@torch.no_grad()
def sharpen(model, inputs):
    """One forward pass in which every attention is sharpened just before it runs, so each sees its real input."""
    base = tower(model)
    hooks = []
    for name, module in base.named_modules():
        if name.endswith("crossattention.self"):
            hooks.append(module.register_forward_pre_hook(_sharpen_bert(CROSS_PEAK), with_kwargs=True))
        elif name.endswith("attention.self"):
            hooks.append(module.register_forward_pre_hook(_sharpen_bert(SELF_PEAK), with_kwargs=True))
        elif name.endswith(".attn"):
            hooks.append(module.register_forward_pre_hook(_sharpen_vision(SELF_PEAK)))
    base(**inputs)
    for hook in hooks:
        hook.remove()


@torch.no_grad()
def scale_match(model, inputs):
    """Centres the matching head's logits over the batch and brings them to LOGITS_STD: what varies is the input's doing."""
    fc = model.itm_score.fc
    fc.bias -= model(**inputs).logits.mean(0)
    factor = LOGITS_STD / model(**inputs).logits.std()
    fc.weight *= factor
    fc.bias *= factor
    fc.bias += torch.tensor([0.3, -0.2])


@torch.no_grad()
def scale_words(model):
    """Brings the word logits above a standard deviation of 1; a tied decoder, drawn as an embedding, is there already."""
    decoder = model.mlm_score.decoder.weight
    if decoder.std() < 0.5:
        decoder *= 1.5


def _with_maps(model, inputs):
    """The outputs of one model and, by hooks as transformers does not return them, the maps of every cross-attention."""
    maps, hooks = {}, []
    for stream in ("text", "image"):
        for i, layer in enumerate(getattr(tower(model), f"cross_modal_{stream}_layers")):
            def keep(module, args, output, name=f"cross_attentions.{stream}.{i}"):
                maps[name] = output[1]
            hooks.append(layer.crossattention.self.register_forward_hook(keep))
    outputs = model(**inputs)
    for hook in hooks:
        hook.remove()
    return outputs, maps


@torch.no_grad()
def expected(models, inputs):
    """Every output that the file's tensors allow. @models: head name -> model; the first names the class of the file.

    `logits` is the first one's: words for MaskedLM, else the match where that head exists. The stack that transformers
    calls logits in the contrastive class is left out: text_embeds, image_embeds and cross_embeds are the same numbers.
    """
    first = next(iter(models))
    base, maps = _with_maps(tower(models[first]), inputs)
    out = {name: getattr(base, name) for name in ("text_features", "image_features", "pooler_output")} | maps
    for head in [first] + [h for h in models if h != first]:
        if head in ("itm", "mlm") and "logits" not in out:
            out["logits"] = models[head](**inputs).logits
        elif head == "itc":
            embeds = models[head](**inputs)
            out |= {name: getattr(embeds, name) for name in ("text_embeds", "image_embeds", "cross_embeds")}
    return {name: tensor.float().contiguous() for name, tensor in out.items()}


def peaks(out):
    """Mean row maximum of every cross-attention map, rows of padded words included."""
    return {name: tensor.amax(-1).mean().item() for name, tensor in out.items() if name.startswith("cross_attentions")}


def rounding(models, inputs, out):
    """How far the f32 result is from f64, per tensor: the share of the tolerance that the yardstick itself uses up."""
    doubles = {head: model.double() for head, model in models.items()}
    double_inputs = {k: v.double() if v.is_floating_point() else v for k, v in inputs.items()}
    exact = expected(doubles, double_inputs)
    for model in models.values():
        model.float()
    return {name: (tensor - exact[name]).abs().max().item() for name, tensor in out.items()}


def check(case, out, noise):
    """What every golden model keeps, so that agreement with it means something."""
    for name, peak in peaks(out).items():
        assert peak >= 0.3, f"{case}: {name} has a mean row maximum of {peak:.3f}, at least 0.3 is promised"
    if "logits" in out:
        spread = out["logits"].std().item()
        assert spread >= 1, f"{case}: logits have a standard deviation of {spread:.3f}, at least 1 is promised"
    for name in ("text_embeds", "image_embeds", "cross_embeds", "pooler_output"):
        if name in out and len(out[name]) > 1:
            apart = (out[name][0] - out[name][1]).abs().max().item()
            assert apart > 0.02, f"{case}: {name} hardly depends on the input ({apart:.4f})"
    for name in ("text_features", "image_features"):
        tokens = torch.nn.functional.normalize(out[name], dim=-1)
        alike = (tokens @ tokens.transpose(1, 2)).mean().item()
        assert alike < 0.95, f"{case}: the tokens of {name} are all alike, mean cosine {alike:.3f}"
    for name, error in noise.items():
        limit = min(1e-4, 1e-3 * out[name].std().item())
        assert error < limit / 4, f"{case}: {name} is off by {error:.1e} in f32 against f64, the tolerance is {limit:.1e}"
