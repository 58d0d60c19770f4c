"""Train the captioner; resumes from its own checkpoint.

    caption_train.py RUN --scenes FOLDER --tower FUSION_RUN/fusion.pt --minutes 90

The vision tower starts from a trained fusion model: a checkpoint of train.py,
or the model.safetensors that it became. Its labelling losses stay beside the
losses of the words: captions, answers, and where each word looks.
"""

import argparse
import os
import time

import torch
import torch.nn.functional as F

import caption_words
from caption_data import IGNORED, KIND_NAMES, SizedCache, loader
from caption_model import LeanBlip, build, check, make_config, take_tower
from model import HIDDEN
from train import MAP_LAYERS, Helpers, Journal, Run, narrow, rate_at, vision_losses

ANSWER_WEIGHT = 2.0  # of a word of an answer, beside 1 of a word of a caption


class CaptionRun(Run):
    """As the fusion model's, around BLIP."""

    def __init__(self, args):
        self.args = args
        torch.manual_seed(args.seed)
        self.model = build(make_config(len(caption_words.entries())))
        self.helpers = Helpers(HIDDEN)
        tower = list(self.model.vision_model.parameters())
        self.params = tower + list(self.model.text_decoder.parameters()) + list(self.helpers.parameters())
        self.step, self.average = 0, None
        self.path = os.path.join(args.run, "caption.pt")
        self.optimizer = torch.optim.AdamW(
            self.groups(self.params[:len(tower)], args.tower_rate / args.rate) + self.groups(self.params[len(tower):], 1),
            lr=args.rate, betas=(.9, .98), fused=True)
        self.load()

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


def word_losses(lean, states, batch, log):
    """Cross-entropy of captions and answers; shares of texts that are right in every word."""
    wanted, kind = batch["wanted"], batch["kind"]
    asked = wanted != IGNORED
    logits = lean.words(states[asked])
    loss = F.cross_entropy(logits, wanted[asked], reduction="none")
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


def look_loss(maps, batch, log):
    """The maps that the overlay averages lie on the things that a word speaks of."""
    shown = torch.stack([maps[i] for i in MAP_LAYERS]).float().mean((0, 2))[..., 1:]  # [B, Q * T, cells]
    looks = batch["looks"].flatten(1, 2).float()
    target = torch.bmm(looks, batch["cover"].float() / 255).clamp(max=1)
    asked = target.sum(-1) > 1
    on = (shown * target).sum(-1)[asked]
    log["on_thing"] = on.detach().mean()
    log["look"] = -(on + 1e-4).log().mean()
    return log["look"]


def losses(run, lean, batch, log):
    image = lean.vision(batch["image"], batch["keep"])
    states, maps = lean.decode(batch["ids"], image)
    total = 4 * word_losses(lean, states, batch, log) + run.args.look * look_loss(maps, batch, log)
    if run.args.vision:
        log["vision"] = vision_losses(run.helpers, [image], batch, log)
        total = total + run.args.vision * log["vision"]
    return total


def train(args):
    run = CaptionRun(args)
    print("lean pass differs by", check(run.model), "from step", run.step, flush=True)
    batches = loader(args.scenes, args.batch, args.texts, args.seed + run.step)
    lean = LeanBlip(run.model, torch.bfloat16 if args.bf16 else torch.float32)
    journal = Journal(os.path.join(args.run, "caption.csv"))
    started, first = time.time(), run.step
    while (time.time() - started) / 60 < args.minutes:
        batch, log = next(batches), {}
        narrow(batch, args.patches, 0)
        loss = losses(run, lean, batch, log)
        if not torch.isfinite(loss):
            raise RuntimeError("the loss is not finite at step %d" % run.step)
        rate = rate_at(args, started, run.step - first)
        run.update(loss, rate)
        log["loss"] = loss
        journal.add(log)
        if run.step % 50 == 0:
            journal.flush(run.step, rate, args.batch)
        if run.step % 200 == 0:
            run.save()
    run.save()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", help="folder of the checkpoint and the curves")
    parser.add_argument("--scenes", required=True, help="cache folder of caption_scenes.py")
    parser.add_argument("--tower", help="fusion.pt or model.safetensors to start from")
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
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--bf16", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    train(args)


if __name__ == "__main__":
    main()
