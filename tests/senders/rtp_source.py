"""A flash and a beep each second as RTP on loopback ports, for senders that send RTP of others:
rtp_source.py VP8|H264 AUDIO_PORT VIDEO_PORT…

Two seconds are encoded beforehand and sent again and again, each packet when it is due by one clock, so that pictures and sound
are as much in step as one thread can be.
"""
import fractions
import pathlib
import socket
import struct
import subprocess
import sys
import time

SIZES = [(640, 360), (320, 180), (160, 90)]  # of layers f, h and q
RATE, SECONDS = 25, 2
BEEP, FLASH = 0.06, 0.1

# The same, made by FFmpeg itself while it sends.
PICTURE = "color=c=0xcc0000:s=640x360:r=25,drawbox=c=white:t=fill:enable='lt(mod(t,1),0.1)',drawbox=x='mod(t*100,620)':y=0:w=20:h=20:c=blue:t=fill"
SOUND = "aevalsrc='0.5*sin(2*PI*1000*t)*lt(mod(t,1),0.06)':s=48000"
FFMPEG_INPUTS = ["-re", "-f", "lavfi", "-i", PICTURE, "-re", "-f", "lavfi", "-i", SOUND]
FFMPEG_CODECS = ["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-profile:v", "baseline", "-bf", "0", "-b:v", "500k",
                 "-g", "50", "-pix_fmt", "yuv420p", "-c:a", "libopus", "-b:a", "64k", "-frame_duration", "20", "-ac", "2", "-ar", "48000"]


def start(codec, video_ports, audio_port):
    """This script, which runs until it is ended; one picture for each port, the largest first."""
    return subprocess.Popen(["/usr/bin/python3", str(pathlib.Path(__file__).resolve()), codec, str(audio_port), *map(str, video_ports)])


def encoded_pictures(codec, width, height):
    """The payloads of each picture."""
    import av
    import numpy
    from aiortc.codecs.h264 import H264Encoder
    from aiortc.codecs.vpx import Vp8Encoder
    encoder, out = (Vp8Encoder if codec == "VP8" else H264Encoder)(), []
    for number in range(RATE * SECONDS):
        planes = numpy.full((height * 3 // 2, width), 128, numpy.uint8)
        planes[:height] = 235 if number % RATE < FLASH * RATE else 60 + number % 20
        planes[:20, number * 4 % (width - 20):][:, :20] = 30
        frame = av.VideoFrame.from_ndarray(planes, "yuv420p")
        frame.pts, frame.time_base = number * 90000 // RATE, fractions.Fraction(1, 90000)
        out.append(encoder.encode(frame, force_keyframe=number == 0)[0])
    return out


def encoded_sounds():
    import av
    import numpy
    from aiortc.codecs.opus import OpusEncoder
    encoder, out = OpusEncoder(), []
    for number in range(50 * SECONDS):
        seconds = number % 50 / 50 + numpy.arange(960) / 48000
        sound = numpy.where(seconds < BEEP, 12000 * numpy.sin(2 * numpy.pi * 1000 * seconds), 0).astype(numpy.int16)
        frame = av.AudioFrame.from_ndarray(numpy.repeat(sound, 2).reshape(1, -1), "s16", "stereo")
        frame.sample_rate, frame.pts, frame.time_base = 48000, number * 960, fractions.Fraction(1, 48000)
        out.append(encoder.encode(frame)[0])
    return out


class Stream:
    def __init__(self, port, frames, per_second, clock_rate, payload_type):
        self.frames, self.per_second, self.payload_type = frames, per_second, payload_type
        self.step, self.sequence, self.number, self.port = clock_rate // per_second, 1000, 0, port

    def due(self):
        return self.number / self.per_second

    def send(self, out):
        payloads = self.frames[self.number % len(self.frames)]
        for i, payload in enumerate(payloads):
            marker = 0x80 if i + 1 == len(payloads) and self.per_second == RATE else 0
            out.sendto(struct.pack("!BBHII", 0x80, marker | self.payload_type, self.sequence & 0xFFFF, 90000 + self.number * self.step, self.port)
                       + payload, ("127.0.0.1", self.port))
            self.sequence += 1
        self.number += 1


def main(codec, audio_port, *video_ports):
    streams = [Stream(int(port), encoded_pictures(codec, *SIZES[i]), RATE, 90000, 96) for i, port in enumerate(video_ports)]
    streams.append(Stream(int(audio_port), encoded_sounds(), 50, 48000, 111))
    out, began = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), time.monotonic()
    while True:
        next_one = min(streams, key=Stream.due)
        time.sleep(max(0, began + next_one.due() - time.monotonic()))
        next_one.send(out)


if __name__ == "__main__":
    main(*sys.argv[1:])
