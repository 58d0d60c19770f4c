#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes siglip/: tiny SigLIP models saved by transformers, their inputs, and the outputs transformers gives.

    python tests/golden/generate_siglip.py

The files of a case are those of clip/ (generate_clip.py); the probability in matches.txt is a prompt's own, the sigmoid of its
logit.
"""

import json
import math
import re
import shutil
import string
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import transformers
from safetensors.torch import save_file
from tokenizers import Regex, normalizers, processors
from transformers import PreTrainedTokenizerFast, SiglipConfig, SiglipModel
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

import generate_clip
import generate_tokenizer
import random_bridgetower as rb

HERE = Path(__file__).resolve().parent / "siglip"
PROMPTS = ["a red circle", "Something, striped; left of it!", "is there a heart?"]
TOKENS = 24


@dataclass
class Case:
    name: str
    about: str
    seed: int
    dtype: torch.dtype
    masked: bool                # the padding is hidden from the text tower, which no processor does but transformers can
    text_hidden: int = 48
    hidden: int = 48
    image: int = 32
    patch: int = 8
    act: str = "gelu_pytorch_tanh"


CASES = [
    Case("base", "as published: padding is read, f32", 1, torch.float32, False),
    Case("projected", "text tower of another width, patches that leave a rest, masked padding, gelu, f16", 2, torch.float16, True,
         text_hidden=32, hidden=64, image=38, patch=7, act="gelu"),
]


def config_of(case):
    text = {"vocab_size": 240, "hidden_size": case.text_hidden, "intermediate_size": 80, "num_hidden_layers": 2, "num_attention_heads": 4,
            "max_position_embeddings": TOKENS, "hidden_act": case.act, "bos_token_id": None, "eos_token_id": 1, "pad_token_id": 1,
            "projection_size": case.hidden}
    vision = {"hidden_size": case.hidden, "intermediate_size": 72, "num_hidden_layers": 3, "num_attention_heads": 4,
              "image_size": case.image, "patch_size": case.patch, "hidden_act": case.act}
    return SiglipConfig(text_config=text, vision_config=vision)


def sharpen_head(head, hidden):
    """As generate_clip.sharpen() does, for the query of its own."""
    width, heads = head.attention.embed_dim, head.attention.num_heads
    q, k = (rb._heads(torch.nn.functional.linear(x, head.attention.in_proj_weight[i * width:(i + 1) * width],
                                                 head.attention.in_proj_bias[i * width:(i + 1) * width]), heads)
            for i, x in enumerate((head.probe, hidden)))
    factor = rb._sharpening(q @ k.transpose(2, 3) / math.sqrt(width // heads), None, rb.SELF_PEAK)
    head.attention.in_proj_weight[:2 * width] *= factor
    head.attention.in_proj_bias[:2 * width] *= factor


def patch_embeds(model, pixels):
    """Each patch as if the query saw nothing but it."""
    head, width = model.vision_model.head, model.config.vision_config.hidden_size
    x = model.vision_model(pixels).last_hidden_state
    value = torch.nn.functional.linear(x, head.attention.in_proj_weight[2 * width:], head.attention.in_proj_bias[2 * width:])
    x = head.attention.out_proj(value)
    return torch.nn.functional.normalize(x + head.mlp(head.layernorm(x)), dim=-1)


@torch.no_grad()
def write_matches(case, model, tokenizer, directory):
    rng = np.random.Generator(np.random.PCG64(case.seed + 3000))
    picture = rng.integers(0, 256, (case.image, case.image, 3), np.uint8)
    (directory / "picture.rgb").write_bytes(picture.tobytes())
    pixels = SiglipImageProcessorPil.from_pretrained(directory / "model")(picture, return_tensors="pt")["pixel_values"]
    lines, maps = [], []
    for prompt in PROMPTS:
        ids = tokenizer(prompt, padding="max_length", return_tensors="pt")["input_ids"]
        out = model(pixel_values=pixels, input_ids=ids)
        maps.append((patch_embeds(model, pixels) @ out.text_embeds.T)[0, :, 0].clamp(min=0))
        lines.append(f"{prompt}\t{(out.image_embeds @ out.text_embeds.T).item():.6f}\t{out.logits_per_image.sigmoid().item():.6f}\n")
    maps = torch.stack(maps)
    assert maps.std() > 0.02, f"{case.name}: maps are flat: {maps.std():.3f}"
    save_file({"maps": maps.contiguous()}, directory / "maps.safetensors")
    (directory / "matches.txt").write_text("".join(lines))


def write_model(case, directory, inputs):
    with torch.no_grad():
        model = SiglipModel(config_of(case)).eval()
        rb.fill(model, case.seed)
        generate_clip.sharpen(model, inputs)
        sharpen_head(model.vision_model.head, model.vision_model(inputs["pixel_values"]).last_hidden_state)
        model.logit_scale.fill_(math.log(25))
        model.logit_bias.fill_(-1.5)
    model.to(case.dtype).save_pretrained(directory)
    return SiglipModel.from_pretrained(directory, dtype=torch.float32, attn_implementation="eager").eval()


def write_tokenizer(directory):
    """Small, without a spiece.model, so that models are small; tokenizer/siglip is one as SigLIP's."""
    tokenizer = generate_tokenizer.pieces([normalizers.Lowercase(), normalizers.Replace(Regex("[" + re.escape(string.punctuation) + "]"), ""),
                                           normalizers.Replace(Regex(r"\s+"), " "), normalizers.Strip()])
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)])
    whole = json.loads(tokenizer.to_str())
    whole["added_tokens"] = [{"id": i, "content": content, "single_word": False, "lstrip": True, "rstrip": True, "normalized": False,
                              "special": True} for i, content in ((1, "</s>"), (2, "<unk>"))]
    (directory / "tokenizer.json").write_text(json.dumps(whole, ensure_ascii=False), encoding="utf-8")
    config = {"tokenizer_class": "SiglipTokenizer", "model_max_length": TOKENS, "pad_token": "</s>", "eos_token": "</s>", "unk_token": "<unk>"}
    (directory / "tokenizer_config.json").write_text(json.dumps(config, indent=1) + "\n")


