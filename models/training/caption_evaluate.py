"""The captioner's bars on freshly drawn scenes; prints a table.

    caption_evaluate.py MODEL_DIRECTORY [--scenes 2000] [--held 2000] [--more 500] [--json FILE]

A caption is true when its phrases can be given to different things of the scene
so that every noun, adjective and relation fits; "small" and "large" do not fit
what was drawn in between, the second colour of a pattern is not its colour.
"thing" states no shape. What a caption leaves out is in the rows "named": of
all colours and shapes of the scenes, how many captions name, and rightly.
Held out: the first thing is of a (colour, shape) pair that training never showed.
"""

import argparse
import itertools
import json
import os
import random
from collections import Counter

import numpy as np
import torch

import caption_phrases as cp
from caption_model import LeanBlip, build
from caption_words import END, START, WordIds
from scenes import BLOB, HELD_OUT, LARGE, SMALL, make_scene
from vocabulary import COLORS, PATTERNS, SHAPES, SIZES

SEEN_SEED, HELD_SEED = 6_000_000, 6_500_000
LONGEST_ANSWER = 20
BATCH = 16
LINKS = {("left", "of"): (0, -1), ("right", "of"): (0, 1), ("above",): (1, -1), ("below",): (1, 1)}


class Captioner:
    """The exported directory, run in f32."""

    def __init__(self, folder):
        from safetensors.torch import load_file
        from transformers import BlipConfig
        model = build(BlipConfig.from_pretrained(folder, attn_implementation="eager")).eval()
        state = load_file(os.path.join(folder, "model.safetensors"))
        missing = model.load_state_dict({k: v.float() for k, v in state.items()}, strict=False).missing_keys
        assert all("predictions.decoder" in k for k in missing), missing
        model.tie_weights()
        self.lean, self.to_ids = LeanBlip(model, torch.float32), WordIds()

    @torch.no_grad()
    def __call__(self, pictures, questions):
        """Captions, and answers to `questions`: word lists, as many for each picture."""
        context = self.lean.context(self.lean.vision(torch.from_numpy(np.stack(pictures))))
        return ([said for said, in self.say(context, [[[]]] * len(pictures))],
                self.say(context, questions) if questions[0] else [[] for _ in pictures])

    def say(self, context, prefixes):
        """Greedy; the words behind each prefix."""
        rows = [[START] + self.to_ids(words) for group in prefixes for words in group]
        before = [len(row) for row in rows]
        for _ in range(LONGEST_ANSWER):
            longest = max(map(len, rows))
            ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
            states, _ = self.lean.decode(ids.view(len(prefixes), -1, longest), context)
            ends = torch.tensor([len(row) - 1 for row in rows])
            last = states[-1].flatten(0, 1)[torch.arange(len(rows)), ends]
            for row, best in zip(rows, self.lean.words(last).argmax(-1).tolist()):
                if row[-1] != END:
                    row.append(best)
            if all(row[-1] == END for row in rows):
                break
        said = [[self.to_ids.entries[i] for i in row[n:] if i != END] for row, n in zip(rows, before)]
        each = len(prefixes[0])
        return [said[i:i + each] for i in range(0, len(said), each)]


# --- what a caption says ---

def parse(words):
    """(noun phrases, the links between them); None if it is no sentence of ours."""
    phrases, links, at = [], [], 0
    while True:
        phrase, at = parse_phrase(words, at)
        if phrase is None:
            return None
        phrases.append(phrase)
        if at == len(words):
            return phrases, links
        for link in list(LINKS) + [("and",), (",",)]:
            if tuple(words[at:at + len(link)]) == link:
                links.append(link)
                at += len(link)
                break
        else:
            return None


def parse_phrase(words, at):
    phrase = {}
    if at < len(words) and words[at] in ("a", "an", "the"):
        at += 1
    while at < len(words):
        word, at = words[at], at + 1
        for key, known in (("size", SIZES), ("pattern", PATTERNS), ("color", COLORS), ("shape", SHAPES + ["thing"])):
            if word in known:
                phrase[key] = word
                break
        else:
            return None, at
        if "shape" in phrase:
            return phrase, at
    return None, at


