#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is said lights up what is seen: the words of a speech recogniser are the prompts of vlfusion.

A recogniser is any object with a method `words(stop)` that yields (start, end, text), seconds of the pipeline's running time (start None:
now; end None: until the next), and returns when there is no more or `stop()` is true. Two are here: LinesRecogniser reads what another
program prints (whisper.cpp's `stream`, vosk's examples, ... : `recogniser | vlf_speech.py -`), and ScriptRecogniser says words at given
times. Yours may be put in their place with --recogniser MODULE:CLASS. Debian: python3-gi, gir1.2-gstreamer-1.0.
"""
import argparse
import importlib
import sys
import threading

import gi

try:
    gi.require_version("Gst", "1.0")
    gi.require_version("GstVlFusion", "1.0")
except ValueError as error:
    print(f"vlf_speech: {error}", file=sys.stderr)
    sys.exit(77)
from gi.repository import Gst, GstVlFusion  # noqa: E402


class LinesRecogniser:
    """Each line of a file, or of standard input ("-"), is what has just been said."""

    def __init__(self, path):
        self.path = path

    def words(self, stop):
        lines = sys.stdin if self.path == "-" else open(self.path, encoding="utf-8", errors="replace")
        for line in lines:
            if stop():
                return
            if line.strip():
                yield None, None, line.strip()


class ScriptRecogniser:
    """Says words at their times: a file with lines like `1.5 3.0 a red circle`."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as script:
            self.said = [line.split(None, 2) for line in script if line.strip()]

    def words(self, stop):
        for start, end, text in self.said:
            if stop():
                return
            yield float(start), float(end), text.strip()


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("words", help="what the recogniser reads; - for standard input")
    parser.add_argument("--recogniser", default="LinesRecogniser", help="LinesRecogniser, ScriptRecogniser or MODULE:CLASS")
    parser.add_argument("--model", help="a model's directory or name")
    parser.add_argument("--test", type=float, metavar="SECONDS", help="a test picture for so long, shown nowhere")
    return parser.parse_args()


def make_recogniser(name, argument):
    module, _, class_name = name.rpartition(":")
    space = importlib.import_module(module) if module else sys.modules[__name__]
    return getattr(space, class_name)(argument)


def make_pipeline(arguments):
    source, sink, mode = "autovideosrc", "autovideosink", "latest"
    if arguments.test:
        source = (
            f"videotestsrc pattern=ball is-live=true num-buffers={round(10 * arguments.test)} "
            "! video/x-raw,width=320,height=240,framerate=10/1"
        )
        sink, mode = "fakesink sync=true", "every-frame"  # however slow the machine is
    pipeline = Gst.parse_launch(
        f"vlfusion name=fusion mode={mode} ! vloverlay ! videoconvert ! {sink}  {source} ! videoconvert ! fusion.sink  "
        "appsrc name=speech format=time is-live=true caps=text/x-raw,format=utf8 ! fusion.text_0"
    )
    if arguments.model:
        pipeline.get_by_name("fusion").props.model = arguments.model
    return pipeline


class Speech(threading.Thread):
    """Gives the recogniser's words to the text pad, with the time at which they were said."""

    def __init__(self, recogniser, source):
        super().__init__(daemon=True)
        self.recogniser = recogniser
        self.source = source
        self.stopped = threading.Event()
        self.error = None  # why the recogniser failed

    def run(self):
        try:
            self.speak()
        except Exception as error:  # a recogniser may raise anything
            self.error = error

    def speak(self):
        for start, end, text in self.recogniser.words(self.stopped.is_set):
            buffer = Gst.Buffer.new_wrapped(text.encode())
            if start is not None:  # without a time it is active from now on
                buffer.pts = round(start * Gst.SECOND)
            if start is not None and end is not None:
                buffer.duration = max(round(end * Gst.SECOND) - buffer.pts, 0)
            if self.source.emit("push-buffer", buffer) != Gst.FlowReturn.OK:
                return


def wait(bus, speech):
    """The message that ends the pipeline; None where the recogniser fails, or after Ctrl-C, which Python only sees between two calls."""
    message = None
    try:
        while not message and not speech.error:
            message = bus.timed_pop_filtered(Gst.SECOND // 5, Gst.MessageType.EOS | Gst.MessageType.ERROR)
    except KeyboardInterrupt:
        pass
    return message


class Printer:
    """A line whenever the answers are about other words."""

    def __init__(self):
        self.said = None

    def on_frame(self, pad, info):
        buffer = info.get_buffer()
        meta = GstVlFusion.buffer_get_vl_meta(buffer, "fusion", GstVlFusion.Kind.FUSION)
        said = meta.result.get_text(0) if meta and meta.result.get_n_prompts() else ""
        if said != self.said:
            print(f"{buffer.pts / Gst.SECOND:.1f} {said}", flush=True)
        self.said = said
        return Gst.PadProbeReturn.OK


def main():
    arguments = parse_arguments()
    Gst.init([])
    recogniser = make_recogniser(arguments.recogniser, arguments.words)
    pipeline = make_pipeline(arguments)
    printer = Printer()
    pipeline.get_by_name("fusion").get_static_pad("src").add_probe(Gst.PadProbeType.BUFFER, printer.on_frame)
    pipeline.set_state(Gst.State.PLAYING)
    speech = Speech(recogniser, pipeline.get_by_name("speech"))
    speech.start()
    message = wait(pipeline.get_bus(), speech)
    speech.stopped.set()
    pipeline.set_state(Gst.State.NULL)
    if speech.error:
        print(f"vlf_speech: the recogniser failed: {speech.error}", file=sys.stderr)
        return 1
    if message and message.type == Gst.MessageType.ERROR:
        print(f"vlf_speech: {message.parse_error()[0].message}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
