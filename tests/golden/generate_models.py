#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes bridgetower/: tiny BridgeTower models saved by transformers, their inputs, and the outputs transformers gives.

    python tests/golden/generate_models.py [CASE ...]

Needs torch, transformers, tokenizers, safetensors and numpy; the versions used are in bridgetower/manifest.json. The tests
that read these files need no Python. README.md says what each file holds.
"""

import json
import platform
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import safetensors
import tokenizers
import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import BridgeTowerConfig

import random_bridgetower as rb
import tiny_tokenizer

HERE = Path(__file__).resolve().parent / "bridgetower"
PROMPTS = ["a red circle", "the large striped star left of it", "is there a <mask> heart?"]


@dataclass
class Case:
    """One golden model. Sizes are small, but no two of a case's dimensions are equal where a mix-up could hide."""

    name: str
    about: str
    heads: tuple                     # of random_bridgetower.HEADS; the first names the class of the file
    seed: int
    layers: int = 4                  # of both towers
    cross: int = 2
    hidden: int = 64
    text_heads: int = 4
    intermediate: int = 96
    vision_hidden: int = 64
    vision_layers: int = 0           # 0: as many as the text tower; more than that are present and unused
    image: int = 36
    patch: int = 8
    dtype: torch.dtype = torch.float32
    shard: str = ""                  # largest shard, as save_pretrained takes it
    vocab: int = 300
    top: dict = field(default_factory=dict)         # further keys of config.json
    prompts: tuple = tuple(PROMPTS)
    hole: bool = False               # one word in the middle masked as well
    legacy: bool = False             # config.json and tensors as older repositories have them


CASES = [
    Case("retrieval", "matching head, f32, a grid that the patch does not divide, padded batch", ("itm",), 1),
    Case("masked_lm", "word head, bf16, deep: 8 + 8 tower layers, 3 cross layers, two heads of 32", ("mlm",), 2,
         layers=8, cross=3, text_heads=2, image=48, patch=16, dtype=torch.bfloat16),
]


def config_of(case):
    """Dropout is left at its default: it must not act. Layer-norm epsilons are unequal, to see which one is used where."""
    top = {"hidden_size": case.hidden, "num_attention_heads": case.text_heads, "num_hidden_layers": case.cross,
           "layer_norm_eps": 1e-4}
    if "itc" in case.heads:
        top |= {"contrastive_hidden_size": 24, "logit_scale_init_value": 2.6592}
    text = {"vocab_size": case.vocab, "hidden_size": case.hidden, "num_hidden_layers": case.layers,
            "num_attention_heads": case.text_heads, "intermediate_size": case.intermediate,
            "max_position_embeddings": 40, "layer_norm_eps": 1e-3}
    vision = {"hidden_size": case.vision_hidden, "num_hidden_layers": case.vision_layers or case.layers,
              "patch_size": case.patch, "image_size": case.image, "layer_norm_eps": 1e-5}
    return BridgeTowerConfig(**top, **case.top, text_config=text, vision_config=vision)


def inputs_of(case, tokenizer):
    """Right-padded prompts of unequal length; pixels as the normalisation leaves them. @hole: the last row also loses a
    word inside, and the first keeps its id there."""
    ids, mask = tiny_tokenizer.encode(tokenizer, case.prompts)
    if case.hole:
        mask[-1][2] = mask[-1][3] = 0
    rng = np.random.Generator(np.random.PCG64(case.seed + 1000))
    pixels = rng.normal(0, 1, (len(ids), 3, case.image, case.image)).astype(np.float32)
    return {"pixel_values": torch.from_numpy(pixels), "input_ids": torch.tensor(ids), "attention_mask": torch.tensor(mask)}


def models_of(case, config, inputs):
    """One model per head, all over one BridgeTowerModel, filled and scaled."""
    models = {head: rb.HEADS[head](config).eval() for head in case.heads}
    first = models[case.heads[0]]
    for i, (head, model) in enumerate(models.items()):
        rb.fill(model, case.seed + 100 * i)
        if model is not first:
            model.bridgetower = first.bridgetower
    rb.sharpen(first, inputs)
    for head, model in models.items():
        {"itm": rb.scale_match, "mlm": lambda m, _: rb.scale_words(m)}.get(head, lambda m, _: None)(model, inputs)
    return models


