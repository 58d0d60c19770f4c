#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The same weights in vlf-bench, PyTorch, OpenVINO and ONNX Runtime, in interleaved rounds on this machine.

    .venv/bin/python tests/bench/compare.py --bench build/tools/vlf-bench --model DIR [--json FILE]

One frame and one prompt of 10 tokens per inference, the text encoded on both sides, no attention maps on either; of a CLIP
(make-clip.py makes some) the image tower alone, of a BLIP that captions (make-blip.py makes one) a greedy caption of --tokens tokens in full,
picture included, against transformers' generate(). Every
engine is a process that loads once; in each round each runs for about a second, in an order that changes from round to
round, so that what the machine does meanwhile meets all of them. Reported are the median over the rounds of each round's
median, and the median over the rounds of the ratio within a round. Only the ratio can be carried to another machine.

On a GPU, against PyTorch in fp16, eager and compiled (once with --batch 1, once with --batch 8):

    .venv/bin/python tests/bench/compare.py --bench build/tools/vlf-bench --model DIR --device gpu --ours f16 --torch-device cuda \\
        --precisions f16 --batch 8

Without --model the shipped default model is compared; without --bench only the peers are, against the fastest of them.
`tools/install-deps --training` makes .venv with what it needs. On a machine that is busy otherwise look at the fastest frame and at the processor time:
engines whose threads wait for each other after every operation lose far more of the clock than others (but threads that spin
while they wait take processor time for it).
"""

import argparse
import importlib.metadata
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
OURS = "vlfusion"
CPU_ONLY = ("openvino", "onnxruntime")        # as peers.py has them
PACKAGES = {"pytorch": "torch", "pytorch-compiled": "torch", "openvino": "openvino", "onnxruntime": "onnxruntime"}
FLAGS = ["avx2", "fma", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile", "amx_bf16", "amx_int8"]


def machine():
    """What the figures belong to."""
    text = Path("/proc/cpuinfo").read_text().split("\n\n")[0]
    info = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in text.splitlines())}
    flags = set(info.get("flags", info.get("Features", "")).split())
    memory = int(next(line for line in Path("/proc/meminfo").read_text().splitlines() if "MemTotal" in line).split()[1])
    return {"cpu": info.get("model name", "unknown"), "cores": len(os.sched_getaffinity(0)),
            "flags": [flag for flag in FLAGS if flag in flags], "memory_gib": round(memory / 2**20, 1),
            "kernel": os.uname().release, "date": time.strftime("%Y-%m-%d")}


def gpu():
    """Its name, as PyTorch calls it."""
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU that PyTorch can use"


def write_inputs(model, tokens, batch, file):
    """Noise in the model's size, and ids that are words. The values do not matter for the time, the sizes do."""
    import numpy as np
    from safetensors.numpy import save_file
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(model)
    size = config.vision_config.image_size
    pixels = np.random.Generator(np.random.PCG64(1)).standard_normal((batch, 3, size, size), np.float32)
    if config.model_type in ("clip", "blip"):
        save_file({"pixel_values": pixels}, file)
        return size
    rng = np.random.Generator(np.random.PCG64(1))
    text = config.text_config
    ids = rng.integers(4, text.vocab_size - 1, (batch, tokens))
    ids[:, 0], ids[:, -1] = text.bos_token_id, text.eos_token_id
    save_file({"pixel_values": pixels, "input_ids": ids.astype(np.int64),
               "attention_mask": np.ones((batch, tokens), np.int64)}, file)
    return size


