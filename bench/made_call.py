"""Calls for benchmarks, as a server's capture would have them: FFmpeg makes pictures and voices, GStreamer packets of them."""
import os
import struct
import subprocess


def quiet(*command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def encode(source, seconds, name, *codec):
    """The first twenty seconds again and again."""
    once = name if seconds <= 20 else f"once-{name}"
    quiet("ffmpeg", "-f", "lavfi", "-i", source, "-t", str(min(seconds, 20)), *codec, once)
    if once != name:
        quiet("ffmpeg", "-stream_loop", "-1", "-i", once, "-t", str(seconds), "-c", "copy", name)


def payloaded(source, pay):
    """The RTP packets that GStreamer makes of a file with one track."""
    quiet("sh", "-c", f"gst-launch-1.0 -q filesrc location={source} ! matroskademux ! queue ! {pay} ! rtpstreampay "
                      "! filesink location=packets.4571")
    with open("packets.4571", "rb") as file:
        data = file.read()
    at = 0
    while at + 2 <= len(data):
        size = struct.unpack_from(">H", data, at)[0]
        yield data[at + 2:at + 2 + size]
        at += 2 + size


def udp_record(seconds, packet, port):
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 28 + len(packet), 0, 0, 64, 17, 0, b"\x7f\0\0\1", b"\x7f\0\0\1")
    body = ip + struct.pack(">HHHH", 5000, port, 8 + len(packet), 0) + packet
    return struct.pack("<IIII", int(seconds), int(seconds % 1 * 1e6), len(body), len(body)) + body


def make_call(rtpx, folder, participants, seconds):
    """A recording: each participant's packets (640x360 VP8 at 30 pictures a second, Opus) as they would have come, in one
    capture. Its files go into the working directory."""
    records, sdp = [], "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
    # Four pictures and voices; more participants show them again.
    for who in range(min(participants, 4)):
        if os.path.exists(f"{who}.mka"):
            continue
        encode(f"testsrc2=s=640x360:r=30,hue=h={who * 80},rotate=0.1*sin(t+{who})", seconds, f"{who}.mkv",
               "-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-g", "90", "-b:v", "500k")
        encode(f"sine=f={300 + 100 * who}:r=48000,volume=0.2", seconds, f"{who}.mka", "-c:a", "libopus")
    for who in range(participants):
        for name, pay, rate in ((f"{who % 4}.mkv", "rtpvp8pay pt=96 picture-id-mode=2", 90000),
                                (f"{who % 4}.mka", "rtpopuspay pt=97", 48000)):
            port = 10000 + 2 * sdp.count("m=")
            kind, form = ("video", "96 VP8/90000") if rate == 90000 else ("audio", "97 opus/48000/2")
            sdp += (f"m={kind} {port} RTP/AVP {form[:2]}\r\nc=IN IP4 127.0.0.1\r\na=rtpmap:{form}\r\n"
                    f"a=msid:person-{who:02} {kind}-{who}-{port}\r\n")
            first = None
            for packet in payloaded(name, pay + f" ssrc={port} timestamp-offset=0"):
                time = struct.unpack_from(">I", packet, 4)[0]
                first = time if first is None else first
                records.append((((time - first) & 0xFFFFFFFF) / rate, packet, port))
    records.sort(key=lambda one: one[0])
    with open(f"{folder}.pcap", "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101))
        for when, packet, port in records:
            file.write(udp_record(1.7e9 + when, packet, port))
    with open(f"{folder}.sdp", "w") as file:
        file.write(sdp)
    quiet(rtpx, "import", f"{folder}.pcap", "--sdp", f"{folder}.sdp", "-o", folder)
