"""Decoded pictures as numpy arrays."""

import ctypes
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Iterator, Optional, Union

from ._library import Error, PictureStruct, checked, encoded, lib

if TYPE_CHECKING:
    import numpy

Path = Union[str, "os.PathLike[str]"]


@dataclass
class Picture:
    """`rgb`: an array of height x width x 3 bytes, or where numpy is not installed, those bytes."""

    time_seconds: float
    width: int
    height: int
    rgb: "Union[numpy.ndarray[Any, Any], bytes]"


def pictures(source: Path, stream: Optional[str] = None, start_seconds: float = 0) -> Iterator[Picture]:
    """The pictures of a file, or of a recording (its folder or manifest.json; `stream` chooses one of several media
    streams), decoded from its packets; no file is made. From `start_seconds` on."""
    if not os.path.isdir(source) and not os.fspath(source).endswith(".json"):
        yield from pictures_of(checked(lib.rtpx_pictures_open, encoded(source)), round(start_seconds * 1e9), seek=True)
        return
    from .reader import Reader

    with Reader(source) as reader:
        for track in reader.tracks:
            if track["kind"] == "video" and track["layers"] and (stream is None or stream in track["streams"]):
                yield from reader.pictures(track["id"], start_seconds=start_seconds)
                return
    raise Error("not_found", f"{os.fspath(source)} has no pictures" + (f" of stream {stream}" if stream else ""))


def pictures_of(handle: int, start_ns: int, seek: bool = False) -> Iterator[Picture]:
    """What an rtpx_pictures gives from a time on, which is freed at the end."""
    picture = PictureStruct(size=ctypes.sizeof(PictureStruct))
    try:
        if seek and start_ns > 0:
            checked(lib.rtpx_pictures_seek, handle, start_ns)
        while checked(lib.rtpx_pictures_next, handle, picture) == 1:
            if picture.time_ns >= start_ns:
                yield Picture(picture.time_ns / 1e9, picture.width, picture.height, _copied(picture))
    finally:
        lib.rtpx_pictures_free(handle)


def _copied(picture: PictureStruct) -> Any:
    row = picture.width * 3
    data = ctypes.string_at(picture.rgb, picture.stride * picture.height)
    try:
        import numpy
    except ImportError:
        return b"".join(data[y * picture.stride : y * picture.stride + row] for y in range(picture.height))
    rows = numpy.frombuffer(data, numpy.uint8).reshape(picture.height, picture.stride)
    return rows[:, :row].reshape(picture.height, picture.width, 3).copy()
