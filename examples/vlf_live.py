#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Asks a camera or a file what you type, while it plays: each line is a new prompt, Ctrl-D or Ctrl-C ends.

The twin of vlf-live.c. Reads what was found from each frame's GstVlMeta (typelib GstVlFusion-1.0). Debian: python3-gi,
gir1.2-gstreamer-1.0.
"""
import argparse
import math
import os
import sys

import gi

try:
    gi.require_version("Gst", "1.0")
    gi.require_version("GstVlFusion", "1.0")
except ValueError as error:
    print(f"vlf_live: {error}", file=sys.stderr)
    sys.exit(77)
from gi.repository import GLib, Gst, GstVlFusion  # noqa: E402


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", nargs="?", help="a video; without one, the camera")
    parser.add_argument("--prompt", default="", help="what to look for at first")
    parser.add_argument("--model", help="a model's directory or name")
    parser.add_argument("--test", action="store_true", help="a test picture until the input ends, shown nowhere")
    return parser.parse_args()


def make_pipeline(arguments):
    source, sink = "autovideosrc", "autovideosink"
    if arguments.test:
        source = "videotestsrc pattern=ball is-live=true ! video/x-raw,width=320,height=240,framerate=15/1"
        sink = "fakesink sync=true"
    elif arguments.file:
        source = "filesrc name=file ! decodebin"
    pipeline = Gst.parse_launch(f"{source} ! videoconvert ! vlfusion name=fusion ! vloverlay ! videoconvert ! {sink}")
    fusion = pipeline.get_by_name("fusion")
    fusion.props.prompt = arguments.prompt
    if arguments.model:
        fusion.props.model = arguments.model
    if arguments.file and not arguments.test:
        pipeline.get_by_name("file").props.location = arguments.file
    return pipeline, fusion


class Printer:
    """One line for each new list of prompts; on a terminal the line is written over with every frame."""

    def __init__(self):
        self.terminal = sys.stdout.isatty()
        self.generation = 0

    def on_frame(self, pad, info):
        meta = GstVlFusion.buffer_get_vl_meta(info.get_buffer(), "fusion", GstVlFusion.Kind.FUSION)
        if meta:
            self.show(meta.result)
        return Gst.PadProbeReturn.OK

    def show(self, result):
        if not self.terminal and result.get_generation() == self.generation:
            return
        self.generation = result.get_generation()
        parts = []
        for i in range(result.get_n_prompts()):
            match = result.get_match(i)
            parts.append(result.get_text(i) if math.isnan(match) else f"{match:.2f} {result.get_text(i)}")
        line = "   ".join(parts)
        print(f"\r\033[K{line}" if self.terminal else line, end="" if self.terminal else "\n", flush=True)


class App:
    def __init__(self, arguments):
        self.pipeline, self.fusion = make_pipeline(arguments)
        self.loop = GLib.MainLoop()
        self.test = arguments.test
        self.status = 0
        self.printer = Printer()
        self.fusion.get_static_pad("src").add_probe(Gst.PadProbeType.BUFFER, self.printer.on_frame)

    def on_message(self, bus, message):
        if message.type == Gst.MessageType.EOS:
            self.loop.quit()
        elif message.type == Gst.MessageType.ERROR:
            print(f"vlf_live: {message.parse_error()[0].message}", file=sys.stderr)
            self.status = 1
            self.loop.quit()
        elif message.type == Gst.MessageType.LATENCY:
            self.pipeline.recalculate_latency()

    def on_line(self, channel, condition):
        typed = os.read(channel, 65536).decode(errors="replace")
        for line in typed.splitlines():
            self.fusion.props.prompt = line
        if typed:
            return GLib.SOURCE_CONTINUE
        if sys.stdin.isatty() or self.test:
            self.loop.quit()
        return GLib.SOURCE_REMOVE

    def play(self):
        bus = self.pipeline.get_bus()
        bus.add_signal_watch()
        bus.connect("message", self.on_message)
        GLib.io_add_watch(sys.stdin.fileno(), GLib.PRIORITY_DEFAULT, GLib.IOCondition.IN | GLib.IOCondition.HUP, self.on_line)
        self.pipeline.set_state(Gst.State.PLAYING)
        try:
            self.loop.run()
        except KeyboardInterrupt:
            pass
        self.pipeline.set_state(Gst.State.NULL)
        bus.remove_signal_watch()
        return self.status


def main():
    arguments = parse_arguments()
    Gst.init([])
    try:
        app = App(arguments)
    except GLib.Error as error:
        print(f"vlf_live: {error.message}", file=sys.stderr)
        return 1
    return app.play()


if __name__ == "__main__":
    sys.exit(main())
