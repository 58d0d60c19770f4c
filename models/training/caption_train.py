"""Train the captioner; resumes from its own checkpoint.

    caption_train.py RUN --scenes FOLDER --tower FUSION_RUN/fusion.pt --minutes 90

The vision tower starts from a trained fusion model: a checkpoint of train.py,
or the model.safetensors that it became. Its labelling losses stay beside the
losses of the words: captions, answers, and where each word looks.
"""

import argparse
import math
import os
import signal
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

import caption_words
from caption_data import IGNORED, KIND_NAMES, SizedCache, loader
from caption_model import LeanBlip, build, check, make_config, take_tower
from model import HIDDEN
from train import MAP_LAYERS, Helpers, Journal, Run, narrow, rate_at, vision_losses
from vocabulary import COLORS, PATTERNS, SHAPES, SIZES

NOUN_LAYER = 1  # of the decoder: by then a question's noun has found its thing
ANSWER_WEIGHT = 2.0  # of a word of an answer, beside 1 of a word of a caption


class CaptionHelpers(Helpers):
    def __init__(self, width):
        super().__init__(width)
        self.spot = nn.Linear(width, 2)        # the layer before the last: where the thing lies that a word speaks of
        self.early_spot = nn.Linear(width, 2)  # the same one layer earlier
        self.gap = nn.Linear(width, 2)         # from the first thing of a relation to the second
        self.number = nn.Linear(width, len(SHAPES) + 2)  # class token: how many of every shape, how many in all


class CaptionRun(Run):
    """As the fusion model's, around BLIP."""

    def __init__(self, args, fresh=False):
        self.args = args
        torch.manual_seed(args.seed)
        self.model = build(make_config(len(caption_words.entries())))
        self.helpers = CaptionHelpers(HIDDEN)
        self.caution = Caution(args.odds)
        tower = list(self.model.vision_model.parameters())
        self.params = tower + list(self.model.text_decoder.parameters()) + list(self.helpers.parameters())
        self.step, self.average = 0, None
        self.path = os.path.join(args.run, "caption.pt")
        self.optimizer = torch.optim.AdamW(
            self.groups(self.params[:len(tower)], args.tower_rate / args.rate) + self.groups(self.params[len(tower):], 1),
            lr=args.rate, betas=(.9, .98), fused=True)
        if not fresh:
            self.load()

    def apply(self, rate, processes):
        """A step with the mean of the gradients of all processes."""
        torch._foreach_div_([p.grad for p in self.params if p.grad is not None], processes)
        self.descend(rate)

    @staticmethod
    def groups(params, factor):
        return [{"params": [p for p in params if p.dim() > 1], "weight_decay": .02, "factor": factor},
                {"params": [p for p in params if p.dim() <= 1], "weight_decay": 0, "factor": factor}]

    def load(self):
        if os.path.exists(self.path):
            state = torch.load(self.path, weights_only=True)
            self.restore(state)
            self.step = state["step"]
            self.restore_optimizer(state["optimizer"])
        elif self.args.init_from:
            from safetensors.torch import load_file
            state = load_file(os.path.join(self.args.init_from, "model.safetensors"))
            self.model.load_state_dict({k: v.float() for k, v in state.items()}, strict=False)
        elif self.args.tower:
            self.take(self.args.tower)
        if self.average is None:
            self.average = [p.detach().clone() for p in self.params]

    def take(self, path):
        """The tower and, from a checkpoint, the readouts that labelled its patches."""
        pixels = torch.from_numpy(SizedCache(self.args.scenes).shards["shard-0000"]["image"][:256].copy())
        if path.endswith(".safetensors"):
            from safetensors.torch import load_file
            take_tower(self.model, load_file(path), pixels)
            return
        state = torch.load(path, weights_only=True)
        take_tower(self.model, state["model"], pixels)
        self.helpers.load_state_dict(state["helpers"], strict=False)


class Caution:
    """A caption states what is right `odds` times as often as wrong, and else leaves it unsaid: a shape becomes
    "thing", a colour, pattern, size or further thing is left out (Chow, "On optimum recognition error and reject
    tradeoff", 1970). The odds are added to the logits of what states more while these are trained (Menon et al.,
    "Long-tail learning via logit adjustment", 2021), so that later they are wanting."""

    def __init__(self, odds):
        ids = caption_words.WordIds()
        self.colors, self.shapes, self.thing = ids(COLORS), ids(SHAPES), ids(["thing"])[0]
        self.extra = torch.zeros(len(ids))
        for step, words in ((1, SHAPES + caption_words.LINKING), (2, COLORS + caption_words.LISTING),
                            (3, PATTERNS + SIZES)):
            self.extra[ids(words)] = step * math.log(odds)

    @staticmethod
    def missed(logits, truth, group):
        """Whether the truth is of the group, and another of it is more likely."""
        group = torch.tensor(group)
        return torch.isin(truth, group) & (group[logits[:, group].argmax(-1)] != truth)

    def __call__(self, logits, truth, following, caption):
        """Of every word asked for: logits [N, V] and targets [N] for the loss."""
        with torch.no_grad():
            target = torch.where(caption & self.missed(logits, truth, self.shapes), self.thing, truth)
            target = torch.where(caption & self.missed(logits, truth, self.colors), following, target)
        return logits + self.extra * caption[:, None], target


