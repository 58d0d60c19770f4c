# SPDX-License-Identifier: LGPL-2.1-or-later
"""A WordPiece as BERT's, a few hundred entries small, in the files that BLIP's repositories have: vocab.txt and, where
asked for, tokenizer.json."""

import json
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from tiny_tokenizer import TEXT

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def build(size):
    """A Tokenizer of exactly @size entries; ids of SPECIAL are 0 to 4."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(prefix="##")
    trainer = trainers.WordPieceTrainer(vocab_size=size, special_tokens=SPECIAL, min_frequency=1, show_progress=False)
    tokenizer.train_from_iterator(TEXT.split("\n"), trainer)
    vocab = sorted(tokenizer.get_vocab(), key=tokenizer.get_vocab().get)
    vocab += [f"[unused{i}]" for i in range(size - len(vocab))]
    whole = json.loads(tokenizer.to_str())
    whole["model"]["vocab"] = {token: i for i, token in enumerate(vocab)}
    tokenizer = Tokenizer.from_str(json.dumps(whole))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    assert tokenizer.get_vocab_size() == size, tokenizer.get_vocab_size()
    return tokenizer


def save(tokenizer, directory, max_length, whole=False):
    """@whole: tokenizer.json beside vocab.txt."""
    directory = Path(directory)
    vocab = sorted(tokenizer.get_vocab(), key=tokenizer.get_vocab().get)
    (directory / "vocab.txt").write_text("".join(token + "\n" for token in vocab))
    if whole:
        (directory / "tokenizer.json").write_text(tokenizer.to_str())
    config = {"tokenizer_class": "BertTokenizer", "do_lower_case": True, "model_max_length": max_length,
              "cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]", "unk_token": "[UNK]", "mask_token": "[MASK]"}
    (directory / "tokenizer_config.json").write_text(json.dumps(config, indent=1) + "\n")
