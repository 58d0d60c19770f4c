"""The captioner's network: Hugging Face's BLIP, and a lean forward pass over its weights.

The lean pass looks at a scene once for several texts, keeps the maps of the
cross-attention, and may leave out patches; `check` compares it with the class.
"""

import torch
import torch.nn.functional as F
from torch import nn
from transformers import BlipConfig, BlipForConditionalGeneration

from caption_words import END, LONGEST, PAD, START
from model import HEADS, HIDDEN, MEAN, STD, TOWER_LAYERS, attend, join, linear, norm, split, weight

DECODER_LAYERS = 4


def make_config(vocabulary):
    text = dict(
        vocab_size=vocabulary, hidden_size=HIDDEN, encoder_hidden_size=HIDDEN, intermediate_size=3 * HIDDEN,
        num_hidden_layers=DECODER_LAYERS, num_attention_heads=HEADS, max_position_embeddings=LONGEST,
        bos_token_id=START, eos_token_id=END, sep_token_id=END, pad_token_id=PAD)
    vision = dict(
        hidden_size=HIDDEN, intermediate_size=4 * HIDDEN, num_hidden_layers=TOWER_LAYERS,
        num_attention_heads=HEADS, image_size=128, patch_size=8, hidden_act="quick_gelu")
    return BlipConfig(text_config=text, vision_config=vision, attn_implementation="eager")


def build(config):
    """1/sqrt(fan-in) where nothing else is said; words and positions alike small."""
    model = BlipForConditionalGeneration(config)
    for name, p in model.named_parameters():
        if "embeddings" in name and p.dim() >= 2:
            nn.init.normal_(p, std=.1)
        elif p.dim() >= 2:
            nn.init.normal_(p, std=p[0].numel() ** -.5)
        elif name.endswith("bias"):
            nn.init.zeros_(p)
    return model


@torch.no_grad()
def take_tower(model, state, pixels):
    """The vision tower of a BridgeTower's `state` dictionary.

    BLIP has no norm in front of its first block. What that norm does is folded
    into the embeddings, with the mean of its scale over the patches of `pixels`.
    """
    prefix = "bridgetower.vision_model.visual."
    of = {k[len(prefix):]: v.float() for k, v in state.items() if k.startswith(prefix)}
    gain, shift = of["ln_pre.weight"], of["ln_pre.bias"]
    kernel, place = of["embeddings.patch_embedding.weight"], of["embeddings.position_embedding.weight"]
    values = (pixels.permute(0, 3, 1, 2) / 255. - MEAN) / STD
    x = F.conv2d(values, kernel, stride=kernel.shape[-1]).flatten(2).transpose(1, 2) + place[1:]
    scale = gain / x.std(-1, unbiased=False).mean()
    tower = model.vision_model
    emb = tower.embeddings
    emb.patch_embedding.weight.copy_((kernel - kernel.mean(0)) * scale[:, None, None, None])
    emb.patch_embedding.bias.zero_()
    emb.position_embedding[0, 1:] = (place[1:] - place[1:].mean(-1, keepdim=True)) * scale + shift
    emb.position_embedding[0, 0] = 0
    emb.class_embedding[0, 0] = F.layer_norm(of["embeddings.class_embedding"] + place[0], gain.shape, gain, shift)
    tower.post_layernorm.weight.copy_(of["ln_post.weight"])
    tower.post_layernorm.bias.copy_(of["ln_post.bias"])
    names = {"layer_norm1": "ln_1", "layer_norm2": "ln_2", "self_attn.projection": "attn.out_proj",
             "mlp.fc1": "mlp.c_fc", "mlp.fc2": "mlp.c_proj"}
    for i, layer in enumerate(tower.encoder.layers):
        block = "transformer.resblocks.%d." % i
        for kind in ("weight", "bias"):
            layer.self_attn.qkv.get_parameter(kind).copy_(of[block + "attn.in_proj_" + kind])
            for ours, theirs in names.items():
                layer.get_submodule(ours).get_parameter(kind).copy_(of[block + theirs + "." + kind])


