"""Load an exported captioner as its users do, and compare with this folder's own forward pass.

    caption_verify.py DIRECTORY [--run TOOLS/vlf-run]

With --run the pictures also go through that program: ids must be the same.
"""

import argparse
import json
import os
import subprocess
import tempfile

import numpy as np
import torch
from PIL import Image
from transformers import AutoTokenizer, BlipForConditionalGeneration, BlipImageProcessor

from caption_words import END, START
from caption_evaluate import SEEN_SEED, Captioner
from scenes import make_scene

QUESTIONS = ["what color is the thing?", "how many things are there?", "is there a red circle?",
             "What shape is the thing", "how many dogs are there?"]


def ours(program, folder, path, extra):
    out = subprocess.run([program, "--model", folder, "--image", path, *extra], capture_output=True, check=True, text=True)
    return [token["id"] for token in json.loads(out.stdout)["tokens"]]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--run")
    parser.add_argument("--scenes", type=int, default=6)
    args = parser.parse_args()
    tokenizer, processor = AutoTokenizer.from_pretrained(args.folder), BlipImageProcessor.from_pretrained(args.folder)
    model, info = BlipForConditionalGeneration.from_pretrained(args.folder, dtype=torch.float32, output_loading_info=True)
    assert not info["missing_keys"], info["missing_keys"]
    lean, words = Captioner(args.folder), lambda text: tokenizer.tokenize(text)
    same = total = 0
    for i in range(args.scenes):
        picture = np.ascontiguousarray(make_scene(SEEN_SEED + 5000 + i)["image"])
        values = processor(Image.fromarray(picture), return_tensors="pt")["pixel_values"]
        (mine,), (answers,) = lean([picture], [[words(q) for q in QUESTIONS]])
        for question, said in zip([None] + QUESTIONS, [mine] + answers):
            ids = tokenizer(question, return_tensors="pt")["input_ids"] if question else None
            made = model.eval().generate(pixel_values=values, input_ids=ids, max_length=40)[0].tolist()
            expected = [START] + lean.to_ids((words(question) if question else []) + said) + [END]
            assert made == expected, (question, said, made, expected)
            if args.run:
                with tempfile.TemporaryDirectory() as folder:
                    path = os.path.join(folder, "scene.png")
                    Image.fromarray(picture).save(path)
                    got = ours(args.run, args.folder, path, ["--question", question] if question else ["--caption"])
                total, same = total + 1, same + (got == made)
                if got != made:
                    print("differs:", question, made, got)
        print(" ".join(mine))
    print("vlf-run: %d of %d texts have the same ids" % (same, total) if args.run else "transformers agrees")


if __name__ == "__main__":
    main()