class Engine:
    """A child process that times itself on request."""

    def __init__(self, name, precision, command, environment, log):
        self.name, self.precision, self.log = name, precision, log
        self.rounds, self.best, self.cpu = [], [], []
        self.child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
                                      env=os.environ | environment)
        self.ready = self._answer()
        self.frames = 1
        self.apart = None                       # largest difference of the output from the first f32 peer's

    def _answer(self):
        for line in self.child.stdout:
            if line.startswith("{"):
                return json.loads(line)
        self.log.seek(0)
        last = [line for line in self.log.read().splitlines() if line.strip()][-1:] or ["no message"]
        raise RuntimeError(f"{self.name} {self.precision} ended with status {self.child.wait()}: {last[0][:160]}")

    def run(self, frames):
        try:
            self.child.stdin.write(f"run {frames}\n")
            self.child.stdin.flush()
        except BrokenPipeError:
            pass                                # the answer, or its absence, says why
        return self._answer()["ms"]

    def cpu_ms(self):
        """Processor time of the child so far, all threads. What it spends per frame suffers less from a busy machine than
        the clock does (threads that spin while they wait count as well)."""
        fields = Path(f"/proc/{self.child.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * 1e3 / os.sysconf("SC_CLK_TCK")

    def round(self):
        before = self.cpu_ms()
        times = self.run(self.frames)
        self.rounds.append(statistics.median(times))
        self.best.append(min(times))
        self.cpu.append((self.cpu_ms() - before) / self.frames)
        time.sleep(0.05)                        # thread pools that spin after their work come to rest

    def close(self):
        self.child.stdin.close()
        self.child.wait()


def start(options, inputs, names, size, work):
    """Every engine that starts; the others are named with their reason."""
    threads = str(options.threads)
    environment = {"OMP_NUM_THREADS": threads, "POCL_MAX_PTHREAD_COUNT": threads}
    wanted = []
    if options.bench:
        for precision in options.ours:
            command = [options.bench, "--serve", "--no-maps", "--model", options.model, "--precision", precision,
                       "--size", f"{size}x{size}", "--batch", str(options.batch)]
            if options.device:
                command += ["--device", options.device]
            if options.captions:
                command += ["--caption", str(options.tokens)]
            elif "input_ids" in names:
                command += ["--encode", "--synthetic-tokens", str(options.tokens)]
            wanted.append((OURS, precision, command))
    for precision in options.precisions:
        for name in options.engines:
            if name in CPU_ONLY and (options.torch_device != "cpu" or precision == "f16"):
                continue
            if precision == "f32" or name != "onnxruntime":          # which has no bf16 kernels on CPUs
                wanted.append((name, precision, [sys.executable, str(HERE / "peers.py"), name, "--model", options.model,
                                                 "--inputs", inputs, "--work", work, "--precision", precision,
                                                 "--threads", threads, "--device", options.torch_device,
                                                 "--tokens", str(options.tokens)]))
    engines, missing = [], []
    for name, precision, command in wanted:
        log = open(Path(work) / f"{name}-{precision}.log", "w+")
        try:
            engine = Engine(name, precision, command, environment, log)
            estimate = statistics.median(engine.run(2))
            engine.frames = options.frames or max(1, min(200, round(1000 / estimate)))
            engines.append(engine)
            print(f"{name} {precision}: about {estimate:.0f} ms", file=sys.stderr)
        except (RuntimeError, OSError) as error:
            missing.append(str(error))
            print(error, file=sys.stderr)
    return engines, missing


def check_agreement(engines):
    """The peers must compute the same network: f32 outputs alike, bf16 roughly. A difference is said, not hidden."""
    peers = [engine for engine in engines if "out" in engine.ready]
    exact = next((engine for engine in peers if engine.precision == "f32"), None)
    for engine in peers if exact else []:
        apart = max(abs(a - b) for a, b in zip(engine.ready["out"], exact.ready["out"]))
        engine.apart = apart
        if apart > (1e-3 if engine.precision == "f32" else 0.5):
            print(f"{engine.name} {engine.precision} differs from {exact.name} by {apart:.2g}", file=sys.stderr)


def play(engines, rounds):
    order = random.Random(1)
    for i in range(rounds):
        for engine in order.sample(engines, len(engines)):
            engine.round()
        print(f"round {i + 1} of {rounds}", file=sys.stderr)


def version(name):
    return importlib.metadata.version(PACKAGES[name]) if name in PACKAGES else ""


def table(engines, yardstick):
    """Rows from fast to slow. Ratio: this engine's time over the yardstick's, so above 1 the yardstick is faster."""
    rows = []
    for engine in sorted(engines, key=lambda e: statistics.median(e.rounds)):
        ratios = [mine / theirs for mine, theirs in zip(engine.rounds, yardstick.rounds)]
        rows.append({"engine": engine.name, "version": version(engine.name), "precision": engine.precision,
                     "ms": statistics.median(engine.rounds), "ms_min": min(engine.rounds), "ms_max": max(engine.rounds),
                     "ms_best": min(engine.best), "best_ratio": min(engine.best) / min(yardstick.best),
                     "ratio": statistics.median(ratios), "ratio_min": min(ratios), "ratio_max": max(ratios),
                     "output_apart": engine.apart, "cpu_ms": min(engine.cpu), "cpu_ratio": min(engine.cpu) / (min(yardstick.cpu) or float("nan")),
                     "rounds": engine.rounds})
    return rows


def markdown(report):
    m = report["machine"]
    what = "frame" if report["batch"] == 1 else "batch"
    lines = [f"{report['model']}, {report['image']} px, {report['tokens']} tokens, batch {report['batch']}, {report['threads']} threads, "
             f"{report['rounds']} rounds; {m['cpu']}, {m['cores']} cores, {' '.join(m['flags'])}, {m['memory_gib']} GiB, "
             f"{m['gpu'] + ', ' if m['gpu'] else ''}load {m['load'][0]:.1f} before and {m['load'][1]:.1f} after; {m['date']}", "",
             f"| engine | precision | ms per {what} | slowest and fastest round "
             f"| time / {report['yardstick']} | fastest {what}, ms | / | least CPU ms per {what} | / |",
             "|---|---|---|---|---|---|---|---|---|"]
    for row in report["engines"]:
        name = " ".join((row["engine"], row["version"])).strip()
        lines.append(f"| {name} | {row['precision']} | {row['ms']:.1f} | {row['ms_max']:.1f}, {row['ms_min']:.1f} "
                     f"| {row['ratio']:.2f} ({row['ratio_min']:.2f} to {row['ratio_max']:.2f}) "
                     f"| {row['ms_best']:.2f} | {row['best_ratio']:.2f} | {row['cpu_ms']:.1f} | {row['cpu_ratio']:.2f} |")
    return "\n".join(lines + [""] + [f"Not run: {reason}" for reason in report["not_run"]])


def compare(options, work):
    from safetensors import safe_open

    inputs = str(Path(work) / "inputs.safetensors")
    size = write_inputs(options.model, options.tokens, options.batch, inputs)
    load = [os.getloadavg()[0]]
    names = set(safe_open(inputs, "np").keys())
    engines, missing = start(options, inputs, names, size, work)
    if not engines:
        sys.exit("compare.py: no engine started")
    check_agreement(engines)
    play(engines, options.rounds)
    load.append(os.getloadavg()[0])
    for engine in engines:
        engine.close()
    yardstick = next((e for e in engines if e.name == OURS), None)
    yardstick = yardstick or min(engines, key=lambda e: statistics.median(e.rounds))
    return {"model": Path(options.model).resolve().name, "image": size, "tokens": options.tokens,
            "threads": options.threads, "rounds": options.rounds, "batch": options.batch,
            "machine": machine() | {"load": load, "gpu": gpu() if options.torch_device != "cpu" else ""},
            "yardstick": f"{yardstick.name} {yardstick.precision}", "engines": table(engines, yardstick),
            "not_run": missing}


def default_model():
    """The BridgeTower directory that ships."""
    for config in sorted((HERE.parents[1] / "models" / "pretrained").glob("*/config.json")):
        if json.loads(config.read_text()).get("model_type") == "bridgetower":
            return str(config.parent)
    sys.exit("compare.py: there is no BridgeTower model in models/pretrained; name one with --model")


def parse():
    """The command line."""
    words = lambda text: text.split(",")
    parser = argparse.ArgumentParser(description="vlf-bench beside PyTorch, OpenVINO and ONNX Runtime")
    parser.add_argument("--model", help="Hugging Face directory of a BridgeTower or CLIP model; default: the shipped model")
    parser.add_argument("--bench", help="path of vlf-bench; without it only the peers run")
    parser.add_argument("--ours", type=words, default=["f32"], help="precisions of vlf-bench (default: f32)")
    parser.add_argument("--engines", type=words, default=list(PACKAGES), help=f"of {','.join(PACKAGES)} (default: all)")
    parser.add_argument("--precisions", type=words, help="of the peers (default: f32, and bf16 where the CPU computes it)")
    parser.add_argument("--device", help="of vlf-bench (default: auto)")
    parser.add_argument("--torch-device", default="cpu", help="cpu, or cuda: then PyTorch is the only peer (default: cpu)")
    parser.add_argument("--batch", type=int, default=1, help="frames of an inference, each with a prompt (default: 1)")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="default: as many as cores")
    parser.add_argument("--tokens", type=int, default=10, help="of the prompt or caption, special ones included (default: 10)")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--frames", type=int, default=0, help="per engine and round (default: about a second's worth)")
    parser.add_argument("--work", help="folder for the exported network (default: a temporary one)")
    parser.add_argument("--json", help="also write the report to this file")
    options = parser.parse_args()
    options.model = options.model or default_model()
    options.captions = json.loads((Path(options.model) / "config.json").read_text()).get("model_type") == "blip"
    if options.captions:                        # the others have no generate()
        options.engines = [name for name in options.engines if name == "pytorch"]
    if not options.precisions:
        bf16 = {"amx_bf16", "avx512_bf16"} & set(machine()["flags"])
        options.precisions = ["f32", "bf16"] if bf16 else ["f32"]
    return options


def main():
    options = parse()
    if options.work:
        Path(options.work).mkdir(parents=True, exist_ok=True)
        report = compare(options, options.work)
    else:
        with tempfile.TemporaryDirectory(prefix="vlf-compare-") as work:
            report = compare(options, work)
    print(markdown(report))
    if options.json:
        Path(options.json).write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
