"""Record WebRTC tracks and make files of them: librtpx for Python, by ctypes, without a build step.

    with rtpx.Recorder(base_dir="recordings") as recorder:
        camera = recorder.add_track("camera", "video", streams=["anna"])
        camera.record(packet)                     # bytes of an RTP packet, on any thread; never waits
    rtpx.convert(recorder.folder, output_path="videos")

The library is found as the dynamic linker finds librtpx.so.1, or where RTPX_LIBRARY says.
"""

from ._library import Error, version
from .compose import compose, plan_composition
from .convert import ConversionResult, convert, inspect, read_manifest
from .pictures import Picture, pictures
from .reader import Frame, Reader
from .recorder import Codec, Outcome, Recorder, Track
from .sealed import E2eeKeys, Identity, OpenedFile, is_sealed, open_sealed, recipients, rewrap, seal_file

__all__ = [
    "Codec",
    "ConversionResult",
    "E2eeKeys",
    "Error",
    "Frame",
    "Identity",
    "OpenedFile",
    "Outcome",
    "Picture",
    "Reader",
    "Recorder",
    "Track",
    "compose",
    "convert",
    "inspect",
    "is_sealed",
    "open_sealed",
    "pictures",
    "plan_composition",
    "read_manifest",
    "recipients",
    "rewrap",
    "seal_file",
    "version",
]
