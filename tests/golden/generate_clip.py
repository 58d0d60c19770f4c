#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes clip/: tiny CLIP models saved by transformers, their inputs, and the outputs transformers gives.

    python tests/golden/generate_clip.py [CASE...]

With cases named only those are made anew: the tokenizer's trainer breaks ties by chance.

The files of a case are those of bridgetower/ (README.md); matches.txt has lines of a prompt, its cosine with picture.rgb and
its probability among all three.
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
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers, Regex
from transformers import AutoTokenizer, CLIPConfig, CLIPModel
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

import random_bridgetower as rb
import tiny_tokenizer

HERE = Path(__file__).resolve().parent / "clip"
PROMPTS = ["a red circle", "the large striped star left of it", "is there a heart?"]
VOCAB = 600


@dataclass
class Case:
    name: str
    about: str
    seed: int
    act: str
    old_end: bool               # eos_token_id 2 in config.json: the largest id is the end
    dtype: torch.dtype
    hidden: int = 64
    vision_hidden: int = 48
    image: int = 36
    patch: int = 8
    text_layers: int = 2
    vision_layers: int = 3
    projection: int = 24
    beyond: bool = False        # a prompt has an id beyond that of its end, where the two rules of the end part


CASES = [
    Case("openai", "quick_gelu, eos_token_id 2, f32", 1, "quick_gelu", True, torch.float32),
    Case("open_clip", "gelu, eos_token_id as the tokenizer has it and padding with it, f16", 2, "gelu", False, torch.float16,
         hidden=32, vision_hidden=64, image=32),
    Case("tiny_clip", "a deep and a flat tower of one width, projected to a wider space, gelu, eos_token_id 2, f32", 3, "gelu", True,
         torch.float32, hidden=32, vision_hidden=32, image=32, text_layers=1, vision_layers=5, projection=48, beyond=True),
]


