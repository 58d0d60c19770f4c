"""Write a training run as a Hugging Face directory with f16 weights.

    export.py RUN models/pretrained/vlf-shapes
"""

import argparse
import json
import os
import random
import shutil

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

import phrases as ph
from data import pad
from evaluate import phrase_about, relation_about, view_of
from model import MEAN, STD, Lean, build, make_config
from train import MAP_LAYERS
from vocabulary import STOP_WORDS, Encoder

CALIBRATION_SEED = 800_000


def averaged(run, stage):
    """The model with the running mean of its weights."""
    encoder = Encoder(os.path.join(run, "tokenizer"))
    model = build(make_config(len(encoder.tokenizer))).eval()
    state = torch.load(os.path.join(run, stage + ".pt"), weights_only=True)
    with torch.no_grad():
        for p, mean in zip(model.parameters(), state["average"]):
            p.copy_(mean)
    return model, encoder, state["step"]


def match_logits(model, encoder, scenes):
    """Logit differences and labels of balanced phrases on fresh scenes."""
    lean, out = Lean(model, torch.float32), []
    for i in range(scenes):
        view, rng = view_of(CALIBRATION_SEED + i), random.Random(i)
        if not view.things:
            continue
        makers = [phrase_about, phrase_about, relation_about, relation_about]
        asked = [make(rng, view, n % 2 == 0, False) for n, make in enumerate(makers)]
        asked = [p for p in asked if p is not None]
        if not asked:
            continue
        ids = [encoder(p.words)[0] for p in asked]
        with torch.no_grad():
            texts, bias = lean.text(torch.from_numpy(pad(ids, 1, max(map(len, ids)))))
            images = lean.vision(torch.from_numpy(np.ascontiguousarray(view.image))[None])
            text, image, _, _ = lean.fuse(images, texts, bias, len(asked))
            logits = lean.match(lean.pooled(text, image))
        out += [(float(l[1] - l[0]), p.label) for l, p in zip(logits, asked)]
    return torch.tensor(out).t()


def calibrate(model, encoder, scenes):
    """Fold the scale and offset that fit fresh scenes best into the match head."""
    difference, label = match_logits(model, encoder, scenes)
    scale, offset = torch.ones(1, requires_grad=True), torch.zeros(1, requires_grad=True)
    fit = torch.optim.LBFGS([scale, offset], max_iter=60)

    def closure():
        fit.zero_grad()
        loss = F.binary_cross_entropy_with_logits(difference * scale + offset, label)
        loss.backward()
        return loss

    fit.step(closure)
    with torch.no_grad():
        head = model.itm_score.fc
        head.weight.mul_(scale)
        head.bias.mul_(scale)
        head.bias += torch.cat([-offset, offset]) / 2
    return scale.item(), offset.item()


def write(model, run, folder, name):
    os.makedirs(folder, exist_ok=True)
    model.config.architectures = ["BridgeTowerForImageAndTextRetrieval"]
    model.config.dtype = torch.float16
    model.config.save_pretrained(folder)
    state = {k: v.detach().half().contiguous().clone() for k, v in model.state_dict().items()
             if not k.endswith(("position_ids", "token_type_ids"))}
    save_file(state, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})
    os.chmod(os.path.join(folder, "model.safetensors"), 0o644)
    for file in os.listdir(os.path.join(run, "tokenizer")):
        shutil.copy(os.path.join(run, "tokenizer", file), folder)
    dump(folder, "preprocessor_config.json", {
        "image_processor_type": "BlipImageProcessor", "do_resize": True,
        "size": {"height": 128, "width": 128}, "resample": 3, "do_rescale": True,
        "rescale_factor": 1 / 255, "do_normalize": True, "image_mean": [MEAN] * 3,
        "image_std": [STD] * 3, "do_convert_rgb": True})
    dump(folder, "vlfusion.json", {
        "name": name, "attention_layers": list(MAP_LAYERS),
        "attention_heads": list(range(model.config.text_config.num_attention_heads)),
        "threshold": 0.5, "stop_words": STOP_WORDS})


def dump(folder, name, value):
    with open(os.path.join(folder, name), "w") as file:
        json.dump(value, file, indent=2)
        file.write("\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("folder")
    parser.add_argument("--stage", default="fusion")
    parser.add_argument("--calibrate", type=int, default=400, help="scenes")
    args = parser.parse_args()
    model, encoder, step = averaged(args.run, args.stage)
    fit = calibrate(model, encoder, args.calibrate) if args.calibrate else None
    write(model, args.run, args.folder, os.path.basename(os.path.normpath(args.folder)))
    print("step", step, "scale and offset of the match head", fit)


if __name__ == "__main__":
    main()
