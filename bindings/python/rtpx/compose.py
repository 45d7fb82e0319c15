"""The call as one film."""

import ctypes
import os
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple, Union

from ._library import (
    ComposeOptions,
    FilmMark,
    FilmPan,
    checked,
    encoded,
    lib,
    progress_callback,
    s3_options,
    set_options,
    taken_json,
    texts,
)
from .sealed import E2eeKeys, Identity, keys_struct

Path = Union[str, "os.PathLike[str]"]
_TAKEN = set("size solo solo_count mute mute_count pans pan_count marks mark_count download keys stop progress progress_user".split())


def compose(recordings: Union[Path, Sequence[Path]], output: Path, **options: Any) -> Dict[str, Any]:
    """Composes one or several recordings into one film, whose kind the file's extension says: .mp4, .webm, .mkv, or sound
    alone. Waits; raises Error; answers what docs/json.md says of films. Options are those of rtpx_compose_options:
    layout="speaker", width=1920, height=1080, title="…", loudness=-16.0, logo="logo.png", clock="+02:00",
    thumbnail=1; besides solo=[…], mute=[…], pan={"anna": -0.5}, marks=[(milliseconds, title)], identities, e2ee_keys,
    s3_download, progress as convert() has them."""
    return _composed(lib.rtpx_compose, recordings, output=output, **options)


def plan_composition(recordings: Union[Path, Sequence[Path]], **options: Any) -> Dict[str, Any]:
    """Who is where when, and why, without making anything."""
    return _composed(lib.rtpx_plan_composition, recordings, **options)


def _composed(
    function: Any,
    recordings: Union[Path, Sequence[Path]],
    solo: Sequence[str] = (),
    mute: Sequence[str] = (),
    pan: Optional[Mapping[str, float]] = None,
    marks: Sequence[Tuple[int, str]] = (),
    identities: Sequence[Identity] = (),
    e2ee_keys: Optional[E2eeKeys] = None,
    s3_download: Optional[Dict[str, Any]] = None,
    progress: Optional[Callable[[float, Optional[float], str], Optional[bool]]] = None,
    **options: Any,
) -> Dict[str, Any]:
    calls: List[Any] = [recordings] if isinstance(recordings, (str, os.PathLike)) else list(recordings)
    wanted = ComposeOptions()
    lib.rtpx_compose_options_init(wanted, ctypes.sizeof(wanted))
    set_options(wanted, options, _TAKEN, "compose()")
    wanted.solo, wanted.solo_count = texts(solo), len(solo)
    wanted.mute, wanted.mute_count = texts(mute), len(mute)
    pans = [FilmPan(encoded(name), position) for name, position in (pan or {}).items()]
    wanted.pans, wanted.pan_count = (FilmPan * max(1, len(pans)))(*pans), len(pans)
    chapters = [FilmMark(time_ms, encoded(title)) for time_ms, title in marks]
    wanted.marks, wanted.mark_count = (FilmMark * max(1, len(chapters)))(*chapters), len(chapters)
    wanted.keys = keys_struct(identities, e2ee_keys)
    if s3_download is not None:
        wanted.download = ctypes.pointer(s3_options(s3_download))
    raised: List[BaseException] = []
    if progress is not None:
        wanted.progress = progress_callback(progress, raised)
    try:
        return taken_json(checked(function, texts(calls), len(calls), wanted))
    except Exception:
        if raised:
            raise raised[0] from None
        raise
