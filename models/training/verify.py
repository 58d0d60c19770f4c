"""Load an exported directory as its users do: both classes, tokenizer, processor."""

import sys

import numpy as np
import torch
from transformers import (AutoTokenizer, BlipImageProcessor, BridgeTowerForContrastiveLearning,
                          BridgeTowerForImageAndTextRetrieval)

from scenes import make_scene


def main(folder):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    processor = BlipImageProcessor.from_pretrained(folder)
    picture = make_scene(900_001)["image"]
    inputs = dict(tokenizer(["a red circle", "Something GREEN."], padding=True, return_tensors="pt"))
    inputs["pixel_values"] = processor([picture, picture], return_tensors="pt")["pixel_values"]
    with torch.no_grad():
        for kind in (BridgeTowerForImageAndTextRetrieval, BridgeTowerForContrastiveLearning):
            model, info = kind.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
            assert not info["missing_keys"], info["missing_keys"]
            logits = model.eval()(**inputs).logits
            assert torch.isfinite(logits).all()
            print(kind.__name__, tuple(logits.shape), np.round(logits.flatten()[:4].numpy(), 4))


if __name__ == "__main__":
    main(sys.argv[1])
