"""librtpx.so.1 as ctypes sees it: the structures and functions of rtpx.h."""

import ctypes
import json
import os
from ctypes import POINTER, c_char_p, c_double, c_int, c_int64, c_size_t, c_uint, c_uint8, c_uint16, c_uint32, c_uint64, c_void_p
from typing import Any, Dict, List, Optional, Sequence, Set

ARRIVES_NOW = -(2**63)

EventCallback = ctypes.CFUNCTYPE(None, c_void_p, c_void_p)
ProgressCallback = ctypes.CFUNCTYPE(c_int, c_void_p, c_double, c_double, c_char_p)


class CodecStruct(ctypes.Structure):
    _fields_ = [
        ("size", c_size_t),
        ("mime_type", c_char_p),
        ("sdp_fmtp_line", c_char_p),
        ("rtcp_fbs", POINTER(c_char_p)),
        ("rtcp_fb_count", c_size_t),
        ("clock_rate", c_uint32),
        ("channels", c_uint16),
        ("payload_type", c_uint8),
    ]


class PacketInfo(ctypes.Structure):
    _fields_ = [("size", c_size_t), ("arrival_ns", c_int64), ("codec", POINTER(CodecStruct))]


class S3Options(ctypes.Structure):
    _fields_ = [
        ("size", c_size_t),
        ("bucket_name", c_char_p),
        ("base_path", c_char_p),
        ("endpoint", c_char_p),
        ("region", c_char_p),
        ("access_key_id", c_char_p),
        ("secret_access_key", c_char_p),
        ("session_token", c_char_p),
        ("profile", c_char_p),
        ("ca_file", c_char_p),
        ("path_style", c_int),
        ("upload_manifest", c_int),
        ("delete_after_upload", c_int),
        ("retry_seconds", c_uint32),
    ]


class Keys(ctypes.Structure):
    _fields_ = [("identities", POINTER(c_void_p)), ("identity_count", c_size_t), ("e2ee_keys", c_void_p)]


class RecorderOptions(ctypes.Structure):
    _fields_ = [
        ("size", c_size_t),
        ("base_dir", c_char_p),
        ("folder", c_char_p),
        ("name", c_char_p),
        ("continues", c_char_p),
        ("on_event", c_void_p),
        ("on_event_user", c_void_p),
        ("uploader", c_void_p),
        ("queue_bytes", c_uint64),
        ("low_space_bytes", c_uint64),
        ("full_space_bytes", c_uint64),
        ("rotate_bytes", c_uint64),
        ("rotate_seconds", c_uint32),
        ("flush_interval_ms", c_uint32),
        ("sync_interval_ms", c_uint32),
        ("silence_after_ms", c_uint32),
        ("end_timeout_ms", c_uint32),
        ("on_low_space", c_int),
        ("checksums", c_int),
        ("upload_while_recording", c_int),
        ("recipients", POINTER(c_char_p)),
        ("recipient_count", c_size_t),
    ]


class RecorderStats(ctypes.Structure):
    _fields_ = [
        ("size", c_size_t),
        *[
            (name, c_uint64)
            for name in (
                "packets bytes rtcp_packets queue_full disk_full unknown_track unknown_rid ended too_large failed "
                "lost_after_accept queued_bytes oldest_unwritten_us"
            ).split()
        ],
        ("oldest_unsynced_us", c_int64),
        *[(name, c_uint64) for name in "writes syncs restarts dropped_events".split()],
    ]


class ConvertOptions(ctypes.Structure):
    _fields_ = [
        ("size", c_size_t),
        *[(name, c_char_p) for name in "output_path download_path format layers incomplete gaps on_change audio".split()],
        ("only_rids", POINTER(c_char_p)),
        ("only_rid_count", c_size_t),
        ("reencode_codec", c_char_p),
        ("reencode_bitrate", c_char_p),
        ("uploader", c_void_p),
        ("download", POINTER(S3Options)),
        ("stop", c_void_p),
        ("progress", ProgressCallback),
        ("progress_user", c_void_p),
        *[
            (name, c_int)
            for name in (
                "thumbnails thumbnail_width thumbnail_height sprites reencode_threads reencode_crf reencode_gop_size "
                "reencode_width reencode_height reencode_cues_to_front max_spatial_layer max_temporal_layer opus_fec join "
                "write_reports"
            ).split()
        ],
        ("keys", Keys),
        *[(name, c_char_p) for name in "from_ to cut_start only suffix".split()],
    ]


