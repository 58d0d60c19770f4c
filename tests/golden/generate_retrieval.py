#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes retrieval/: what transformers says of one picture and a bank of texts, by the models of clip/, blip/ and bridgetower/.

    python tests/golden/generate_retrieval.py

A case has picture.rgb (of the model's own size), bank.safetensors (`embeddings` [texts, size], metadata `labels`), texts.txt (a text,
the cosine of its embedding with the picture's, the matching head's logit difference or "nan") and, of CLIP, zeroshot.txt: lines of
what it is (template, negative, prompt), the text, for the last two the cosine of the mean over all templates and its probability
among all of them.
"""

import shutil
from pathlib import Path

import numpy as np
import torch
import transformers
from safetensors.torch import save_file
from transformers import (AutoTokenizer, BlipForImageTextRetrieval, BridgeTowerForContrastiveLearning,
                          BridgeTowerForImageAndTextRetrieval, CLIPModel)

GOLDEN = Path(__file__).resolve().parent
HERE = GOLDEN / "retrieval"
TEXTS = [f"{article} {colour} {shape}{tail}" for article, tail in (("a", ""), ("the", " left of it"), ("is there a", "?"))
         for colour in ("red", "striped", "yellow", "large") for shape in ("circle", "star", "heart", "square")]
TEMPLATES = ["a photo of {}.", "{} in the picture", "is this {}? {}"]
NEGATIVES = ["something", "the large square"]
PROMPTS = ["a red circle", "the striped star", "a heart"]
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
unit = torch.nn.functional.normalize


def tensor_of(x):
    return x if isinstance(x, torch.Tensor) else x.pooler_output


class Clip:
    def __init__(self, directory):
        self.model = CLIPModel.from_pretrained(directory, dtype=torch.float32, attn_implementation="eager").eval()

    def image(self, pixels):
        return unit(tensor_of(self.model.get_image_features(pixel_values=pixels)), dim=-1)

    def text(self, tokens):
        return unit(tensor_of(self.model.get_text_features(**tokens)), dim=-1)

    def match(self, pixels, tokens):
        return float("nan")


class Blip:
    def __init__(self, directory):
        self.model = BlipForImageTextRetrieval.from_pretrained(directory, dtype=torch.float32).eval()

    def image(self, pixels):
        return unit(self.model.vision_proj(self.model.vision_model(pixels).last_hidden_state[:, 0]), dim=-1)

    def text(self, tokens):
        states = self.model.text_encoder(input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"]).last_hidden_state
        return unit(self.model.text_proj(states[:, 0]), dim=-1)

    def match(self, pixels, tokens):
        other, match = self.model(pixel_values=pixels, **tokens).itm_score[0].tolist()
        return match - other


class BridgeTower:
    def __init__(self, directory):
        arguments = {"dtype": torch.float32, "attn_implementation": "eager"}
        self.contrastive = BridgeTowerForContrastiveLearning.from_pretrained(directory, **arguments).eval()
        self.matching = BridgeTowerForImageAndTextRetrieval.from_pretrained(directory, **arguments).eval()
        self.tokens = None

    def both(self, pixels, tokens):
        return self.contrastive(pixel_values=pixels, **tokens)

    def image(self, pixels):
        return self.both(pixels, self.tokens).image_embeds

    def text(self, tokens):
        self.tokens = tokens
        return self.both(self.pixels, tokens).text_embeds

    def match(self, pixels, tokens):
        other, match = self.matching(pixel_values=pixels, **tokens).logits[0].tolist()
        return match - other


CASES = [("clip-openai", "clip/openai", Clip, 36), ("clip-open_clip", "clip/open_clip", Clip, 32),
         ("blip", "blip/retrieval", Blip, None), ("bridgetower", "bridgetower/contrastive", BridgeTower, None)]


def write_zeroshot(model, image, tokenize, directory):
    def embed(prompt):
        one = [model.text(tokenize(template.replace("{}", prompt))) for template in TEMPLATES]
        return unit(torch.cat(one).mean(0, keepdim=True), dim=-1)

    names = [("prompt", p) for p in PROMPTS] + [("negative", n) for n in NEGATIVES]
    cosines = torch.cat([embed(text) @ image.T for _, text in names])[:, 0]
    shares = (cosines * model.model.logit_scale.exp()).softmax(0)
    lines = [f"template\t{template}\n" for template in TEMPLATES]
    lines += [f"{kind}\t{text}\t{c:.6f}\t{s:.6f}\n" for (kind, text), c, s in zip(names, cosines.tolist(), shares.tolist())]
    (directory / "zeroshot.txt").write_text("".join(lines))


@torch.no_grad()
def make(name, source, kind, size):
    directory, model = HERE / name, kind(GOLDEN / source / "model")
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    inner = getattr(model, "model", None) or model.contrastive
    size = size or inner.config.vision_config.image_size
    model.pixels = torch.zeros(1, 3, size, size)
    tokenizer = AutoTokenizer.from_pretrained(GOLDEN / source / "model")

    def tokenize(text):
        tokens = dict(tokenizer(text, return_tensors="pt"))
        tokens.pop("token_type_ids", None)
        return tokens

    embeddings = torch.cat([model.text(tokenize(text)) for text in TEXTS])
    for seed in range(100):  # until the best texts do not hang on rounding
        picture = np.random.Generator(np.random.PCG64(4000 + seed)).integers(0, 256, (size, size, 3), np.uint8)
        pixels = torch.from_numpy(((picture / 255 - MEAN) / STD).transpose(2, 0, 1)[None].astype(np.float32))
        image = model.image(pixels)
        cosines = (embeddings @ image.T)[:, 0]
        ordered = cosines.sort().values
        if (ordered[1:] - ordered[:-1])[-12:].min() > 1e-4:
            break
    else:
        raise SystemExit(f"{name}: the best texts always lie too near each other")
    matches = [model.match(pixels, tokenize(text)) for text in TEXTS]
    (directory / "picture.rgb").write_bytes(picture.tobytes())
    save_file({"embeddings": embeddings.contiguous()}, directory / "bank.safetensors", metadata={"labels": ",".join(TEXTS)})
    (directory / "texts.txt").write_text("".join(f"{t}\t{c:.6f}\t{m:.6f}\n" for t, c, m in zip(TEXTS, cosines.tolist(), matches)))
    if kind is Clip:
        write_zeroshot(model, image, tokenize, directory)
    print(name, "cosines", f"{cosines.min():.3f}..{cosines.max():.3f}", "matches", f"{min(matches):.2f}..{max(matches):.2f}")


def main():
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(1)
    for case in CASES:
        make(*case)


if __name__ == "__main__":
    main()
