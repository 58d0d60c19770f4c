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
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer, BridgeTowerConfig
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

import random_bridgetower as rb
import tiny_tokenizer

HERE = Path(__file__).resolve().parent / "bridgetower"
VOCAB = 300  # of every case, so that tokenize.in and tokenize.out hold for all
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
    top: dict = field(default_factory=dict)         # further keys of config.json
    prompts: tuple = tuple(PROMPTS)
    hole: bool = False               # one word in the middle masked as well
    tied: bool = False               # the word head's decoder is the word embedding and not in the file
    merges: bool = False             # the tokenizer as vocab.json + merges.txt, without tokenizer.json
    legacy: bool = False             # config.json and tensors as older repositories have them


CASES = [
    Case("retrieval", "matching head, f32, a grid that the patch does not divide, padded batch", ("itm",), 1,
         layers=3),
    Case("masked_lm", "word head, bf16, deep: 8 + 8 tower layers, 3 cross layers, two heads of 32", ("mlm",), 2,
         layers=8, cross=3, text_heads=2, image=48, patch=16, dtype=torch.bfloat16),
    Case("contrastive", "contrastive and matching heads, f16, 4 + 4 layers, 3 cross layers, a word masked in the middle",
         ("itc", "itm"), 3, cross=3, text_heads=8, image=30, patch=6, dtype=torch.float16, hole=True),
    Case("bare", "no head, no name prefix, f16, wider vision tower, vocab.json + merges.txt, one prompt", ("none",), 4,
         layers=2, intermediate=48, vision_hidden=128, image=33, dtype=torch.float16, merges=True,
         prompts=("a dog on the beach",)),
    Case("all_heads", "every head under the matching class, f16 in shards, sparse config with keys and tensors of old",
         ("itm", "mlm", "itc"), 5, layers=3, intermediate=80, image=56, patch=16, dtype=torch.float16,
         shard="200KB", legacy=True),
    Case("tied_words", "word and matching heads, one cross layer (no link), decoder tied to the word embedding, f16",
         ("mlm", "itm"), 6, layers=2, cross=1, image=32, dtype=torch.float16, tied=True, top={"tie_word_embeddings": True}),
    Case("scaled_links", "link layers of type scaled_add, as many cross as tower layers, one unused vision layer, f16",
         ("itm",), 7, layers=2, vision_layers=3, intermediate=32, image=32, dtype=torch.float16,
         top={"link_tower_type": "scaled_add"}),
    Case("mixed_links", "link layers of type interpolate, a transform for each cross layer, f16", ("itm",), 8, layers=2,
         intermediate=32, image=32, dtype=torch.float16,
         top={"link_tower_type": "interpolate", "share_cross_modal_transformer_layers": False}),
]

# Keys that older BridgeTower repositories carry and no current reader knows.
OLD_KEYS = {"cache_dir": "", "classifier_drop_rate": 0.1, "cross_modal_transform_shared": True, "downstream_fusion": False,
            "downstream_fusion_layers": 1, "downstream_fusion_method": "elmo", "drop_rate": 0.1, "head_hidden_scale": 2,
            "freeze_RoBERTa": False, "freeze_ViT": False, "freeze_layer_count_roberta": None, "input_text_embed_size": 64,
            "link_tower_shared": False, "max_text_len": 50, "mlp_ratio": 4, "nlvr2_head_format": "pair",
            "num_layers": [6, {"deep": [None, -1.5e-3]}], "resolution_before": 224, "stop_gradient": False,
            "task_head_layers": 2, "text_config_dict": None, "tokenizer": "roberta-base", "unfreeze_num_layers": 0,
            "vision_config_dict": None, "vit_embed_dim": 512, "vit_remove_last": False, "torch_dtype": "float16"}


def config_of(case):
    """Dropout is left at its default: it must not act. Layer-norm epsilons are unequal, to see which one is used where."""
    top = {"hidden_size": case.hidden, "num_attention_heads": case.text_heads, "num_hidden_layers": case.cross}
    if "itc" in case.heads:
        top |= {"contrastive_hidden_size": 24, "logit_scale_init_value": 2.6592}
    text = {"vocab_size": VOCAB, "hidden_size": case.hidden, "num_hidden_layers": case.layers,
            "num_attention_heads": case.text_heads, "intermediate_size": case.intermediate}
    vision = {"hidden_size": case.vision_hidden, "num_hidden_layers": case.vision_layers or case.layers,
              "patch_size": case.patch, "image_size": case.image}
    if not case.legacy:
        top["layer_norm_eps"] = 1e-4
        text |= {"layer_norm_eps": 1e-3, "max_position_embeddings": 40}
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
        if head == "itm":
            rb.scale_match(model, inputs)
        elif head == "mlm" and not case.tied:
            rb.scale_words(model)
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
    if case.legacy:
        make_old(directory)