class ReaderOptions(ctypes.Structure):
    _fields_ = [
        ("size", c_size_t),
        ("download_path", c_char_p),
        ("spill_folder", c_char_p),
        ("download", POINTER(S3Options)),
        ("keys", Keys),
        ("stop", c_void_p),
        ("progress", ProgressCallback),
        ("progress_user", c_void_p),
        ("fill_sound", c_int),
    ]


class FrameStruct(ctypes.Structure):
    _fields_ = [
        ("size", c_size_t),
        ("data", c_void_p),
        ("data_size", c_size_t),
        ("time_ns", c_int64),
        ("duration_ns", c_int64),
        ("mime_type", c_char_p),
        ("codec_private", c_void_p),
        ("codec_private_size", c_size_t),
        *[(name, c_int) for name in "keyframe damaged after_loss filler new_config width height".split()],
        ("sample_rate", c_uint32),
        ("channels", c_uint32),
        ("rotation", c_int),
        ("mirrored", c_int),
    ]


class FilmMark(ctypes.Structure):
    _fields_ = [("time_ms", c_int64), ("title", c_char_p)]


class FilmPan(ctypes.Structure):
    _fields_ = [("participant", c_char_p), ("position", c_double)]


class ComposeOptions(ctypes.Structure):
    _fields_ = [
        ("size", c_size_t),
        *[
            (name, c_char_p)
            for name in (
                "output layout layout_file background background_image title codec audio_codec bitrate stems_folder "
                "stems_format chapters_file speech_file timeline_file timeline_media download_path"
            ).split()
        ],
        ("solo", POINTER(c_char_p)),
        ("solo_count", c_size_t),
        ("mute", POINTER(c_char_p)),
        ("mute_count", c_size_t),
        ("pans", POINTER(FilmPan)),
        ("pan_count", c_size_t),
        ("marks", POINTER(FilmMark)),
        ("mark_count", c_size_t),
        ("download", POINTER(S3Options)),
        ("keys", Keys),
        ("stop", c_void_p),
        ("progress", ProgressCallback),
        ("progress_user", c_void_p),
        ("loudness", c_double),
        *[(name, c_int) for name in "width height fps crf threads audio_only names chapters".split()],
        ("logo", c_char_p),
        ("logo_place", c_char_p),
        ("logo_height", c_double),
        ("clock", c_char_p),
        ("clock_place", c_char_p),
        *[(name, c_int) for name in "thumbnail thumbnail_width thumbnail_height sprites".split()],
    ]


class PictureStruct(ctypes.Structure):
    _fields_ = [
        ("size", c_size_t),
        ("time_ns", c_int64),
        ("rgb", c_void_p),
        ("stride", c_size_t),
        ("width", c_int),
        ("height", c_int),
    ]


