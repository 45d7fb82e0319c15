"""Packets of live tracks to disk."""

import ctypes
import json
import os
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Dict, Iterable, Iterator, List, Optional, Sequence, Union

from ._library import (
    PacketInfo,
    RecorderOptions,
    RecorderStats,
    checked,
    encoded,
    lib,
    quick,
    s3_options,
    set_options,
    taken,
    taken_json,
    texts,
)

Path = Union[str, "os.PathLike[str]"]


class Outcome(IntEnum):
    """What became of a packet. Whatever is not accepted is lost, and counted."""

    accepted = 0
    queue_full = 1
    disk_full = 2
    unknown_track = 3
    unknown_rid = 4
    ended = 5
    too_large = 6
    failed = 7
    paused = 8


_OUTCOMES = tuple(Outcome)
_record = quick.rtpx_track_record
_record_rtcp = quick.rtpx_track_record_rtcp


@dataclass
class Codec:
    """One negotiated codec, as RTCRtpCodecParameters has it. fmtp and feedback have the payload type in front."""

    payload_type: int
    mime_type: str
    clock_rate: int
    channels: Optional[int] = None
    sdp_fmtp_line: Optional[str] = None
    rtcp_fbs: List[str] = field(default_factory=list)

    def as_dict(self) -> Dict[str, Any]:
        return {**vars(self), "rtcp_fbs": self.rtcp_fbs or None}


class Track:
    """A track of a recorder. It may outlive the recorder: then packets are `Outcome.ended`."""

    def __init__(self, id: str, handle: int, rids: Sequence[str]) -> None:
        self.id = id
        self._handle = handle
        self._rids = {rid: index for index, rid in enumerate(rids)} or {None: 0}

    def __del__(self) -> None:
        lib.rtpx_track_free(self._handle)

    def record(self, packet: bytes, rid: Optional[str] = None, arrival_ns: Optional[int] = None) -> Outcome:
        """Takes a copy of one RTP packet, header included, SRTP removed. Never waits. `arrival_ns` is of time.
        clock_gettime_ns(time.CLOCK_BOOTTIME); by default it arrives now."""
        rid_index = self._rids.get(rid, 255)
        if arrival_ns is None:
            return _OUTCOMES[_record(self._handle, rid_index, packet, len(packet), None)]
        info = PacketInfo(ctypes.sizeof(PacketInfo), arrival_ns, None)
        return _OUTCOMES[_record(self._handle, rid_index, packet, len(packet), ctypes.addressof(info))]

    def record_rtcp(self, packet: bytes) -> Outcome:
        """Takes a copy of one RTCP compound packet that arrived for this track."""
        return _OUTCOMES[_record_rtcp(self._handle, packet, len(packet), None)]


