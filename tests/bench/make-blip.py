#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A BLIP captioner of base size (Salesforce/blip-image-captioning-base) with random weights, for compare.py.

    python tests/bench/make-blip.py FOLDER

The tokenizer is that of the golden tests; nothing times it.
"""

import argparse
import json
import shutil
from pathlib import Path

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "blip" / "caption" / "model"


def main():
    parser = argparse.ArgumentParser(description="random BLIP of base size")
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()

    import torch
    from transformers import BlipConfig, BlipForConditionalGeneration

    torch.manual_seed(1)
    text = {"vocab_size": 30524, "hidden_size": 768, "encoder_hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12,
            "num_attention_heads": 12, "max_position_embeddings": 512, "bos_token_id": 30522, "sep_token_id": 102, "eos_token_id": 102,
            "pad_token_id": 0}
    vision = {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12, "image_size": 384,
              "patch_size": 16}
    BlipForConditionalGeneration(BlipConfig(text_config=text, vision_config=vision)).save_pretrained(options.folder)
    for name in ("vocab.txt", "tokenizer.json", "tokenizer_config.json"):
        if (GOLDEN / name).exists():
            shutil.copy(GOLDEN / name, options.folder)
    preprocess = json.loads((GOLDEN / "preprocessor_config.json").read_text())
    preprocess["size"] = {"height": 384, "width": 384}
    (options.folder / "preprocessor_config.json").write_text(json.dumps(preprocess, indent=2) + "\n")


if __name__ == "__main__":
    main()