# name: (result, arguments). Text that the caller frees is c_void_p, and so are all objects.
_FUNCTIONS = {
    "rtpx_version": (c_char_p, []),
    "rtpx_error_name": (c_char_p, [c_void_p]),
    "rtpx_error_message": (c_char_p, [c_void_p]),
    "rtpx_error_free": (None, [c_void_p]),
    "rtpx_free": (None, [c_void_p]),
    "rtpx_now_ns": (c_int64, []),
    "rtpx_uploader_s3": (c_void_p, [POINTER(S3Options), POINTER(c_void_p)]),
    "rtpx_uploader_free": (None, [c_void_p]),
    "rtpx_recorder_options_init": (None, [POINTER(RecorderOptions), c_size_t]),
    "rtpx_recorder_start": (c_void_p, [POINTER(RecorderOptions), POINTER(c_void_p)]),
    "rtpx_recorder_free": (None, [c_void_p]),
    "rtpx_recorder_add_tracks_json": (c_void_p, [c_void_p, c_char_p, POINTER(c_void_p)]),
    "rtpx_recorder_track": (c_void_p, [c_void_p, c_char_p, POINTER(c_void_p)]),
    "rtpx_track_free": (None, [c_void_p]),
    "rtpx_recorder_end_tracks": (
        c_void_p,
        [c_void_p, POINTER(c_char_p), c_size_t, c_char_p, POINTER(c_uint64), POINTER(c_void_p)],
    ),
    "rtpx_recorder_flush": (c_int, [c_void_p, POINTER(c_void_p)]),
    "rtpx_recorder_folder": (c_void_p, [c_void_p]),
    "rtpx_recorder_manifest": (c_void_p, [c_void_p]),
    "rtpx_recorder_get_stats": (None, [c_void_p, POINTER(RecorderStats)]),
    "rtpx_recorder_track_stats": (c_void_p, [c_void_p]),
    "rtpx_event_json": (c_char_p, [c_void_p]),
    "rtpx_event_free": (None, [c_void_p]),
    "rtpx_recorder_next_event": (c_void_p, [c_void_p]),
    "rtpx_recorder_event_fd": (c_int, [c_void_p]),
    "rtpx_convert_options_init": (None, [POINTER(ConvertOptions), c_size_t]),
    "rtpx_convert": (c_void_p, [c_char_p, POINTER(ConvertOptions), POINTER(c_void_p)]),
    "rtpx_read_manifest": (c_void_p, [c_char_p, POINTER(c_void_p)]),
    "rtpx_inspect_with_keys": (c_void_p, [c_char_p, POINTER(Keys), c_void_p, POINTER(c_void_p)]),
    "rtpx_identity_generate": (c_void_p, [POINTER(c_void_p)]),
    "rtpx_identity_parse": (c_void_p, [c_char_p, c_char_p, POINTER(c_void_p)]),
    "rtpx_identity_load": (c_void_p, [c_char_p, c_char_p, POINTER(c_void_p)]),
    "rtpx_identity_recipient": (c_void_p, [c_void_p]),
    "rtpx_identity_text": (c_void_p, [c_void_p, c_char_p, POINTER(c_void_p)]),
    "rtpx_identity_free": (None, [c_void_p]),
    "rtpx_e2ee_keys_parse": (c_void_p, [c_char_p, POINTER(c_void_p)]),
    "rtpx_e2ee_keys_load": (c_void_p, [c_char_p, POINTER(c_void_p)]),
    "rtpx_e2ee_keys_free": (None, [c_void_p]),
    "rtpx_is_sealed": (c_int, [c_char_p]),
    "rtpx_recipients": (c_void_p, [c_char_p, POINTER(c_void_p)]),
    "rtpx_open_sealed": (c_void_p, [c_char_p, c_char_p, POINTER(Keys), c_void_p, POINTER(c_void_p)]),
    "rtpx_seal_file": (c_int, [c_char_p, POINTER(c_char_p), c_size_t, POINTER(c_void_p)]),
    "rtpx_rewrap": (
        c_int64,
        [c_char_p, POINTER(Keys), POINTER(c_char_p), c_size_t, POINTER(c_char_p), c_size_t, POINTER(c_void_p)],
    ),
    "rtpx_reader_options_init": (None, [POINTER(ReaderOptions), c_size_t]),
    "rtpx_reader_open": (c_void_p, [c_char_p, POINTER(ReaderOptions), POINTER(c_void_p)]),
    "rtpx_reader_free": (None, [c_void_p]),
    "rtpx_reader_tracks": (c_void_p, [c_void_p, POINTER(c_void_p)]),
    "rtpx_reader_refresh": (c_int, [c_void_p, POINTER(c_void_p)]),
    "rtpx_reader_wait": (c_int, [c_void_p, c_uint32, POINTER(c_void_p)]),
    "rtpx_reader_keyframe_before": (
        c_int,
        [c_void_p, c_char_p, c_char_p, c_int64, POINTER(c_int64), POINTER(c_void_p)],
    ),
    "rtpx_reader_picture": (
        c_void_p,
        [c_void_p, c_char_p, c_int64, c_int, c_int, POINTER(c_size_t), POINTER(c_void_p)],
    ),
    "rtpx_reader_frames": (c_void_p, [c_void_p, c_char_p, c_char_p, c_int64, POINTER(c_void_p)]),
    "rtpx_reader_pictures": (c_void_p, [c_void_p, c_char_p, c_char_p, c_int64, POINTER(c_void_p)]),
    "rtpx_frames_next": (c_int, [c_void_p, POINTER(FrameStruct), POINTER(c_void_p)]),
    "rtpx_frames_free": (None, [c_void_p]),
    "rtpx_compose_options_init": (None, [POINTER(ComposeOptions), c_size_t]),
    "rtpx_compose": (c_void_p, [POINTER(c_char_p), c_size_t, POINTER(ComposeOptions), POINTER(c_void_p)]),
    "rtpx_plan_composition": (c_void_p, [POINTER(c_char_p), c_size_t, POINTER(ComposeOptions), POINTER(c_void_p)]),
    "rtpx_pictures_open": (c_void_p, [c_char_p, POINTER(c_void_p)]),
    "rtpx_pictures_next": (c_int, [c_void_p, POINTER(PictureStruct), POINTER(c_void_p)]),
    "rtpx_pictures_seek": (c_int, [c_void_p, c_int64, POINTER(c_void_p)]),
    "rtpx_pictures_free": (None, [c_void_p]),
}