def make_old(directory):
    """Drops what equals a default from config.json, adds what old files have besides, and to one shard the tensors that
    no reader needs: the int64 position_ids, and names unknown to everyone."""
    path = directory / "config.json"
    config = json.loads(path.read_text())
    for part, default in ((config, BridgeTowerConfig()), (config["text_config"], BridgeTowerConfig().text_config),
                          (config["vision_config"], BridgeTowerConfig().vision_config)):
        for key in [k for k in part if k in default.to_dict() and part[k] == default.to_dict()[k] and k != "model_type"]:
            del part[key]
    del config["dtype"]
    path.write_text(json.dumps(config | OLD_KEYS, indent=2, sort_keys=True) + "\n")

    index = directory / "model.safetensors.index.json"
    listing = json.loads(index.read_text())
    shard = sorted(set(listing["weight_map"].values()))[1]
    more = {"bridgetower.text_model.embeddings.position_ids": torch.arange(514)[None],
            "vision_model.visual.attn_mask": torch.ones(3, 3, dtype=torch.uint8),
            "rank_output.weight": torch.ones(2, 64, dtype=torch.float64)}
    save_file(load_file(directory / shard) | more, directory / shard, metadata={"format": "pt"})
    listing["weight_map"] |= {name: shard for name in more}
    index.write_text(json.dumps(listing, indent=2) + "\n")


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
    tokenizer = tiny_tokenizer.build(VOCAB)
    inputs = inputs_of(case, tokenizer)
    models = models_of(case, config, inputs)
    save_model(case, models, directory / "model")
    tiny_tokenizer.save(tokenizer, directory / "model", 32, merges_file=case.merges, old_merges=case.legacy)
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


def write_tokens():
    """Prompts, a JSON string a line, and the ids that transformers gives, for the tokenizer of every case alike."""
    tokenizers_ = [AutoTokenizer.from_pretrained(HERE / case.name / "model") for case in CASES]
    prompts = [json.loads(line) for line in (HERE / "tokenize.in").read_text().splitlines()]
    ids = [tokenizers_[0](prompt)["input_ids"] for prompt in prompts]
    for case, tokenizer in zip(CASES, tokenizers_):
        for prompt, row in zip(prompts, ids):
            found = tokenizer(prompt)["input_ids"]
            assert found == row, f"{case.name}: {prompt!r} gives {found}, {CASES[0].name} gives {row}"
    (HERE / "tokenize.out").write_text("".join(json.dumps(row, separators=(",", ":")) + "\n" for row in ids))


@torch.no_grad()
def write_images():
    """The whole way from a picture and a prompt to the match: lines of case, picture, match, score, prompt."""
    lines = []
    for case in (case for case in CASES if "itm" in case.heads and case.heads[0] != "mlm"):
        directory = HERE / case.name / "model"
        model = reload(case, directory)["itm"]
        processor, tokenizer = BlipImageProcessorPil.from_pretrained(directory), AutoTokenizer.from_pretrained(directory)
        for picture in ("landscape/image.png", "jpeg/image.jpg"):
            image = Image.open(HERE.parent / "preprocess" / picture).convert("RGB")
            pixels = processor(image, return_tensors="pt")["pixel_values"]
            for prompt in ("a red circle", "the blue square right of it"):
                logits = model(pixel_values=pixels, **tokenizer(prompt, return_tensors="pt")).logits[0]
                match, score = logits.softmax(-1)[1].item(), (logits[1] - logits[0]).item()
                lines.append(f"{case.name} {picture} {match:.5f} {score:.5f} {prompt}\n")
    (HERE / "images.txt").write_text("".join(lines))


def main(names):
    transformers.logging.set_verbosity_error()          # heads of other classes in a file are meant to be there
    torch.set_num_threads(1)
    path = HERE / "manifest.json"
    old = json.loads(path.read_text())["cases"] if path.exists() else []
    entries = {e["directory"]: e for e in old}
    for case in CASES:
        if not names or case.name in names:
            entries[case.name] = make(case)
            print(case.name, {k: v for k, v in entries[case.name].items() if k.startswith(("mean", "logits"))})
    write_tokens()
    write_images()
    kept = [entries[case.name] for case in CASES if case.name in entries]
    versions = {"python": platform.python_version(), "torch": torch.__version__, "transformers": transformers.__version__,
                "tokenizers": tokenizers.__version__, "safetensors": safetensors.__version__, "numpy": np.__version__}
    path.write_text(json.dumps({"versions": versions, "cases": kept}, indent=1) + "\n")
    (HERE / "cases.txt").write_text("".join(e["directory"] + "\n" for e in kept))


if __name__ == "__main__":
    main(sys.argv[1:])
