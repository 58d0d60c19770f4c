"""Train the fusion model in two stages; resumes from its own checkpoints.

    train.py RUN --stage vision --minutes 25     the vision tower alone
    train.py RUN --stage fusion --minutes 120    everything, with the tower's losses kept
    train.py RUN --stage fusion --init-from models/pretrained/vlf-shapes ...
"""

import argparse
import csv
import os
import time

import torch
import torch.nn.functional as F
from torch import nn

from data import loader
from model import Lean, build, initialise, make_config
from scenes import ALMOST, NO_COLOR
from vocabulary import COLORS, SHAPES, WORDS, Encoder, build_tokenizer, cases

CLASSES = {"color": len(COLORS), "shape": len(SHAPES) + 1, "pattern": 3, "size": 3}
PRESENT = len(COLORS) * len(SHAPES) + 6 * len(SHAPES)
WINDOW = 7             # patches around a patch whose coverage it tells
MAP_LAYERS = (-2, -1)  # what the overlay averages
ANCHOR_MASS = 0.3      # the words of an anchor look at it, but not as hard as the head's


class Helpers(nn.Module):
    """Linear readouts that only training needs. Add new ones at the end: the
    optimiser's state of an older checkpoint then still fits."""

    def __init__(self, width):
        super().__init__()
        self.patch = nn.ModuleDict({k: nn.Linear(width, n + 1) for k, n in CLASSES.items()})
        self.pooled = nn.ModuleDict({k: nn.Linear(width, n) for k, n in CLASSES.items()})
        self.present = nn.Linear(width, PRESENT)
        self.around = nn.Linear(width, WINDOW * WINDOW)
        self.offset = nn.Linear(width, 3)
        self.fits = nn.Linear(width, 2)     # image stream, first layer: head, anchor
        self.answer = nn.Linear(width, 1)   # image stream, second layer: the thing asked for
        self.toward = nn.Linear(width, 3)   # the same: way to the anchor, on its right side?
        self.link = nn.Linear(width, 4)     # both: which relation the phrase names


def narrow(batch, patches, phrases):
    """Keep the patches of the things and a random part of the ground: most of the
    ground teaches little. The last part of the training sees every patch."""
    cover = batch["cover"]
    batch["full_cover"] = cover
    if patches >= cover.shape[-1]:
        batch["keep"] = torch.arange(cover.shape[-1]).expand(len(cover), -1)
        return
    score = (cover.amax(1) > 10).float() + torch.rand(len(cover), cover.shape[-1])
    keep = batch["keep"] = score.topk(patches, sorted=False).indices.sort().values
    batch["cover"] = cover.gather(2, keep[:, None].expand(-1, cover.shape[1], -1))
    batch["ground"] = batch["ground"].gather(1, keep)
    for key in ("head", "anchor", "seen_head", "seen_anchor") if phrases else ():
        batch[key] = batch[key].gather(1, keep.repeat_interleave(phrases, 0))


def patch_labels(batch):
    """What lies over every patch; the last class is nothing, -100 a border."""
    cover, owner = batch["cover"].max(1)
    sure, none = cover > 100, cover < 26
    labels = {}
    for column, (key, classes) in enumerate(CLASSES.items()):
        value = batch["attributes"][..., column].gather(1, owner)
        label = torch.where(sure, value, torch.full_like(value, -100))
        labels[key] = torch.where(none, torch.full_like(value, classes), label)
        ground = batch["ground"]
        named = none & (ground < ALMOST)
        if key == "color":
            labels[key] = torch.where(named, ground, labels[key])
            labels[key] = torch.where(none & (ground == ALMOST), -100, labels[key])
        else:
            labels[key] = torch.where(none & (ground != NO_COLOR), -100, labels[key])
    return labels


def present_labels(attributes):
    """Which (colour, shape), (pattern, shape), (size, shape) the scene has."""
    b = attributes.shape[0]
    out = torch.zeros(b, PRESENT)
    color, shape, pattern, size = attributes.unbind(-1)
    real = (shape < len(SHAPES))
    base = len(COLORS) * len(SHAPES)
    for index in (color * len(SHAPES) + shape,
                  base + pattern * len(SHAPES) + shape,
                  base + (3 + size) * len(SHAPES) + shape):
        rows, columns = real.nonzero(as_tuple=True)
        index = index[rows, columns].clamp(0, PRESENT - 1)
        out[rows, index] = 1
    return out


