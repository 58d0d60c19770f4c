#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes blip/: tiny BLIP models saved by transformers, their inputs, and the outputs transformers gives.

    python tests/golden/generate_blip.py [CASE ...]

The files of a case are those of bridgetower/ (README.md); greedy_ids and beam3_ids are I64. Every attention is sharpened
as random_bridgetower.py says, the decoder's end token is made likely enough that captions end at different lengths.
"""

import json
import math
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import (
    AutoTokenizer,
    BlipConfig,
    BlipForConditionalGeneration,
    BlipForImageTextRetrieval,
    BlipForQuestionAnswering,
)
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

import random_bridgetower as rb
import tiny_tokenizer
import tiny_wordpiece

HERE = Path(__file__).resolve().parent / "blip"
TOKENS = 298            # of the tokenizer; the model has two more, [DEC] and [ENC]
PROMPTS = ["a red circle", "the large striped star left of it", "is there a heart?"]
# Beams, least and greatest length, repetition penalty.
SEARCHES = [(1, 0, 20, 1.0), (3, 0, 20, 1.0), (1, 12, 16, 1.0), (4, 14, 18, 1.0), (1, 0, 18, 1.3), (2, 6, 30, 1.5), (3, 0, 5, 1.0)]
WORDS = ["", "a red", "the star is"]    # captions begin so
MAX_LENGTH = 20         # of generated ids, the start token included: transformers' own default
CLASSES = {"itm": BlipForImageTextRetrieval, "caption": BlipForConditionalGeneration, "vqa": BlipForQuestionAnswering}


@dataclass
class Case:
    name: str
    about: str
    kind: str                   # of CLASSES
    seed: int
    hidden: int = 64
    heads: int = 4
    layers: int = 2
    intermediate: int = 96
    vision_hidden: int = 48
    vision_heads: int = 6
    vision_layers: int = 2
    image: int = 36
    patch: int = 8
    dtype: torch.dtype = torch.float32
    shard: str = ""
    sparse: bool = False        # config.json without what equals a default
    drop: str = ""              # end of the name of a tied tensor that the file lacks
    positions: bool = False     # int64 position_ids as in older files
    tokenizer_json: bool = False
    end_bias: float = 0.0       # added to the end token's logit


CASES = [
    Case("retrieval", "matching and contrastive heads, f32, padded batch, a grid that the patch does not divide", "itm", 1,
         tokenizer_json=True),
    Case("retrieval_old", "f16 in shards, sparse config (8 heads by default), int64 position_ids", "itm", 2, heads=8, layers=3,
         shard="150KB", sparse=True, positions=True, dtype=torch.float16, image=32),
    Case("caption", "f32, decoder.bias absent", "caption", 3, drop="cls.predictions.decoder.bias", end_bias=16.0),
    Case("caption_old", "f16, cls.predictions.bias absent, position_ids, sparse config, other widths", "caption", 34, hidden=96,
         heads=8, vision_hidden=64, vision_heads=4, layers=3, drop="cls.predictions.bias", positions=True, sparse=True,
         dtype=torch.float16, tokenizer_json=True, end_bias=22.0),
    Case("vqa", "question answering, f16", "vqa", 5, vision_hidden=64, vision_heads=4, dtype=torch.float16, end_bias=16.0),
]


def config_of(case):
    text = {"vocab_size": TOKENS + 2, "hidden_size": case.hidden, "num_hidden_layers": case.layers,
            "num_attention_heads": case.heads, "intermediate_size": case.intermediate, "max_position_embeddings": 40,
            "bos_token_id": TOKENS, "sep_token_id": 3}
    vision = {"hidden_size": case.vision_hidden, "num_hidden_layers": case.vision_layers, "intermediate_size": 80,
              "num_attention_heads": case.vision_heads, "image_size": case.image, "patch_size": case.patch}
    if not case.sparse:
        text["layer_norm_eps"] = 1e-3
        vision["layer_norm_eps"] = 1e-4
    return BlipConfig(text_config=text, vision_config=vision, image_text_hidden_size=24)


def inputs_of(case, tokenizer):
    ids, mask = tiny_tokenizer.encode(tokenizer, PROMPTS, pad=0)
    if case.kind == "caption":
        for row in ids:
            row[0] = TOKENS
    rng = np.random.Generator(np.random.PCG64(case.seed + 2000))
    pixels = rng.normal(0, 1, (len(ids), 3, case.image, case.image)).astype(np.float32)
    return {"pixel_values": torch.from_numpy(pixels), "input_ids": torch.tensor(ids), "attention_mask": torch.tensor(mask)}


def _sharpen_text(goal):
    def hook(module, args, kwargs):
        x, y = args[0], kwargs.get("encoder_hidden_states")
        q = rb._heads(module.query(x), module.num_attention_heads)
        k = rb._heads(module.key(x if y is None else y), module.num_attention_heads)
        mask = kwargs.get("attention_mask" if y is None else "encoder_attention_mask")
        factor = rb._sharpening(q @ k.transpose(2, 3) / math.sqrt(module.attention_head_size), mask, goal)
        for linear in (module.query, module.key):
            linear.weight *= factor
            linear.bias *= factor

    return hook


def _sharpen_vision(goal):
    def hook(module, args, kwargs):
        x = args[0] if args else kwargs["hidden_states"]
        d = x.shape[-1]
        q, k = (rb._heads(half, module.num_heads) for half in module.qkv(x)[..., : 2 * d].chunk(2, -1))
        factor = rb._sharpening(q @ k.transpose(2, 3) * module.scale, None, goal)
        module.qkv.weight[: 2 * d] *= factor
        module.qkv.bias[: 2 * d] *= factor

    return hook


def run(model, inputs):
    """One forward pass through all that the class computes."""
    if isinstance(model, BlipForQuestionAnswering):
        return model(**inputs, decoder_input_ids=inputs["input_ids"])
    return model(**inputs)


@torch.no_grad()
def sharpen(model, inputs):
    hooks = []
    for name, module in model.named_modules():
        if name.endswith("crossattention.self"):
            hooks.append(module.register_forward_pre_hook(_sharpen_text(rb.CROSS_PEAK), with_kwargs=True))
        elif name.endswith("attention.self"):
            hooks.append(module.register_forward_pre_hook(_sharpen_text(rb.SELF_PEAK), with_kwargs=True))
        elif name.endswith("self_attn"):
            hooks.append(module.register_forward_pre_hook(_sharpen_vision(rb.SELF_PEAK), with_kwargs=True))
    run(model, inputs)
    for hook in hooks:
        hook.remove()


@torch.no_grad()
def scale(case, model, inputs):
    """Scores that the input decides: the matching head centred and spread, the end token as likely as others."""
    if case.kind == "itm":
        head = model.itm_head
        head.bias -= model(**inputs).itm_score.mean(0)
        factor = rb.LOGITS_STD / model(**inputs).itm_score.std()
        head.weight *= factor
        head.bias *= factor
        head.bias += torch.tensor([0.3, -0.2])
    else:
        predictions = model.text_decoder.cls.predictions
        predictions.decoder.weight *= 0.35
        predictions.bias += torch.from_numpy(
            np.random.Generator(np.random.PCG64(case.seed + 7)).normal(0, 0.5, TOKENS + 2).astype(np.float32))
        predictions.bias[3] += case.end_bias * 0.35


def save_model(case, model, directory):
    state = model.to(case.dtype).state_dict()
    if case.positions:
        part = "text_encoder" if case.kind == "itm" else "text_decoder.bert"
        state[f"{part}.embeddings.position_ids"] = torch.arange(40)[None]
    state = {name: tensor.clone().contiguous() for name, tensor in state.items() if not (case.drop and name.endswith(case.drop))}
    model.config.architectures = [type(model).__name__]
    if case.shard:
        model.save_pretrained(directory, max_shard_size=case.shard)
        if case.positions:
            index = directory / "model.safetensors.index.json"
            listing = json.loads(index.read_text())
            name = "text_encoder.embeddings.position_ids"
            shard = sorted(set(listing["weight_map"].values()))[1]
            save_file(load_file(directory / shard) | {name: state[name]}, directory / shard, metadata={"format": "pt"})
            listing["weight_map"][name] = shard
            index.write_text(json.dumps(listing, indent=2) + "\n")
    else:
        model.save_pretrained(directory)
        save_file(state, directory / "model.safetensors", metadata={"format": "pt"})
    (directory / "generation_config.json").unlink(missing_ok=True)
    if case.sparse:
        make_sparse(directory)
    model.float()


def make_sparse(directory):
    path = directory / "config.json"
    config, default = json.loads(path.read_text()), BlipConfig()
    for part, known in ((config, default.to_dict()), (config["text_config"], default.text_config.to_dict()),
                        (config["vision_config"], default.vision_config.to_dict())):
        for key in [k for k in part if k in known and part[k] == known[k] and k != "model_type"]:
            del part[key]
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def save_processor(case, directory):
    processor = {"image_processor_type": "BlipImageProcessor", "do_resize": True,
                 "size": {"height": case.image, "width": case.image}, "resample": 3, "do_rescale": True,
                 "rescale_factor": 1 / 255, "do_normalize": True, "image_mean": [0.48145466, 0.4578275, 0.40821073],
                 "image_std": [0.26862954, 0.26130258, 0.27577711], "do_convert_rgb": True}
    (directory / "preprocessor_config.json").write_text(json.dumps(processor, indent=1) + "\n")


@torch.no_grad()
def expected(case, model, inputs):
    out = {}
    pixels = inputs["pixel_values"]
    if case.kind == "itm":
        match = model(**inputs)
        out["itm_score"] = match.itm_score
        out["itc_score"] = model(**inputs, use_itm_head=False).itm_score
        out["last_hidden_state"] = match.last_hidden_state
    elif case.kind == "caption":
        caption = model(**inputs)
        out["logits"] = caption.logits
        out["last_hidden_state"] = caption.last_hidden_state
        out["greedy_ids"] = model.generate(pixels, max_length=MAX_LENGTH, num_beams=1)
        out["beam3_ids"] = model.generate(pixels, max_length=MAX_LENGTH, num_beams=3)
    else:
        question = {"input_ids": inputs["input_ids"], "attention_mask": inputs["attention_mask"]}
        out["greedy_ids"] = model.generate(pixel_values=pixels, **question, max_length=MAX_LENGTH, num_beams=1)
        out["beam3_ids"] = model.generate(pixel_values=pixels, **question, max_length=MAX_LENGTH, num_beams=3)
    return {name: (t.float() if t.is_floating_point() else t).contiguous() for name, t in out.items()}


@torch.no_grad()
def peaks(model, inputs):
    found, hooks = {}, []
    for name, module in model.named_modules():
        if name.endswith("crossattention.self"):
            def keep(module, args, output, name=name):
                found.setdefault(name, output[1].amax(-1).mean().item())
            hooks.append(module.register_forward_hook(keep))
    run(model, inputs)
    for hook in hooks:
        hook.remove()
    return found


def check(case, model, inputs, out):
    """What every golden model keeps, so that agreement with it means something. Returns the noise of f32 against f64."""
    for name, peak in peaks(model, inputs).items():
        assert peak >= 0.3, f"{case.name}: {name} has a mean row maximum of {peak:.3f}"
    for name in ("itm_score", "logits"):
        if name in out:
            assert out[name].std() >= 1, f"{case.name}: {name} has a standard deviation of {out[name].std():.3f}"
    for name in ("greedy_ids", "beam3_ids"):
        if name in out:
            rows = [row[: row.index(3) + 1] if 3 in row else row for row in out[name].tolist()]
            assert len({tuple(row) for row in rows}) == len(rows), f"{case.name}: {name} has equal rows"
            assert len({len(row) for row in rows}) > 1 and max(map(len, rows)) >= 5, f"{case.name}: {name}: {rows}"
    if "greedy_ids" in out:
        assert out["greedy_ids"].tolist() != out["beam3_ids"].tolist(), f"{case.name}: beams find what greedy finds"
    exact = expected(case, model.double(), inputs | {"pixel_values": inputs["pixel_values"].double()})
    model.float()
    noise = {}
    for name, tensor in out.items():
        if not tensor.is_floating_point():
            assert torch.equal(tensor, exact[name]), f"{case.name}: {name} hang on rounding"
            continue
        noise[name] = (tensor - exact[name]).abs().max().item()
        assert noise[name] < min(1e-4, 1e-3 * tensor.std().item()) / 4, f"{case.name}: {name}: f32 is off by {noise[name]:.1e}"
    return noise


def write_picture(case, directory):
    """picture.rgb: a picture of the model's own size, which no resampling changes. Returns what the processor makes of it."""
    rng = np.random.Generator(np.random.PCG64(case.seed + 3000))
    picture = rng.integers(0, 256, (case.image, case.image, 3), np.uint8)
    (directory / "picture.rgb").write_bytes(picture.tobytes())
    return BlipImageProcessorPil.from_pretrained(directory / "model")(picture, return_tensors="pt")["pixel_values"]


