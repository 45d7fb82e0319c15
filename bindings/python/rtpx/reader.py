"""A recording kept open: its tracks, their frames and pictures from any time."""

import ctypes
import os
from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Optional, Sequence, Union

from ._library import FrameStruct, ReaderOptions, checked, encoded, lib, s3_options, taken_json
from .pictures import Picture, pictures_of
from .sealed import E2eeKeys, Identity, keys_struct

Path = Union[str, "os.PathLike[str]"]
_BEGINNING = -(2**63)
_FRAME, _NOT_YET = 1, 2


@dataclass
class Frame:
    """A complete access unit as it was sent, as a decoder takes it (rtpx_frame in rtpx.h)."""

    data: bytes
    time_ns: int
    duration_ns: int
    mime_type: str
    codec_private: bytes
    keyframe: bool
    damaged: bool
    after_loss: bool
    filler: bool
    new_config: bool
    width: int
    height: int
    sample_rate: int
    channels: int
    rotation: int
    mirrored: bool


def _frame(struct: FrameStruct) -> Frame:
    values = {name: getattr(struct, name) for name in Frame.__dataclass_fields__ if name not in ("data", "codec_private")}
    for name in ("keyframe", "damaged", "after_loss", "filler", "new_config", "mirrored"):
        values[name] = bool(values[name])
    values["mime_type"] = struct.mime_type.decode()
    private = ctypes.string_at(struct.codec_private, struct.codec_private_size) if struct.codec_private_size else b""
    return Frame(data=ctypes.string_at(struct.data, struct.data_size), codec_private=private, **values)


def _nanoseconds(seconds: Optional[float]) -> int:
    return _BEGINNING if seconds is None else round(seconds * 1e9)


class Reader:
    """A recording (its folder, its manifest.json, or an s3:// URL), looked through once and read from any time, by many
    threads at once, also while it is recorded. Times are seconds since its first media. A context manager."""

    def __init__(
        self,
        recording: Path,
        identities: Sequence[Identity] = (),
        e2ee_keys: Optional[E2eeKeys] = None,
        s3_download: Optional[Dict[str, Any]] = None,
        fill_sound: bool = True,
    ) -> None:
        self._reader: Optional[int] = None
        wanted = ReaderOptions()
        lib.rtpx_reader_options_init(wanted, ctypes.sizeof(wanted))
        wanted.keys = keys_struct(identities, e2ee_keys)
        wanted.fill_sound = int(fill_sound)
        if s3_download is not None:
            wanted.download = ctypes.pointer(s3_options(s3_download))
        self._reader = checked(lib.rtpx_reader_open, encoded(recording), wanted)

    def close(self) -> None:
        reader, self._reader = self._reader, None
        lib.rtpx_reader_free(reader)

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def _open(self) -> int:
        if self._reader is None:
            raise ValueError("the reader is closed")
        return self._reader

    def describe(self) -> Dict[str, Any]:
        """What is there now: "duration_ns", "started", "running", "settled_ns", "tracks" (rtpx_reader_tracks in rtpx.h)."""
        return taken_json(checked(lib.rtpx_reader_tracks, self._open()))

    @property
    def tracks(self) -> List[Dict[str, Any]]:
        return self.describe()["tracks"]

    def frames(self, track: str, rid: Optional[str] = None, start_seconds: Optional[float] = None) -> Iterator[Frame]:
        """Frames in decoding order, from where decoding can begin for what is shown at `start_seconds`. Of a recording
        under way it waits for more, until the recording ends."""
        frames = checked(
            lib.rtpx_reader_frames, self._open(), encoded(track), encoded(rid), _nanoseconds(start_seconds)
        )
        struct = FrameStruct(size=ctypes.sizeof(FrameStruct))
        try:
            while next_ := checked(lib.rtpx_frames_next, frames, struct):
                if next_ == _FRAME:
                    yield _frame(struct)
                elif next_ == _NOT_YET:
                    self.wait(1)
        finally:
            lib.rtpx_frames_free(frames)

    def pictures(self, track: str, rid: Optional[str] = None, start_seconds: float = 0) -> Iterator[Picture]:
        """The decoded pictures of a track from `start_seconds` on; of a recording under way those that are settled."""
        start_ns = _nanoseconds(start_seconds)
        handle = checked(lib.rtpx_reader_pictures, self._open(), encoded(track), encoded(rid), start_ns)
        yield from pictures_of(handle, start_ns)

    def jpeg(self, track: str, time_seconds: float, width: int = -1, height: int = -1) -> bytes:
        """What is shown at a time, upright, as JPEG; a side of -1 keeps the aspect."""
        size = ctypes.c_size_t()
        data = checked(
            lib.rtpx_reader_picture, self._open(), encoded(track), _nanoseconds(time_seconds), width, height, size
        )
        try:
            return ctypes.string_at(data, size.value)
        finally:
            lib.rtpx_free(data)

    def keyframe_before(self, track: str, time_seconds: float, rid: Optional[str] = None) -> Optional[float]:
        """The time of the last whole keyframe at or before a time."""
        found = ctypes.c_int64()
        arguments = (self._open(), encoded(track), encoded(rid), _nanoseconds(time_seconds), found)
        return found.value / 1e9 if checked(lib.rtpx_reader_keyframe_before, *arguments) else None

    def refresh(self) -> bool:
        """Looks at what was recorded since; False: nothing is new."""
        return bool(checked(lib.rtpx_reader_refresh, self._open()))

    def wait(self, most_seconds: float) -> bool:
        """Waits until more has been recorded, or the recording has ended; False: nothing is new."""
        return bool(checked(lib.rtpx_reader_wait, self._open(), round(most_seconds * 1000)))
