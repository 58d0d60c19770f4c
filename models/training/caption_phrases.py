"""Captions of a scene, and questions about it with their answers.

A caption is a function of the scene: what is further left, or above, comes
first; two things are joined by the relation of the larger offset; three are
named with everything, four with colour and shape. A size is only stated where
it is beyond doubt. Questions are asked where exactly one answer is right.
"""

import phrases as ph
from phrases import NO, UNSURE, YES, Query
from scenes import BLOB, LARGE, PLAIN, SMALL
from caption_words import PATTERN_WORDS, plural
from vocabulary import COLORS, OTHER_WORDS, PATTERNS, SHAPES, SIZES

SURELY_SMALL, SURELY_LARGE = .11, .195  # radius; in between it goes unsaid
OFFSET = .1                              # of the picture: beyond doubt beside one another
KINDS = ("color", "shape", "pattern", "size", "count", "exists", "beside", "what")
KIND_WEIGHTS = (1.0, 1.3, .7, .6, 1.1, 1.2, .8, .8)


class SizedView(ph.View):
    """A view that knows how large its things are."""

    def __init__(self, scene, mirror=False, any_pair=False):
        keys = ("image", "attributes", "where", "cover", "hit", "ground")
        super().__init__(*(scene[k] for k in keys), mirror=mirror, any_pair=any_pair)
        self.size = [sure_size(r) for r in scene["radius"][:len(self.things)]]

    def fits(self, query):
        """As before, but what is nearly large is not asked for by its size."""
        answers = super().fits(query)
        if query.size is None:
            return answers
        return [UNSURE if a != NO and s is None else a for a, s in zip(answers, self.size)]


def sure_size(radius):
    return SMALL if radius < SURELY_SMALL else LARGE if radius > SURELY_LARGE else None


class Text:
    """Question and answer as words; `looks` names the things that each word of the answer speaks
    of, `nouns` those of a question's words: {index: things}."""

    def __init__(self, kind, question, answer, looks, nouns=None):
        self.kind, self.question, self.answer, self.looks = kind, question, answer, looks
        self.nouns = nouns or {}


# --- captions ---

def noun_of(shape):
    return "thing" if shape == BLOB else SHAPES[shape]


def describe(view, index, brief=False):
    """'a large striped red circle'."""
    color, shape, pattern, _ = view.things[index]
    words = [COLORS[color], noun_of(shape)]
    if not brief and pattern != PLAIN:
        words.insert(0, PATTERNS[pattern - 1])
    if not brief and view.size[index] is not None:
        words.insert(0, SIZES[0] if view.size[index] == SMALL else SIZES[1])
    return [article(words[0])] + words


def article(word):
    return "an" if word[0] in "aeiou" else "a"


def caption(view):
    count = len(view.things)
    if count == 2:
        return caption_two(view)
    order = sorted(range(count), key=lambda i: view.center[i, 0])
    words, looks = [], []
    for place, index in enumerate(order):
        link = [] if place == 0 else ["and"] if place == count - 1 else [","]
        part = describe(view, index, brief=count > 3)
        words += link + part
        looks += [()] * len(link) + [(index,)] * len(part)
    return Text("caption", [], words, looks)


def caption_two(view):
    gap = view.center[1] - view.center[0]
    axis = int(abs(gap[1]) > abs(gap[0]))
    first, second = (0, 1) if gap[axis] > 0 else (1, 0)
    link = ["and"] if abs(gap[axis]) < OFFSET else [["left", "of"], ["above"]][axis]
    one, two = describe(view, first), describe(view, second)
    looks = [(first,)] * len(one) + [()] * len(link) + [(second,)] * len(two)
    return Text("caption", [], one + link + two, looks)


# --- questions ---

def refer(rng, view, index, hidden):
    """The words that single out one thing without naming the attribute `hidden`; None if there are none."""
    color, shape, pattern, _ = view.things[index]
    known = {"color": color, "shape": shape if shape != BLOB else None,
             "pattern": pattern if pattern != PLAIN else None, "size": view.size[index]}
    usable = [k for k, v in known.items() if v is not None and k != hidden]
    for _ in range(5):
        chosen = rng.sample(usable, min(len(usable), rng.choice([0, 1, 1, 1, 2, 2, 3])))
        query = Query(**{k: known[k] for k in chosen})
        fits = view.fits(query)
        alone = fits[index] == YES and fits.count(NO) == len(fits) - 1
        if alone and not view.forbids(query):
            return ["the"] + adjectives(query) + [noun(rng, query)]
    return None


def adjectives(query):
    size = [ph.SIZE_WORD[query.size]] if query.size is not None else []
    pattern = [PATTERNS[query.pattern - 1]] if query.pattern is not None else []
    color = [COLORS[query.color]] if query.color is not None else []
    return size + pattern + color


def noun(rng, query):
    return SHAPES[query.shape] if query.shape is not None else rng.choice(["thing", "thing", "object", "shape"])


def finish(rng, kind, parts, answer, things):
    """`parts` of the question: words, and the things that the last of them speaks of or None."""
    words, nouns = [], {}
    for part, spoken in parts:
        words += part
        if spoken:
            nouns[len(words) - 1] = tuple(spoken)
    words = ["colour" if w == "color" and rng.random() < .3 else w for w in words]
    mark = ["?"] if rng.random() < .88 else []
    return Text(kind, words + mark, answer, [tuple(things)] * len(answer), nouns)