@torch.no_grad()
def write_matches(case, model, directory):
    """matches.txt: a prompt and the difference of its logits."""
    pixels, tokenizer = write_picture(case, directory), AutoTokenizer.from_pretrained(directory / "model")
    lines = []
    for prompt in PROMPTS:
        ids = tokenizer(prompt, return_tensors="pt")["input_ids"]
        other, match = model(pixel_values=pixels, input_ids=ids).itm_score[0].tolist()
        lines.append(f"{prompt}\t{match - other:.6f}\n")
    (directory / "matches.txt").write_text("".join(lines))


@torch.no_grad()
def write_captions(case, model, directory):
    """captions.txt: beams, lengths, penalty, the words given, ids and text, for each search and each prefix or question."""
    pixels = write_picture(case, directory)
    tokenizer = AutoTokenizer.from_pretrained(directory / "model")
    lines = []
    for beams, least, most, penalty in SEARCHES:
        for words in PROMPTS if case.kind == "vqa" else WORDS:
            given = dict(tokenizer(words, return_tensors="pt")) if words else {}
            given.pop("token_type_ids", None)
            search = {"num_beams": beams, "min_length": least, "max_length": most, "repetition_penalty": penalty}
            ids = model.generate(pixel_values=pixels, **given, **search)[0].tolist()
            text = tokenizer.decode(ids, skip_special_tokens=True)
            again = model.double().generate(pixel_values=pixels.double(), **given, **search)[0].tolist()
            model.float()
            assert ids == again, f"{case.name}: {search} {words!r} hang on rounding"
            lines.append(f"{beams} {least} {most} {penalty}\t{words}\t{' '.join(map(str, ids))}\t{text}\n")
    (directory / "captions.txt").write_text("".join(lines))