def save_model(case, models, directory):
    """The first model as transformers writes it; with several heads their tensors join the same file, as in the published
    "-itm-mlm" repositories."""
    first = models[case.heads[0]].to(case.dtype)
    kwargs = {"max_shard_size": case.shard} if case.shard else {}
    if len(models) > 1:
        tensors = {}
        for model in models.values():
            tensors |= model.to(case.dtype).state_dict()
        kwargs["state_dict"] = {name: tensor.contiguous() for name, tensor in tensors.items()}
    first.save_pretrained(directory, **kwargs)
    for model in models.values():
        model.float()


def save_processor(case, directory):
    """The image is squeezed to the model's size: the geometry of cropping has its own cases in preprocess/."""
    processor = {
        "image_processor_type": "BlipImageProcessor",
        "do_resize": True,
        "size": {"height": case.image, "width": case.image},
        "resample": 3,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": [0.48145466, 0.4578275, 0.40821073],
        "image_std": [0.26862954, 0.26130258, 0.27577711],
        "do_convert_rgb": True,
    }
    (directory / "preprocessor_config.json").write_text(json.dumps(processor, indent=1) + "\n")


def reload(case, directory):
    """The files as a user's transformers reads them, in f32, with the attention that yields maps."""
    load = {"dtype": torch.float32, "attn_implementation": "eager", "local_files_only": True}
    return {head: rb.HEADS[head].from_pretrained(directory, **load).eval() for head in case.heads}


def make(case):
    """One case directory; returns its entry of the manifest."""
    directory = HERE / case.name
    shutil.rmtree(directory, ignore_errors=True)
    (directory / "model").mkdir(parents=True)
    config = config_of(case)
    config._attn_implementation = "eager"
    tokenizer = tiny_tokenizer.build(case.vocab)
    inputs = inputs_of(case, tokenizer)
    models = models_of(case, config, inputs)
    save_model(case, models, directory / "model")
    tiny_tokenizer.save(tokenizer, directory / "model", max_length=32)
    save_processor(case, directory / "model")

    models = reload(case, directory / "model")
    out = rb.expected(models, inputs)
    noise = rb.rounding(models, inputs, out)
    rb.check(case.name, out, noise)
    save_file(inputs, directory / "inputs.safetensors")
    save_file(out, directory / "expected.safetensors")
    return entry(case, inputs, out, noise)


def entry(case, inputs, out, noise):
    def describe(tensors):
        return {name: [str(tensor.dtype).removeprefix("torch."), list(tensor.shape)] for name, tensor in tensors.items()}

    return {
        "directory": case.name,
        "about": case.about,
        "class": rb.HEADS[case.heads[0]].__name__,
        "heads": list(case.heads),
        "stored": str(case.dtype).removeprefix("torch."),
        "prompts": list(case.prompts),
        "inputs": describe(inputs),
        "outputs": describe(out),
        "tolerance": {"max_abs": 1e-4, "of_standard_deviation": 1e-3},
        "mean_row_maximum": {name: round(peak, 4) for name, peak in rb.peaks(out).items()},
        "logits_standard_deviation": round(out["logits"].std().item(), 4) if "logits" in out else None,
        "f32_against_f64": {name: float(f"{error:.1e}") for name, error in noise.items()},
    }


def main(names):
    torch.set_num_threads(1)
    path = HERE / "manifest.json"
    old = json.loads(path.read_text())["cases"] if path.exists() else []
    entries = {e["directory"]: e for e in old}
    for case in CASES:
        if not names or case.name in names:
            entries[case.name] = make(case)
            print(case.name, {k: v for k, v in entries[case.name].items() if k.startswith(("mean", "logits"))})
    kept = [entries[case.name] for case in CASES if case.name in entries]
    versions = {"python": platform.python_version(), "torch": torch.__version__, "transformers": transformers.__version__,
                "tokenizers": tokenizers.__version__, "safetensors": safetensors.__version__, "numpy": np.__version__}
    path.write_text(json.dumps({"versions": versions, "cases": kept}, indent=1) + "\n")
    (HERE / "cases.txt").write_text("".join(e["directory"] + "\n" for e in kept))


if __name__ == "__main__":
    main(sys.argv[1:])
