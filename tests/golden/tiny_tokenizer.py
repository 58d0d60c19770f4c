# SPDX-License-Identifier: LGPL-2.1-or-later
"""A byte-level BPE as RoBERTa's, a few hundred entries small, in the files that BridgeTower's repositories have:
vocab.json and tokenizer.json, no merges.txt."""

import json
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]

TEXT = """a red circle above the blue square. a large striped star left of the small yellow heart.
something green below the purple triangle, the dotted ring and the white cross; is there a black diamond?
a dog on the beach with a man who doesn't see it's raining. two cats lie on a couch, they're sleeping. people walk on the street."""


def build(vocab_size):
    """@vocab_size: at least 4 special tokens + 256 bytes + the mask. Training is deterministic. Returns a Tokenizer."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = [AddedToken(token, normalized=True, special=True) for token in SPECIAL]
    mask = AddedToken("<mask>", lstrip=True, special=True)
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size - 1,
        special_tokens=special,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXT.split("\n"), trainer)
    return _finish(tokenizer, mask)


def stand_in(vocab_size):
    """The same with made-up merges, to fill a vocabulary of any size: for models of published size."""
    small = json.loads(build(320).to_str())
    vocab = {token: i for token, i in small["model"]["vocab"].items() if token != "<mask>"}
    merges = [tuple(pair) for pair in small["model"]["merges"]]
    letters = [chr(c) for c in range(ord("a"), ord("z") + 1)]
    tokens = [token for token in vocab if token not in SPECIAL and token.isalpha() and token.isascii()]
    for left in tokens + [a + b for a in letters for b in letters]:
        for right in letters + tokens:
            if len(vocab) >= vocab_size - 1:
                break
            if left in vocab and right in vocab and left + right not in vocab:
                vocab[left + right] = len(vocab)
                merges.append((left, right))
    for i in range(len(vocab), vocab_size - 1):
        vocab[f"<unused{i}>"] = i
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, normalized=True, special=True) for token in SPECIAL])
    return _finish(tokenizer, AddedToken("<mask>", lstrip=True, special=True))


def _finish(tokenizer, mask):
    tokenizer.add_special_tokens([mask])
    sep, cls = tokenizer.token_to_id("</s>"), tokenizer.token_to_id("<s>")
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", sep), ("<s>", cls), True, False)
    return tokenizer


def save(tokenizer, directory, max_length=50, merges_file=False, old_merges=False):
    """@merges_file: merges.txt instead of tokenizer.json. @old_merges: each merge of tokenizer.json as one string, "a b",
    as the files written before tokenizers 0.20 have them, instead of a pair."""
    directory = Path(directory)
    whole = json.loads(tokenizer.to_str())
    lines = [" ".join(pair) for pair in whole["model"]["merges"]]
    if merges_file:
        (directory / "merges.txt").write_text("#version: 0.2\n" + "\n".join(lines) + "\n")
    else:
        if old_merges:
            whole["model"]["merges"] = lines
        (directory / "tokenizer.json").write_text(json.dumps(whole, ensure_ascii=False))
    vocab = dict(sorted(tokenizer.get_vocab().items(), key=lambda item: item[1]))
    (directory / "vocab.json").write_text(json.dumps(vocab, ensure_ascii=False))
    config = {
        "tokenizer_class": "RobertaTokenizer",
        "add_prefix_space": False,
        "model_max_length": max_length,
        "bos_token": "<s>",
        "cls_token": "<s>",
        "eos_token": "</s>",
        "sep_token": "</s>",
        "pad_token": "<pad>",
        "unk_token": "<unk>",
        "mask_token": {
            "__type": "AddedToken",
            "content": "<mask>",
            "lstrip": True,
            "rstrip": False,
            "normalized": False,
            "single_word": False,
        },
    }
    (directory / "tokenizer_config.json").write_text(json.dumps(config, indent=1) + "\n")


def encode(tokenizer, prompts, pad=1):
    """[B,T] ids and mask, padded on the right to the longest prompt, as lists."""
    rows = [tokenizer.encode(prompt).ids for prompt in prompts]
    width = max(map(len, rows))
    ids = [row + [pad] * (width - len(row)) for row in rows]
    mask = [[1] * len(row) + [0] * (width - len(row)) for row in rows]
    return ids, mask
