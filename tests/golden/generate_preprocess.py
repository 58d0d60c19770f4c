#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes preprocess/: pictures, a preprocessor_config.json each, and the pixel_values that the PIL processors of
transformers make of them; and sizes.txt, the geometry alone for many picture sizes.

    python tests/golden/generate_preprocess.py

The default processors of transformers 5 run on torchvision, whose bicubic differs a little; PIL's are the yardstick.
Use Pillow 12 or older: like all before it, it resizes rows before columns. Pillow 13 takes columns first for some
pictures that grow in width and shrink in height, which rounds differently; ordinary shrinking is the same.
"""

import json
import shutil
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw
from safetensors.torch import save_file
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil
from transformers.models.bridgetower.image_processing_pil_bridgetower import (
    BridgeTowerImageProcessorPil,
    get_resize_output_image_size,
)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

HERE = Path(__file__).resolve().parent / "preprocess"
MEAN, STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]


def bridgetower(edge, crop=0, **more):
    return {"image_processor_type": "BridgeTowerImageProcessor", "do_resize": True, "size": {"shortest_edge": edge},
            "size_divisor": 32, "resample": 3, "do_center_crop": True, "crop_size": {"shortest_edge": crop or edge},
            "do_rescale": True, "rescale_factor": 1 / 255, "do_normalize": True, "image_mean": MEAN, "image_std": STD,
            "do_pad": True} | more


def blip(edge, **more):
    return {"image_processor_type": "BlipImageProcessor", "do_resize": True, "size": {"height": edge, "width": edge},
            "resample": 3, "do_rescale": True, "rescale_factor": 1 / 255, "do_normalize": True, "image_mean": MEAN,
            "image_std": STD, "do_convert_rgb": True} | more


def clip(size, crop, **more):
    return {"image_processor_type": "CLIPImageProcessor", "do_resize": True, "size": size, "resample": 3,
            "do_center_crop": True, "crop_size": {"height": crop, "width": crop}, "do_rescale": True,
            "rescale_factor": 1 / 255, "do_normalize": True, "image_mean": MEAN, "image_std": STD,
            "do_convert_rgb": True} | more


KINDS = {"BridgeTowerImageProcessor": BridgeTowerImageProcessorPil, "BlipImageProcessor": BlipImageProcessorPil,
         "CLIPImageProcessor": CLIPImageProcessorPil}

CASES = {                                                      # name: (width, height, processor)
    "landscape": (97, 61, bridgetower(64)),                    # shape distorted a little by the divisor, sides cropped
    "portrait": (61, 97, bridgetower(64)),
    "square": (80, 80, bridgetower(64)),
    "shrink": (240, 135, bridgetower(64)),                     # the filter's support grows with the scale
    "panorama": (192, 60, bridgetower(64)),                    # the longer side limits: zero rows at top and bottom
    "divisor_pad": (120, 90, bridgetower(70)),                 # 64 of 70: as 288 of 294 in the large checkpoints
    "odd_pad": (90, 121, bridgetower(71)),                     # 64 of 71: the odd zero row goes to one side
    "tiny": (5, 3, bridgetower(64)),
    "one_pixel": (1, 1, bridgetower(32)),
    "no_resize": (81, 70, bridgetower(64, do_resize=False)),   # crop alone, odd margin
    "no_crop": (64, 48, bridgetower(64, do_center_crop=False, do_pad=False, size_divisor=64)),
    "squash": (97, 61, blip(48)),
    "squash_up": (20, 31, blip(48)),
    "squash_same": (48, 48, blip(48)),                         # nothing to resample
    "bilinear_half": (97, 61, blip(48, resample=2, image_mean=[0.5] * 3, image_std=[0.5] * 3)),
    "lanczos": (97, 61, blip(48, resample=1)),
    "nearest": (97, 61, blip(48, resample=0)),
    "box": (97, 61, blip(48, resample=4)),
    "jpeg": (96, 64, blip(48)),                                # 4:2:0
    "clip": (97, 61, clip({"shortest_edge": 48}, 48)),
    "clip_sides": (97, 61, clip({"height": 56, "width": 60}, 48)),  # squashed, then cropped
}

SIZES = [(1280, 720), (1920, 1080), (720, 1280), (640, 480), (480, 640), (768, 576), (720, 528), (320, 240), (352, 288),
         (288, 288), (289, 288), (294, 294), (1000, 999), (999, 1000), (4096, 2160), (8192, 16), (16, 8192), (1, 1), (2, 1),
         (1, 300), (300, 1), (479, 288), (480, 288), (481, 288), (500, 375), (333, 500)]
EDGES = [(288, 32), (294, 32), (384, 32), (128, 16), (224, 1)]


def picture(width, height, seed):
    """Edges, ramps and noise, full range: overshoot of the filter is clipped somewhere."""
    rng = np.random.Generator(np.random.PCG64(seed))
    y, x = np.mgrid[0:height, 0:width]
    ramps = np.stack([x * 255 / max(width - 1, 1), y * 255 / max(height - 1, 1), (x + y) % 32 * 8], -1)
    image = Image.fromarray((ramps * 0.8 + rng.integers(0, 52, ramps.shape)).clip(0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    draw.ellipse((width * 0.1, height * 0.2, width * 0.45, height * 0.8), fill=(255, 0, 0))
    draw.rectangle((width * 0.55, height * 0.3, width * 0.9, height * 0.7), fill=(0, 0, 255), outline=(255, 255, 255))
    draw.line((0, 0, width, height), fill=(0, 0, 0))
    return image


def check(name, image, processor, pixels):
    """pixel_values must give back whole 8-bit numbers: the filter rounds to bytes, before mean and deviation."""
    mean, std = (np.array(processor[key])[:, None, None] for key in ("image_mean", "image_std"))
    values = (pixels * std + mean) * 255
    assert np.abs(values - values.round()).max() < 1e-3, name
    if "height" in processor["size"] and "crop_size" not in processor:
        size = processor["size"]
        resized = image.resize((size["width"], size["height"]), processor["resample"])
        assert (values.round() == np.asarray(resized).transpose(2, 0, 1)).all(), name


def make(name, seed):
    width, height, config = CASES[name]
    directory = HERE / name
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    file = directory / ("image.jpg" if name == "jpeg" else "image.png")
    picture(width, height, seed).save(file, **({"quality": 85} if name == "jpeg" else {"optimize": True}))
    (directory / "preprocessor_config.json").write_text(json.dumps(config, indent=1) + "\n")

    image = Image.open(file).convert("RGB")
    kind = KINDS[config["image_processor_type"]]
    pixels = kind.from_pretrained(directory)(image, return_tensors="np")["pixel_values"][0].astype(np.float32)
    check(name, image, config, pixels)
    tensors = {"image": torch.from_numpy(np.array(image)), "pixel_values": torch.from_numpy(pixels)[None]}
    save_file(tensors, directory / "pixel_values.safetensors")
    print(name, image.size, pixels.shape)


def sizes():
    """Lines of: shortest edge, divisor, width, height of the picture, width, height after the resize. Sizes that
    transformers itself cannot make (a side rounded down to 0) are left out."""
    lines = []
    for edge, divisor in EDGES:
        for width, height in SIZES:
            high, wide = get_resize_output_image_size(
                np.empty((3, height, width), np.uint8), edge, int(1333 / 800 * edge), divisor)
            if high and wide:
                lines.append(f"{edge} {divisor} {width} {height} {wide} {high}\n")
    (HERE / "sizes.txt").write_text("".join(lines))


def main():
    for seed, name in enumerate(CASES):
        make(name, seed)
    sizes()
    (HERE / "cases.txt").write_text("".join(name + "\n" for name in CASES))


if __name__ == "__main__":
    main()
