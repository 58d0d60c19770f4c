# SPDX-License-Identifier: LGPL-2.1-or-later
"""Python reads every field of a result: in a pad probe, and from an appsink behind a scaler."""
import math
import struct
import sys

import gi

try:
    gi.require_version("Gst", "1.0")
except ValueError as error:
    print(error)
    sys.exit(77)  # skipped: no typelib of GStreamer
gi.require_version("GstVlFusion", "1.0")
from gi.repository import GLib, Gst, GstVlFusion  # noqa: E402


def floats(*values):
    return GLib.Bytes.new(struct.pack(f"{len(values)}f", *values))


def make_result():
    result = GstVlFusion.Result.new(640, 480, 2, 3)
    result.set_region(80, 0, 480, 480)
    result.set_source(40 * Gst.MSECOND, 3)
    result.set_cost(7 * Gst.MSECOND, 0.25)
    result.set_model("tiny", "abcd")
    result.set_image_embedding(floats(1, 2))
    prompt = result.add_prompt("a cat", 0.75, 1.5, floats(0, 1, 2, 3, 4, 5))
    result.set_peak(prompt, 100, 200)
    result.set_embedding(prompt, floats(3, 4), "cross_embeds")
    result.add_word(prompt, "a", math.nan, None)
    result.add_word(prompt, "cat", 0.5, floats(5, 4, 3, 2, 1, 0))
    return result


def check_result(result):
    assert result.get_frame_size() == (640, 480)
    assert result.get_grid() == (2, 3)
    assert tuple(result.get_region()) == (80, 0, 480, 480)
    assert result.get_source_pts() == 40 * Gst.MSECOND and result.get_generation() == 3
    assert result.get_inference_time() == 7 * Gst.MSECOND and result.get_reused() == 0.25
    assert result.get_model() == "tiny" and result.get_fingerprint() == "abcd"
    assert result.peek_image_embedding() == [1, 2]
    assert result.get_n_prompts() == 1 and result.get_text(0) == "a cat"
    assert result.get_match(0) == 0.75 and result.get_score(0) == 1.5
    assert tuple(result.get_peak(0)) == (True, 100, 200)
    assert result.peek_map(0) == [0, 1, 2, 3, 4, 5]
    assert result.peek_embedding(0) == [3, 4] and result.get_embedding_kind(0) == "cross_embeds"
    assert result.get_caption(0) is None
    assert result.get_n_words(0) == 2 and result.get_word_text(0, 1) == "cat"
    assert math.isnan(result.get_word_weight(0, 0)) and result.get_word_weight(0, 1) == 0.5
    assert result.peek_word_map(0, 0) == [] and result.peek_word_map(0, 1) == [5, 4, 3, 2, 1, 0]


def check_meta(meta, scale):
    assert meta.producer == "python" and meta.kind == GstVlFusion.Kind.CAPTION
    assert meta.carried and meta.age == 40 * Gst.MSECOND
    assert (meta.region_x, meta.region_y, meta.region_width, meta.region_height) == (80 * scale, 0, 480 * scale, 480 * scale)
    assert (meta.frame_width, meta.frame_height) == (640 * scale, 480 * scale)
    assert tuple(meta.get_peak(0)) == (True, 100 * scale, 200 * scale)
    check_result(meta.result)


seen = []


def on_buffer(_pad, info):
    buffer = info.get_buffer()
    meta = GstVlFusion.buffer_get_nth_vl_meta(buffer, 0)
    check_meta(meta, 1)
    assert GstVlFusion.buffer_get_vl_meta(buffer, "python", GstVlFusion.Kind.CAPTION) is not None
    assert GstVlFusion.buffer_get_vl_meta(buffer, None, GstVlFusion.Kind.FUSION) is None
    assert GstVlFusion.buffer_get_nth_vl_meta(buffer, 1) is None
    seen.append(meta.result.get_text(0))
    return Gst.PadProbeReturn.OK


def check_text():
    buffer = Gst.Buffer.new_wrapped(bytes(16))
    meta = GstVlFusion.buffer_add_vl_text_meta(buffer, "a cat", 4)
    assert meta.add_word("a", 1, False) == 0 and meta.add_word("cat", 2.5, True) == 1
    meta.set_token(1, True, 1)
    meta.set_token(3, False, -1)
    copy = buffer.copy_deep()
    meta = GstVlFusion.buffer_get_vl_text_meta(copy)
    assert (meta.text, meta.n_tokens, meta.n_words) == ("a cat", 4, 2)
    assert [meta.get_word_of_token(i) for i in range(4)] == [-1, 1, -1, -1]
    assert [meta.has_token(i) for i in range(5)] == [True, True, True, False, False]
    assert (meta.get_word(0), meta.get_word(1), meta.get_word(2)) == ("a", "cat", None)
    assert (meta.get_weight(0), meta.get_weight(1)) == (1, 2.5)
    assert (meta.is_phrase(0), meta.is_phrase(1)) == (False, True)
    assert GstVlFusion.buffer_get_vl_text_meta(buffer.copy_region(Gst.BufferCopyFlags.MEMORY | Gst.BufferCopyFlags.META, 4, 8)) is None


def main():
    Gst.init([])
    pipeline = Gst.parse_launch(
        "appsrc name=src format=time caps=video/x-raw,format=GRAY8,width=640,height=480,framerate=25/1 ! identity name=probe ! "
        "videoscale ! video/x-raw,width=320,height=240 ! appsink name=sink sync=false"
    )
    pipeline.get_by_name("probe").get_static_pad("src").add_probe(Gst.PadProbeType.BUFFER, on_buffer)
    pipeline.set_state(Gst.State.PLAYING)
    buffer = Gst.Buffer.new_wrapped(bytes(640 * 480))
    buffer.pts = 80 * Gst.MSECOND
    meta = GstVlFusion.buffer_add_vl_meta(buffer, make_result(), "python", GstVlFusion.Kind.CAPTION)
    meta.set_carried(40 * Gst.MSECOND)
    source = pipeline.get_by_name("src")
    source.emit("push-buffer", buffer)
    source.emit("end-of-stream")
    sample = pipeline.get_by_name("sink").emit("pull-sample")
    assert sample is not None
    check_meta(GstVlFusion.buffer_get_nth_vl_meta(sample.get_buffer(), 0), 0.5)
    assert seen == ["a cat"]
    pipeline.set_state(Gst.State.NULL)
    check_text()
    print("ok")


main()
