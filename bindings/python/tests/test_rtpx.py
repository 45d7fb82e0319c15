"""The Python binding: what it records is what was given, what it converts plays."""

import datetime
import os
import pathlib
import select
import struct
import tempfile
import threading
import unittest

import rtpx

SOURCE = pathlib.Path(os.environ["RTPX_SOURCE"])
CALL = SOURCE / "tests/data/vp8_opus"
GOLDEN = pathlib.Path(os.environ.get("RTPX_CAPTURES", "/nowhere")) / "golden"


def masked(path):
    """The records of a .rtpx without their receive times."""
    data, at, out = pathlib.Path(path).read_bytes(), 0, []
    while at < len(data):
        rid, _time, size = struct.unpack_from("!BqL", data, at)
        out.append((rid, data[at + 13 : at + 13 + size]))
        at += 13 + size
    return out


def packet(number=1):
    return struct.pack("!BBHLL", 0x80, 96, number, 0, 1) + b"media"


class TemporaryFolder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name


class RecorderTest(TemporaryFolder):
    @unittest.skipUnless(GOLDEN.exists() or "RTPX_REQUIRE_CAPTURES" in os.environ, "set RTPX_CAPTURES")
    def test_the_golden_packets_become_the_golden_files(self):
        data, at = (GOLDEN / "small_input.rtpin").read_bytes(), 0
        with rtpx.Recorder(base_dir=self.folder) as recorder:
            tracks = [
                recorder.add_track("0", "audio", codecs=[rtpx.Codec(111, "audio/opus", 48000, 2)]),
                recorder.add_track("1", "video"),
                recorder.add_track("2", "video", rids=["q", "h", "f"]),
            ]
            while at < len(data):
                track, rid, arrival, size = struct.unpack_from("!BBLH", data, at)
                bytes_ = data[at + 8 : at + 8 + size]
                at += 8 + size
                name = None if rid == 0xFF else ["q", "h", "f"][rid]
                outcome = tracks[track].record(bytes_, name, arrival_ns=1_000_000_000 + arrival * 1_000_000)
                self.assertEqual(outcome, rtpx.Outcome.accepted)
            ours = [f"{recorder.folder}/{track}.rtpx" for track in range(3)]
        for flavour in ("small_head", "small_030", "small_021"):
            theirs = list((GOLDEN / flavour).glob("*/*.rtpx"))
            self.assertEqual(sorted(map(masked, ours)), sorted(map(masked, theirs)), flavour)

    def test_a_recording_and_its_manifest(self):
        with rtpx.Recorder(folder=self.folder + "/call", sync_interval_ms=0, name="Anna") as recorder:
            track = recorder.add_track("käse", "audio", ["anna"], header_extensions={"urn:x": 4})
            self.assertEqual(track.record(packet()), rtpx.Outcome.accepted)
            self.assertEqual(track.record(packet(), "h"), rtpx.Outcome.unknown_rid)
            self.assertEqual(track.record_rtcp(struct.pack("!BBHL", 0x80, 201, 1, 1)), rtpx.Outcome.accepted)
            recorder.flush()
            self.assertEqual(recorder.stats["packets"], 1)
            self.assertEqual(recorder.stats["unknown_rid"], 1)
            self.assertEqual(recorder.track_stats[0]["rtcp_packets"], 1)
            with self.assertRaises(rtpx.Error) as raised:
                recorder.add_track("käse", "audio")
            self.assertEqual(raised.exception.code, "already_exists")
            ended = recorder.end_tracks(["käse", "nobody"])
            self.assertEqual(ended["käse"]["header_extensions"], {"urn:x": 4})
            with self.assertRaises(rtpx.Error) as raised:
                recorder.end_tracks(["käse"])
            self.assertEqual(raised.exception.code, "tracks_not_found")
            self.assertEqual(track.record(packet()), rtpx.Outcome.ended)
        self.assertEqual(track.record(packet()), rtpx.Outcome.ended)
        self.assertEqual(rtpx.read_manifest(recorder.folder)["käse"]["streams"], ["anna"])
        self.assertEqual(recorder.manifest.keys(), {"käse"})
        self.assertEqual(masked(ended["käse"]["location"]), [(0, packet())])
        with self.assertRaises(ValueError):
            recorder.flush()

    def test_threads_record_at_once(self):
        with rtpx.Recorder(base_dir=self.folder) as recorder:
            tracks = [recorder.add_track(str(n), "audio") for n in range(8)]

            def work(track):
                for number in range(500):
                    self.assertEqual(track.record(packet(number)), rtpx.Outcome.accepted)

            threads = [threading.Thread(target=work, args=(track,)) for track in tracks]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        for n in range(8):
            self.assertEqual(masked(f"{recorder.folder}/{n}.rtpx"), [(0, packet(i)) for i in range(500)])

    def test_events_come_through_a_descriptor(self):
        with rtpx.Recorder(base_dir=self.folder) as recorder:
            self.assertEqual(list(recorder.events()), [])
            recorder.add_track("a", "audio").record(packet())
            self.assertTrue(select.select([recorder.event_fd], [], [], 60)[0])
            self.assertIn({"event": "track_flow", "track_id": "a", "flowing": True}, list(recorder.events()))

    def test_what_cannot_be_is_an_exception(self):
        with self.assertRaises(TypeError):
            rtpx.Recorder(base_dir=self.folder, no_such_option=1)
        with self.assertRaises(rtpx.Error) as raised:
            rtpx.Recorder(base_dir=self.folder, s3={"bucket_name": "No"})
        self.assertEqual(raised.exception.code, "invalid_argument")
        with rtpx.Recorder(base_dir=self.folder) as recorder, self.assertRaises(rtpx.Error) as raised:
            recorder.add_track("a", "tea")
        self.assertEqual(raised.exception.code, "malformed")