def make(case):
    directory = HERE / case.name
    shutil.rmtree(directory, ignore_errors=True)
    (directory / "model").mkdir(parents=True)
    write_tokenizer(directory / "model")
    processor = {"image_processor_type": "SiglipImageProcessor", "do_resize": True, "size": {"height": case.image, "width": case.image},
                 "resample": 3, "do_rescale": True, "rescale_factor": 1 / 255, "do_normalize": True, "image_mean": [0.5] * 3,
                 "image_std": [0.5] * 3}
    (directory / "model" / "preprocessor_config.json").write_text(json.dumps(processor, indent=1) + "\n")
    tokenizer = PreTrainedTokenizerFast.from_pretrained(directory / "model")
    tokens = tokenizer(PROMPTS, padding="max_length", return_tensors="pt")
    assert tokens["input_ids"].shape == (3, TOKENS) and tokens["input_ids"][0, -1] == 1
    rng = np.random.Generator(np.random.PCG64(case.seed + 2000))
    pixels = torch.from_numpy(rng.normal(0, 1, (len(PROMPTS), 3, case.image, case.image)).astype(np.float32))
    mask = tokens["attention_mask"] if case.masked else torch.ones_like(tokens["attention_mask"])
    inputs = {"pixel_values": pixels, "input_ids": tokens["input_ids"], "attention_mask": mask}
    model = write_model(case, directory / "model", inputs)
    out = generate_clip.expected(model, inputs)
    noise = generate_clip.check(case, model, inputs, out)
    save_file({name: tensor.contiguous() for name, tensor in inputs.items()}, directory / "inputs.safetensors")
    save_file(out, directory / "expected.safetensors")
    write_matches(case, model, tokenizer, directory)
    return {"directory": case.name, "about": case.about, "stored": str(case.dtype).removeprefix("torch."), "prompts": PROMPTS,
            "outputs": {n: list(t.shape) for n, t in out.items()}, "f32_against_f64": {n: float(f"{e:.1e}") for n, e in noise.items()}}


def main():
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(1)
    entries = [make(case) for case in CASES]
    versions = {"torch": torch.__version__, "transformers": transformers.__version__, "numpy": np.__version__}
    (HERE / "manifest.json").write_text(json.dumps({"versions": versions, "cases": entries}, indent=1) + "\n")
    (HERE / "cases.txt").write_text("".join(e["directory"] + "\n" for e in entries))
    print([e["f32_against_f64"] for e in entries])


if __name__ == "__main__":
    main()