class Recorder:
    """Records tracks into a folder of its own in `base_dir`, or into `folder`. Options are those of
    rtpx_recorder_options, such as `sync_interval_ms`; `s3` is a dict of S3 options, where finished tracks are stored;
    `recipients` are public keys for which everything is sealed as it is written.

    A context manager: at its end all tracks end and are on disk."""

    def __init__(
        self,
        base_dir: Path = "recordings",
        folder: Optional[Path] = None,
        s3: Optional[Dict[str, Any]] = None,
        recipients: Sequence[str] = (),
        **options: Any,
    ) -> None:
        self._recorder: Optional[int] = None
        wanted = RecorderOptions()
        lib.rtpx_recorder_options_init(wanted, ctypes.sizeof(wanted))
        wanted.base_dir = encoded(base_dir)
        wanted.folder = encoded(folder)
        set_options(wanted, options, {"size", "on_event", "on_event_user", "uploader", "recipient_count"}, "Recorder")
        wanted.recipients, wanted.recipient_count = texts(recipients), len(recipients)
        if s3 is not None:
            wanted.uploader = checked(lib.rtpx_uploader_s3, s3_options(s3))
        try:
            self._recorder = checked(lib.rtpx_recorder_start, wanted)
        finally:
            lib.rtpx_uploader_free(wanted.uploader)
        self._folder = taken(lib.rtpx_recorder_folder(self._recorder))
        self._last_manifest: Dict[str, Any] = {}

    def close(self) -> None:
        """Ends all tracks and waits until they are on disk. Nothing else of the recorder works from then on."""
        if self._recorder is not None:
            self._folder = self.folder
            self._last_manifest = self.manifest
            recorder, self._recorder = self._recorder, None
            lib.rtpx_recorder_free(recorder)

    def __enter__(self) -> "Recorder":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_recorder", None) is not None:
            self.close()

    def _open(self) -> int:
        if self._recorder is None:
            raise ValueError("the recorder is closed")
        return self._recorder

    def add_track(
        self,
        id: str,
        kind: str,
        streams: Iterable[str] = (),
        rids: Sequence[str] = (),
        codecs: Iterable[Union[Codec, Dict[str, Any]]] = (),
        header_extensions: Optional[Dict[str, int]] = None,
    ) -> Track:
        """Adds a track ("audio" or "video"). `streams`: its media streams' ids, the first groups tracks into one file;
        `rids`: simulcast layers; `codecs`: all negotiated ones; `header_extensions`: URI to id."""
        description = {
            "id": id,
            "kind": kind,
            "streams": list(streams),
            "rids": list(rids),
            "codecs": [codec.as_dict() if isinstance(codec, Codec) else codec for codec in codecs],
            "header_extensions": header_extensions or {},
        }
        text = json.dumps([description]).encode()
        taken(checked(lib.rtpx_recorder_add_tracks_json, self._open(), text))
        return Track(id, checked(lib.rtpx_recorder_track, self._open(), id.encode()), rids)

    def end_tracks(self, ids: Iterable[str], reason: str = "ended") -> Dict[str, Any]:
        """Ends tracks: they are written, synced and published. Answers their manifest. Ids that are not live are skipped;
        Error "tracks_not_found" when none is."""
        names = [id.encode() for id in ids]
        array = (ctypes.c_char_p * len(names))(*names)
        return taken_json(
            checked(lib.rtpx_recorder_end_tracks, self._open(), array, len(names), reason.encode(), None)
        )

    def flush(self) -> None:
        """Waits until everything accepted so far is in the files."""
        checked(lib.rtpx_recorder_flush, self._open())

    @property
    def folder(self) -> str:
        """The folder now written to."""
        return self._folder if self._recorder is None else taken(lib.rtpx_recorder_folder(self._recorder))

    @property
    def manifest(self) -> Dict[str, Any]:
        """The whole recording's manifest."""
        return self._last_manifest if self._recorder is None else taken_json(lib.rtpx_recorder_manifest(self._recorder))

    @property
    def stats(self) -> Dict[str, int]:
        """Counts of the recorder's whole life: rtpx_recorder_stats."""
        stats = RecorderStats(size=ctypes.sizeof(RecorderStats))
        lib.rtpx_recorder_get_stats(self._open(), stats)
        return {name: getattr(stats, name) for name, *_ in RecorderStats._fields_ if name != "size"}

    @property
    def track_stats(self) -> List[Dict[str, Any]]:
        return taken_json(lib.rtpx_recorder_track_stats(self._open()))

    @property
    def event_fd(self) -> int:
        """Readable while events wait: for select, poll, or asyncio's add_reader with `events()`."""
        return lib.rtpx_recorder_event_fd(self._open())

    def events(self) -> Iterator[Dict[str, Any]]:
        """The events that wait, as docs/c-api.md has them. Does not wait for more."""
        while event := lib.rtpx_recorder_next_event(self._open()):
            try:
                yield json.loads(lib.rtpx_event_json(event))
            finally:
                lib.rtpx_event_free(event)
