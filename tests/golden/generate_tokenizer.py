#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tiny tokenizers and what transformers makes of difficult texts with them, for tests/test-tokenizer.c.

    python3 generate_tokenizer.py [CASE...]        (transformers 5.23.0, tokenizers 0.23.3, sentencepiece 0.2.3)

With cases named only those are made anew.

Writes tokenizer/:
  texts.jsonl           a JSON string per line
  CASE/                 a model directory
  CASE/ids.txt          the ids of every `step`th text (manifest.json), line by line
  CASE/offsets.txt      where the manifest has `offsets`: of every so many-th of those texts the bytes that each token came from, white
                        space trimmed, 0,0 for none; null for texts that are not composed, where a token has the whole letter here
  manifest.json         also texts too long to keep, by their making and the SHA-256 of their ids
The trainers of clip, bert and cased break ties by chance: another run gives other tokens, and ids that belong to them.
"""

import base64
import hashlib
import io
import json
import random
import re
import shutil
import string
import struct
import sys
import tempfile
import unicodedata
from pathlib import Path

import sentencepiece
import tokenizers
import transformers
from sentencepiece import sentencepiece_model_pb2
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer

HERE = Path(__file__).parent / "tokenizer"
SPACES = "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"

CORPUS = """A red circle above the blue square. A large striped star left of the small yellow heart.
Something green below the purple triangle, the dotted ring and the white cross; is there a black diamond?
A dog on the beach with a man who doesn't see it's raining. They're sleeping, we've seen, I'm sure he'd say she'll come.
two cats lie on a couch, people walk on the street 1234567890 times, costs $12.50 (or 20% less) @home #tag & more...
Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich. Où est le café près de l'hôtel? Året är 2026.
Съешь же ещё этих мягких французских булок, да выпей чаю. Ξεσκεπάζω την ψυχοφθόρα βδελυγμία.
红色的圆形在蓝色正方形的上面。赤い円は青い四角の上にあります。빨간 원은 파란 사각형 위에 있습니다.
دائرة حمراء فوق المربع الأزرق. עיגול אדום מעל הריבוע הכחול. नीले वर्ग के ऊपर लाल वृत्त। วงกลมสีแดง
😀 😃 👍🏽 👨‍👩‍👧‍👦 🔴 🟦 ⭐ ❤️ ✨ 🏳️‍🌈 Ⅳ ½ ² ① ٣ ३
def main(argc, argv): return 0 if not argv else [x for x in argv]"""

HARD = [
    "", " ", "  ", "   ", "\n", "\n\n", "\t", " \n", "\n ", " \n ", "\r\n", "a", " a", "a ", "  a", "a  ", "  a  b  ", "a\n\nb", "a \n b",
    "a\u3000b", "a \u3000 b", "\u3000", "a\xa0b", "\xa0", " \xa0a", "a\u2028b\u2029c", "\x85x", "a\u1680b", "a\u200bb", "\ufeffa", "a\u180eb",
    "it's", "It'S", "'s", " 's", "''s", "'re've'll'd'm't's", "don't", "DON'T", "they'll've", "o'clock", "'", "''", "' ", " '", "'x", "x'",
    "rock'n'roll", "l'hôtel", "it’s", "'sx", "'tis", "a's b't c're d've e'm f'll g'd",
    "<s>", "</s>", "<mask>", "<pad>", "<unk>", " <mask>", "<mask> ", " <mask> ", "a <mask> b", "a<mask>b", "a  <mask>  b", "<mask><mask>",
    "<mask> <mask>", "<mask>\n<mask>", "\n<mask>\n", "\u3000<mask>\u3000", "<<mask>>", "<mask", "mask>", "<MASK>", "< mask >", "<s>a</s>",
    "<s> a </s>", "a <s>", "</s></s>", "<pad> <pad>", "<s", "</s", "<s>>", "<|endoftext|>", "<|startoftext|>", "a<|endoftext|>b",
    "<|ENDOFTEXT|>", " <|endoftext|> ", "<|endoftext", "[CLS]", "[SEP] a", "[MASK]", "[UNK]", "<extra>", "a<extra>b", "a <extra> b",
    "<word>", "a<word>", "a <word> b", "<word>b", "-<word>-", "_<word>", "é<word>", "<word>é", "<both>", "a <both> b", "a\n<both>\tb",
    "<both> <both>", "<both><mask> <both>", "<long>", "<long>er", "<longer>", "new", "newtoken", "renewtoken", "NEWTOKEN", "NewToken",
    "1", "12", "123", "a1", "1a", " 1", "1 2", "3.14", "1,000", "1e-5", "²", "x²", "½", "Ⅳ", "①", "٣", "१२", "〇", "一二三", "1½", "2²3",
    "!", "!!", "!?", " !", "! ", "a!", "!a", "...", "…", "--", "—", "a-b", "a_b", "_", "__init__", "$", "€5", "100%", "(a)", "[b]", "{c}",
    "a@b.com", "https://example.org/a?b=c&d=e#f", "C:\\x\\y", "#tag", "\"quoted\"", "“quoted”", "«guillemets»", "~`^|<>",
    "é", "e\u0301", "café", "cafe\u0301", "ñ", "n\u0303", "ÅÅ", "\u212b", "ﬁ", "ß", "ẞ", "İ", "ı", "Ǆ", "ǅ", "Σς", "ΌΣΟΣ", "ŉ", "ﬃ", "Ａ", "ｱ",
    "\u0301", " \u0301", "a\u0301\u0302\u0323", "q\u0307\u0323", "q\u0323\u0307", "\u1e9b\u0323", "\u0958", "\u09c7\u09be", "\u0344", "각", "\u1100\u1161\u11a8",
    "\uac00\u11a8", "a\u200db", "a\u200cb", "a\u034fb", "\u202eabc\u202c", "\u2066a\u2069", "a\u00adb",
    "红色", "红 色", "红,色", "赤い円", "カタカナ", "ｶﾀｶﾅ", "빨간 원", "ไทย", "नमस्ते", "العربية", "عَرَبِيّ", "עברית", "שָׁלוֹם", "ქართული", "Ქართული", "հայերեն",
    "𠀀", "𝒳𝓎", "𝟘𝟙", "🔴", "🔴🔵", "👍🏽", "👨‍👩‍👧‍👦", "🏳️‍🌈", "🇩🇪", "1️⃣", "❤️", "☃", "☃️", "a😀b", "😀 😀", "™", "©a", "⟨x⟩", "→", "∑", "√2",
    "\x00", "a\x00b", "\x01", "\x07\x08", "\x1b[31m", "\x7f", "a\x1fb", "\x80", "\x9f", "\ufffd", "\ufffe", "\uffff", "\U0010ffff", "\ue000", "\ufdd0",
    "a" * 60, "ab" * 40, "é" * 40, "红" * 30, "🔴" * 20, " " * 40, "\n" * 20, "!" * 40, "1" * 40, "'s" * 20, "a " * 40, " a" * 40,
    "Ġ", "ĠĠa", "Ċ", "ÿ", "a</w>", "</w>", "##a", "▁a", "Ġ</w>",
]

PIECES = [
    "a", "red", "circle", "the", "A", "Blue", "STAR", "it's", "don't", "'ll", "'", "<mask>", "<s>", "</s>", "<pad>", "<extra>", "<word>", "<both>",
    " ", " ", " ", "  ", "\n", "\t", "\u3000", "\xa0", ".", ",", "!", "?", "...", "-", "_", "1", "42", "3.14", "é", "e\u0301", "ß", "İ", "红", "円", "빨간",
    "مربع", "ריבוע", "नीले", "😀", "👍🏽", "❤️", "½", "Ⅳ", "\u200d", "\x00", "\x1b", "<|endoftext|>", "<|startoftext|>", "\u0301", "𝒳", "ไทย", "ΌΣ",
]


def texts():
    rng = random.Random(20260101)
    all_texts = list(HARD) + CORPUS.split("\n")
    while len(all_texts) < 1000:
        all_texts.append("".join(rng.choice(PIECES) for _ in range(rng.randint(1, 9))))
    alphabet = [c for c in map(chr, [*range(0x250), *range(0x370, 0x530), *range(0x4E00, 0x4E40), *range(0x1F600, 0x1F620)])]
    while len(all_texts) < 1100:
        all_texts.append("".join(rng.choice(alphabet) for _ in range(rng.randint(1, 12))))
    return all_texts


LONG = [
    {"unit": "a", "times": 10000}, {"unit": "circle", "times": 1700}, {"unit": "é", "times": 5000}, {"unit": " ", "times": 10000},
    {"unit": "'", "times": 10000}, {"unit": "9", "times": 10000}, {"unit": "🔴", "times": 2500}, {"unit": "the dog doesn't ", "times": 700},
    {"unit": "red<mask> ", "times": 1000}, {"unit": "ab", "times": 524288}, {"unit": "a circle, a star; ", "times": 58254},
]


def byte_level(vocab_size, special, add_prefix_space=False):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=vocab_size, special_tokens=special, show_progress=False,
                                  initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()))
    tokenizer.train_from_iterator(CORPUS.split("\n"), trainer)
    return tokenizer


def write(case, name, value):
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    (HERE / case / name).write_text(text, encoding="utf-8")


def start(case, model_type, config):
    (HERE / case).mkdir(parents=True)
    write(case, "config.json", {"model_type": model_type})
    write(case, "tokenizer_config.json", config)


MASK = {"content": "<mask>", "lstrip": True, "rstrip": False, "normalized": False, "single_word": False}


def roberta(case):
    """As the published BridgeTower directories: tokenizer.json with everything, a config with the older AddedToken form."""
    tokenizer = byte_level(700, [AddedToken(t, normalized=True, special=True) for t in ["<s>", "<pad>", "</s>", "<unk>"]])
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, normalized=False, special=True)])
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), True, False)
    start(case, "bridgetower", {"tokenizer_class": "RobertaTokenizer", "model_max_length": 50, "trim_offsets": True,
                                "add_prefix_space": False, "mask_token": {"__type": "AddedToken", **MASK}})
    write(case, "tokenizer.json", json.loads(tokenizer.to_str()))


def files(case):
    """vocab.json and merges.txt with the three files that older tokenizers keep beside them; no class named."""
    tokenizer = byte_level(420, ["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    whole = json.loads(tokenizer.to_str())["model"]
    start(case, "bridgetower", {"model_max_length": 512})
    write(case, "vocab.json", whole["vocab"])
    write(case, "merges.txt", "#version: 0.2\n" + "".join(" ".join(m) + "\n" for m in whole["merges"]))
    write(case, "added_tokens.json", {"<extra>": 421, "newtoken": 420})
    write(case, "special_tokens_map.json", {"bos_token": "<s>", "cls_token": "<s>", "mask_token": MASK, "additional_special_tokens": ["<both>"]})


def prefix(case):
    """A space in front of every text, merges as one string each, unusual special tokens."""
    tokenizer = byte_level(420, ["[CLS]", "<pad>", "[SEP]", "<unk>", "<mask>"])
    whole = json.loads(tokenizer.to_str())
    whole["model"]["merges"] = [" ".join(m) for m in whole["model"]["merges"]]
    start(case, "roberta", {"tokenizer_class": "RobertaTokenizerFast", "add_prefix_space": True, "cls_token": "[CLS]", "sep_token": "[SEP]",
                            "bos_token": "[CLS]", "eos_token": "[SEP]", "model_max_length": 1000000000000000019884624838656})
    write(case, "tokenizer.json", whole)


def added(case):
    """Every flag of added tokens, from added_tokens_decoder, whose numbers are not the ids that the tokens get."""
    tokenizer = byte_level(420, ["<s>", "<pad>", "</s>", "<unk>"])
    tokens = {
        "0": {"content": "<s>", "lstrip": False, "normalized": True, "rstrip": False, "single_word": False, "special": True},
        "500": {"content": "<mask>", "lstrip": True, "normalized": False, "rstrip": False, "single_word": False, "special": True},
        "430": {"content": "<word>", "lstrip": False, "normalized": True, "rstrip": False, "single_word": True, "special": False},
        "440": {"content": "<both>", "lstrip": True, "normalized": False, "rstrip": True, "single_word": False, "special": False},
        "441": {"content": "<long>", "lstrip": False, "normalized": False, "rstrip": True, "single_word": False, "special": True},
        "442": {"content": "<longer>", "lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True},
        "443": {"content": "<long", "lstrip": False, "normalized": True, "rstrip": False, "single_word": False, "special": False},
        "444": {"content": "new", "lstrip": False, "normalized": True, "rstrip": False, "single_word": True, "special": False},
        "445": {"content": "红", "lstrip": False, "normalized": True, "rstrip": True, "single_word": False, "special": False},
    }
    start(case, "bridgetower", {"tokenizer_class": "RobertaTokenizer", "added_tokens_decoder": tokens, "extra_special_tokens": ["<extra>"],
                                "image_token": "☃"})
    write(case, "tokenizer.json", json.loads(tokenizer.to_str()))


def named(case):
    """Tokens that are named several times, in several files, with different flags."""
    tokenizer = byte_level(420, ["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    whole = json.loads(tokenizer.to_str())["model"]
    start(case, "bridgetower", {"eos_token": {"__type": "AddedToken", "content": "</s>", "lstrip": True, "rstrip": True, "single_word": False,
                                              "normalized": False}, "additional_special_tokens": ["<both>", "newtoken", "<mask>"]})
    write(case, "vocab.json", whole["vocab"])
    write(case, "merges.txt", "#version: 0.2\n" + "".join(" ".join(m) + "\n" for m in whole["merges"]))
    write(case, "added_tokens.json", {"newtoken": 500, "<extra>": 421})
    write(case, "special_tokens_map.json", {"sep_token": "</s>", "cls_token": {"content": "<s>", "lstrip": False, "rstrip": True},
                                            "mask_token": MASK, "additional_special_tokens": ["<word>"]})


def generic(case):
    """A tokenizer.json that speaks for itself: template, lower case before the added tokens, whole words first."""
    tokenizer = byte_level(420, ["<s>", "<pad>", "</s>", "<unk>", "<mask>"], add_prefix_space=True)
    whole = json.loads(tokenizer.to_str())
    whole["model"]["ignore_merges"] = True
    tokenizer = Tokenizer.from_str(json.dumps(whole))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    tokenizer.add_tokens([AddedToken("NewToken", normalized=True), AddedToken("<extra>", normalized=False)])
    tokenizer.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=True),
        processors.TemplateProcessing(single="<s> <mask> $A </s>", pair="<s> $A $B </s>", special_tokens=[("<s>", 0), ("</s>", 2), ("<mask>", 4)])])
    start(case, "bridgetower", {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "<pad>"})
    write(case, "tokenizer.json", json.loads(tokenizer.to_str()))


def clip(case):
    tokenizer = Tokenizer(models.BPE(end_of_word_suffix="</w>", unk_token="<|endoftext|>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"), behavior="removed", invert=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False)])
    trainer = trainers.BpeTrainer(vocab_size=900, special_tokens=["<|startoftext|>", "<|endoftext|>"], show_progress=False,
                                  initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), end_of_word_suffix="</w>")
    tokenizer.train_from_iterator(CORPUS.split("\n"), trainer)
    whole = json.loads(tokenizer.to_str())["model"]
    start(case, "clip", {"tokenizer_class": "CLIPTokenizer", "model_max_length": 77, "pad_token": "<|endoftext|>"})
    write(case, "vocab.json", whole["vocab"])
    write(case, "merges.txt", "#version: 0.2\n" + "".join(" ".join(m) + "\n" for m in whole["merges"]))


BERT_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def word_pieces(lowercase):
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=700, special_tokens=BERT_SPECIAL, show_progress=False)
    tokenizer.train_from_iterator(CORPUS.split("\n"), trainer)
    return tokenizer


def bert(case):
    """As BLIP's: vocab.txt and two tokens beside it."""
    vocab = sorted(word_pieces(True).get_vocab().items(), key=lambda item: item[1])
    start(case, "blip", {"tokenizer_class": "BertTokenizer", "do_lower_case": True, "model_max_length": 512, "additional_special_tokens": ["[ENC]"],
                         "bos_token": "[DEC]"})
    write(case, "vocab.txt", "".join(token + "\n" for token, _ in vocab))


