#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Bars of speed that compare this software with itself, each as measured beside what it should be. Ratios of processor time, by turns,
of which the least counts: other programs change it least. Needs nothing but Python.

    bars.py --bench VLF-BENCH --run VLF-RUN --image JPG [--model DIR] [--video RAW --size WxH] [BAR...]

Bars: prompts, pipeline (needs gst-launch-1.0 and the plugin's path in the environment), start, memory (--model: a directory of
BridgeTower-base size), reuse (--video: raw I420 frames), fps. Without names all that can be measured. Status 0 whatever comes out."""

import argparse
import json
import math
import os
import resource
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

PROMPT = "a red circle"
ROUNDS = 3


def processor_time(command, env=None):
    """Seconds that @command took of all processors."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def bench(options, *arguments):
    """The last line of vlf-bench."""
    out = subprocess.run([options.bench, *arguments], check=True, capture_output=True, text=True).stdout
    return json.loads(out.splitlines()[-1])


def per_frame(command, few, many):
    """Milliseconds of processor time that a frame takes; @command: for a number of frames. What comes before frames cancels out."""
    return min(processor_time(command(many)) - processor_time(command(few)) for _ in range(ROUNDS)) * 1e3 / (many - few)


def show(bar, measured, least=None, most=None):
    good = measured >= least if least is not None else measured <= most
    wanted = f"at least {least}" if least is not None else f"at most {most}"
    print(f"{bar:64} {measured:8.3f}   {wanted:16} {'met' if good else 'NOT met'}", flush=True)


def prompts(options):
    runs = {1: [], 5: []}
    for _ in range(ROUNDS):
        for n, found in runs.items():
            found.append(bench(options, "--whole", "--no-maps", "-n", "40", "--prompts", str(n)))
    time = {n: min(run["cpu_ms_min"] for run in found) for n, found in runs.items()}
    done = {n: found[0]["gflop_done"] for n, found in runs.items()}
    show("each further prompt: its part of the time over that of the work",
         (time[5] - time[1]) / time[1] / ((done[5] - done[1]) / done[1]), most=1.1)


def pipeline(options):
    source = ["videotestsrc", "pattern=snow", "!", "video/x-raw,format=RGB,width=640,height=480", "!"]
    launch = lambda *elements: lambda n: ["gst-launch-1.0", "-q", *source[:1], f"num-buffers={n}", *source[1:], *elements, "fakesink"]
    whole = per_frame(launch("vlfusion", f"prompt={PROMPT}", "!"), 20, 220)
    frames = per_frame(launch(), 20, 220)
    bare = per_frame(lambda n: [options.bench, "--whole", "-n", str(n), "--prompt", PROMPT], 20, 220)
    show("vlfusion in a pipeline over the bare network", (whole - frames) / bare, most=1.05)


def start(options):
    command = [options.run, "--image", options.image, "--prompt", PROMPT]
    with tempfile.TemporaryDirectory() as folder:
        env = os.environ | {"VLF_CACHE_DIR": folder + "/vlf", "POCL_CACHE_DIR": folder + "/pocl", "VLF_TIERS": "none"}
        cold = processor_time(command, env)
        warm = min(processor_time(command, env) for _ in range(ROUNDS))
    show("warm start to the first result over one cold build", warm / (cold - warm), most=0.1)


def elements(directory):
    """Numbers in a model's safetensors files."""
    n = 0
    for file in Path(directory).glob("*.safetensors"):
        with open(file, "rb") as f:
            header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
        n += sum(math.prod(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__")
    return n


def memory(options):
    for precision, size in (("f32", 4), ("f16", 2)):
        peak = bench(options, "--whole", "-n", "2", "--model", options.model, "--precision", precision)["peak_resident_bytes"]
        show(f"MB beyond the weights, {precision}", (peak - size * elements(options.model)) / 1e6, most=250)


def reuse(options):
    found = bench(options, "--video", options.video, "--size", options.size, "--prompt", options.prompt)
    print(json.dumps(found))


def fps(options):
    found = min((bench(options, "--whole", "-n", "60") for _ in range(ROUNDS)), key=lambda run: run["ms_p5"])
    show("frames a second, 640x480, one prompt, the best twentieth", 1e3 / found["ms_p5"], least=30)


BARS = {"prompts": prompts, "pipeline": pipeline, "start": start, "memory": memory, "reuse": reuse, "fps": fps}


def main():
    parser = argparse.ArgumentParser(description="bars of speed that compare this software with itself")
    parser.add_argument("bars", nargs="*", metavar="BAR", help=f"of {', '.join(BARS)}")
    parser.add_argument("--bench", required=True, help="path of vlf-bench")
    parser.add_argument("--run", required=True, help="path of vlf-run")
    parser.add_argument("--image", required=True, help="any picture")
    parser.add_argument("--model", help="for memory")
    parser.add_argument("--video", help="for reuse")
    parser.add_argument("--size", default="768x576", help="of the video")
    parser.add_argument("--prompt", default="something red", help="for reuse")
    options = parser.parse_args()
    for name in options.bars or BARS:
        if name not in BARS:
            sys.exit(f"bars.py: {name}: expected one of {', '.join(BARS)}")
        if (name == "memory" and not options.model) or (name == "reuse" and not options.video):
            print(f"{name}: not measured, there is no {'--model' if name == 'memory' else '--video'}")
        else:
            BARS[name](options)
    print(f"load: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
