#!/usr/bin/env python3
"""A film that follows a recording under way, as the server makes and serves it: film_test.py PATH_TO_RTPX DATA_FOLDER"""
import json
import re
import shutil
import subprocess
import time
import unittest

from live_test import Call
from running_server import Server, add_recording, run_tests

ADMIN = {"Authorization": "Bearer secret"}


class Room:
    """Two senders in one recording."""

    def __init__(self, server):
        self.calls = [Call(server, 60, f"recording=room&name={name}&idle=1", ADMIN) for name in ("Ann", "Bob")]
        self.id = self.calls[0].recording

    def end(self):
        for call in self.calls:
            call.end()


def order(server, path, **wish):
    return server.request("POST", path, json.dumps(wish).encode(), {"Content-Type": "application/json", **ADMIN})


def wait_for(what, seconds=90):
    until = time.time() + seconds
    while time.time() < until:
        if found := what():
            return found
        time.sleep(0.1)
    raise AssertionError("it did not come")


def named_in(playlist):
    return re.findall(r'URI="([^"]+)"', playlist) + re.findall(r"^[^#\n].*$", playlist, re.M)


@unittest.skipUnless(shutil.which("ffmpeg") and shutil.which("ffprobe"), "ffmpeg is not installed")
class FollowedRecording(unittest.TestCase):
    def test_a_room_is_watched_as_one_film_until_it_ends_and_the_film_goes_with_the_recording(self):
        with Server("--token", "secret", "--linger", "0") as server:
            room = Room(server)
            try:
                self.follow(server, room)
            finally:
                room.end()
            entry = wait_for(lambda: (now := self.entry(server, room))["live_film"]["state"] == "ended" and now)
            self.assertNotIn("error", entry["live_film"])
            self.assertEqual(order(server, f"/api/recordings/{room.id}/compose", follow=True).status, 409)
            for name in ("picture.m3u8", "sound.m3u8"):
                self.assertTrue(self.get(server, room, name).content.endswith(b"#EXT-X-ENDLIST\n"), name)
            self.plays(server, room, entry["live_film"]["written_ms"] / 1000)
            wait_for(lambda: self.entry(server, room)["state"] in ("ready", "failed"))
            self.assertEqual(server.request("DELETE", f"/api/recordings/{room.id}", headers=ADMIN).status, 204)
            self.assertEqual(self.get(server, room, "index.m3u8").status, 404)
            wait_for(lambda: not list((server.folder / "recordings").glob(".film-*")))

    def follow(self, server, room):
        path = f"/api/recordings/{room.id}/compose"
        wait_for(lambda: len((now := self.entry(server, room))["tracks"]) == 4 and len(now["participants"]) == 2)
        self.assertEqual(order(server, path).status, 409, "it is being recorded")
        self.assertEqual(order(server, path, follow="yes").status, 400)
        self.assertEqual(server.request("POST", path, b'{"follow": true}').status, 401)
        self.assertEqual(server.request("DELETE", path, headers=ADMIN).status, 404)
        begun = order(server, path, follow=True, size="320x180", title="--json")
        self.assertEqual(begun.status, 202, begun.content)
        self.assertIn(json.loads(begun.content)["live_film"]["state"], ("starting", "running"))
        self.assertEqual(order(server, path, follow=True).status, 409, "there is one already")
        running = wait_for(lambda: (now := self.entry(server, room)["live_film"])["state"] == "running" and now)
        self.assertEqual(running["url"], f"/api/recordings/{room.id}/film/index.m3u8")
        self.assertIn(b"rtpx_live_films 1\n", server.request("GET", "/metrics", headers=ADMIN).content)
        # Who may play the recording may watch the film, by a link too, which playlists pass on.
        link = json.loads(server.request("POST", f"/api/recordings/{room.id}/links", headers=ADMIN).content)["link"]
        for name in ("index.m3u8", "picture.m3u8"):
            self.assertEqual(self.get(server, room, name, headers={}).status, 401)
            text = self.get(server, room, f"{name}?link={link}", headers={}).content.decode()
            self.assertGreater(len(named_in(text)), 1, text)
            for address in named_in(text):
                self.assertTrue(address.endswith(f"?link={link}"), address)
                self.assertEqual(self.get(server, room, address, headers={}).status, 200, address)
        self.assertNotIn(b"ENDLIST", self.get(server, room, "picture.m3u8").content)
        for name in ("result.json", "picture-99999.m4s", "..%2Findex.m3u8", ".picture.m3u8", "picture"):
            self.assertEqual(self.get(server, room, name).status, 404, name)
        other = add_recording(server.folder)
        self.assertEqual(order(server, f"/api/recordings/{other}/compose", follow=True).status, 409, "it is over")
        self.assertEqual(self.get(server, room, "index.m3u8", of=other).status, 404)

    def plays(self, server, room, seconds):
        """Both tiles show a picture: what FFmpeg's test source sends is bright, the film's background is not."""
        address = f"{server.url}api/recordings/{room.id}/film/index.m3u8"
        told = subprocess.run(["ffprobe", "-v", "error", "-headers", f"Authorization: {ADMIN['Authorization']}\r\n", "-count_packets", "-show_entries",
                               "stream=codec_name,nb_read_packets", "-of", "json", address], check=True, capture_output=True, text=True).stdout
        packets = {stream["codec_name"]: int(stream["nb_read_packets"]) for stream in json.loads(told)["streams"]}
        self.assertAlmostEqual(packets["aac"] * 1024 / 48000, seconds, delta=0.5)
        self.assertGreater(packets["h264"], 0)
        shown = subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-headers", f"Authorization: {ADMIN['Authorization']}\r\n", "-i", address,
                               "-map", "0:v", "-pix_fmt", "gray", "-f", "rawvideo", "-"], check=True, capture_output=True).stdout
        self.assertEqual(len(shown) % (320 * 180), 0)
        last = shown[-320 * 180:]
        for left in (0, 160):
            tile = b"".join(last[y * 320 + left:y * 320 + left + 160] for y in range(45, 135))
            self.assertGreater(max(tile) - min(tile), 100, left)

    def entry(self, server, room):
        return server.json(f"/api/recordings/{room.id}", **ADMIN)

    def get(self, server, room, name, headers=ADMIN, of=None):
        return server.request("GET", f"/api/recordings/{of or room.id}/film/{name}", headers=headers)


if __name__ == "__main__":
    run_tests()
