"""The words of the captioner, and its WordPiece tokenizer."""

import json
import os
import string

from vocabulary import COLORS, PATTERNS, RELATIONS, SHAPES, SIZES, THINGS

PLURALS = {"cross": "crosses"}
PATTERN_WORDS = ["plain"] + PATTERNS
ASKING = """what which where how many much big color colour shape size pattern is are there do
does you see can have has on in at it its and or of to with the a an any only no yes not picture
image frame scene something nothing anything everything one ones background""".split()
NUMBERS = "zero one two three four five six seven eight nine ten".split()
SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]"]
LINKING = ["left", "above", "and"]  # what a caption goes on with behind a noun
LISTING = [","]                     # the same, where two more things follow
PAD, UNKNOWN, CLASS, END, START = 0, 1, 2, 3, 5
LONGEST = 48  # what the position table holds


def plural(noun):
    return PLURALS.get(noun, noun + "s")


def entries():
    """Every token in the order of its id."""
    nouns = SHAPES + THINGS
    words = (SPECIALS + list(string.punctuation) + list(string.digits) + list(string.ascii_lowercase)
             + COLORS + nouns + [plural(n) for n in nouns] + PATTERN_WORDS + SIZES + ["medium"]
             + RELATIONS + ["top", "bottom", "under", "over", "near"] + NUMBERS + ASKING)
    return list(dict.fromkeys(words))


def build_tokenizer(folder):
    """vocab.txt, tokenizer.json and tokenizer_config.json as BLIP's repositories have them."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast
    vocab = {token: i for i, token in enumerate(entries())}
    words = Tokenizer(models.WordPiece(vocab, unk_token="[UNK]", max_input_chars_per_word=100))
    words.normalizer = normalizers.BertNormalizer(lowercase=True)
    words.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    words.decoder = decoders.WordPiece(prefix="##")
    words.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", CLASS), ("[SEP]", END)])
    os.makedirs(folder, exist_ok=True)
    names = dict(unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]", pad_token="[PAD]", mask_token="[MASK]")
    PreTrainedTokenizerFast(tokenizer_object=words, model_max_length=LONGEST, bos_token="[DEC]", **names
                            ).save_pretrained(folder)
    with open(os.path.join(folder, "vocab.txt"), "w") as file:
        file.write("".join(token + "\n" for token in vocab))
    with open(os.path.join(folder, "tokenizer_config.json"), "w") as file:
        json.dump({"tokenizer_class": "BertTokenizer", "do_lower_case": True, "model_max_length": LONGEST,
                   "bos_token": "[DEC]", **names}, file, indent=2)
        file.write("\n")
    return folder


class WordIds:
    """Lower-case words and punctuation marks -> ids; what is not an entry is [UNK]."""

    def __init__(self):
        self.entries = entries()
        self.of = {token: i for i, token in enumerate(self.entries)}

    def __len__(self):
        return len(self.entries)

    def __call__(self, words):
        return [self.of.get(word, UNKNOWN) for word in words]
