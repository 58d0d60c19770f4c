"""The words of the model, the phrases made of them, and its tokenizer."""

import os

COLORS = ["red", "orange", "yellow", "green", "blue", "purple", "pink",
          "brown", "white", "black", "gray"]
SHAPES = ["circle", "square", "triangle", "star", "cross", "ring", "diamond",
          "heart"]
PATTERNS = ["striped", "dotted"]
SIZES = ["small", "large"]
THINGS = ["thing", "object", "shape"]
RELATIONS = ["left", "right", "above", "below"]
STOP_WORDS = ["a", "an", "the", "of", "and", "is", "to", "with"]
WORDS = (COLORS + SHAPES + PATTERNS + SIZES + THINGS + ["something"]
         + RELATIONS + STOP_WORDS)

# Words that mean nothing to the model: a prompt that leans on one is a
# negative, so an unknown word never raises the score.
OTHER_WORDS = """dog cat car person man woman child tree house bird horse sheep
cow bus train truck boat bicycle road street sky cloud water river sea beach
mountain grass flower leaf apple banana table chair bottle cup phone computer
screen keyboard book bag hat shoe shirt face hand eye door window wall floor
happy angry fast slow shiny metal wooden running sitting walking playing old
new tall short number letter seven three ghost dragon robot music money people
dinner pizza cake bread football zebra lion elephant monkey fish snow rain fire
light lamp bed sofa picture paper box ball hexagon oval rectangle arrow moon
transparent turquoise golden silver beautiful broken heavy""".split()

SPECIALS = ["<s>", "<pad>", "</s>", "<unk>"]
MAX_TOKENS = 64  # what the position table holds, specials included


def cases(word):
    return [word, word.capitalize(), word.upper()]


def build_tokenizer(folder):
    """Byte-level BPE in which every word above is one token in every case."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import RobertaTokenizerFast

    corpus = []
    for word in WORDS:
        for weight, form in zip((40, 12, 8), cases(word)):
            corpus += [form, " " + form] * weight
    bpe = Tokenizer(models.BPE(unk_token="<unk>"))
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    bpe.train_from_iterator(corpus, trainers.BpeTrainer(
        vocab_size=999, special_tokens=SPECIALS, min_frequency=1,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False))
    bpe.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True)])
    bpe.post_processor = processors.RobertaProcessing(
        ("</s>", 2), ("<s>", 0), add_prefix_space=False)

    os.makedirs(folder, exist_ok=True)
    fast = RobertaTokenizerFast(
        tokenizer_object=bpe, model_max_length=MAX_TOKENS,
        mask_token=AddedToken("<mask>", lstrip=True, special=True))
    fast.save_pretrained(folder)
    bpe.model.save(folder)  # vocab.json and merges.txt
    add_mask_to_vocab(folder, bpe.token_to_id("<mask>"))
    return folder


def add_mask_to_vocab(folder, mask_id):
    """RoBERTa keeps <mask> in vocab.json; the trainer does not."""
    import json
    path = os.path.join(folder, "vocab.json")
    with open(path, encoding="utf-8") as file:
        vocab = json.load(file)
    vocab["<mask>"] = mask_id
    with open(path, "w", encoding="utf-8") as file:
        json.dump(vocab, file, ensure_ascii=False)


class Encoder:
    """Prompt -> (ids, word index of every id), each word encoded once."""

    def __init__(self, folder):
        from transformers import AutoTokenizer
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.cache = {}
        self.mask_id = self.tokenizer.convert_tokens_to_ids("<mask>")

    def pieces(self, text):
        if text not in self.cache:
            if len(self.cache) > 50000:
                self.cache.clear()
            self.cache[text] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return self.cache[text]

    def __call__(self, words):
        """Words are joined by one space; -1 marks the special tokens."""
        ids, owner = [0], [-1]
        for index, word in enumerate(words):
            if word == "<mask>":
                part = [self.mask_id]
            else:
                part = self.pieces(word if index == 0 else " " + word)
            ids += part
            owner += [index] * len(part)
        return ids[:MAX_TOKENS - 1] + [2], owner[:MAX_TOKENS - 1] + [-1]


if __name__ == "__main__":
    import sys
    target = build_tokenizer(sys.argv[1])
    encoder = Encoder(target)
    split = [w for word in WORDS for form in cases(word)
             for w in (form, " " + form) if len(encoder.pieces(w)) != 1]
    print(len(encoder.tokenizer), "entries; in several pieces:", split)