def word_losses(lean, states, batch, caution, log):
    """Cross-entropy of captions and answers; shares of texts that are right in every word."""
    wanted, kind = batch["wanted"], batch["kind"]
    asked = wanted != IGNORED
    logits = lean.words(states[asked])
    of_caption = (kind == 0)[..., None].expand(wanted.shape)[asked]
    following = wanted.roll(-1, -1)
    following = torch.where(following == IGNORED, wanted, following)[asked]
    loss = F.cross_entropy(*caution(logits, wanted[asked], following, of_caption), reduction="none")
    weight = torch.where(kind > 0, ANSWER_WEIGHT, 1.0)[..., None].expand(wanted.shape)[asked]
    wrong = torch.zeros(wanted.shape, dtype=torch.bool)
    wrong[asked] = logits.argmax(-1) != wanted[asked]
    right = ~wrong.any(-1)
    for number, name in enumerate(KIND_NAMES):
        if (kind == number).any():
            log["right_" + name] = right[kind == number].float().mean()
    log["answers"] = right[kind > 0].float().mean()
    log["words"] = (loss * weight).sum() / weight.sum()
    return log["words"]


def look_losses(maps, batch, log):
    """The maps that the overlay averages lie on the things that a word speaks of, on each of several
    alike; and the nouns of a question look there early, so that what is asked of them can be made out."""
    looks = batch["looks"].flatten(1, 2).float()
    cover = batch["cover"].float() / 255
    shown = torch.stack([maps[i] for i in MAP_LAYERS]).float().mean((0, 2))
    early = maps[NOUN_LAYER].float().mean(1)
    total = 0
    for seen, asked in ((shown, looks), (early, looks * batch["noun"].flatten(1, 2)[..., None])):
        on = torch.bmm(seen[..., 1:], cover.transpose(1, 2))
        if seen is shown:
            log["on_thing"] = on[looks.sum(-1, keepdim=True).eq(1) & looks.bool()].detach().mean()
        total = total - (asked * (on + 1e-4).log()).sum() / asked.sum().clamp_min(1)
    log["look"] = total
    return total


def spot_losses(helpers, states, batch, log):
    """A word that speaks of one thing knows where it lies: relations are made of that."""
    looks, center = batch["looks"], batch["center"]
    alone = looks.sum(-1) == 1
    scene = torch.arange(len(looks))[:, None, None].expand(alone.shape)[alone]
    truth = 4 * center[scene, looks[alone].argmax(-1)]
    log["spot"] = F.smooth_l1_loss(helpers.spot(states[-2][alone].float()), truth, beta=.3)
    noun = batch["noun"][alone]
    early = helpers.early_spot(states[NOUN_LAYER][alone].float())[noun]
    total = log["spot"] + F.smooth_l1_loss(early, truth[noun], beta=.3)
    scene, text = (batch["pair"][..., 2] >= 0).nonzero(as_tuple=True)
    if len(scene):
        one, two, place = batch["pair"][scene, text].unbind(-1)
        told = helpers.gap(states[-2][scene, text, place].float())
        log["gap"] = F.smooth_l1_loss(told, 4 * (center[scene, two] - center[scene, one]), beta=.3)
        total = total + log["gap"]
    return total


def number_loss(helpers, image, batch, log):
    """The class token knows how many things of every shape there are."""
    shape = batch["attributes"][..., 1]
    count = torch.stack([(shape == i).sum(-1) for i in range(len(SHAPES) + 1)], -1)
    truth = torch.cat([count, count.sum(-1, keepdim=True)], -1).float()
    told = helpers.number(image[:, 0].float())
    log["number"] = F.smooth_l1_loss(told, truth, beta=.3)
    log["total"] = (told[:, -1].round() == truth[:, -1]).float().mean()
    return log["number"]


def losses(run, lean, batch, log):
    image = lean.vision(batch["image"], batch["keep"])
    states, maps = lean.decode(batch["ids"], lean.context(image))
    total = 4 * word_losses(lean, states[-1], batch, run.caution, log) + run.args.look * look_losses(maps, batch, log)
    total = total + run.args.spot * spot_losses(run.helpers, states, batch, log)
    total = total + number_loss(run.helpers, image, batch, log)
    if run.args.vision:
        log["vision"] = vision_losses(run.helpers, [image], batch, log)
        total = total + run.args.vision * log["vision"]
    return total


