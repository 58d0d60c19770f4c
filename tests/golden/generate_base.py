#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes a BridgeTower-base of real size with random, scaled weights: the sizes, tensor names and files of
BridgeTower/bridgetower-base-itm-mlm, a stand-in tokenizer, and one image and one 10-token prompt with what transformers
makes of them.

    python tests/golden/generate_base.py --out DIR [--dtype float32] [--names TSV]

DIR becomes a Hugging Face model directory (1.5 GB in float32) with inputs.safetensors and expected.safetensors beside the
model's files. --names: lines of a tensor name, a tab, and its shape as 1x2x3; the file written must match them exactly.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from transformers import BridgeTowerConfig
from transformers import logging as transformers_logging

import random_bridgetower as rb
import tiny_tokenizer

PROMPTS = ["the circle of a star", "two cats on a couch", "something green below the purple triangle"]
PROCESSOR = {
    "image_processor_type": "BridgeTowerImageProcessor",
    "do_resize": True,
    "size": {"shortest_edge": 288},
    "size_divisor": 32,
    "resample": 3,
    "do_center_crop": True,
    "crop_size": {"shortest_edge": 288},
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
    "do_pad": True,
}


def inputs_of(tokenizer):
    """Three rows to scale by; the first is the one that is saved, 10 tokens and no padding."""
    ids, mask = tiny_tokenizer.encode(tokenizer, PROMPTS)
    assert sum(mask[0]) == 10, f"the prompt to save has {sum(mask[0])} tokens: {tokenizer.encode(PROMPTS[0]).tokens}"
    pixels = np.random.Generator(np.random.PCG64(2)).normal(0, 1, (len(ids), 3, 288, 288)).astype(np.float32)
    return {"pixel_values": torch.from_numpy(pixels), "input_ids": torch.tensor(ids), "attention_mask": torch.tensor(mask)}


def first_row(inputs):
    """contiguous() because a view would be saved with its whole storage behind it."""
    return {name: (t[:1] if name == "pixel_values" else t[:1, :10]).clone().contiguous() for name, t in inputs.items()}


def check_names(directory, names):
    with safe_open(directory / "model.safetensors", "pt") as file:
        found = {name: "x".join(map(str, file.get_slice(name).get_shape())) for name in file.keys()}
    wanted = dict(line.split("\t") for line in Path(names).read_text().splitlines())
    wrong = sorted(set(found.items()) ^ set(wanted.items()))
    assert not wrong, f"{len(wrong)} tensors differ from {names}, first: {wrong[0]}"
    print(f"{len(found)} tensors as in {names}")


def write_model(directory, dtype):
    config = BridgeTowerConfig(text_config={}, vision_config={})
    config._attn_implementation = "eager"
    tokenizer = tiny_tokenizer.stand_in(config.text_config.vocab_size)
    inputs = inputs_of(tokenizer)
    match, words = (rb.HEADS[head](config).eval() for head in ("itm", "mlm"))
    rb.fill(words, 11)
    rb.fill(match, 10)
    words.bridgetower = match.bridgetower
    rb.sharpen(match, first_row(inputs))
    rb.scale_match(match, inputs)
    rb.scale_words(words)
    tensors = words.to(dtype).state_dict() | match.to(dtype).state_dict()
    match.save_pretrained(directory, state_dict=tensors, max_shard_size="10GB")
    tiny_tokenizer.save(tokenizer, directory)
    (directory / "preprocessor_config.json").write_text(json.dumps(PROCESSOR, indent=1) + "\n")
    return first_row(inputs)


def write_expected(directory, inputs):
    load = {"dtype": torch.float32, "attn_implementation": "eager", "local_files_only": True}
    models = {"itm": rb.HEADS["itm"].from_pretrained(directory, **load).eval()}
    out = rb.expected(models, inputs)
    noise = rb.rounding(models, inputs, out)
    rb.check("base", {name: tensor for name, tensor in out.items() if name != "logits"}, {})    # of one row: no spread
    assert max(noise.values()) < 1e-4, f"f32 is off by {max(noise.values()):.1e} against f64"
    for name in sorted(noise):
        print(f"{name:28} standard deviation {out[name].std().item():8.4f}   f32 against f64 {noise[name]:.1e}")
    save_file(inputs, directory / "inputs.safetensors")
    save_file(out, directory / "expected.safetensors")


def main():
    parser = argparse.ArgumentParser(description="BridgeTower-base of real size with random weights")
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--dtype", default="float32", choices=["float32", "float16", "bfloat16"])
    parser.add_argument("--names", type=Path)
    arguments = parser.parse_args()
    transformers_logging.set_verbosity_error()
    arguments.out.mkdir(parents=True, exist_ok=True)
    inputs = write_model(arguments.out, getattr(torch, arguments.dtype))
    if arguments.names:
        check_names(arguments.out, arguments.names)
    write_expected(arguments.out, inputs)


if __name__ == "__main__":
    main()