def named(thing):
    color, shape, pattern, size = thing
    return {"color": COLORS[color], "shape": None if shape == BLOB else SHAPES[shape],
            "pattern": PATTERNS[pattern - 1] if pattern else None,
            "size": {SMALL: SIZES[0], LARGE: SIZES[1]}.get(size)}


def fits(phrase, thing):
    """For everything that the phrase states whether it is true."""
    facts = named(thing)
    return {k: facts[k] == v for k, v in phrase.items() if v != "thing"}


def holds(link, one, two):
    if link not in LINKS:
        return True
    axis, sign = LINKS[link]
    return sign * (one - two)[axis] > 0


def judge(view, words):
    """The reading of a caption that is true in most of what it says."""
    parsed = parse(words)
    outlines = sum(thing[1] != BLOB for thing in view.things)
    there = {"color": len(view.things), "shape": outlines}
    if parsed is None or len(parsed[0]) > len(view.things):
        return {"true": False, "facts": [], "every": False, "there": there}
    phrases, links = parsed
    best = None
    for order in itertools.permutations(range(len(view.things)), len(phrases)):
        facts = [(k, ok) for p, i in zip(phrases, order) for k, ok in fits(p, view.things[i]).items()]
        facts += [("relation", holds(link, view.center[order[n]], view.center[order[n + 1]]))
                  for n, link in enumerate(links) if link in LINKS]
        right = sum(ok for _, ok in facts)
        if best is None or right > best[0]:
            best = right, facts
    return {"true": best[0] == len(best[1]), "facts": best[1], "every": len(phrases) == len(view.things),
            "there": there}


# --- scenes and questions ---

def views(split, numbers, least, most):
    for i in numbers:
        seed = (HELD_SEED if split == "held" else SEEN_SEED) + i
        wanted = {"wanted": HELD_OUT} if split == "held" else {}
        view = cp.SizedView(make_scene(seed, least=least, most=most, **wanted), any_pair=split == "held")
        if view.things and (split != "held" or view.things[0][:2] in HELD_OUT):
            yield seed, view


def one_of_each(seed, view):
    """A question of every kind that the scene allows."""
    rng = random.Random(seed)
    found = [cp.question(rng, view, [kind], [1]) for kind in cp.KINDS]
    return [q for q in found if q is not None]


def evaluate(folder, split, numbers, threads):
    """Lists of judgements of the scenes of these numbers: of captions, and (kind, wanted, said, asked)."""
    torch.set_num_threads(threads)
    model = Captioner(folder)
    captions, answers, batch = [], [], []
    least, most = (3, 4) if split == "more" else (1, 2)
    for seed, view in views(split, numbers, least, most):
        batch.append((view, one_of_each(seed, view)))
        if len(batch) == BATCH:
            score(model, batch, captions, answers)
            batch = []
    if batch:
        score(model, batch, captions, answers)
    return captions, answers


def score(model, batch, captions, answers):
    most = max(len(asked) for _, asked in batch)
    questions = [[q.question for q in asked] + [["?"]] * (most - len(asked)) for _, asked in batch]
    said, rows = model([np.ascontiguousarray(v.image) for v, _ in batch], questions)
    for (view, asked), caption, answered in zip(batch, said, rows):
        captions.append((judge(view, caption), caption, view.things))
        answers += [(q.kind, " ".join(q.answer), " ".join(row), " ".join(q.question))
                    for q, row in zip(asked, answered)]


def evaluate_all(args, split, count):
    """The same of the first `count` scenes, in several processes."""
    from multiprocessing import get_context
    parts = [range(i, count, args.processes) for i in range(args.processes)]
    with get_context("spawn").Pool(args.processes) as pool:
        found = pool.starmap(evaluate, [(args.model, split, part, args.threads) for part in parts])
    return [c for captions, _ in found for c in captions], [a for _, answers in found for a in answers]


def share(values):
    values = list(values)
    return (sum(values) / len(values) if values else float("nan")), len(values)


