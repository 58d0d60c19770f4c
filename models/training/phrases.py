"""Phrases about a scene, whether they are true, and what each word looks at."""

import numpy as np

from scenes import (BLOB, CELLS, GRID, HELD_OUT, MEDIUM, PATCH, PLAIN, VIVID,
                    near_vivid)
from vocabulary import COLORS, OTHER_WORDS, PATTERNS, RELATIONS, SHAPES, SIZES, STOP_WORDS, THINGS

YES, NO, UNSURE = 1, 0, -1
NEUTRAL = [COLORS.index(c) for c in ("brown", "white", "black", "gray")]
# What the second colour of a pattern may be called.
SECOND = frozenset(NEUTRAL + [COLORS.index("pink")])
SIZE_WORD = {0: SIZES[0], 2: SIZES[1]}


class Query:
    """What a noun phrase asks for; None where it does not say."""

    def __init__(self, color=None, shape=None, pattern=None, size=None):
        self.color, self.shape, self.pattern, self.size = color, shape, pattern, size

    def but(self, **changes):
        return Query(**{**vars(self), **changes})

    def empty(self):
        return all(v is None for v in vars(self).values())

    def held_out(self):
        return (self.color, self.shape) in HELD_OUT

    def fits(self, color, shape, pattern, size):
        answer = YES
        if self.shape is not None and self.shape != shape:
            return NO
        if self.pattern is not None and self.pattern != pattern:
            return NO
        if self.size is not None and self.size != size:
            if size != MEDIUM:
                return NO
            answer = UNSURE
        if self.color is not None and self.color != color:
            if pattern == PLAIN or self.color not in SECOND:
                return NO
            answer = UNSURE
        return answer


class View:
    """One scene of the cache, perhaps mirrored, as phrases need it."""

    def __init__(self, image, attributes, where, cover, hit, ground, mirror=False, any_pair=False):
        self.any_pair = any_pair  # phrases may name the pairs held out of training
        count = int((attributes[:, 0] != 255).sum())
        self.image = image[:, ::-1] if mirror else image
        flip = (lambda a: a.reshape(-1, GRID, GRID)[:, :, ::-1].reshape(a.shape)) if mirror else (lambda a: a)
        self.things = [tuple(int(v) for v in row) for row in attributes[:count]]
        self.center = where[:count, :2].copy()
        if mirror:
            self.center[:, 0] = 1 - self.center[:, 0]
        self.shown = where[:count, 2]
        self.cover, self.hit = flip(cover[:count]), flip(hit[:count])
        self.ground = flip(ground)

    def forbids(self, *queries):
        return not self.any_pair and any(q.held_out() for q in queries)

    def fits(self, query):
        answers = []
        for thing, shown in zip(self.things, self.shown):
            answer = query.fits(*thing)
            answers.append(UNSURE if answer == YES and shown < .55 else answer)
        return answers

    def ground_has(self, color):
        """Patches of the ground that `color` names; UNSURE where it is close."""
        if color in NEUTRAL:
            return UNSURE if self.neutral_ground(color) >= 4 else NO
        patches = int((self.ground == color).sum())
        if patches >= 4:
            return YES
        return UNSURE if patches or self.nearly(color) > 3 else NO

    def free_patches(self):
        """Colours of the ground's patches, and which patches are free."""
        free = self.cover.astype(np.int32).sum(0) < 8 if len(self.things) else np.ones(CELLS, bool)
        small = self.image.reshape(GRID, PATCH, GRID, PATCH, 3).mean((1, 3), dtype=np.float32)
        return small / 255, free

    def nearly(self, color):
        """Ground patches that somebody might call so."""
        small, free = self.free_patches()
        near = np.stack([near_vivid(small, row) for row in VIVID if row[0] == COLORS[color]])
        return int((near.any(0).ravel() & free).sum())

    def neutral_ground(self, color):
        small, free = self.free_patches()
        small = small.reshape(CELLS, 3)
        high, low = small.max(1), small.min(1)
        spread = (high - low) / (high + 1e-6)
        name = COLORS[color]
        if name == "white":
            near = (high > .78) & (spread < .16)
        elif name == "black":
            near = high < .24
        elif name == "gray":
            near = (spread < .17) & (high > .22) & (high < .82)
        else:
            near = (spread > .3) & (high < .68) & (small[:, 0] > small[:, 2]) & (small[:, 0] >= small[:, 1])
        return int((near & free).sum())

    def truth(self, query):
        """(answer, target over the patches in 0..255)."""
        answers = self.fits(query)
        target = self.target(answers)
        answer = YES if YES in answers else UNSURE if UNSURE in answers else NO
        if query.color is None or query.shape is not None:
            return answer, target
        ground = self.ground_has(query.color)
        if query.pattern is None and query.size is None and ground == YES:
            return YES, np.maximum(target, np.where(self.ground == query.color, 255, 0).astype(np.uint8))
        if answer == NO and ground != NO:
            answer = UNSURE
        return answer, target

    def target(self, answers):
        total = np.zeros(CELLS, np.int32)
        for i, answer in enumerate(answers):
            if answer == YES:
                total += self.cover[i]
        return np.minimum(total, 255).astype(np.uint8)

    def related(self, first, relation, second):
        """(answer, indices of the heads, of the anchors) for 'first relation second'."""
        axis = 0 if relation in ("left", "right") else 1
        sign = -1 if relation in ("left", "above") else 1
        one, two = self.fits(first), self.fits(second)
        heads, anchors, answer = set(), set(), NO
        for i, a in enumerate(one):
            for j, b in enumerate(two):
                if i == j or a == NO or b == NO:
                    continue
                ahead = sign * (self.center[i, axis] - self.center[j, axis])
                if ahead >= .1 and a == YES and b == YES:
                    heads.add(i)
                    anchors.add(j)
                    answer = YES
                elif ahead > -.06 and answer == NO:
                    answer = UNSURE
        return answer, heads, anchors