def make(case):
    directory = HERE / case.name
    shutil.rmtree(directory, ignore_errors=True)
    (directory / "model").mkdir(parents=True)
    config = config_of(case)
    tokenizer = tiny_wordpiece.build(TOKENS)
    inputs = inputs_of(case, tokenizer)
    model = CLASSES[case.kind](config).eval()
    rb.fill(model, case.seed)
    sharpen(model, inputs)
    scale(case, model, inputs)
    save_model(case, model, directory / "model")
    tiny_wordpiece.save(tokenizer, directory / "model", 32, case.tokenizer_json)
    save_processor(case, directory / "model")
    found = AutoTokenizer.from_pretrained(directory / "model")(PROMPTS)["input_ids"]
    assert found == [tokenizer.encode(prompt).ids for prompt in PROMPTS], found

    model = CLASSES[case.kind].from_pretrained(directory / "model", dtype=torch.float32, local_files_only=True).eval()
    out = expected(case, model, inputs)
    noise = check(case, model, inputs, out)
    save_file(inputs, directory / "inputs.safetensors")
    save_file(out, directory / "expected.safetensors")
    (write_matches if case.kind == "itm" else write_captions)(case, model, directory)
    return {"directory": case.name, "about": case.about, "class": CLASSES[case.kind].__name__, "prompts": PROMPTS,
            "stored": str(case.dtype).removeprefix("torch."), "outputs": {n: list(t.shape) for n, t in out.items()},
            "mean_row_maximum": {n: round(p, 4) for n, p in peaks(model, inputs).items()},
            "f32_against_f64": {n: float(f"{e:.1e}") for n, e in noise.items()}}


def main(names):
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(1)
    path = HERE / "manifest.json"
    entries = {e["directory"]: e for e in json.loads(path.read_text())["cases"]} if path.exists() else {}
    for case in CASES:
        if not names or case.name in names:
            entries[case.name] = make(case)
            print(case.name, entries[case.name]["f32_against_f64"])
    kept = [entries[case.name] for case in CASES if case.name in entries]
    versions = {"torch": torch.__version__, "transformers": transformers.__version__, "numpy": np.__version__}
    path.write_text(json.dumps({"versions": versions, "cases": kept}, indent=1) + "\n")
    (HERE / "cases.txt").write_text("".join(e["directory"] + "\n" for e in kept))


if __name__ == "__main__":
    main(sys.argv[1:])
