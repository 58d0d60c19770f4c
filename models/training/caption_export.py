"""Write a captioner's run as a Hugging Face directory with f16 weights.

    caption_export.py RUN models/pretrained/vlf-captions
"""

import argparse
import os

import torch
from safetensors.torch import save_file

import caption_words
from caption_model import build, make_config
from export import dump
from model import HEADS, MEAN, STD
from train import MAP_LAYERS
from vocabulary import STOP_WORDS

TIED = ("predictions.decoder.weight", "predictions.decoder.bias")  # kept under their first names


def averaged(run):
    """The model with the running mean of its weights, which lie in the run's order."""
    model = build(make_config(len(caption_words.entries()))).eval()
    state = torch.load(os.path.join(run, "caption.pt"), weights_only=True)
    parts = list(model.vision_model.parameters()) + list(model.text_decoder.parameters())
    with torch.no_grad():
        for p, mean in zip(parts, state["average"]):
            p.copy_(mean)
    return model, state["step"]


def write(model, folder, name):
    os.makedirs(folder, exist_ok=True)
    model.config.architectures = ["BlipForConditionalGeneration"]
    model.config.dtype = torch.float16
    model.config.save_pretrained(folder)
    state = {k: v.detach().half().contiguous().clone() for k, v in model.state_dict().items() if not k.endswith(TIED)}
    save_file(state, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})
    os.chmod(os.path.join(folder, "model.safetensors"), 0o644)
    caption_words.build_tokenizer(folder)
    dump(folder, "preprocessor_config.json", {
        "image_processor_type": "BlipImageProcessor", "do_resize": True,
        "size": {"height": 128, "width": 128}, "resample": 3, "do_rescale": True,
        "rescale_factor": 1 / 255, "do_normalize": True, "image_mean": [MEAN] * 3,
        "image_std": [STD] * 3, "do_convert_rgb": True})
    dump(folder, "vlfusion.json", {
        "name": name, "attention_layers": list(MAP_LAYERS),
        "attention_heads": list(range(HEADS)), "questions": "prefix", "stop_words": STOP_WORDS})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("folder")
    args = parser.parse_args()
    model, step = averaged(args.run)
    write(model, args.folder, os.path.basename(os.path.normpath(args.folder)))
    print("step", step)


if __name__ == "__main__":
    main()