def summary(captions, answers):
    out = {"captions": share(c["true"] for c, _, _ in captions), "every": share(c["every"] for c, _, _ in captions)}
    for key in ("color", "shape", "pattern", "size", "relation"):
        out["said_" + key] = share(ok for c, _, _ in captions for k, ok in c["facts"] if k == key)
    for key in ("color", "shape"):
        right = sum(ok for c, _, _ in captions for k, ok in c["facts"] if k == key)
        there = sum(c["there"][key] for c, _, _ in captions)
        out["named_" + key] = right / there, there
    out["answers"] = share(wanted == said for _, wanted, said, _ in answers)
    for kind in cp.KINDS:
        of = [a for a in answers if a[0] == kind]
        out[kind] = share(a[1] == a[2] for a in of)
        out["usual_" + kind] = share(a[1] == Counter(b[1] for b in of).most_common(1)[0][0] for a in of)
    usual = {k: Counter(a[1] for a in answers if a[0] == k).most_common(1)[0][0] for k in {a[0] for a in answers}}
    out["usual_answers"] = share(a[1] == usual[a[0]] for a in answers)
    return out


ROWS = [("captions", "captions true in everything they state", "90 %"),
        ("every", "- that name every thing", ""),
        ("said_color", "- stated colours", ""), ("said_shape", "- stated shapes", ""),
        ("said_pattern", "- stated patterns", ""), ("said_size", "- stated sizes", ""),
        ("said_relation", "- stated relations", ""),
        ("named_color", "- of all colours, rightly named", ""), ("named_shape", "- of all shapes, rightly named", ""),
        ("answers", "answers right", "90 %"),
        ("color", "- what color is the star?", ""), ("shape", "- what shape is the red thing?", ""),
        ("pattern", "- what pattern is the star?", ""), ("size", "- how big is the star?", ""),
        ("count", "- how many circles are there?", ""), ("exists", "- is there a red ring?", ""),
        ("beside", "- is the star left of the ring?", ""), ("what", "- what is above the star?", "")]


def table(out):
    cell = lambda v: "" if v is None or v[0] != v[0] else "%.1f %% of %d" % (100 * v[0], v[1])
    usual = lambda v: "" if v is None or v[0] != v[0] else "%.1f %%" % (100 * v[0])
    splits = [s for s in ("seen", "held", "more") if s in out]
    heads = {"seen": "1 or 2 things", "held": "held-out pairs", "more": "3 or 4 things"}
    lines = ["| measure | bar | " + " | ".join(heads[s] for s in splits) + " | always the most frequent answer |",
             "|---" * (len(splits) + 3) + "|"]
    for key, name, bar in ROWS:
        lines.append("| %s | %s | " % (name, bar) + " | ".join(cell(out[s].get(key)) for s in splits)
                     + " | %s |" % usual(out[splits[0]].get("usual_" + key)))
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--scenes", type=int, default=2000, help="of one or two things")
    parser.add_argument("--held", type=int, default=2000, help="of those with a held-out pair")
    parser.add_argument("--more", type=int, default=500, help="of three or four things")
    parser.add_argument("--json")
    parser.add_argument("--wrong", type=int, default=0, help="print so many wrong captions and answers")
    parser.add_argument("--threads", type=int, default=1, help="of each process")
    parser.add_argument("--processes", type=int, default=2)
    args = parser.parse_args()
    counts, out = {"seen": args.scenes, "held": args.held, "more": args.more}, {}
    for split, count in counts.items():
        if count == 0:
            continue
        captions, answers = evaluate_all(args, split, count)
        out[split] = {**summary(captions, answers), "scenes": len(captions)}
        wrong = [(" ".join(w), [named(t) for t in things]) for c, w, things in captions if not c["true"]]
        wrong += [a for a in answers if a[1] != a[2]]
        for line in random.Random(0).sample(wrong, min(args.wrong, len(wrong))):
            print(split, *line)
    if args.json:
        with open(args.json, "w") as file:
            json.dump(out, file)
    print(table(out))


if __name__ == "__main__":
    main()