def cased(case):
    """A tokenizer.json that speaks for itself."""
    tokenizer = word_pieces(False)
    tokenizer.add_special_tokens([AddedToken(t, special=True) for t in BERT_SPECIAL])
    tokenizer.add_tokens(["NewToken", AddedToken("<word>", single_word=True)])
    ids = [("[CLS]", tokenizer.token_to_id("[CLS]")), ("[SEP]", tokenizer.token_to_id("[SEP]"))]
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=ids)
    start(case, "blip", {"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "[UNK]", "pad_token": "[PAD]"})
    write(case, "tokenizer.json", json.loads(tokenizer.to_str()))


def charsmap(entries):
    """SentencePiece's compiled normalisation of @entries, by hand: darts-clone's double array, then the targets. A child of the node at
    p with unit u lies at p ^ offset (u) ^ its byte, a value at p ^ offset (u)."""
    targets, places, trie = b"", {}, {}
    for source, target in entries.items():
        if target not in places:
            places[target] = len(targets)
            targets += target.encode() + b"\0"
        node = trie
        for byte in source.encode():
            node = node.setdefault(byte, {})
        node[0] = places[target]
    units, taken, bases = {}, {0}, set()

    def place(node, at, label):
        base = next(b for b in range(1, 1 << 20) if b not in bases and not any(b ^ byte in taken for byte in node))
        bases.add(base)
        taken.update(base ^ byte for byte in node)
        units[at] = (base ^ at) << 10 | (0 in node) << 8 | label
        for byte, child in sorted(node.items()):
            if byte == 0:
                units[base] = 1 << 31 | child
            else:
                place(child, base ^ byte, byte)

    place(trie, 0, 0)
    trie_bytes = b"".join(struct.pack("<I", units.get(i, 0)) for i in range((max(units) | 255) + 1))
    return struct.pack("<I", len(trie_bytes)) + trie_bytes + targets


def pieces(steps, prepend="always"):
    """SentencePiece's most probable pieces, as tokenizer.json has them."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence(steps)
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=prepend)
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=600, special_tokens=["<pad>", "</s>", "<unk>"], unk_token="<unk>", show_progress=False)
    tokenizer.train_from_iterator(CORPUS.split("\n")[:7] * 3, trainer)
    return tokenizer


TABLE = {c: unicodedata.normalize("NFKC", c) for c in map(chr, [*range(0xA0, 0x180), *range(0xFF01, 0xFF20)])
         if unicodedata.normalize("NFKC", c) != c}
TABLE |= {"e\u0301": "\xe9", "a\u0301": "\xe1", "a\u0301\u0302": "\u1ea5", "\u200b": " ", "\xad": "", "\x01": "", "\u30ab": " \u304b "}


def spiece(case, config, squeeze=True, **options):
    """A spiece.model, by SentencePiece itself, with a table of characters that is small where real ones are large."""
    model = io.BytesIO()
    rules = "".join(f"{' '.join(f'{ord(c):X}' for c in source)}\t{' '.join(f'{ord(c):X}' for c in target)}\n" for source, target in TABLE.items())
    options = {"vocab_size": 460, "pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1, "num_threads": 1, "character_coverage": 0.98,
               "minloglevel": 2} | options
    lines = CORPUS.lower().split("\n")[:7] * 3
    with tempfile.NamedTemporaryFile("w", suffix=".tsv") as table:
        table.write(rules)
        table.flush()
        sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(lines), model_writer=model, normalization_rule_tsv=table.name, **options)
    proto = sentencepiece_model_pb2.ModelProto.FromString(model.getvalue())
    proto.normalizer_spec.remove_extra_whitespaces = squeeze
    proto.normalizer_spec.normalization_rule_tsv = ""
    start(case, "siglip", {"tokenizer_class": "SiglipTokenizer"} | config)
    (HERE / case / "spiece.model").write_bytes(proto.SerializeToString())


def siglip(case):
    """As SigLIP's: bytes for what is unknown, no punctuation, and the end behind the text."""
    spiece(case, {"model_max_length": 64, "do_lower_case": True, "pad_token": "</s>", "eos_token": "</s>", "unk_token": "<unk>"},
           byte_fallback=True)
    convert(case)


def convert(case):
    """What converters make of a spiece.model. No class of transformers reads this of SigLIP's, so the class of SentencePiece says what comes out."""
    proto = sentencepiece_model_pb2.ModelProto.FromString((HERE / case / "spiece.model").read_bytes())
    table = base64.b64encode(proto.normalizer_spec.precompiled_charsmap).decode()
    whole = {"normalizer": {"type": "Sequence", "normalizers": [{"type": "Precompiled", "precompiled_charsmap": table}]},
             "model": {"type": "Unigram", "unk_id": 2, "byte_fallback": True, "vocab": [[p.piece, p.score] for p in proto.pieces]}}
    (HERE / "converted").mkdir(exist_ok=True)
    write("converted", "tokenizer.json", whole)


def saved(case):
    """As save_pretrained() writes it, with pieces of the user, without bytes, lower case and removal of spaces."""
    spiece(case, {"do_lower_case": False, "pad_token": "<pad>", "legacy": False}, squeeze=False, vocab_size=200,
           user_defined_symbols=["red", "re", "\u0301", "kle"], control_symbols=["circle"])
    tokenizer = AutoTokenizer.from_pretrained(HERE / case)
    tokenizer.add_tokens(["NewToken", "<extra>"])
    tokenizer.add_special_tokens({"mask_token": "<mask>"})
    tokenizer.save_pretrained(HERE / case)


def unigram(case):
    """A tokenizer.json that speaks for itself: no punctuation, bytes for an unknown script, and the end behind the text."""
    tokenizer = pieces([normalizers.Lowercase(), normalizers.Replace(Regex("[" + re.escape(string.punctuation) + "]"), ""),
                        normalizers.Replace(Regex(r"\s+"), " "), normalizers.Strip()])
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)])
    whole = json.loads(tokenizer.to_str())
    whole["model"]["byte_fallback"] = True
    whole["model"]["vocab"] += [[f"<0x{byte:02X}>", -20] for byte in range(0x40, 0x100)]
    start(case, "siglip", {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "</s>", "eos_token": "</s>", "unk_token": "<unk>"})
    write(case, "tokenizer.json", whole)