def ask_attribute(rng, view, kind):
    index = rng.randrange(len(view.things))
    color, shape, pattern, _ = view.things[index]
    size = view.size[index]
    if kind == "shape" and shape == BLOB or kind == "size" and size is None:
        return None
    words = refer(rng, view, index, kind)
    if words is None:
        return None
    start, answer = {
        "color": ([["what", "color"]], COLORS[color]),
        "shape": ([["what", "shape"]], noun_of(shape)),
        "pattern": ([["what", "pattern"]], PATTERN_WORDS[pattern]),
        "size": ([["what", "size"], ["how", "big"], ["how", "large"]], ph.SIZE_WORD.get(size)),
    }[kind]
    return finish(rng, kind, [(rng.choice(start) + ["is"], None), (words, [index])], [answer], [index])


def any_query(rng, view, positive):
    query = ph.ask(rng, rng.choice(view.things))
    return query if positive else ph.spoil(rng, query, view)


def ask_count(rng, view, kind):
    pick = rng.random()
    query = Query() if pick < .25 else any_query(rng, view, pick < .75)
    if pick > .4 and query.shape is not None:  # the plain question most of the time
        query = Query(shape=query.shape)
    fits = view.fits(query)
    alone = query.color is not None and query.shape is None
    if UNSURE in fits or view.forbids(query) or alone and view.ground_has(query.color) != NO:
        return None
    things = [i for i, a in enumerate(fits) if a == YES]
    words = adjectives(query) + [plural(noun(rng, query))]
    if rng.random() < .04:
        words, things = [plural(rng.choice(OTHER_WORDS))], []
    end = ["are", "there"] if rng.random() < .8 else ["do", "you", "see"]
    return finish(rng, kind, [(["how", "many"] + words, things), (end, None)], [str(len(things))], things)


def ask_exists(rng, view, kind):
    positive = rng.random() < .5
    for _ in range(6):  # the answers come equally often
        query = any_query(rng, view, positive)
        fits = view.fits(query)
        answer = YES if YES in fits else view.truth(query)[0]
        if not view.forbids(query) and answer == (YES if positive else NO) and (YES in fits) == positive:
            break
    else:
        return None
    words = adjectives(query) + [noun(rng, query)]
    if not positive and rng.random() < .1:
        words[-1] = rng.choice(OTHER_WORDS)
    things = [i for i, a in enumerate(fits) if a == YES]
    start = ["is", "there"] if rng.random() < .8 else ["do", "you", "see"]
    return finish(rng, kind, [(start + [article(words[0])] + words, things)], ["yes" if positive else "no"], things)


LINKS = ((["left", "of"], ["right", "of"]), (["above"], ["below"]))


def ask_beside(rng, view, kind):
    """'is the red star left of the ring?'"""
    if len(view.things) < 2:
        return None
    one, two = rng.sample(range(len(view.things)), 2)
    axis, side = rng.randrange(2), rng.randrange(2)
    gap = (view.center[two] - view.center[one])[axis]
    first, second = refer(rng, view, one, None), refer(rng, view, two, None)
    if abs(gap) < OFFSET or first is None or second is None:
        return None
    holds = (gap > 0) == (side == 0)
    parts = [(["is"] + first, [one]), (LINKS[axis][side] + second, [two])]
    return finish(rng, kind, parts, ["yes" if holds else "no"], [one, two])


def ask_what(rng, view, kind):
    """'what is above the heart?'; one thing must be, and the others clearly not."""
    if len(view.things) < 2:
        return None
    anchor, axis, side = rng.randrange(len(view.things)), rng.randrange(2), rng.randrange(2)
    ahead = (view.center[:, axis] - view.center[anchor, axis]) * (-1 if side == 0 else 1)
    there = [i for i in range(len(view.things)) if i != anchor and ahead[i] >= OFFSET]
    close = [i for i in range(len(view.things)) if i != anchor and -.04 < ahead[i] < OFFSET]
    words = refer(rng, view, anchor, None)
    if len(there) != 1 or close or words is None:
        return None
    parts = [(["what", "is"] + LINKS[axis][side] + words, [anchor])]
    return finish(rng, kind, parts, describe(view, there[0], brief=True), there)


MAKERS = {"color": ask_attribute, "shape": ask_attribute, "pattern": ask_attribute, "size": ask_attribute,
          "count": ask_count, "exists": ask_exists, "beside": ask_beside, "what": ask_what}


def question(rng, view, kinds=KINDS, weights=KIND_WEIGHTS):
    """A question of one of the kinds, None where a few tries find none."""
    for _ in range(20):
        kind = rng.choices(kinds, weights)[0]
        text = MAKERS[kind](rng, view, kind)
        if text is not None:
            return text
    return None


def texts_for(rng, view, count):
    """The caption and questions, `count` in all."""
    found = [caption(view)]
    while len(found) < count:
        found.append(question(rng, view) or ask_count(rng, view, "count") or found[0])
    return found