def tokenizer_files(directory):
    """A CLIP BPE as vocab.json and merges.txt: bytes, bytes at a word's end, merges, then start and end."""
    tokenizer = Tokenizer(models.BPE(end_of_word_suffix="</w>", unk_token="<|endoftext|>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"), "removed", invert=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=VOCAB - 2 - 256, initial_alphabet=alphabet, end_of_word_suffix="</w>", show_progress=False)
    tokenizer.train_from_iterator(tiny_tokenizer.TEXT.split("\n"), trainer)
    whole = json.loads(tokenizer.to_str())
    merges = [" ".join(pair) for pair in whole["model"]["merges"]]
    tokens = alphabet + [byte + "</w>" for byte in alphabet]
    for merge in merges:
        token = merge.replace(" ", "")
        if token not in tokens:
            tokens.append(token)
    tokens += [f"<unused{i}>" for i in range(VOCAB - 2 - len(tokens))] + ["<|startoftext|>", "<|endoftext|>"]
    assert len(tokens) == VOCAB, len(tokens)
    (directory / "vocab.json").write_text(json.dumps({token: i for i, token in enumerate(tokens)}, ensure_ascii=False))
    (directory / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n")
    config = {"tokenizer_class": "CLIPTokenizer", "model_max_length": 32, "bos_token": "<|startoftext|>",
              "eos_token": "<|endoftext|>", "pad_token": "<|endoftext|>", "unk_token": "<|endoftext|>"}
    (directory / "tokenizer_config.json").write_text(json.dumps(config, indent=1) + "\n")


def config_of(case):
    text = {"vocab_size": VOCAB + case.beyond, "hidden_size": case.hidden, "intermediate_size": 80, "num_hidden_layers": case.text_layers,
            "num_attention_heads": 4, "max_position_embeddings": 32, "hidden_act": case.act, "layer_norm_eps": 1e-4,
            "bos_token_id": VOCAB - 2, "eos_token_id": 2 if case.old_end else VOCAB - 1, "projection_dim": case.projection}
    vision = {"hidden_size": case.vision_hidden, "intermediate_size": 72, "num_hidden_layers": case.vision_layers, "num_attention_heads": 4,
              "image_size": case.image, "patch_size": case.patch, "hidden_act": case.act, "projection_dim": case.projection}
    return CLIPConfig(text_config=text, vision_config=vision, projection_dim=case.projection)


def _sharpen(goal):
    def hook(module, args, kwargs):
        x = args[0] if args else kwargs["hidden_states"]
        q, k = (rb._heads(linear(x), module.num_heads) for linear in (module.q_proj, module.k_proj))
        factor = rb._sharpening(q @ k.transpose(2, 3) / math.sqrt(module.head_dim), None, goal)
        for linear in (module.q_proj, module.k_proj):
            linear.weight *= factor
            linear.bias *= factor

    return hook


@torch.no_grad()
def sharpen(model, inputs):
    hooks = [module.register_forward_pre_hook(_sharpen(rb.SELF_PEAK), with_kwargs=True)
             for name, module in model.named_modules() if name.endswith("self_attn")]
    model(**inputs)
    for hook in hooks:
        hook.remove()


@torch.no_grad()
def expected(model, inputs):
    out = model(**inputs)
    return {name: getattr(out, name).float().contiguous() for name in ("image_embeds", "text_embeds", "logits_per_image")}


def check(case, model, inputs, out):
    assert out["logits_per_image"].std() >= 1, f"{case.name}: logits_per_image spread {out['logits_per_image'].std():.3f}"
    for name in ("image_embeds", "text_embeds"):
        assert (out[name][0] - out[name][1]).abs().max() > 0.02, f"{case.name}: {name} hardly depends on the input"
    exact = expected(model.double(), inputs | {"pixel_values": inputs["pixel_values"].double()})
    model.float()
    noise = {name: (tensor - exact[name]).abs().max().item() for name, tensor in out.items()}
    for name, error in noise.items():
        assert error < min(1e-4, 1e-3 * out[name].std().item()) / 4, f"{case.name}: {name}: f32 is off by {error:.1e}"
    return noise


@torch.no_grad()
def patch_embeds(model, pixels):
    """Patches in the space of the texts: the last block with its own value in attention's place (Zhou, Loy, Dai 2022)."""
    tower = model.vision_model
    x = tower.pre_layrnorm(tower.embeddings(pixels))
    for layer in tower.encoder.layers[:-1]:
        output = layer(x, None)
        x = output if isinstance(output, torch.Tensor) else output[0]
    last = tower.encoder.layers[-1]
    x = x + last.self_attn.out_proj(last.self_attn.v_proj(last.layer_norm1(x)))
    x = x + last.mlp(last.layer_norm2(x))
    return torch.nn.functional.normalize(model.visual_projection(tower.post_layernorm(x)), dim=-1)[:, 1:]


@torch.no_grad()
def write_matches(case, model, directory):
    rng = np.random.Generator(np.random.PCG64(case.seed + 3000))
    picture = rng.integers(0, 256, (case.image, case.image, 3), np.uint8)
    (directory / "picture.rgb").write_bytes(picture.tobytes())
    pixels = CLIPImageProcessorPil.from_pretrained(directory / "model")(picture, return_tensors="pt")["pixel_values"]
    tokenizer = AutoTokenizer.from_pretrained(directory / "model")
    scores, maps = [], []
    for prompt in PROMPTS:
        out = model(pixel_values=pixels, input_ids=tokenizer(prompt, return_tensors="pt")["input_ids"])
        maps.append((patch_embeds(model, pixels) @ out.text_embeds.T)[0, :, 0].clamp(min=0))
        scores.append((out.image_embeds @ out.text_embeds.T).item())
    match = (torch.tensor(scores) * model.logit_scale.exp()).softmax(0).tolist()
    maps = torch.stack(maps)
    assert maps.std() > 0.05, f"{case.name}: maps are flat"
    save_file({"maps": maps.contiguous()}, directory / "maps.safetensors")
    (directory / "matches.txt").write_text("".join(f"{p}\t{s:.6f}\t{m:.6f}\n" for p, s, m in zip(PROMPTS, scores, match)))


def make(case):
    directory = HERE / case.name
    shutil.rmtree(directory, ignore_errors=True)
    (directory / "model").mkdir(parents=True)
    tokenizer_files(directory / "model")
    processor = {"image_processor_type": "CLIPImageProcessor", "do_resize": True, "size": {"shortest_edge": case.image}, "resample": 3,
                 "do_center_crop": True, "crop_size": {"height": case.image, "width": case.image}, "do_rescale": True,
                 "rescale_factor": 1 / 255, "do_normalize": True, "image_mean": [0.48145466, 0.4578275, 0.40821073],
                 "image_std": [0.26862954, 0.26130258, 0.27577711], "do_convert_rgb": True}
    (directory / "model" / "preprocessor_config.json").write_text(json.dumps(processor, indent=1) + "\n")
    tokens = AutoTokenizer.from_pretrained(directory / "model")(PROMPTS, padding=True, return_tensors="pt")
    rng = np.random.Generator(np.random.PCG64(case.seed + 2000))
    pixels = torch.from_numpy(rng.normal(0, 1, (len(PROMPTS), 3, case.image, case.image)).astype(np.float32))
    inputs = {"pixel_values": pixels, "input_ids": tokens["input_ids"], "attention_mask": tokens["attention_mask"]}
    assert inputs["input_ids"][0, -1] == VOCAB - 1 and inputs["attention_mask"][0, -1] == 0, "no row is padded"
    if case.beyond:
        inputs["input_ids"][1, 2] = VOCAB
    model = CLIPModel(config_of(case)).eval()
    rb.fill(model, case.seed)
    sharpen(model, inputs)
    model.to(case.dtype).save_pretrained(directory / "model")
    (directory / "model" / "generation_config.json").unlink(missing_ok=True)
    model = CLIPModel.from_pretrained(directory / "model", dtype=torch.float32, attn_implementation="eager").eval()
    out = expected(model, inputs)
    noise = check(case, model, inputs, out)
    save_file({name: tensor.contiguous() for name, tensor in inputs.items()}, directory / "inputs.safetensors")
    save_file(out, directory / "expected.safetensors")
    write_matches(case, model, directory)
    return {"directory": case.name, "about": case.about, "stored": str(case.dtype).removeprefix("torch."), "prompts": PROMPTS,
            "outputs": {n: list(t.shape) for n, t in out.items()}, "f32_against_f64": {n: float(f"{e:.1e}") for n, e in noise.items()}}


def main():
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(1)
    wanted = sys.argv[1:] or [case.name for case in CASES]
    made = {case.name: make(case) for case in CASES if case.name in wanted}
    old = json.loads((HERE / "manifest.json").read_text())["cases"] if sys.argv[1:] else []
    entries = [made.get(case.name) or next(e for e in old if e["directory"] == case.name) for case in CASES]
    versions = {"torch": torch.__version__, "transformers": transformers.__version__, "numpy": np.__version__}
    (HERE / "manifest.json").write_text(json.dumps({"versions": versions, "cases": entries}, indent=1) + "\n")
    (HERE / "cases.txt").write_text("".join(e["directory"] + "\n" for e in entries))
    print([e["f32_against_f64"] for e in entries])


if __name__ == "__main__":
    main()