class ConvertTest(TemporaryFolder):
    def test_a_recording_becomes_a_file(self):
        told = []
        result = rtpx.convert(CALL, self.folder, format="mkv", progress=lambda *all: told.append(all))
        (file,) = result.files.values()
        self.assertTrue(file["location"].endswith(".mkv") and os.path.getsize(file["location"]) > 10_000)
        self.assertFalse(result.lost_media)
        self.assertTrue(told and all(0 <= fraction <= 1 for fraction, *_ in told))

    def test_a_part_is_cut_by_seconds_text_or_the_wall_clock(self):
        def duration(**options):
            (file,) = rtpx.convert(CALL, self.folder, write_reports=0, **options).files.values()
            return file["duration_ms"] / 1000

        self.assertAlmostEqual(duration(start=5, end=15.0, cut_start="encode"), 10, delta=0.2)
        self.assertAlmostEqual(duration(start="0:05", end="0:15", only="audio", format="ogg"), 10, delta=0.2)
        self.assertAlmostEqual(duration(end=5), 5, delta=0.2)
        began = datetime.datetime.fromisoformat(rtpx.read_manifest(CALL)["audio_0"]["start_time"].replace("Z", "+00:00"))
        seconds = datetime.timedelta(seconds=1)
        self.assertAlmostEqual(duration(start=began + 5 * seconds, end=began + 15 * seconds, cut_start="encode"), 10, delta=0.2)
        with self.assertRaises(rtpx.Error) as raised:  # outside of it
            duration(start=began + 500 * seconds)
        self.assertEqual(raised.exception.code, "invalid_argument")
        for options, error in (({"start": "soon"}, rtpx.Error), ({"start": datetime.datetime.now()}, ValueError), ({"from_": "1"}, TypeError)):
            with self.assertRaises(error):
                duration(**options)

    def test_progress_cancels_and_its_exceptions_come_through(self):
        with self.assertRaises(rtpx.Error) as raised:
            rtpx.convert(CALL, self.folder, progress=lambda *_: True)
        self.assertEqual(raised.exception.code, "cancelled")
        with self.assertRaises(ZeroDivisionError):
            rtpx.convert(CALL, self.folder, progress=lambda *_: 1 // 0)

    def test_errors_have_codes(self):
        for call, code in [
            (lambda: rtpx.convert(self.folder + "/none"), "not_found"),
            (lambda: rtpx.convert(CALL, self.folder, format="avi"), "invalid_argument"),
            (lambda: rtpx.inspect(self.folder + "/none"), "not_found"),
        ]:
            with self.assertRaises(rtpx.Error) as raised:
                call()
            self.assertEqual(raised.exception.code, code)

    def test_a_report_says_what_is_there(self):
        self.assertEqual({track["kind"] for track in rtpx.inspect(CALL)["tracks"]}, {"audio", "video"})


class PicturesTest(unittest.TestCase):
    def test_pictures_of_a_recording_are_arrays(self):
        try:
            import numpy
        except ImportError:
            self.skipTest("numpy is not installed")
        pictures = list(rtpx.pictures(CALL))
        self.assertGreater(len(pictures), 100)
        times = [picture.time_seconds for picture in pictures]
        self.assertEqual(times, sorted(times))
        for picture in pictures:
            self.assertEqual(picture.rgb.shape, (picture.height, picture.width, 3))
            self.assertEqual(picture.rgb.dtype, numpy.uint8)
        # Chromium's fake camera: a picture that changes, green for the most part.
        middle = pictures[len(pictures) // 2].rgb
        self.assertGreater(middle.std(), 20)
        self.assertGreater(middle[..., 1].mean(), middle[..., 0].mean())
        later = next(rtpx.pictures(CALL, start_seconds=times[50]))
        self.assertTrue(numpy.array_equal(later.rgb, pictures[times.index(later.time_seconds)].rgb))

    def test_pictures_of_packets_are_those_of_the_converted_file(self):
        with tempfile.TemporaryDirectory() as folder:
            (file,) = rtpx.convert(CALL, folder, format="mkv", write_reports=0).files.values()
            converted = [bytes(picture.rgb) for picture in rtpx.pictures(file["location"])]
        self.assertEqual([bytes(picture.rgb) for picture in rtpx.pictures(CALL)], converted)


class ReaderTest(TemporaryFolder):
    def test_frames_are_those_that_were_sent(self):
        with rtpx.Reader(CALL) as reader:
            described = reader.describe()
            self.assertEqual((described["running"], described["settled_ns"]), (False, None))
            self.assertEqual({track["id"]: track["kind"] for track in reader.tracks}, {"audio_0": "audio", "video_1": "video"})
            video, sound = list(reader.frames("video_1")), list(reader.frames("audio_0"))
            self.assertTrue(548 <= len(video) <= 555, "Chromium counted 548 shortly before the end")
            self.assertEqual(sum(frame.keyframe for frame in video), 2)
            self.assertEqual({(frame.mime_type, frame.width, frame.height) for frame in video}, {("video/VP8", 640, 480)})
            self.assertEqual(len(sound), 1518)
            self.assertEqual({(frame.mime_type, frame.duration_ns) for frame in sound}, {("audio/opus", 20_000_000)})
            self.assertEqual(reader.keyframe_before("video_1", 1e9), max(f.time_ns for f in video if f.keyframe) / 1e9)
            self.assertLessEqual(next(reader.frames("audio_0", start_seconds=10)).time_ns, 10_000_000_000)
            self.assertEqual(reader.jpeg("video_1", 5, width=320)[:2], b"\xff\xd8")
            self.assertFalse(reader.refresh())
            for call, code in [
                (lambda: next(reader.frames("nobody")), "not_found"),
                (lambda: next(reader.pictures("audio_0")), "invalid_argument"),
            ]:
                with self.assertRaises(rtpx.Error) as raised:
                    call()
                self.assertEqual(raised.exception.code, code)
        with self.assertRaises(ValueError):
            reader.describe()

    def test_what_is_being_recorded_is_read_to_its_end(self):
        with rtpx.Recorder(folder=self.folder + "/call", flush_interval_ms=10) as recorder:
            codec = rtpx.Codec(0, "audio/PCMU", 8000, 1)
            track = recorder.add_track("a", "audio", codecs=[codec])
            for number in range(50):
                track.record(struct.pack("!BBHLL", 0x80, 0, number, 160 * number, 1) + bytes(160))
            recorder.flush()
            with rtpx.Reader(recorder.folder) as reader:
                self.assertTrue(reader.describe()["running"])
                frames, closing = [], threading.Timer(0.5, recorder.close)
                closing.start()
                for frame in reader.frames("a"):
                    frames.append(frame)
                closing.join()
        self.assertEqual(len(frames), 50)


class SealedTest(TemporaryFolder):
    def test_a_sealed_recording_opens_with_its_key_alone(self):
        alice, bob = rtpx.Identity.generate(), rtpx.Identity.generate()
        with rtpx.Recorder(folder=self.folder + "/call", recipients=[alice.recipient]) as recorder:
            recorder.add_track("a", "audio", codecs=[rtpx.Codec(0, "audio/PCMU", 8000, 1)]).record(
                struct.pack("!BBHLL", 0x80, 0, 1, 0, 1) + b"planted" * 20
            )
        self.assertTrue(rtpx.is_sealed(recorder.folder))
        self.assertEqual(rtpx.recipients(recorder.folder), [alice.recipient])
        for file in pathlib.Path(recorder.folder).iterdir():
            self.assertNotIn(b"planted", file.read_bytes(), file)
        with self.assertRaises(rtpx.Error) as raised:
            rtpx.Reader(recorder.folder, identities=[bob])
        self.assertEqual(raised.exception.code, "unsupported")
        again = rtpx.Identity.parse(alice.text())
        with rtpx.Reader(recorder.folder, identities=[bob, again]) as reader:
            self.assertEqual([frame.data for frame in reader.frames("a")], [b"planted" * 20])
        self.assertGreater(rtpx.rewrap(recorder.folder, [alice], add=[bob.recipient], remove=[alice.recipient]), 0)
        opened = rtpx.open_sealed(recorder.folder, self.folder + "/plain", [bob])
        self.assertEqual([file.problems for file in opened], [[]] * len(opened))
        self.assertIn(b"planted", pathlib.Path(self.folder, "plain", "a.rtpx").read_bytes())
        self.assertFalse(rtpx.is_sealed(self.folder + "/plain"))


class ComposeTest(TemporaryFolder):
    def test_a_call_becomes_a_film(self):
        plan = rtpx.plan_composition(CALL, layout="speaker")
        self.assertIsInstance(plan, dict)
        told = []
        film = rtpx.compose(
            CALL, self.folder + "/film.webm", width=320, height=180, fps=5, names=0, marks=[(1000, "begin")],
            pan={}, clock="UTC", thumbnail=1, sprites=4, progress=lambda *all: told.append(all),
        )
        self.assertTrue(os.path.getsize(self.folder + "/film.webm") > 10_000 and told and film)
        self.assertEqual({(p.width, p.height) for p in rtpx.pictures(self.folder + "/film.webm")}, {(320, 180)})
        for beside in ("_thumbnail.jpg", "_sprites.jpg", "_sprites.vtt"):
            self.assertGreater(os.path.getsize(self.folder + "/film.webm" + beside), 100)
        with self.assertRaises(rtpx.Error) as raised:
            rtpx.compose(CALL, self.folder + "/film.avi")
        self.assertEqual(raised.exception.code, "invalid_argument")
        with self.assertRaises(TypeError):
            rtpx.compose(CALL, self.folder + "/x.mp4", no_such_option=1)


if __name__ == "__main__":
    unittest.main()