class LeanBlip(nn.Module):
    """Forward passes over the parameters of `model` (which it does not own)."""

    def __init__(self, model, dtype=torch.bfloat16):
        super().__init__()
        self.__dict__["model"] = model
        self.dtype = dtype

    def vision(self, pixels, keep=None):
        """uint8 [B, 128, 128, 3] -> [B, 257, d]; keep [B, K] names the patches to look at."""
        tower = self.model.vision_model
        emb = tower.embeddings
        patch = emb.patch_size
        b, side = pixels.shape[0], pixels.shape[1] // patch
        x = pixels.to(self.dtype).div(255).sub(MEAN).div(STD)
        x = x.view(b, side, patch, side, patch, 3).permute(0, 1, 3, 5, 2, 4).reshape(b, side * side, -1)
        kernel = emb.patch_embedding
        x = F.linear(x, weight(kernel.weight, x).flatten(1), weight(kernel.bias, x))
        place = weight(emb.position_embedding, x)
        x = x + place[:, 1:]
        if keep is not None:
            x = x.gather(1, keep[..., None].expand(-1, -1, x.shape[-1]))
        first = (weight(emb.class_embedding, x) + place[:, :1]).expand(b, 1, -1)
        x = torch.cat([first, x], 1)
        for layer in tower.encoder.layers:
            x = self.vision_block(layer, x)
        return norm(tower.post_layernorm, x)

    def vision_block(self, layer, x):
        h = norm(layer.layer_norm1, x)
        heads = layer.self_attn.num_heads
        q, k, v = (split(t, heads) for t in linear(layer.self_attn.qkv, h).chunk(3, -1))
        x = x + linear(layer.self_attn.projection, join(F.scaled_dot_product_attention(q, k, v)))
        h = norm(layer.layer_norm2, x)
        up, down = layer.mlp.fc1, layer.mlp.fc2
        # QuickGELU, x * sigmoid(1.702 x), as one fused silu
        h = F.silu(F.linear(h, weight(up.weight * 1.702, h), weight(up.bias * 1.702, h)))
        return x + F.linear(h, weight(down.weight * (1 / 1.702), h), weight(down.bias, h))

    def context(self, image):
        """What every layer of the decoder looks at: keys and values [B, heads, I, d / heads] of [B, I, d]."""
        layers = [layer.crossattention.self for layer in self.model.text_decoder.bert.encoder.layer]
        return [[split(linear(m, image), at.num_attention_heads) for m in (at.key, at.value)] for at in layers]

    def decode(self, ids, context):
        """ids [B, Q, T] -> (states [B, Q, T, d] of every layer, maps [B, heads, Q * T, I] of the same)"""
        b, q, t = ids.shape
        body = self.model.text_decoder.bert
        emb = body.embeddings
        x = emb.word_embeddings(ids.view(b * q, t)) + emb.position_embeddings.weight[:t]
        x = norm(emb.LayerNorm, x.to(self.dtype))
        states, maps = [], []
        for layer, seen_by in zip(body.encoder.layer, context):
            x = self.self_attention(layer.attention, x)
            x, seen = self.look(layer.crossattention, x.reshape(b, q * t, -1), seen_by)
            h = F.gelu(linear(layer.intermediate.dense, x))
            x = norm(layer.output.LayerNorm, linear(layer.output.dense, h) + x).view(b * q, t, -1)
            states.append(x.view(b, q, t, -1))
            maps.append(seen)
        return states, maps

    def self_attention(self, block, x):
        at = block.self
        q, k, v = (split(linear(m, x), at.num_attention_heads) for m in (at.query, at.key, at.value))
        h = join(F.scaled_dot_product_attention(q, k, v, is_causal=True))
        return norm(block.output.LayerNorm, linear(block.output.dense, h) + x)

    def look(self, block, x, context):
        at = block.self
        h, seen = attend(split(linear(at.query, x), at.num_attention_heads), *context)
        return norm(block.output.LayerNorm, linear(block.output.dense, join(h)) + x), seen

    def words(self, states):
        """Logits of states, f32."""
        head = self.model.text_decoder.cls.predictions
        x = F.gelu(linear(head.transform.dense, states.float()))
        return linear(head.decoder, norm(head.transform.LayerNorm, x))


def check(model):
    """Largest difference between the lean pass and Hugging Face's, in f32."""
    torch.manual_seed(0)
    pixels = torch.randint(0, 256, (3, 128, 128, 3), dtype=torch.uint8)
    ids = torch.randint(6, model.config.text_config.vocab_size, (3, 1, 9))
    lean = LeanBlip(model, torch.float32)
    with torch.no_grad():
        values = ((pixels.float() / 255 - MEAN) / STD).permute(0, 3, 1, 2)
        other = model(pixel_values=values, input_ids=ids[:, 0])
        states, _ = lean.decode(ids, lean.context(lean.vision(pixels)))
        return (lean.words(states[-1])[:, 0] - other.logits).abs().max().item()