def charmap(case):
    """A table of characters, some of several code points, before it; runs of spaces, white space only at the end; no space in front."""
    table = {c: unicodedata.normalize("NFKC", c) for c in map(chr, [*range(0xA0, 0x180), *range(0x2100, 0x2140), *range(0xFF01, 0xFF5F)])
             if unicodedata.normalize("NFKC", c) != c}
    table |= {"e\u0301": "\xe9", "a\u0301": "\xe1", "\r": " ", "\n": " ", "\t": " ", "\u200b": " ", "\xad": "", "\u0344": "\u0308\u0301", "q": "Q",
              "n\u0303": "\xf1"}
    tokenizer = pieces([normalizers.Precompiled(charsmap(table)), normalizers.Replace(Regex(" {2,}"), "\u2581"),
                        normalizers.Strip(left=False, right=True), normalizers.Replace(Regex("x+"), "<")], "never")
    start(case, "siglip", {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"})
    write(case, "tokenizer.json", json.loads(tokenizer.to_str()))


def byte_offsets(text, pairs):
    """Python counts characters. White space around a token does not belong to it."""
    starts = [0]
    for c in text:
        starts.append(starts[-1] + len(c.encode("utf-8", "surrogatepass")))
    flat = []
    for begin, end in pairs:
        while begin < end and text[begin] in SPACES:
            begin += 1
        while begin < end and text[end - 1] in SPACES:
            end -= 1
        flat += [starts[begin], starts[end]] if begin < end else [0, 0]
    return flat


CASES = {"roberta": (roberta, 1, True), "files": (files, 3, False), "prefix": (prefix, 3, False), "added": (added, 1, False),
         "named": (named, 3, False), "generic": (generic, 3, False), "clip": (clip, 1, True), "bert": (bert, 1, True), "cased": (cased, 3, False),
         "siglip": (siglip, 1, False), "saved": (saved, 3, False), "unigram": (unigram, 1, True), "charmap": (charmap, 1, False)}


def main():
    wanted = sys.argv[1:] or list(CASES)
    if not sys.argv[1:]:
        shutil.rmtree(HERE, ignore_errors=True)
    all_texts = texts()
    HERE.mkdir(exist_ok=True)
    (HERE / "texts.jsonl").write_text("".join(json.dumps(t) + "\n" for t in all_texts))
    manifest = {"transformers": transformers.__version__, "tokenizers": tokenizers.__version__, "sentencepiece": sentencepiece.__version__,
                "cases": {}}
    if sys.argv[1:]:
        manifest["cases"] = json.loads((HERE / "manifest.json").read_text())["cases"]
    for case, (make, step, offsets) in ((name, CASES[name]) for name in wanted):
        shutil.rmtree(HERE / case, ignore_errors=True)
        make(case)
        tokenizer = AutoTokenizer.from_pretrained(HERE / case)
        chosen = all_texts[::step]
        encoded = [tokenizer(text, return_offsets_mapping=tokenizer.is_fast) for text in chosen]
        (HERE / case / "ids.txt").write_text("".join(json.dumps(e["input_ids"], separators=(",", ":")) + "\n" for e in encoded))
        if offsets:
            kept = list(zip(chosen, encoded))[:: max(1, 4 // step)]
            rows = [byte_offsets(t, e["offset_mapping"]) if unicodedata.is_normalized("NFC", t) else None for t, e in kept]
            (HERE / case / "offsets.txt").write_text("".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows))
        cut = [tokenizer(text, truncation=True, max_length=n)["input_ids"] for text in CORPUS.split("\n")[:3] for n in (3, 4, 10, 1000)]
        long = []
        for entry in LONG:
            ids = tokenizer(entry["unit"] * entry["times"])["input_ids"]
            long.append({**entry, "n": len(ids), "sha256": hashlib.sha256(",".join(map(str, ids)).encode()).hexdigest()})
        manifest["cases"][case] = {
            "model_type": json.loads((HERE / case / "config.json").read_text())["model_type"], "step": step,
            "offsets": max(1, 4 // step) if offsets else 0, "cut": cut, "long": long, "size": max(tokenizer.get_vocab().values()) + 1,
            "bos": tokenizer.bos_token_id, "eos": tokenizer.eos_token_id, "pad": tokenizer.pad_token_id, "mask": tokenizer.mask_token_id,
            "unk": tokenizer.unk_token_id, "model_max_length": tokenizer.model_max_length if tokenizer.model_max_length < 2**32 else None,
        }
        print(case, len(tokenizer), sum(f.stat().st_size for f in (HERE / case).iterdir()))
    (HERE / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")


if __name__ == "__main__":
    main()