# These return at once: the interpreter's lock stays taken, which is cheaper than giving it away for so short.
_QUICK_FUNCTIONS = {
    "rtpx_track_record": (c_int, [c_void_p, c_uint, c_char_p, c_size_t, c_void_p]),
    "rtpx_track_record_rtcp": (c_int, [c_void_p, c_char_p, c_size_t, c_void_p]),
}


def _load(kind: Any, functions: dict) -> Any:
    library = kind(os.environ.get("RTPX_LIBRARY") or "librtpx.so.1")
    for name, (result, arguments) in functions.items():
        function = getattr(library, name)
        function.restype = result
        function.argtypes = arguments
    return library


lib = _load(ctypes.CDLL, _FUNCTIONS)
quick = _load(ctypes.PyDLL, _QUICK_FUNCTIONS)


class Error(Exception):
    """What librtpx refused: `code` for programs ("not_found", "no_space", …), the message for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def version() -> str:
    """The library's version."""
    return lib.rtpx_version().decode()


def encoded(text: Optional[Any]) -> Optional[bytes]:
    """Text or a path for C; None stays None."""
    return None if text is None else os.fsencode(text)


def checked(call: Any, *arguments: Any) -> Any:
    """Calls what takes an error last; raises Error where there is one."""
    error = c_void_p()
    answer = call(*arguments, ctypes.byref(error))
    if error.value:
        code, message = lib.rtpx_error_name(error).decode(), lib.rtpx_error_message(error).decode("utf-8", "replace")
        lib.rtpx_error_free(error)
        raise Error(code, message)
    return answer


def taken(text: int) -> str:
    """Text that the library returned, which is freed."""
    try:
        return ctypes.string_at(text).decode("utf-8", "surrogateescape")
    finally:
        lib.rtpx_free(text)


def texts(values: Sequence[Any]) -> Any:
    """An array of texts for C."""
    return (c_char_p * max(1, len(values)))(*[encoded(value) for value in values])


def progress_callback(progress: Any, raised: List[BaseException]) -> Any:
    """What C calls to tell `progress`; what that raises is kept, since it cannot pass through C."""

    def tell(_user: Any, fraction: float, seconds_left: float, what: bytes) -> int:
        try:
            return 1 if progress(fraction, None if seconds_left < 0 else seconds_left, what.decode()) else 0
        except BaseException as error:
            raised.append(error)
            return 1

    return ProgressCallback(tell)


def set_options(wanted: Any, options: Dict[str, Any], refused: Set[str], what: str) -> None:
    """Sets the members of a structure of options by their names."""
    for name, value in options.items():
        if name not in dict(wanted._fields_) or name in refused:
            raise TypeError(f"{what} has no option {name!r}")
        setattr(wanted, name, value if isinstance(value, (int, float)) else encoded(value))


def taken_json(text: int) -> Any:
    return json.loads(taken(text))


def s3_options(options: dict) -> S3Options:
    """bucket_name, base_path, endpoint, region, access_key_id, secret_access_key, session_token, profile, ca_file,
    path_style, upload_manifest, delete_after_upload, retry_seconds"""
    out = S3Options(size=ctypes.sizeof(S3Options), path_style=-1, upload_manifest=1)
    for name, value in options.items():
        if name not in dict(S3Options._fields_) or name == "size":
            raise TypeError(f"S3 has no option {name!r}")
        setattr(out, name, value if isinstance(value, int) else encoded(value))
    return out
