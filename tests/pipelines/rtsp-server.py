# SPDX-License-Identifier: LGPL-2.1-or-later
"""A camera with RTSP on 127.0.0.1, for tests. Prints its port; serves rtsp://127.0.0.1:PORT/stream until it is ended."""
import sys

import gi

try:
    gi.require_version("Gst", "1.0")
    gi.require_version("GstRtspServer", "1.0")
except ValueError as error:
    print(error, file=sys.stderr)
    sys.exit(77)
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

Gst.init([])
server = GstRtspServer.RTSPServer.new()
server.set_address("127.0.0.1")
server.set_service("0")
factory = GstRtspServer.RTSPMediaFactory.new()
factory.set_launch("videotestsrc is-live=true pattern=ball num-buffers=30 ! video/x-raw,format=I420,width=320,height=240,framerate=10/1"
                   " ! jpegenc ! rtpjpegpay name=pay0")
server.get_mount_points().add_factory("/stream", factory)
if server.attach(None) == 0:
    sys.exit("cannot listen on 127.0.0.1")
print(server.get_bound_port(), flush=True)
GLib.MainLoop().run()
