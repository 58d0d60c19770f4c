"""The network: Hugging Face's BridgeTower, and a lean forward pass over its weights.

The lean pass computes the same numbers (tests in check_lean) but does the work
that does not depend on the text once per scene, keeps the cross-attention
maps, and leaves out rows of the last layer that nothing reads.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn
from transformers import BridgeTowerConfig, BridgeTowerForImageAndTextRetrieval
from transformers.models.bridgetower.modeling_bridgetower import (
    BridgeTowerContrastiveHead, BridgeTowerMLMHead)

from vocabulary import MAX_TOKENS

HIDDEN, TOWER_LAYERS, CROSS_LAYERS, HEADS = 128, 6, 3, 2
MEAN, STD = 0.5, 0.5


def make_config(vocabulary, hidden=HIDDEN, tower=TOWER_LAYERS, cross=CROSS_LAYERS):
    heads = hidden // 64
    text = dict(
        vocab_size=vocabulary, hidden_size=hidden, num_hidden_layers=tower,
        num_attention_heads=heads, intermediate_size=2 * hidden,
        max_position_embeddings=MAX_TOKENS + 2, hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0, pad_token_id=1, bos_token_id=0, eos_token_id=2)
    vision = dict(hidden_size=hidden, num_hidden_layers=tower, patch_size=8, image_size=128)
    return BridgeTowerConfig(
        text_config=text, vision_config=vision, hidden_size=hidden,
        num_attention_heads=heads, num_hidden_layers=cross, contrastive_hidden_size=hidden,
        logit_scale_init_value=2.6592, tie_word_embeddings=False,
        share_cross_modal_transformer_layers=True, link_tower_type="add",
        attn_implementation="eager")


def build(config):
    """ITM model with the contrastive and masked-word heads beside it."""
    model = BridgeTowerForImageAndTextRetrieval(config)
    width = config.hidden_size
    model.itc_text_head = BridgeTowerContrastiveHead(width, config.contrastive_hidden_size)
    model.itc_image_head = BridgeTowerContrastiveHead(width, config.contrastive_hidden_size)
    model.itc_cross_modal_head = BridgeTowerContrastiveHead(2 * width, config.contrastive_hidden_size)
    model.logit_scale = nn.Parameter(torch.tensor(config.logit_scale_init_value))
    model.mlm_score = BridgeTowerMLMHead(config)
    return model


def initialise(model, encoder, words, cases):
    """1/sqrt(fan-in); a word starts the same in every case, with space or not."""
    depth = 2 * len(model.bridgetower.vision_model.visual.transformer.resblocks)
    for name, p in model.named_parameters():
        if p.dim() >= 2:
            fan_in = p[0].numel()
            nn.init.normal_(p, std=fan_in ** -0.5)
            if name.endswith(("attn.out_proj.weight", "mlp.c_proj.weight")):
                p.data.mul_(depth ** -0.5)
        elif name.endswith("bias"):
            nn.init.zeros_(p)
    visual = model.bridgetower.vision_model.visual
    nn.init.normal_(visual.embeddings.class_embedding, std=.3)
    visual.embeddings.position_embedding.weight.data[1:] = waves(model.config.vision_config)
    # Queries that equal keys make a patch look first at what is near and alike.
    with torch.no_grad():
        for block in visual.transformer.resblocks:
            q, k, _ = block.attn.in_proj_weight.chunk(3)
            k.copy_(q.mul_(.9))
        for layer in model.bridgetower.cross_modal_image_layers:
            layer.attention.self.key.weight.copy_(layer.attention.self.query.weight)
    table = model.bridgetower.text_model.embeddings.word_embeddings.weight
    nn.init.normal_(table, std=1.0)
    model.bridgetower.text_model.embeddings.token_type_embeddings.weight.data.zero_()
    nn.init.normal_(model.bridgetower.text_model.embeddings.position_embeddings.weight, std=.5)
    for word in words:
        forms = [ids[0] for form in cases(word) for ids in
                 (encoder.pieces(form), encoder.pieces(" " + form)) if len(ids) == 1]
        table.data[forms] = table.data[forms[0]].clone()


def waves(config, amplitude=.6):
    """Positions as sines and cosines of both axes, [patches, hidden]."""
    side, quarter = config.image_size // config.patch_size, config.hidden_size // 4
    length = 4 * 16 ** (torch.arange(quarter) / (quarter - 1))  # 4 to 64 patches
    angle = torch.arange(side)[:, None] * 2 * math.pi / length
    axis = torch.cat([angle.sin(), angle.cos()], 1) * amplitude
    rows = axis[:, None].expand(side, side, -1)
    return torch.cat([rows, rows.transpose(0, 1)], -1).reshape(side * side, -1)


def weight(p, x):
    return p.to(x.dtype)


def linear(module, x):
    return F.linear(x, weight(module.weight, x), weight(module.bias, x))


def norm(module, x):
    return F.layer_norm(x, x.shape[-1:], weight(module.weight, x), weight(module.bias, x), module.eps)


def split(x, heads):
    """[..., n, d] -> [..., heads, n, d / heads]"""
    return x.unflatten(-1, (heads, -1)).transpose(-2, -3)


def join(x):
    return x.transpose(-2, -3).flatten(-2)


def attend(q, k, v, bias=None):
    """(output, map); the softmax of a map that a loss reads is f32."""
    scores = torch.matmul(q * q.shape[-1] ** -0.5, k.transpose(-1, -2))
    if bias is not None:
        scores = scores + bias
    weights = scores.softmax(-1)
    return torch.matmul(weights, v), weights


class Lean(nn.Module):
    """Forward passes over the parameters of `model` (which it does not own)."""

    def __init__(self, model, dtype=torch.bfloat16):
        super().__init__()
        self.__dict__["model"] = model
        self.dtype = dtype
        self.body = None

    # --- towers ---

    def vision(self, pixels, keep=None):
        """uint8 [B, 128, 128, 3] -> ln_post of every tap, [B, 257, d] each.

        keep [B, K] names the patches to look at, all when absent.
        """
        tower = self.model.bridgetower.vision_model.visual
        taps = len(tower.transformer.resblocks) - len(self.model.bridgetower.cross_modal_text_layers)
        emb, patch = tower.embeddings, tower.embeddings.patch_size
        b, side = pixels.shape[0], pixels.shape[1] // patch
        x = pixels.to(self.dtype).div(255).sub(MEAN).div(STD)
        x = x.view(b, side, patch, side, patch, 3).permute(0, 1, 3, 5, 2, 4).reshape(b, side * side, -1)
        x = F.linear(x, weight(emb.patch_embedding.weight, x).flatten(1))
        place = weight(emb.position_embedding.weight, x)
        x = x + place[1:]
        if keep is not None:
            x = x.gather(1, keep[..., None].expand(-1, -1, x.shape[-1]))
        first = (weight(emb.class_embedding, x) + place[0]).expand(b, 1, -1)
        x = torch.cat([first, x], 1)
        x = norm(tower.ln_pre, x)
        out = []
        for index, block in enumerate(tower.transformer.resblocks):
            x = self.vision_block(block, x)
            if index >= taps:
                out.append(norm(tower.ln_post, x))
        return out

    def vision_block(self, block, x):
        h = norm(block.ln_1, x)
        qkv = F.linear(h, weight(block.attn.in_proj_weight, h), weight(block.attn.in_proj_bias, h))
        q, k, v = (split(t, block.attn.num_heads) for t in qkv.chunk(3, -1))
        x = x + linear(block.attn.out_proj, join(attend(q, k, v)[0]))
        h = norm(block.ln_2, x)
        fc, proj = block.mlp.c_fc, block.mlp.c_proj
        # QuickGELU, x * sigmoid(1.702 x), as one fused silu
        h = F.silu(F.linear(h, weight(fc.weight * 1.702, h), weight(fc.bias * 1.702, h)))
        return x + F.linear(h, weight(proj.weight * (1 / 1.702), h), weight(proj.bias, h))

    def text(self, ids):
        """[N, T] -> (taps of the text tower, additive mask [N, 1, 1, T])."""
        body = self.model.bridgetower.text_model
        mask = ids != 1
        positions = mask.cumsum(1) * mask + 1
        emb = body.embeddings
        x = emb.word_embeddings(ids) + emb.position_embeddings(positions) + emb.token_type_embeddings.weight[0]
        x = norm(emb.LayerNorm, x.to(self.dtype))
        bias = torch.zeros(mask.shape, dtype=self.dtype).masked_fill_(~mask, -1e4)[:, None, None]
        taps = len(body.encoder.layer) - len(self.model.bridgetower.cross_modal_text_layers)
        out = []
        for index, layer in enumerate(body.encoder.layer):
            x = self.feed(layer, self.self_attention(layer.attention, x, bias))
            if index >= taps:
                out.append(x)
        return out, bias

    # --- post-norm blocks ---

    def self_attention(self, block, x, bias=None):
        at = block.self
        heads = at.num_attention_heads
        q, k, v = (split(linear(m, x), heads) for m in (at.query, at.key, at.value))
        return self.residual(block.output, join(attend(q, k, v, bias)[0]), x)

    def residual(self, out, h, x):
        return norm(out.LayerNorm, linear(out.dense, h) + x)

    def feed(self, layer, x):
        return self.residual(layer.output, F.gelu(linear(layer.intermediate.dense, x)), x)

    # --- fusion of B scenes with P phrases each ---

    def fuse(self, images, texts, bias, phrases):
        """images: taps [B, I, d]; texts: taps [B*P, T, d].

        Returns text features, image class rows, image features before the last
        layer, and the maps of the text stream [B*P, heads, T, I] per layer.
        """
        body = self.model.bridgetower
        kinds = body.token_type_embeddings.weight
        n, t, d = texts[0].shape
        b = n // phrases
        text = norm(body.cross_modal_text_layernorm,
                    linear(body.cross_modal_text_transform, texts[0]) + weight(kinds[0], texts[0]))
        image = norm(body.cross_modal_image_layernorm,
                     linear(body.cross_modal_image_transform, images[0]) + weight(kinds[1], images[0]))
        text_bias = bias.view(b, phrases, 1, 1, t)
        maps, dense = [], []
        last = len(body.cross_modal_text_layers) - 1
        for index in range(last + 1):
            if index:
                text = norm(body.cross_modal_text_link_tower[index - 1].LayerNorm,
                            linear(body.cross_modal_text_transform, texts[index])
                            + weight(kinds[0], text) + text)
                tapped = linear(body.cross_modal_image_transform, images[index]) + weight(kinds[1], text)
                image = norm(body.cross_modal_image_link_tower[index - 1].LayerNorm,
                             tapped[:, None] + image)
            else:
                image = image[:, None]
            rows = slice(0, 1) if index == last else slice(None)
            new_text, seen = self.text_layer(body.cross_modal_text_layers[index], text, image, bias, b)
            image = self.image_layer(body.cross_modal_image_layers[index], image, text, text_bias, rows)
            text = new_text
            maps.append(seen)
            if index < last:
                dense.append(image)
        return text, image[:, :, 0].reshape(n, d), dense, maps

    def text_layer(self, layer, text, image, bias, b):
        """text [N, T, d]; image [B, 1 or P, I, d], shared by the phrases where 1."""
        n, t, d = text.shape
        a = self.self_attention(layer.attention, text, bias)
        at = layer.crossattention.self
        heads = at.num_attention_heads
        groups = image.shape[0] * image.shape[1]
        q = split(linear(at.query, a).view(groups, -1, d), heads)
        k, v = (split(linear(m, image).view(groups, -1, d), heads) for m in (at.key, at.value))
        scores = torch.matmul(q * q.shape[-1] ** -0.5, k.transpose(-1, -2))
        seen = scores.float().softmax(-1)
        out = join(torch.matmul(seen.to(v.dtype), v)).reshape(n, t, d)
        seen = seen.view(b, image.shape[1], heads, -1, t, seen.shape[-1])
        seen = seen.transpose(2, 3).reshape(n, heads, t, -1)
        return self.feed(layer, self.residual(layer.crossattention.output, out, a)), seen

    def image_layer(self, layer, image, text, text_bias, rows):
        """image [B, 1 or P, I, d] -> [B, P, rows, d]"""
        b, shared, _, d = image.shape
        phrases, t = text_bias.shape[1], text_bias.shape[-1]
        at = layer.attention.self
        heads = at.num_attention_heads
        x = image[:, :, rows]
        flat = lambda y: y.reshape(b * shared, -1, d)
        q = split(linear(at.query, flat(x)), heads)
        k, v = (split(linear(m, flat(image)), heads) for m in (at.key, at.value))
        h = join(attend(q, k, v)[0]).view(x.shape)
        a = self.residual(layer.attention.output, h, x)
        at = layer.crossattention.self
        q = split(linear(at.query, a), heads).expand(b, phrases, heads, -1, d // heads)
        k, v = (split(linear(m, text).view(b, phrases, t, d), heads) for m in (at.key, at.value))
        h = join(attend(q, k, v, text_bias)[0])
        return self.feed(layer, self.residual(layer.crossattention.output, h, a))

    # --- heads ---

    def pooled(self, text, image):
        body = self.model.bridgetower
        one = torch.tanh(linear(body.cross_modal_text_pooler.dense, text[:, 0].float()))
        two = torch.tanh(linear(body.cross_modal_image_pooler.dense, image.float()))
        return torch.cat([one, two], -1)

    def match(self, pooled):
        return linear(self.model.itm_score.fc, pooled)

    def image_embedding(self, images):
        body = self.model.bridgetower
        x = linear(body.cross_modal_image_transform, images[-1][:, 0].float())
        x = x + body.token_type_embeddings.weight[1]
        return F.normalize(linear(self.model.itc_image_head.fc, x), dim=-1)

    def text_embedding(self, texts):
        return F.normalize(linear(self.model.itc_text_head.fc, texts[-1][:, 0].float()), dim=-1)

    def cross_embedding(self, pooled):
        return F.normalize(linear(self.model.itc_cross_modal_head.fc, pooled), dim=-1)

    def words(self, text):
        head = self.model.mlm_score
        x = norm(head.transform.LayerNorm, F.gelu(linear(head.transform.dense, text.float())))
        return F.linear(x, head.decoder.weight, head.bias)


def check_lean(model, vocabulary):
    """Largest difference between the lean pass and Hugging Face's, in f32."""
    torch.manual_seed(0)
    b, p, t = 2, 3, 9
    pixels = torch.randint(0, 256, (b, 128, 128, 3), dtype=torch.uint8)
    ids = torch.randint(4, vocabulary, (b * p, t))
    ids[:, 0], ids[0, 6:], ids[4, 5:] = 0, 1, 1
    lean = Lean(model, torch.float32)
    maps = {}
    for i, layer in enumerate(model.bridgetower.cross_modal_text_layers):
        layer.crossattention.self.register_forward_hook(
            lambda m, a, out, i=i: maps.__setitem__(i, out[1]))
    with torch.no_grad():
        values = ((pixels.float() / 255 - MEAN) / STD).permute(0, 3, 1, 2)
        other = model(input_ids=ids, attention_mask=(ids != 1).long(),
                      pixel_values=values.repeat_interleave(p, 0))
        images = lean.vision(pixels)
        texts, bias = lean.text(ids)
        text, image, _, seen = lean.fuse(images, texts, bias, p)
        logits = lean.match(lean.pooled(text, image))
    far = [(logits - other.logits).abs().max().item()]
    real = (ids != 1)[:, None, :, None]
    far += [((maps[i] - seen[i]) * real).abs().max().item() for i in maps]
    return far


if __name__ == "__main__":
    import sys
    from vocabulary import Encoder, WORDS, cases
    encoder = Encoder(sys.argv[1])
    size = len(encoder.tokenizer)
    network = build(make_config(size)).eval()
    initialise(network, encoder, WORDS, cases)
    print(sum(p.numel() for p in network.parameters()), "parameters")
    print("lean against transformers:", check_lean(network, size))
