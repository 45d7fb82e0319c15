"""What a recording's file shows of a sender's flashes and beeps."""
import subprocess

import numpy

AUDIO_RATE = 48000


def run(*words):
    return subprocess.run(words, check=True, capture_output=True).stdout


def flashes(file, stream=0):
    """When the picture becomes white, in seconds."""
    times = [float(line.strip(",")) for line in run("ffprobe", "-v", "error", "-select_streams", f"v:{stream}", "-show_entries",
                                                    "frame=pts_time", "-of", "csv=p=0", file).decode().split()]
    raw = run("ffmpeg", "-v", "error", "-i", file, "-map", f"0:v:{stream}", "-fps_mode", "passthrough", "-vf",
              "scale=32:18", "-f", "rawvideo", "-pix_fmt", "gray", "-")
    white = numpy.frombuffer(raw, numpy.uint8).reshape(-1, 32 * 18).mean(axis=1) > 150
    return [at for i, at in enumerate(times[:len(white)]) if white[i] and i > 0 and not white[i - 1]]


def beeps(file):
    """When the sound begins after silence, in seconds."""
    raw = run("ffmpeg", "-v", "error", "-i", file, "-map", "0:a:0", "-ac", "1", "-ar", str(AUDIO_RATE), "-af",
              "aresample=async=1:first_pts=0", "-f", "s16le", "-")
    step = AUDIO_RATE // 1000
    sound = numpy.abs(numpy.frombuffer(raw, numpy.int16).astype(int))
    loud = sound[:len(sound) // step * step].reshape(-1, step).max(axis=1) > 2000
    return [i / 1000 for i in range(len(loud)) if loud[i] and not loud[max(0, i - 300):i].any()]


def offset_ms(file, stream=0):
    """How long after a flash its beep begins, in milliseconds, in the middle of all; None: no pair was found."""
    sounds = beeps(file)
    offsets = sorted(min((beep - flash for beep in sounds), key=abs) for flash in flashes(file, stream)[1:-1]) if sounds else []
    return round(1000 * offsets[len(offsets) // 2]) if len(offsets) >= 2 else None