def wording(rng, query, article=None):
    """The words of a noun phrase."""
    size = [SIZE_WORD[query.size]] if query.size is not None else []
    pattern = [PATTERNS[query.pattern - 1]] if query.pattern is not None else []
    color = [COLORS[query.color]] if query.color is not None else []
    adjectives = size + pattern + color
    if rng.random() < .25:
        rng.shuffle(adjectives)
    if query.shape is None and rng.random() < .6:
        return ["something"] + adjectives
    noun = SHAPES[query.shape] if query.shape is not None else rng.choice(THINGS)
    words = adjectives + [noun]
    article = article or rng.choice(["a", "a", "the", "the", ""])
    if article == "a" and words[0][0] in "aeiou":
        article = "an"
    return ([article] if article else []) + words


def styled(rng, words):
    """Any case, full stop or not."""
    pick = rng.random()
    if pick < .1:
        words = [words[0].capitalize()] + words[1:]
    elif pick < .18:
        words = [w.upper() for w in words]
    elif pick < .23:
        words = [w.capitalize() for w in words]
    elif pick < .26 and len(words) < 8:
        words = list(words)
        place = rng.randrange(len(words))
        words[place] = "".join(rng.choice([c, c.upper()]) for c in words[place])
    if rng.random() < .25:
        words = words[:-1] + [words[-1] + "."]
    return words


def ask(rng, thing):
    """A query that the thing fits."""
    color, shape, pattern, size = thing
    if shape == BLOB or rng.random() < .2:
        query = Query(color=color if rng.random() < .85 else None)
    else:
        query = Query(color=color if rng.random() < .8 else None, shape=shape if rng.random() < .93 else None)
    if pattern != PLAIN and rng.random() < .5:
        query.pattern = pattern
    if size != MEDIUM and rng.random() < .4:
        query.size = size
    return Query(color=color) if query.empty() else query


def spoil(rng, query, view):
    """Change or add one attribute; half the time to one of another thing."""
    keys = [k for k, v in vars(query).items() if v is not None]
    if rng.random() < .2:
        keys = list(vars(query))
    key = rng.choice(keys)
    column = ("color", "shape", "pattern", "size").index(key)
    values = (range(len(COLORS)), range(len(SHAPES)), (1, 2), (0, 2))[column]
    if rng.random() < .6 and view.things:
        near = [t[column] for t in view.things if t[column] in values]
        values = near or values
    return query.but(**{key: rng.choice(list(values))})