class Share:
    """One process's part of a step: its own batches, gradients of the common weights."""

    def __init__(self, run, seed):
        args = self.args = run.args
        self.run, self.batches = run, loader(args.scenes, args.batch, args.texts, seed)
        self.lean = LeanBlip(run.model, torch.bfloat16 if args.bf16 else torch.float32)

    def loss(self, log):
        batch = next(self.batches)
        narrow(batch, self.args.patches, 0)
        loss = losses(self.run, self.lean, batch, log)
        if not torch.isfinite(loss):
            raise RuntimeError("the loss is not finite")
        return loss


def help_along(args, seed, weights, gradient, go, done):
    """A further process: on a busy machine two of one thread do not wait for each
    other at every operation, as two threads of one process do."""
    torch.set_num_threads(args.threads)
    parent = os.getppid()
    run = CaptionRun(args, fresh=True)
    for p, common in zip(run.params, weights):
        p.data = common
    share = Share(run, seed)
    while True:
        while not go.acquire(timeout=20):
            if os.getppid() != parent:
                return
        for p in run.params:
            p.grad = None
        share.loss({}).backward()
        gradient.copy_(torch.cat([g.flatten() for g in gradients(run.params)]))
        done.release()


def gradients(params):
    return [torch.zeros_like(p) if p.grad is None else p.grad for p in params]


class Helper:
    """The near side of help_along()."""

    def __init__(self, run, seed):
        import torch.multiprocessing as mp
        context = mp.get_context("spawn")
        self.params = run.params
        for p in run.params:
            p.data.share_memory_()
        self.gradient = torch.zeros(sum(p.numel() for p in run.params)).share_memory_()
        self.go, self.done = context.Semaphore(0), context.Semaphore(0)
        weights = [p.data for p in run.params]
        self.process = context.Process(target=help_along, daemon=False, args=(
            run.args, seed, weights, self.gradient, self.go, self.done))
        self.process.start()

    def add(self):
        """Waits for its gradients and adds them to the weights' own."""
        while not self.done.acquire(timeout=20):
            if not self.process.is_alive():
                raise RuntimeError("a helping process has ended")
        parts = self.gradient.split([p.numel() for p in self.params])
        for p, part in zip(self.params, parts):
            p.grad = part.view_as(p).clone() if p.grad is None else p.grad.add_(part.view_as(p))


def train(args):
    run = CaptionRun(args)
    print("lean pass differs by", check(run.model), "from step", run.step, flush=True)
    helpers = [Helper(run, args.seed + run.step + 1_000_003 * (i + 1)) for i in range(args.processes - 1)]
    try:
        steps(args, run, helpers)
    finally:
        run.save()
        for helper in helpers:
            helper.process.kill()


def steps(args, run, helpers):
    share = Share(run, args.seed + run.step)
    journal = Journal(os.path.join(args.run, "caption.csv"))
    started, first = time.time(), run.step
    while (time.time() - started) / 60 < args.minutes:
        log = {}
        run.optimizer.zero_grad(set_to_none=True)
        for helper in helpers:
            helper.go.release()
        log["loss"] = share.loss(log)
        log["loss"].backward()
        for helper in helpers:
            helper.add()
        rate = rate_at(args, started, run.step - first)
        run.apply(rate, args.processes)
        journal.add(log)
        if run.step % 50 == 0:
            journal.flush(run.step, rate, args.batch * args.processes)
        if run.step % 100 == 0:
            run.save()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", help="folder of the checkpoint and the curves")
    parser.add_argument("--scenes", required=True, help="cache folder of caption_scenes.py")
    parser.add_argument("--tower", help="fusion.pt or model.safetensors to start from")
    parser.add_argument("--init-from", help="a captioner's directory to start from")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--decay", type=float, default=.4, help="share of the time in which the rate falls")
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--tower-rate", type=float, default=3e-4)
    parser.add_argument("--warmup", type=int, default=300)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--texts", type=int, default=6, help="texts about a scene: its caption and questions")
    parser.add_argument("--patches", type=int, default=256, help="patches of a scene that are looked at")
    parser.add_argument("--vision", type=float, default=.3, help="weight of the tower's labelling losses")
    parser.add_argument("--look", type=float, default=.5, help="weight of where words look")
    parser.add_argument("--spot", type=float, default=1.0, help="weight of where the things lie")
    parser.add_argument("--odds", type=float, default=5, help="for what a caption states to be right; 1: no caution")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1, help="of each process")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--bf16", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # saves, and ends the helping processes
    train(args)


if __name__ == "__main__":
    main()
