"""What mechanisms of attention do to the default model: how well it matches and points, and what a frame costs.

    mechanisms.py BUILD [--scenes 300] [--rounds 5] [--settings "" attention-top-k=8 ...]

BUILD is a build folder, whose elements and tools are measured. Half of the scenes are of pairs that
were held out. Each is asked four phrases (one thing, a relation; each true and false) through vlfusion,
in one pipeline for each setting; the times are vlf-bench's, settings in turn. Tables in Markdown.
"""

import argparse
import json
import os
import subprocess
import tempfile

import numpy as np

import evaluate as ev
import phrases as ph
from scenes import SIDE

SETTINGS = ["", *("attention-top-k=%d" % k for k in (4, 8, 16, 32, 64)), "relevance=rollout"]
NAMES = {"": "everything (default)"}
BENCH = {"": [], "relevance=rollout": ["--rollout"]}
HOURS = "%02d:%02d:%02d,000"


def asked_scenes(count):
    """Views with four phrases each, of which some may be None."""
    found = []
    for split in ("seen", "held"):
        first = split == "held"
        for rng, view in ev.scenes_of(split, count // 2):
            found.append((view, [about(rng, view, truth, first) for about in (ev.phrase_about, ev.relation_about)
                                 for truth in (True, False)]))
    return found


def write_clip(scenes, folder):
    """A frame a second, and its phrases as four files of subtitles."""
    with open(os.path.join(folder, "scenes.rgb"), "wb") as file:
        for view, _ in scenes:
            file.write(np.ascontiguousarray(view.image).tobytes())
    clock = lambda s: HOURS % (s // 3600, s // 60 % 60, s % 60)
    for which in range(4):
        with open(os.path.join(folder, "%d.srt" % which), "w") as file:
            for i, (_, asked) in enumerate(scenes):
                words = asked[which].words if asked[which] else ["something"]
                file.write("%d\n%s --> %s\n%s\n\n" % (i + 1, clock(i), clock(i + 1), " ".join(words)))


def ask(build, folder, setting):
    """The results of all frames."""
    out = os.path.join(folder, "out.jsonl")
    line = ["gst-launch-1.0", "-q", "vlfusion", "name=f", "mode=every-frame", *setting.split(), "!",
            "vljsonenc", "maps=words", "embeddings=none", "!", "filesink", "location=" + out,
            "filesrc", "location=" + os.path.join(folder, "scenes.rgb"), "!", "rawvideoparse", "format=rgb",
            "width=%d" % SIDE, "height=%d" % SIDE, "framerate=1/1", "!", "f.sink"]
    for which in range(4):
        line += ["filesrc", "location=" + os.path.join(folder, "%d.srt" % which), "!", "subparse", "!", "f.text_%d" % which]
    subprocess.run(line, check=True, env=os.environ | {"GST_PLUGIN_PATH_1_0": os.path.join(build, "plugin")})
    with open(out) as file:
        return [json.loads(row) for row in file]


def score(scenes, results):
    tally = ev.Tally()
    assert len(scenes) == len(results), (len(scenes), len(results))
    for (view, asked), result in zip(scenes, results):
        balanced = [asked[0] and asked[1], asked[2] and asked[3]]
        for i, (phrase, prompt) in enumerate(zip(asked, result["prompts"])):
            if phrase is None:
                continue
            assert prompt["text"] == " ".join(phrase.words), (prompt["text"], phrase.words)
            if balanced[i // 2]:
                tally.add("match", (prompt["match"] > .5) == phrase.label)
            if phrase.label == ph.YES:
                words = [np.array(word["map"]).ravel() for word in prompt["words"]]
                ev.score_pointing(tally, view, phrase, words, np.array(prompt["map"]).ravel())
    return tally


def bench(build, setting):
    """The least processor time of a frame, in milliseconds."""
    options = BENCH.get(setting, ["--" + setting])
    line = [os.path.join(build, "tools", "vlf-bench"), "--whole", "--frames", "30", *options]
    out = subprocess.run(line, check=True, capture_output=True, text=True).stdout
    return next(json.loads(row)["cpu_ms_min"] for row in out.splitlines() if "cpu_ms_min" in row)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("--scenes", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--settings", nargs="*", default=SETTINGS)
    args = parser.parse_args()
    scenes = asked_scenes(args.scenes)
    print("| setting | match | peak, one thing | peak, relations | each word |\n|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        write_clip(scenes, folder)
        for setting in args.settings:
            tally = score(scenes, ask(args.build, folder, setting))
            cells = ["%.1f %% of %d" % (100 * mean, n) for mean, n in
                     map(tally.mean, ("match", "point", "point_relation", "word"))]
            print("| %s | %s |" % (NAMES.get(setting, "`%s`" % setting), " | ".join(cells)), flush=True)
    times = {setting: [] for setting in args.settings}
    for _ in range(args.rounds):
        for setting in args.settings:
            times[setting].append(bench(args.build, setting))
    for setting, found in times.items():
        print("| %s | %.2f ms | %.2f |" % (NAMES.get(setting, "`%s`" % setting), min(found), min(found) / min(times[args.settings[0]])))


if __name__ == "__main__":
    main()