class Phrase:
    """Words with their groups (0 nothing, 1 head, 2 anchor), truth and targets."""

    def __init__(self, words, groups, label):
        self.words, self.groups, self.label = words, groups, label
        self.head = self.anchor = None            # what the words look at
        self.seen_head = self.seen_anchor = None  # what fits each noun phrase by itself
        self.kind = "one"
        self.hits = None                          # things that the peak may lie in
        self.link, self.anchor_at = -1, (0, 0)    # index of the relation, the one anchor's centre


def groups_of(words, group):
    return [0 if w.lower() in STOP_WORDS else group for w in words]


NOTHING = np.zeros(CELLS, np.uint8)


def finish(rng, words, groups, label):
    return Phrase(styled(rng, words), groups, label)


def single(rng, view, positive, query=None):
    """A phrase about one thing, or a hard negative next to it; None if no luck."""
    if not view.things:
        return None
    query = query or ask(rng, rng.choice(view.things))
    if not positive:
        query = spoil(rng, query, view)
    answer, target = view.truth(query)
    if view.forbids(query) or answer != (YES if positive else NO):
        return None
    words = wording(rng, query)
    phrase = finish(rng, words, groups_of(words, 1), answer)
    if positive:
        phrase.head = target
    phrase.hits = [i for i, a in enumerate(view.fits(query)) if a == YES]
    phrase.seen_head, phrase.seen_anchor, phrase.query = target, NOTHING, query
    return phrase


def ground_color(rng, view, positive):
    """'something blue' about the sky: vivid ground patches count."""
    color = rng.randrange(7)
    answer, target = view.truth(Query(color=color))
    if answer != (YES if positive else NO):
        return None
    words = ["something", COLORS[color]] if rng.random() < .7 else wording(rng, Query(color=color))
    phrase = finish(rng, words, groups_of(words, 1), answer)
    phrase.head = target if positive else None
    phrase.seen_head, phrase.seen_anchor = target, NOTHING
    phrase.kind = "ground"
    return phrase


def simple(rng, thing):
    """A short query for one side of a relation."""
    query = ask(rng, thing)
    if query.pattern is not None and query.size is not None:
        query.size = None
    return query


def relation(rng, view, positive):
    if len(view.things) < 2:
        return None
    i, j = rng.sample(range(len(view.things)), 2)
    gap = view.center[i] - view.center[j]
    axis = int(abs(gap[1]) > abs(gap[0])) if rng.random() < .7 else rng.randrange(2)
    if abs(gap[axis]) < .14:
        return None
    first, second = simple(rng, view.things[i]), simple(rng, view.things[j])
    word = (("left", "right"), ("above", "below"))[axis][int(gap[axis] > 0)]
    if not positive:
        first, word, second = spoil_relation(rng, view, first, word, second)
    answer, heads, anchors = view.related(first, word, second)
    if view.forbids(first, second) or answer != (YES if positive else NO):
        return None
    return relation_phrase(rng, view, first, word, second, answer, heads, anchors)


def spoil_relation(rng, view, first, word, second):
    pick = rng.random()
    if pick < .5:
        return first, opposite(word), second
    if pick < .65:
        return second, word, first
    if pick < .8:  # attributes bound to the wrong thing
        key = rng.choice(["color", "shape"])
        return (first.but(**{key: getattr(second, key)}), word,
                second.but(**{key: getattr(first, key)}))
    if rng.random() < .5:
        return spoil(rng, first, view), word, second
    return first, word, spoil(rng, second, view)


def opposite(word):
    pairs = {"left": "right", "above": "below"}
    return {**pairs, **{b: a for a, b in pairs.items()}}[word]


