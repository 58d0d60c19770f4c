#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A CLIP with random weights in the size of a known one, for compare.py: its image tower costs what the known one costs.

    python tests/bench/make-clip.py vit-b16|tinyclip-8m FOLDER

The text tower is that of a golden test, whose tokenizer it brings along; nothing times it.
"""

import argparse
import json
import shutil
from pathlib import Path

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "clip" / "openai" / "model"
SIZES = {"vit-b16": {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12},
         "tinyclip-8m": {"hidden_size": 256, "intermediate_size": 1024, "num_hidden_layers": 10, "num_attention_heads": 4}}


def main():
    parser = argparse.ArgumentParser(description="random CLIP of a known size")
    parser.add_argument("size", choices=sorted(SIZES))
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()

    import torch
    from transformers import CLIPConfig, CLIPModel

    torch.manual_seed(1)
    config = CLIPConfig.from_pretrained(GOLDEN)
    vision = config.vision_config
    for name, value in SIZES[options.size].items():
        setattr(vision, name, value)
    vision.image_size, vision.patch_size, vision.hidden_act = 224, 16, "quick_gelu"
    config.projection_dim = vision.projection_dim = config.text_config.projection_dim = 512
    CLIPModel(config).save_pretrained(options.folder)
    for name in ("merges.txt", "vocab.json", "tokenizer_config.json"):
        shutil.copy(GOLDEN / name, options.folder)
    preprocess = json.loads((GOLDEN / "preprocessor_config.json").read_text())
    preprocess["size"], preprocess["crop_size"] = {"shortest_edge": 224}, {"height": 224, "width": 224}
    (options.folder / "preprocessor_config.json").write_text(json.dumps(preprocess, indent=2) + "\n")


if __name__ == "__main__":
    main()
