"""Recordings to files that play."""

import ctypes
import datetime
import os
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Optional, Sequence, Union

from ._library import ConvertOptions, checked, encoded, lib, progress_callback, s3_options, set_options, taken_json, texts
from .sealed import E2eeKeys, Identity, keys_struct

Path = Union[str, "os.PathLike[str]"]
Moment = Union[float, str, datetime.datetime]
Progress = Callable[[float, Optional[float], str], Optional[bool]]


@dataclass
class ConversionResult:
    """`files`: output id (stream, with `_rid` for a simulcast layer) to "location", "duration_ms", "thumbnail_location" …
    (docs/json.md); `lost_media`: something was lost for good; `notes`: what a person should know."""

    files: Dict[str, Dict[str, Any]]
    lost_media: bool
    notes: List[Dict[str, str]]


def _moment(moment: Optional[Moment]) -> Optional[bytes]:
    """As C takes it."""
    if isinstance(moment, datetime.datetime):
        if moment.tzinfo is None:
            raise ValueError("a moment on the wall clock needs a time zone")
        return moment.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ").encode()
    return None if moment is None else encoded(moment if isinstance(moment, str) else f"{moment:.9f}")


def convert(
    recording: Path,
    output_path: Path = "videos",
    only_rids: Optional[Sequence[Optional[str]]] = None,
    start: Optional[Moment] = None,
    end: Optional[Moment] = None,
    progress: Optional[Progress] = None,
    s3_upload: Optional[Dict[str, Any]] = None,
    s3_download: Optional[Dict[str, Any]] = None,
    identities: Sequence[Identity] = (),
    e2ee_keys: Optional[E2eeKeys] = None,
    **options: Any,
) -> ConversionResult:
    """Converts a recording: a folder, a manifest.json, or an s3:// URL of one. Waits; raises Error.

    `start` and `end` cut: seconds since the recording's first media, text as "1:23.5" or "2026-11-28T21:57:03Z", or a
    datetime with its time zone, which needs a recording with a clock; cut_start="exact" begins exactly there by MP4's edit
    list, "encode" by encoding pictures up to the next keyframe, else it begins at the keyframe before.
    `progress(fraction, seconds_left, what)` is called on this thread; it cancels by answering True. `identities` open a
    sealed recording, `e2ee_keys` a call that was encrypted end to end. Options are those of
    rtpx_convert_options: format="mp4", layers="best", audio="aac", thumbnails=1, reencode_codec="h264", join=1, only="audio" …"""
    wanted = ConvertOptions()
    lib.rtpx_convert_options_init(wanted, ctypes.sizeof(wanted))
    wanted.output_path = encoded(output_path)
    taken_names = {"size", "only_rids", "only_rid_count", "uploader", "download", "stop", "progress", "progress_user", "keys", "from_", "to"}
    set_options(wanted, options, taken_names, "convert()")
    wanted.keys = keys_struct(identities, e2ee_keys)
    wanted.from_, wanted.to = _moment(start), _moment(end)
    if only_rids is not None:
        wanted.only_rids = texts(only_rids)
        wanted.only_rid_count = len(only_rids)
    raised: List[BaseException] = []
    if progress is not None:
        wanted.progress = progress_callback(progress, raised)
    if s3_download is not None:
        wanted.download = ctypes.pointer(s3_options(s3_download))
    if s3_upload is not None:
        wanted.uploader = checked(lib.rtpx_uploader_s3, s3_options(s3_upload))
    try:
        return ConversionResult(**taken_json(checked(lib.rtpx_convert, encoded(recording), wanted)))
    except Exception:
        if raised:
            raise raised[0] from None
        raise
    finally:
        lib.rtpx_uploader_free(wanted.uploader)


def inspect(
    recording: Path, identities: Sequence[Identity] = (), e2ee_keys: Optional[E2eeKeys] = None
) -> Dict[str, Any]:
    """What a recording holds and how good it is: docs/report-schema.md."""
    return taken_json(checked(lib.rtpx_inspect_with_keys, encoded(recording), keys_struct(identities, e2ee_keys), None))


def read_manifest(recording: Path) -> Dict[str, Any]:
    """The manifest of a recording (its folder or manifest.json), of any version, in rtpx's form."""
    return taken_json(checked(lib.rtpx_read_manifest, encoded(recording)))
