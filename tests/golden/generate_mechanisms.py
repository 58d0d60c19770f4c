#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes mechanisms/: what attention rollout says of golden models, and bi-attention by one score, by torch and transformers.

    python tests/golden/generate_mechanisms.py

Rollout is computed here in the plain way, as the product of one matrix a layer over the tokens of both streams; the library walks
from the last layer to the first for the text's rows alone. README.md says what each file holds.
"""

from pathlib import Path

import numpy as np
import torch
import transformers
from safetensors.torch import save_file
from transformers import (AutoTokenizer, BlipForImageTextRetrieval, BridgeTowerForContrastiveLearning,
                          BridgeTowerForImageAndTextRetrieval, GroundingDinoConfig)
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil
from transformers.models.grounding_dino.modeling_grounding_dino import GroundingDinoBiMultiHeadAttention

GOLDEN = Path(__file__).resolve().parent
HERE = GOLDEN / "mechanisms"
CASES = [("bridgetower/retrieval", BridgeTowerForImageAndTextRetrieval),
         ("bridgetower/contrastive", BridgeTowerForContrastiveLearning),
         ("blip/retrieval", BlipForImageTextRetrieval)]
WORDS = ["circle", "striped", "heart"]
KEPT = 0.5


def watch(module, to, name):
    """Keeps the probabilities of an attention, mean over heads."""
    module.register_forward_hook(lambda _, __, out: to.__setitem__(name, out[1][0].mean(0).double()))


def streams(model):
    """(text layers, image layers of the same number or none)."""
    if isinstance(model, BlipForImageTextRetrieval):
        return model.text_encoder.encoder.layer, None
    body = model.bridgetower
    return body.cross_modal_text_layers, body.cross_modal_image_layers


def rollout(looks, layers, tokens, patches):
    """[tokens, patches] of the product over layers; a stream that does not change is itself."""
    total = torch.eye(tokens + patches, dtype=torch.float64)
    for i in range(layers):
        one, two = torch.eye(tokens, dtype=torch.float64), torch.eye(patches, dtype=torch.float64)
        matrix = torch.eye(tokens + patches, dtype=torch.float64)
        matrix[:tokens, :tokens] = KEPT * (KEPT * one + (1 - KEPT) * looks["text", "self", i])
        matrix[:tokens, tokens:] = (1 - KEPT) * looks["text", "cross", i]
        if ("image", "self", i) in looks:
            matrix[tokens:, tokens:] = KEPT * (KEPT * two + (1 - KEPT) * looks["image", "self", i])
            matrix[tokens:, :tokens] = (1 - KEPT) * looks["image", "cross", i]
        assert torch.allclose(matrix.sum(1), torch.ones(tokens + patches, dtype=torch.float64), atol=1e-5)
        total = matrix @ total
    return total[:tokens, tokens:]


@torch.no_grad()
def write_rollout(name, kind):
    directory = GOLDEN / name / "model"
    model = kind.from_pretrained(directory, dtype=torch.float32, attn_implementation="eager", local_files_only=True).eval()
    processor, tokenizer = BlipImageProcessorPil.from_pretrained(directory), AutoTokenizer.from_pretrained(directory)
    looks, (text, image) = {}, streams(model)
    for stream, layers in (("text", text), ("image", image or [])):
        for i, layer in enumerate(layers):
            watch(layer.attention.self, looks, (stream, "self", i))
            watch(layer.crossattention.self, looks, (stream, "cross", i))
    side = processor.size["height"]
    picture = np.random.default_rng(7).integers(0, 256, (side, side, 3), dtype=np.uint8)
    pixels = processor(picture, return_tensors="pt")["pixel_values"]
    maps = []
    for word in WORDS:
        inputs = tokenizer(word, return_tensors="pt")
        model(pixel_values=pixels, input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"])
        tokens, patches = looks["text", "cross", 0].shape
        shown = rollout(looks, len(text), tokens, patches)
        maps.append(shown[1:-1, 1:].mean(0).float())  # of the word's tokens, on the cells
    folder = HERE / name.replace("/", "-")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "picture.rgb").write_bytes(picture.tobytes())
    (folder / "words.txt").write_text("".join(word + "\n" for word in WORDS))
    save_file({"maps": torch.stack(maps)}, folder / "maps.safetensors")
    print(name, "rollout", maps[0].sum().item(), maps[0].max().item())


def bi_attention(seed, batch, n, m, dim, inner, heads, masked, deep):
    """One case: weights, inputs, and what the class makes of them. @deep: scores so far apart that they are clamped; all of whole
    numbers, so that they are exact."""
    generator = torch.Generator().manual_seed(seed)
    module = GroundingDinoBiMultiHeadAttention(GroundingDinoConfig(
        d_model=dim, encoder_ffn_dim=2 * inner, encoder_attention_heads=2 * heads, fusion_dropout=0.0)).eval()
    for name, parameter in module.named_parameters():
        scale = 1.5 if name.startswith(("vision_proj.w", "text_proj.w")) else 1.0
        parameter.copy_(torch.randn(parameter.shape, generator=generator) * scale / parameter.shape[-1] ** .5)
        if deep and name.startswith(("vision_proj", "text_proj")):
            parameter.copy_(torch.randint(-3, 4, parameter.shape, generator=generator))
    vision, text = (torch.randn(batch, rows, dim, generator=generator) for rows in (n, m))
    if deep:
        vision, text = (torch.randint(-17, 18, x.shape, generator=generator).float() for x in (vision, text))
    masks = {}
    if masked:
        masks = {"vision_attention_mask": torch.rand(batch, n, generator=generator) < .3,
                 "text_attention_mask": torch.rand(batch, m, generator=generator) < .3}
        masks["vision_attention_mask"][:, 0] = masks["text_attention_mask"][:, 0] = False
    (seen, looks), (text_seen, text_looks) = module(vision, text, **masks)
    out = {"weights." + name: parameter.detach().clone() for name, parameter in module.named_parameters()}
    out |= {"vision": vision, "text": text, "vision_seen": seen, "text_seen": text_seen,
            "vision_looks": looks, "text_looks": text_looks}
    out |= {name.replace("attention_", ""): mask.float() for name, mask in masks.items()}
    return {name: tensor.contiguous() for name, tensor in out.items()}


def main():
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(1)
    for name, kind in CASES:
        write_rollout(name, kind)
    with torch.no_grad():
        save_file(bi_attention(1, 2, 19, 7, 32, 48, 3, False, False), HERE / "bi-plain.safetensors")
        save_file(bi_attention(2, 3, 33, 18, 24, 64, 4, True, False), HERE / "bi-masked.safetensors")
        save_file(bi_attention(3, 1, 40, 9, 32, 64, 1, True, True), HERE / "bi-deep.safetensors")
        deep = bi_attention(3, 1, 40, 9, 32, 64, 1, True, True)
        scores = deep["vision"] @ deep["weights.vision_proj.weight"].T @ deep["weights.text_proj.weight"] @ deep["text"].transpose(1, 2)
        spread = (scores.max() - scores.min()).item() / 8
        print("bi-deep: scores spread over", spread)
        assert spread > 5e4


if __name__ == "__main__":
    main()