def offset_loss(helpers, patches, batch):
    """A patch on a thing knows where on it it lies, and how large the thing is."""
    most, owner = batch["cover"].max(1)
    scene, cell = (most > 60).nonzero(as_tuple=True)
    cover = batch["full_cover"]
    share = cover.float() / cover.sum(-1, keepdim=True).clamp_min(1)
    spot = torch.stack([torch.arange(256) % 16, torch.arange(256) // 16], -1).float()
    center = share @ spot
    spread = (share @ (spot ** 2).sum(-1) - (center ** 2).sum(-1)).clamp_min(.1).sqrt()
    thing = owner[scene, cell]
    size = spread[scene, thing][:, None]
    truth = torch.cat([(spot[batch["keep"][scene, cell]] - center[scene, thing]) / size, size.log()], -1)
    return F.smooth_l1_loss(helpers.offset(patches[scene, cell]), truth, beta=.3)


def around_loss(helpers, patches, batch):
    """A patch on a thing knows how the thing covers the patches around it: what
    an outline is made of. Without this, shapes take much longer to learn."""
    cover = batch["full_cover"]
    b, things, cells = cover.shape
    most, owner = batch["cover"].max(1)
    scene, cell = (most > 60).nonzero(as_tuple=True)
    windows = F.unfold((cover.float() / 255).view(b * things, 1, 16, 16), WINDOW, padding=WINDOW // 2)
    truth = windows.view(b, things, -1, cells)[scene, owner[scene, cell], :, batch["keep"][scene, cell]]
    return F.binary_cross_entropy_with_logits(helpers.around(patches[scene, cell]), truth)


def vision_losses(helpers, images, batch, log):
    """Labels of every patch, of the mean of each thing's patches, of the scene."""
    last = images[-1].float()
    patches, total = last[:, 1:], 0
    labels = patch_labels(batch)
    cover = batch["cover"].float()
    real = cover.sum(-1) > 255
    share = cover / cover.sum(-1, keepdim=True).clamp_min(1)
    pooled = torch.bmm(share, patches)[real]
    for column, key in enumerate(CLASSES):
        logits = helpers.patch[key](patches).flatten(0, 1)
        label = labels[key].flatten()
        per_class = torch.ones(CLASSES[key] + 1)
        per_class[-1] = .3
        important = 2 if key == "shape" else 1  # the slowest to learn
        total = total + important * F.cross_entropy(logits, label, weight=per_class, ignore_index=-100)
        on = (label >= 0) & (label < CLASSES[key])
        log["patch_" + key] = (logits[on].argmax(-1) == label[on]).float().mean()
        truth = batch["attributes"][..., column][real]
        logits = helpers.pooled[key](pooled)
        total = total + important * F.cross_entropy(logits, truth)
        log["thing_" + key] = (logits.argmax(-1) == truth).float().mean()
    present = F.binary_cross_entropy_with_logits(
        helpers.present(last[:, 0]), present_labels(batch["attributes"]))
    around = around_loss(helpers, patches, batch)
    offset = offset_loss(helpers, patches, batch)
    log["present"], log["around"], log["offset"] = present, around, offset
    return total + 5 * present + 6 * around + 4 * offset


def soft(target):
    return target.float() / 255


def look_losses(maps, batch, log):
    """Every word looks at its thing; the map is what the overlay draws."""
    shown = torch.stack([maps[i] for i in MAP_LAYERS]).mean((0, 2))  # [N, T, I]
    first = maps[0].mean(1)
    total = word_loss(shown, batch["group"], batch["head"], batch["anchor"])
    early = word_loss(first, batch["group"], batch["seen_head"], batch["seen_anchor"])
    with torch.no_grad():
        for name, group, target in (("head", 1, batch["head"]), ("anchor", 2, batch["anchor"])):
            words = (batch["group"] == group) & (target.sum(-1) > 0)[:, None]
            peak = shown[..., 1:].argmax(-1)
            log["word_" + name] = (target.gather(1, peak) > 0)[words].float().mean()
        words = (batch["group"] > 0).float()[..., None]
        peak = (shown[..., 1:] * words).sum(1).argmax(-1, keepdim=True)
        asked = batch["head"].sum(-1) > 0
        found = (batch["head"].gather(1, peak) > 0)[:, 0]
        log["point"] = found[asked].float().mean()
    return total + .4 * early


def word_loss(shown, group, head, anchor):
    total = 0
    for number, target, mass in ((1, head, 1.0), (2, anchor, ANCHOR_MASS)):
        words = (group == number) & (target.sum(-1) > 0)[:, None]
        if not words.any():
            continue
        on = (shown[..., 1:] * soft(target)[:, None]).sum(-1)[words]
        loss = -mass * (on + 1e-4).log()
        if mass < 1:
            loss = loss - (1 - mass) * (shown[..., 0][words] + 1e-4).log()
        total = total + loss.sum() / (group > 0).sum()
    return total


def dense_losses(helpers, dense, batch, log):
    """Patches of the image stream know which phrase they fit."""
    phrases = dense[0].shape[1]
    on_thing = (batch["cover"].amax(1) > 60).repeat_interleave(phrases, 0)
    known = (batch["kind"] != 3)[:, None]
    fits = helpers.fits(dense[0][:, :, 1:].flatten(0, 1).float())
    seen = torch.stack([soft(batch["seen_head"]), soft(batch["seen_anchor"])], -1)
    loss = F.binary_cross_entropy_with_logits(fits, seen, reduction="none").sum(-1)
    share = torch.where(on_thing, 1.0, .3) * known
    total = (loss * share).sum() / share.sum()
    answer = helpers.answer(dense[-1][:, :, 1:].flatten(0, 1).float())[..., 0]
    truth = soft(batch["head"]) * (batch["label"] != 0)[:, None]
    loss = F.binary_cross_entropy_with_logits(answer, truth, reduction="none")
    share = torch.where(on_thing, 1.0, .3)
    total = total + (loss * share).sum() / share.sum()
    # Where a patch fits the first half of a relation, does the relation hold?
    rows = ((batch["kind"] == 1) & (batch["label"] >= 0) & (batch["seen_anchor"].amax(1) > 0))[:, None]
    asked = rows & (batch["seen_head"] > 127)
    if asked.any():
        log["holds"] = ((answer > 0) == (truth > .5))[asked].float().mean()
        total = total + .4 * loss[asked].mean()
    return total + toward_loss(helpers, dense[-1], batch, log) + link_loss(helpers, dense, batch, log)


def link_loss(helpers, dense, batch, log):
    """Every patch has read which relation the phrase names."""
    rows = (batch["link"] >= 0).nonzero()[:, 0]
    if not len(rows):
        return 0
    total = 0
    for image in dense:
        told = helpers.link(image[:, :, 1:].flatten(0, 1)[rows].float())
        truth = batch["link"][rows][:, None].expand(told.shape[:2])
        total = total + .5 * F.cross_entropy(told.flatten(0, 1), truth.flatten())
    log["link"] = (told.argmax(-1) == truth).float().mean()
    return total


def toward_loss(helpers, dense, batch, log):
    """Every patch knows where the anchor of a relation lies, and whether the
    relation would hold here. Without it relations stay a coin toss for long."""
    rows = (batch["link"] >= 0).nonzero()[:, 0]
    if not len(rows):
        return 0
    phrases = dense.shape[1]
    cell = batch["keep"].repeat_interleave(phrases, 0)[rows]
    spot = torch.stack([cell % 16, cell // 16], -1).float() / 16 + 1 / 32
    way = spot - batch["anchor_at"][rows][:, None]
    link = batch["link"][rows]
    along = torch.where(link < 2, way[..., 0].t(), way[..., 1].t()).t()
    sign = torch.where(link % 2 == 0, -1.0, 1.0)[:, None]
    truth = (sign * along > 0).float()
    told = helpers.toward(dense[:, :, 1:].flatten(0, 1)[rows].float())
    clear = (along.abs() > .04).float()
    field = F.binary_cross_entropy_with_logits(told[..., 2], truth, reduction="none")
    log["field"] = ((told[..., 2] > 0) == (truth > 0))[clear > 0].float().mean()
    log["way"] = F.smooth_l1_loss(told[..., :2], way * 4, beta=.3)
    return log["way"] + .7 * (field * clear).sum() / clear.sum()


def match_loss(logits, label, kind, log):
    asked = label >= 0
    loss = F.cross_entropy(logits[asked], label[asked])
    right = logits.argmax(-1) == label
    log["match_one"] = right[asked & (kind == 0)].float().mean()
    log["match_relation"] = right[asked & (kind == 1)].float().mean()
    log["match_other"] = right[asked & (kind > 1)].float().mean()
    return loss


def contrast(one, two, scale, same=None):
    logits = one @ two.t() * scale
    if same is not None:
        logits = logits.masked_fill(same, -1e4)
    target = torch.arange(len(one))
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.t(), target)) / 2


def cross_loss(lean, pooled, texts, batch, scale):
    """The fused embedding of a true phrase lies near the phrase's own embedding."""
    rows = (batch["label"] == 1).nonzero()[:64, 0]
    ids = batch["ids"][rows]
    same = (ids[:, None] == ids[None]).all(-1) & ~torch.eye(len(rows), dtype=torch.bool)
    return contrast(lean.cross_embedding(pooled[rows]), lean.text_embedding([texts[-1][rows]]), scale, same)


def fusion_losses(lean, helpers, batch, phrases, log):
    images = lean.vision(batch["image"], batch["keep"])
    texts, bias = lean.text(batch["ids"])
    text, image, dense, maps = lean.fuse(images, texts, bias, phrases)
    pooled = lean.pooled(text, image)
    losses = {
        "vision": .5 * vision_losses(helpers, images, batch, log),
        "match": 2 * match_loss(lean.match(pooled), batch["label"], batch["kind"], log),
        "look": look_losses(maps, batch, log),
        "dense": 2 * dense_losses(helpers, dense, batch, log),
    }
    hidden = batch["hidden"]
    places = hidden >= 0
    if places.any():
        losses["masked"] = .3 * F.cross_entropy(lean.words(text[places]), hidden[places])
    scale = lean.model.logit_scale.clamp(max=4.6).exp()
    captions, _ = lean.text(batch["caption"])
    losses["retrieval"] = .3 * contrast(lean.text_embedding(captions), lean.image_embedding(images), scale)
    losses["cross"] = .1 * cross_loss(lean, pooled, texts, batch, scale)
    log.update(losses)
    return sum(losses.values())


class Run:
    """Model, helpers, optimiser and averaged weights, on disk and in memory."""

    def __init__(self, args):
        self.args = args
        tokenizer = os.path.join(args.run, "tokenizer")
        if not os.path.exists(tokenizer):
            build_tokenizer(tokenizer)
        encoder = Encoder(tokenizer)
        torch.manual_seed(args.seed)
        self.model = build(make_config(len(encoder.tokenizer)))
        initialise(self.model, encoder, WORDS, cases)
        self.helpers = Helpers(self.model.config.hidden_size)
        self.step = 0
        self.params = list(self.model.parameters()) + list(self.helpers.parameters())
        self.average = None
        self.path = os.path.join(args.run, args.stage + ".pt")
        self.optimizer = torch.optim.AdamW(
            [{"params": [p for p in self.params if p.dim() > 1], "weight_decay": .02},
             {"params": [p for p in self.params if p.dim() <= 1], "weight_decay": 0}],
            lr=args.rate, betas=(.9, .98), fused=True)
        self.load()

    def load(self):
        before = os.path.join(self.args.run, "vision.pt")
        if os.path.exists(self.path):
            state = torch.load(self.path, weights_only=True)
            self.restore(state)
            self.step = state["step"]
            self.restore_optimizer(state["optimizer"])
        elif self.args.init_from:
            from safetensors.torch import load_file
            state = load_file(os.path.join(self.args.init_from, "model.safetensors"))
            self.model.load_state_dict({k: v.float() for k, v in state.items()}, strict=False)
        elif self.args.stage == "fusion" and os.path.exists(before):
            self.restore(torch.load(before, weights_only=True))
        if self.average is None:
            self.average = [p.detach().clone() for p in self.params]

    def restore(self, state):
        self.model.load_state_dict(state["model"])
        self.helpers.load_state_dict(state["helpers"], strict=False)
        added = self.params[len(state["average"]):]
        self.average = state["average"] + [p.detach().clone() for p in added]

    def restore_optimizer(self, old):
        new = self.optimizer.state_dict()
        for before, now in zip(old["param_groups"], new["param_groups"]):
            for old_id, new_id in zip(before["params"], now["params"]):
                if old_id in old["state"]:
                    new["state"][new_id] = old["state"][old_id]
        self.optimizer.load_state_dict(new)

    def save(self):
        state = {"model": self.model.state_dict(), "helpers": self.helpers.state_dict(),
                 "average": self.average, "optimizer": self.optimizer.state_dict(), "step": self.step}
        torch.save(state, self.path + ".part")
        os.replace(self.path + ".part", self.path)

    def update(self, loss, rate):
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.descend(rate)

    def descend(self, rate):
        nn.utils.clip_grad_norm_(self.params, 1.0)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group.get("factor", 1)
        self.optimizer.step()
        self.step += 1
        keep = min(.999, (self.step + 1) / (self.step + 20))
        with torch.no_grad():
            torch._foreach_lerp_(self.average, [p.detach() for p in self.params], 1 - keep)


def rate_at(args, started, steps):
    """Warm-up, a plateau, and a straight way down at the end of the time."""
    spent = (time.time() - started) / 60
    left = max(0.0, (args.minutes - spent) / (args.minutes * args.decay + 1e-6))
    return args.rate * min(1, (steps + 1) / args.warmup) * max(.02, min(1, left))


class Journal:
    """Means over some steps, as a line on the screen and a row of the CSV."""

    def __init__(self, path):
        self.path, self.rows, self.since = path, [], time.time()

    def add(self, log):
        self.rows.append({k: float(v.detach()) for k, v in log.items()})

    def flush(self, step, rate, scenes):
        keys = sorted({k for row in self.rows for k in row})
        mean = {}
        for key in keys:
            values = [r[key] for r in self.rows if key in r and r[key] == r[key]]
            mean[key] = sum(values) / max(1, len(values))
        speed = scenes * len(self.rows) / (time.time() - self.since)
        print(time.strftime("%H:%M:%S"), "step", step, "rate %.1e %.1f scenes/s" % (rate, speed),
              " ".join("%s %.3f" % kv for kv in mean.items()), flush=True)
        self.write({"step": step, "rate": "%.2e" % rate, "scenes_per_s": "%.1f" % speed,
                    **{k: "%.4f" % v for k, v in mean.items()}})
        self.rows, self.since = [], time.time()


    def write(self, row):
        """Append a row; the columns may have changed since the run began."""
        rows = []
        if os.path.exists(self.path):
            with open(self.path, newline="") as file:
                rows = list(csv.DictReader(file))
        keys = list(dict.fromkeys(k for r in rows + [row] for k in r))
        with open(self.path + ".part", "w", newline="") as file:
            writer = csv.DictWriter(file, keys)
            writer.writeheader()
            writer.writerows(rows + [row])
        os.replace(self.path + ".part", self.path)


def train(args):
    run = Run(args)
    phrases = args.phrases if args.stage == "fusion" else 0
    batches = loader(args.scenes or os.path.join(args.run, "scenes"), os.path.join(args.run, "tokenizer"),
                     args.batch, phrases, args.seed + run.step)
    lean = Lean(run.model, torch.bfloat16 if args.bf16 else torch.float32)
    journal = Journal(os.path.join(args.run, args.stage + ".csv"))
    started, first = time.time(), run.step
    while (time.time() - started) / 60 < args.minutes:
        batch, log = next(batches), {}
        narrow(batch, args.patches, phrases)
        if phrases:
            loss = fusion_losses(lean, run.helpers, batch, phrases, log)
        else:
            loss = vision_losses(run.helpers, lean.vision(batch["image"], batch["keep"]), batch, log)
        if not torch.isfinite(loss):
            raise RuntimeError("the loss is not finite at step %d" % run.step)
        rate = rate_at(args, started, run.step - first)
        run.update(loss, rate)
        log["loss"] = loss
        journal.add(log)
        if run.step % 50 == 0:
            journal.flush(run.step, rate, args.batch)
        if run.step % 100 == 0:
            run.save()
    run.save()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", help="folder of checkpoints, curves and the cache of scenes")
    parser.add_argument("--stage", choices=["vision", "fusion"], required=True)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--decay", type=float, default=0.25, help="share of the time in which the rate falls")
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--warmup", type=int, default=300)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--phrases", type=int, default=6)
    parser.add_argument("--patches", type=int, default=256, help="patches of a scene that are looked at")
    parser.add_argument("--scenes", help="cache folder, RUN/scenes when absent")
    parser.add_argument("--init-from", help="a model directory to start from")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--bf16", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    train(args)


if __name__ == "__main__":
    main()
