#!/usr/bin/env python3
"""A film made by several processes: slices_process_test.py PATH_TO_RTPX RECORDING"""
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest

RTPX, RECORDING = sys.argv[1], sys.argv[2]
SIZE = ("--size", "160x90", "--fps", "5", "--clock", "+02:00")


def packets(film, stream):
    """Time, length and hash of each packet."""
    return subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-i", film, "-map", f"0:{stream}", "-c", "copy", "-f", "framemd5", "-"],
                          capture_output=True, text=True, check=True).stdout


def times(film):
    return [line.split(",")[1:3] for line in packets(film, "v").splitlines() if not line.startswith("#")]


def children_with(word):
    """Process ids of programs with this word on their command line."""
    found = []
    for one in pathlib.Path("/proc").iterdir():
        try:
            if one.name.isdigit() and word in (one / "cmdline").read_bytes().decode(errors="replace").split("\0"):
                found.append(int(one.name))
        except OSError:
            pass
    return found


class Slices(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.temporary.name)
        subprocess.run([RTPX, "compose", RECORDING, "-o", cls.folder / "whole.mp4", *SIZE], check=True)

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def assert_whole(self, film):
        self.assertEqual(packets(film, "a"), packets(self.folder / "whole.mp4", "a"))
        self.assertEqual(times(film), times(self.folder / "whole.mp4"))
        self.assertEqual([one.name for one in film.parent.iterdir()], [film.name])

    def folder_for(self, name):
        made = self.folder / name
        made.mkdir()
        return made

    def test_processes_make_the_film_that_one_makes(self):
        film = self.folder_for("sliced") / "film.mp4"
        done = subprocess.run([RTPX, "compose", RECORDING, "-o", film, *SIZE, "--slices", "2", "--json"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn('"location"', done.stdout)
        self.assert_whole(film)

    def test_what_only_one_process_can_read_is_refused(self):
        film = self.folder_for("refused") / "film.mp4"
        for file in ("-", "/dev/fd/5", "/dev/stdin"):
            done = subprocess.run([RTPX, "compose", RECORDING, "-o", film, *SIZE, "--slices", "2", "--background-image", file], capture_output=True, text=True)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(f"--background-image {file}: the processes", done.stderr)
        self.assertEqual(list(film.parent.iterdir()), [])

    def test_a_slice_whose_process_is_killed_is_made_again(self):
        film = self.folder_for("killed") / "film.mp4"
        maker = subprocess.Popen([RTPX, "compose", RECORDING, "-o", film, *SIZE, "--slices", "2"])
        killed = []
        while maker.poll() is None and not killed:
            for child in children_with(f"--output={next(iter(film.parent.glob('.*.slices')), '')}/film.mp4"):
                try:
                    if "--slice=1/2" in pathlib.Path(f"/proc/{child}/cmdline").read_text().split("\0"):
                        os.kill(child, signal.SIGKILL)
                        killed.append(child)
                except OSError:
                    pass
            time.sleep(0.002)
        self.assertEqual(maker.wait(timeout=300), 0)
        self.assertTrue(killed, "it was over too early to show anything")
        self.assert_whole(film)

    def test_an_interrupted_run_leaves_nothing(self):
        film = self.folder_for("interrupted") / "film.mp4"
        maker = subprocess.Popen([RTPX, "compose", RECORDING, "-o", film, *SIZE, "--slices", "2"], stderr=subprocess.DEVNULL)
        while maker.poll() is None and not list(film.parent.glob(".*.slices")):
            time.sleep(0.002)
        maker.send_signal(signal.SIGTERM)
        self.assertEqual(maker.wait(timeout=60), 4)
        self.assertEqual(list(film.parent.iterdir()), [])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