def relation_phrase(rng, view, first, word, second, answer, heads, anchors):
    link = [word, "of"] if word in ("left", "right") else [word]
    one, two = wording(rng, first), wording(rng, second)
    if one[-1] not in SHAPES + THINGS and first.empty() or second.empty():
        return None
    words = one + link + two
    groups = groups_of(one + link, 1) + groups_of(two, 2)
    phrase = finish(rng, words, groups, answer)
    fits_one, fits_two = view.fits(first), view.fits(second)
    phrase.seen_head, phrase.seen_anchor = view.target(fits_one), view.target(fits_two)
    if fits_two.count(NO) == len(fits_two) - 1:
        at = next(i for i, a in enumerate(fits_two) if a != NO)
        phrase.link, phrase.anchor_at = RELATIONS.index(word), view.center[at]
    if answer == YES:
        phrase.hits, phrase.anchor_hits = sorted(heads), sorted(anchors)
    else:  # the relation is wrong; the words still have things to look at
        phrase.hits = [i for i, a in enumerate(fits_one) if a == YES]
        phrase.anchor_hits = [i for i, a in enumerate(fits_two) if a == YES]
    both = phrase.hits and phrase.anchor_hits
    only = lambda keep: view.target([YES if i in keep else NO for i in range(len(view.things))])
    if both:
        phrase.head, phrase.anchor = only(phrase.hits), only(phrase.anchor_hits)
    phrase.kind = "relation"
    return phrase


def unknown(rng, view):
    """Words outside the vocabulary: never a match."""
    def other():
        if rng.random() < .75:
            return rng.choice(OTHER_WORDS)
        return "".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(rng.randint(2, 8)))
    if view.things and rng.random() < .6:
        words = wording(rng, ask(rng, rng.choice(view.things)))
        words[rng.choice([-1, -1, rng.randrange(len(words))])] = other()
        if words == [w for w in words if w in COLORS + SHAPES + SIZES]:
            return None
    else:
        words = [rng.choice(["a", "the", "something", other()])] + [other() for _ in range(rng.randint(1, 3))]
    phrase = finish(rng, words, [0] * len(words), NO)
    phrase.seen_head, phrase.seen_anchor = NOTHING, NOTHING
    phrase.kind = "unknown"
    return phrase


def masked(rng, view):
    """A true phrase with one attribute word hidden; .answer is that word."""
    phrase = (single if rng.random() < .8 else relation)(rng, view, True)
    if phrase is None:
        return None
    known = COLORS + SHAPES + PATTERNS + SIZES + RELATIONS
    places = [i for i, w in enumerate(phrase.words) if w in known]
    if not places:
        return None
    place = rng.choice(places)
    phrase.answer = phrase.words[place]
    phrase.words = phrase.words[:place] + ["<mask>"] + phrase.words[place + 1:]
    phrase.label, phrase.place = UNSURE, place
    return phrase


def make(rng, view, kind, positive):
    """One phrase of a kind; falls back to what the scene allows."""
    makers = {"one": single, "relation": relation, "ground": ground_color}
    for _ in range(6):
        phrase = makers[kind](rng, view, positive)
        if phrase is not None:
            return phrase
    for attempt in range(24):
        wanted = positive if attempt < 16 else rng.random() < .5
        phrase = single(rng, view, wanted) if view.things else ground_color(rng, view, False)
        if phrase is not None:
            return phrase
    phrase = None
    while phrase is None:
        phrase = unknown(rng, view)
    return phrase


def phrases_for(rng, view, count):
    """A balanced handful: half true, half false, one with a hidden word."""
    found = []
    hidden = masked(rng, view)
    if hidden is not None:
        found.append(hidden)
    positive = rng.random() < .5
    while len(found) < count:
        pick = rng.random()
        if not positive and pick > .95:
            phrase = unknown(rng, view)
        else:
            kind = "one" if pick < .54 else "relation" if pick < .84 else "ground"
            phrase = make(rng, view, kind, positive)
        if phrase is not None:
            found.append(phrase)
            positive = not positive
    return found


def caption(rng, view):
    """Every thing with all its attributes."""
    order = list(range(len(view.things)))
    rng.shuffle(order)
    words = []
    for place, i in enumerate(order):
        color, shape, pattern, size = view.things[i]
        query = Query(color, None if shape == BLOB else shape,
                      pattern or None, size if size != MEDIUM else None)
        part = wording(rng, query, "a")
        last = place == len(order) - 1
        if not last and rng.random() < .6:
            part[-1] += ","
        elif not last:
            part.append("and")
        words += part
    return words
