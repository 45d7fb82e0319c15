"""Records what an aiortc RTCPeerConnection receives, every track, packet by packet as it came.

    @pc.on("track") … setRemoteDescription, createAnswer, setLocalDescription, then:
    record_peer(recorder, pc)

aiortc hands packets to decoders only; this looks at its DTLS transports right after SRTP (their methods _handle_rtp_data and
_handle_rtcp_data, aiortc 1.4 to 1.9)."""

import struct
from typing import Any, Dict, List, Optional

from aiortc import RTCPeerConnection
from aiortc.sdp import SessionDescription

from .recorder import Codec, Recorder, Track


def record_peer(recorder: Recorder, pc: RTCPeerConnection, prefix: str = "") -> List[Track]:
    """Adds a track for each thing that the negotiated peer sends and records its RTP and RTCP from now on. Track ids are
    `prefix` and the m-line's mid."""
    ours = {media.rtp.muxId: media for media in SessionDescription.parse(pc.localDescription.sdp).media}
    theirs = {media.rtp.muxId: media for media in SessionDescription.parse(pc.remoteDescription.sdp).media}
    tracks: List[Track] = []
    by_transport: Dict[Any, Dict[Any, Track]] = {}
    for transceiver in pc.getTransceivers():
        media = ours.get(transceiver.mid)
        if media is None or transceiver.currentDirection not in ("recvonly", "sendrecv"):
            continue
        their_msid = getattr(theirs.get(transceiver.mid), "msid", None)
        track = recorder.add_track(
            prefix + transceiver.mid,
            transceiver.kind,
            streams=[their_msid.split()[0]] if their_msid else [],
            codecs=[_codec(codec) for codec in media.rtp.codecs],
            header_extensions={extension.uri: extension.id for extension in media.rtp.headerExtensions},
        )
        tracks.append(track)
        by_transport.setdefault(transceiver.receiver.transport, {})[transceiver.receiver] = track
    for transport, receivers in by_transport.items():
        _watch(transport, receivers)
    return tracks


def _codec(codec: Any) -> Codec:
    fmtp = ";".join(f"{name}={value}" if value is not None else name for name, value in codec.parameters.items())
    feedback = [
        f"{codec.payloadType} {one.type}" + (f" {one.parameter}" if one.parameter else "") for one in codec.rtcpFeedback
    ]
    return Codec(
        payload_type=codec.payloadType,
        mime_type=codec.mimeType,
        clock_rate=codec.clockRate,
        channels=codec.channels,
        sdp_fmtp_line=f"{codec.payloadType} {fmtp}" if fmtp else None,
        rtcp_fbs=feedback,
    )


def _watch(transport: Any, receivers: Dict[Any, Track]) -> None:
    by_ssrc: Dict[int, Track] = {}
    handle_rtp, handle_rtcp = transport._handle_rtp_data, transport._handle_rtcp_data

    def track_of(ssrc: int, payload_type: int) -> Optional[Track]:
        router = transport._rtp_router
        receiver = router.ssrc_table.get(ssrc)
        if receiver not in receivers:
            possible = router.payload_type_table.get(payload_type, set()) & receivers.keys()
            receiver = possible.pop() if len(possible) == 1 else None
        if receiver is None:
            return None
        return by_ssrc.setdefault(ssrc, receivers[receiver])

    async def rtp(data: bytes, arrival_time_ms: int) -> None:
        if len(data) >= 12:
            ssrc = struct.unpack_from("!L", data, 8)[0]
            track = by_ssrc.get(ssrc) or track_of(ssrc, data[1] & 0x7F)
            if track is not None:
                track.record(data)
        try:
            await handle_rtp(data, arrival_time_ms=arrival_time_ms)
        except struct.error:  # a header extension that aiortc takes for another one would end its transport
            pass

    async def rtcp(data: bytes) -> None:
        # Of the stream whose report comes first; of the first track where nothing is known of it.
        ssrc = struct.unpack_from("!L", data, 4)[0] if len(data) >= 8 else 0
        (by_ssrc.get(ssrc) or next(iter(receivers.values()))).record_rtcp(data)
        await handle_rtcp(data)

    transport._handle_rtp_data, transport._handle_rtcp_data = rtp, rtcp
