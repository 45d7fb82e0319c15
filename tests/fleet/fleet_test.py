#!/usr/bin/env python3
"""A fleet on a real nats-server and a real S3 server: fleet_test.py PATH_TO_RTPX DATA_FOLDER [unittest arguments]"""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
from datetime import datetime

from fleet_servers import DATA, INSTALLED, LEASE, PORT, RTPX, Fleet, Process, converted_alone, listens, sys, wait_for
from nats_login import Authority, NKey, Operator, documented_roles


class OneFleet(unittest.TestCase):
    """One NATS, one store, two nodes and two workers for all tests here."""

    @classmethod
    def setUpClass(cls):
        cls.fleet = Fleet()
        cls.fleet.init()
        cls.alone = converted_alone(cls.fleet.folder)
        cls.fleet.node("a", 0)
        cls.fleet.node("b", 1)
        cls.fleet.worker("w1")
        cls.fleet.worker("w2")

    @classmethod
    def tearDownClass(cls):
        cls.fleet.close()

    def record(self, node="a"):
        name = self.fleet.add_recording(node, self.id().rsplit(".")[-1])
        self.assertEqual(self.fleet.request(node, "POST", f"/api/recordings/{name}/convert").status, 202)
        return name

    def assert_whole(self, node, name, ask=None):
        """One result, and its files are those of a conversion made alone."""
        job = self.fleet.job(node, name, ask=ask)
        files = {file["name"]: file for file in job["files"]}
        self.assertEqual(set(files), set(self.alone))
        for file, content in self.alone.items():
            if not file.endswith(".json"):
                self.assertEqual(self.fleet.request(ask or node, "GET", files[file]["url"]).content, content, file)
        wait_for(lambda: self.fleet.results(node, name) == {job["result"]}, "nothing but the current result", 30)

    def test_a_recording_is_stored_converted_by_a_worker_and_shown_by_any_node(self):
        name = self.record()
        self.fleet.wait_done("a", name, ask="b")
        self.assert_whole("a", name, ask="b")
        entry = wait_for(lambda: (e := self.fleet.get("a", f"/api/recordings/{name}"))["state"] == "uploaded" and e, "its own node knows")
        self.assertEqual(entry["node"], "a")
        stored = self.fleet.store.objects(f"{self.fleet.prefix}/recordings/a/{name}/")
        self.assertIn(f"{self.fleet.prefix}/recordings/a/{name}/video_1.rtpx", stored)

    def test_a_worker_whose_first_class_is_empty_takes_the_next_job_at_once(self):
        for name in ("w1", "w2"):
            self.fleet.members[name].stop()
        names = [self.fleet.add_recording("a", f"at-once-{n}") for n in range(4)]
        for name in names:
            self.fleet.request("a", "POST", f"/api/recordings/{name}/convert")
        wait_for(lambda: self.fleet.answer("status")["backlog"]["norm"]["waiting"] == len(names), "all wait", 120)
        w1 = self.fleet.members["w1"].start()
        for name in names:
            self.fleet.wait_done("a", name, seconds=120)
        self.fleet.members["w2"].start()
        moments = [(datetime.fromisoformat(line.split()[0].replace("Z", "+00:00")), " begins" in line) for line in w1.text().splitlines()
                   if "at-once-" in line and (" begins" in line or " is made" in line)]
        between = [(then - before).total_seconds() for (before, _), (then, begins) in zip(moments, moments[1:]) if begins]
        self.assertEqual(len(between), len(names) - 1)
        self.assertLess(min(between), 0.5, between)

    def test_every_kind_of_job(self):
        name = self.record()
        self.fleet.wait_done("a", name)
        for kind, body, made in (("report", {}, "report.html"), ("verify", {"class": "hi"}, None), ("thumbnails", {"times_ms": [500, 1000]}, "500.jpg"),
                                 ("package", {}, None), ("compose", {"width": 320, "height": 180, "title": "Call", "sprites": 4}, "film.mp4")):
            answer = self.fleet.request("b", "POST", f"/api/fleet/recordings/a/{name}/{kind}", json.dumps(body))
            self.assertEqual(answer.status, 202, answer.content)
            job = self.fleet.wait_done("a", name, kind, ask="b")
            if made:
                self.assertIn(made, [file["name"] for file in job["files"]])
            if kind == "compose":
                self.assertEqual({file["name"] for file in job["files"]}, {made, "film.vtt", *(f"{made}_{beside}" for beside in ("thumbnail.jpg", "sprites.jpg", "sprites.vtt"))})
                scrub = next(file["url"] for file in job["files"] if file["name"] == "film.mp4_sprites.vtt")
                self.assertEqual(self.fleet.request("b", "GET", scrub).content.count(b"#xywh="), 4)
            if kind == "verify":
                self.assertEqual([job["output"]["whole"], job["output"]["problems"]], [False, []])  # it has no checksums
            if kind == "package":
                self.assertTrue(any(file["name"].endswith(".m3u8") for file in job["files"]), job["files"])
        for kind, body in (("report", {"class": "never"}), ("dance", {}), ("compose", {"layout": "../../etc"}), ("convert", {"sprites": -1}), ("compose", {"sprites": 1001})):
            self.assertEqual(self.fleet.request("a", "POST", f"/api/fleet/recordings/a/{name}/{kind}", json.dumps(body)).status, 400)

    def test_a_film_is_made_in_slices_by_many_workers_and_a_lost_worker_costs_one(self):
        name = self.record()
        self.fleet.wait_done("a", name)
        order = {"width": 320, "height": 180, "slices": 3, "sprites": 0}
        self.assertEqual(self.fleet.request("b", "POST", f"/api/fleet/recordings/a/{name}/compose", json.dumps(order)).status, 202)
        w1 = self.fleet.members["w1"]
        wait_for(lambda: "slice-" in w1.text() and "begins" in w1.text().rsplit("slice-", 1)[1], "w1 has a slice", 30)
        w1.kill()
        killed_with = w1.text().rsplit("slice-", 1)[1][0]
        # A worker can have a slice before the node has published the last one.
        listed_slices = lambda: [job for job in self.fleet.answer("jobs")["jobs"] if job["kind"] == "slice" and job["recording"] == name]
        wait_for(lambda: {job["slice"] for job in listed_slices()} == {0, 1, 2, 3}, "all slices are listed", 30)
        self.assertEqual([job["slices"] for job in listed_slices()], [3] * 4)
        job = self.fleet.wait_done("a", name, "compose", ask="b", seconds=120)
        [listed] = [one for one in self.fleet.answer("jobs")["jobs"] if one["key"] == f"job.a.{name}.compose"]
        self.assertEqual((listed["slices"], listed["slices_made"]), (3, 3))
        text = subprocess.run([RTPX, "fleet", "jobs", "--nats", self.fleet.nats.url], capture_output=True, text=True, check=True).stdout
        self.assertIn("3 of 3 slices are made", next(line for line in text.splitlines() if f"{name}.compose" in line))
        self.assertIn(f"job.a.{name}.slice-3", text)
        self.assertEqual({file["name"] for file in job["files"]}, {"film.mp4", "film.vtt", "film.mp4_thumbnail.jpg"})
        w1.start()
        film = self.fleet.folder / "sliced.mp4"
        url = next(file["url"] for file in job["files"] if file["name"] == "film.mp4")
        film.write_bytes(self.fleet.request("b", "GET", url).content)
        whole = self.fleet.folder / "whole.mp4"
        subprocess.run([RTPX, "compose", DATA, "-o", whole, "--size", "320x180"], check=True, stdout=subprocess.DEVNULL)
        hashes = lambda file, stream: subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-i", file, "-map", f"0:{stream}", "-c", "copy", "-f", "framemd5", "-"],
                                                     capture_output=True, text=True, check=True).stdout
        times = lambda file: [line.split(",")[1:4] for line in hashes(file, "v").splitlines() if not line.startswith("#")]
        self.assertEqual(hashes(film, "a"), hashes(whole, "a"))
        self.assertEqual(times(film), times(whole))
        # Each slice was made once, but for the one that was lost, and none is left.
        made = [log for member in ("w1", "w2") for log in self.fleet.members[member].text().splitlines() if name in log and " is made" in log]
        self.assertEqual(sorted(one for one in range(4) for log in made if f"slice-{one} is made" in log), [0, 1, 2, 3], made)
        self.assertIn(killed_with, "0123")
        wait_for(lambda: not [key for key in self.fleet.store.objects(f"{self.fleet.prefix}/results/a/{name}/") if "/slice-" in key], "no slice is left", 60)
        # Ordered again when it is done: its slices are made again, and before it.
        code, done = self.fleet.command("retry", f"job.a.{name}.compose")
        self.assertEqual((code, done["ordered"]), (0, [f"job.a.{name}.slice-{one}" for one in range(4)] + [f"job.a.{name}.compose"]))
        again = self.fleet.wait_done("a", name, "compose", generation=2, seconds=120)
        url = next(file["url"] for file in again["files"] if file["name"] == "film.mp4")
        film.write_bytes(self.fleet.request("b", "GET", url).content)
        self.assertEqual(hashes(film, "a"), hashes(whole, "a"))
        self.assertEqual(times(film), times(whole))

    def test_what_is_ordered_again_replaces_the_result(self):
        name = self.record()
        first = self.fleet.wait_done("a", name)
        self.assertEqual(self.fleet.request("a", "POST", f"/api/recordings/{name}/convert").status, 202)
        second = self.fleet.wait_done("a", name, generation=2)
        self.assertNotEqual(first["result"], second["result"])
        self.assert_whole("a", name)

    def test_a_recording_that_is_unusable_is_a_dead_letter_that_can_be_ordered_again(self):
        name = self.fleet.add_recording("a", "unusable")
        for file in (self.fleet.folder / "a" / name).glob("*.rtpx"):
            file.write_bytes(b"")
        self.fleet.request("a", "POST", f"/api/recordings/{name}/convert")
        failed = wait_for(lambda: next(iter(j for j in self.fleet.answer("jobs", "--state", "failed")["jobs"] if j["recording"] == name), None), "failed")
        self.assertTrue(failed["error"])
        wait_for(lambda: self.fleet.get("a", f"/api/recordings/{name}")["state"] == "failed", "its node knows")
        code, done = self.fleet.command("retry", failed["key"])
        self.assertEqual((code, done["ordered"]), (0, [failed["key"]]))
        wait_for(lambda: any(j["recording"] == name and j["generation"] == 2 for j in self.fleet.answer("jobs", "--state", "failed")["jobs"]), "tried again")
        self.assertEqual(self.fleet.command("retry", "job.a.nothing.convert")[0], 3)

    def test_a_worker_paused_past_its_claim_wakes_and_its_result_is_discarded(self):
        for w in ("w1", "w2"):
            self.fleet.command("drain", w)
        wait_for(lambda: all(m["draining"] for m in self.fleet.answer("status")["workers"]), "both drain", 30)
        sleeper = self.fleet.worker("sleeper")
        name = self.record()
        wait_for(lambda: "convert begins" in sleeper.text(), f"the only one that does not drain takes the job: {self.fleet.texts()}", 60, 0.005)
        sleeper.signal(signal.SIGSTOP)
        self.assertNotIn("is made", sleeper.text(), "it was stopped too late to show anything")
        for w in ("w1", "w2"):
            self.fleet.command("drain", w, "--undo")
        try:
            done = self.fleet.wait_done("a", name, seconds=60)
            self.assertIn(done["worker"], ("w1", "w2"))
        finally:
            sleeper.signal(signal.SIGCONT)
        wait_for(lambda: "the claim was lost" in sleeper.text(), f"it learns: {sleeper.text()}", 30)
        self.assertEqual(self.fleet.job("a", name)["result"], done["result"])
        self.assert_whole("a", name)
        self.assertEqual(sleeper.stop(), 0)

    def test_z_drain_and_status(self):
        status = self.fleet.answer("status")
        self.assertEqual({n["name"] for n in status["nodes"]}, {"a", "b"})
        self.assertGreaterEqual({w["name"] for w in status["workers"]}, {"w1", "w2"})
        metrics = self.fleet.request("a", "GET", "/metrics").content.decode()
        self.assertIn("rtpx_fleet_connected 1", metrics)
        # A node that is drained sends publishers to the other, and is not ready.
        self.fleet.command("drain", "a")
        wait_for(lambda: self.fleet.request("a", "GET", "/readyz").status == 503, "a drains", 30)
        offer = (DATA / "offer.sdp").read_bytes()
        answer = self.fleet.request("a", "POST", "/whip?name=x%20y", offer, {"Content-Type": "application/sdp"})
        self.assertEqual((answer.status, answer.headers["Location"]),
                         (307, f"http://127.0.0.1:{self.fleet.members['b'].port}/whip?name=x%20y"))
        answer = self.fleet.request("b", "POST", "/whip?name=x%20y", offer, {"Content-Type": "application/sdp"})
        self.assertEqual(answer.status, 201)
        self.assertTrue(answer.headers["Location"].startswith(f"http://127.0.0.1:{self.fleet.members['b'].port}/whip/"))
        self.fleet.command("drain", "a", "--undo")
        wait_for(lambda: self.fleet.request("a", "GET", "/readyz").status == 200, "a takes sessions again", 30)


class NatsGoes(unittest.TestCase):
    def test_away_then_back_with_an_empty_store(self):
        fleet = Fleet(port=PORT)
        try:
            fleet.init()
            fleet.node("a", 0)
            fleet.worker("w1")
            before = fleet.add_recording("a", "before")
            fleet.request("a", "POST", f"/api/recordings/{before}/convert")
            first = fleet.wait_done("a", before)
            fleet.nats.kill()
            # It goes on: publishers are taken, recordings are stored, and the page answers.
            self.assertEqual(fleet.request("a", "GET", "/readyz").status, 200)
            answer = fleet.request("a", "POST", "/whip", (DATA / "offer.sdp").read_bytes(), {"Content-Type": "application/sdp"})
            self.assertEqual(answer.status, 201)
            during = [fleet.add_recording("a", f"during{n}") for n in range(3)]
            for name in during:
                self.assertEqual(fleet.request("a", "POST", f"/api/recordings/{name}/convert").status, 202)
            wait_for(lambda: all(f"{fleet.prefix}/recordings/a/{n}/manifest.json" in fleet.store.objects(f"{fleet.prefix}/recordings/") for n in during), "stored")
            fleet.nats.forget_everything()
            fleet.nats.start()
            fleet.init()
            for name in during:
                fleet.wait_done("a", name, seconds=60)
            # What was done is known again, by the store, and not made again.
            again = fleet.wait_done("a", before, seconds=60)
            self.assertEqual(again["result"], first["result"])
            self.assertEqual(fleet.results("a", before), {first["result"]})
        finally:
            fleet.close()


class Sealed(unittest.TestCase):
    def test_a_worker_with_an_identity_opens_what_others_only_store(self):
        fleet = Fleet(port=PORT)
        try:
            call = fleet.folder / "call"
            run = lambda *words: subprocess.run([RTPX, *map(str, words)], check=True, capture_output=True, text=True).stdout
            public = run("keygen", "--no-passphrase", "-o", fleet.folder / "identity").strip()
            run("export", DATA, "-o", f"{call}.pcap")
            run("import", f"{call}.pcap", "--sdp", DATA / "offer.sdp", "-o", call, "--recipient", public)
            fleet.init()
            fleet.node("a", 0)
            fleet.worker("w1")
            first = fleet.add_recording("a", "first", call)
            fleet.request("a", "POST", f"/api/fleet/recordings/a/{first}/verify")
            fleet.request("a", "POST", f"/api/recordings/{first}/convert")
            failed = wait_for(lambda: next(iter(fleet.command("jobs", "--state", "failed")[1]["jobs"]), None), "it is sealed for others")
            self.assertIn("sealed", failed["error"])
            fleet.members["w1"].stop()
            fleet.worker("w2", "--identity", fleet.folder / "identity")
            fleet.command("retry", failed["key"])
            job = fleet.wait_done("a", first, generation=2)
            self.assertTrue(any(file["name"].endswith(".webm") for file in job["files"]), job["files"])
            for member in ("a", "w1", "w2"):
                self.assertNotIn("RTPXSECRET", fleet.members[member].text())
        finally:
            fleet.close()


class Logins(unittest.TestCase):
    """Each role has what docs/fleet.md says and no more, over TLS, whatever it logs in with."""

    def setUp(self):
        self.roles = documented_roles()
        self.assertEqual(set(self.roles), {"worker", "node", "operator"})
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="rtpx-logins-"))
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.authority = Authority(self.folder, "authority")
        certificate, key = self.authority.issue("server", "localhost")
        self.client = [word for pair in zip(("--nats-cert", "--nats-key"), self.authority.issue("client")) for word in pair]
        self.tls = ["--nats-ca", self.authority.certificate, *self.client]
        self.server = f'tls {{ cert_file: "{certificate}", key_file: "{key}", ca_file: "{self.authority.certificate}", verify: true, timeout: 10 }}\n'

    def start(self, accounts, login):
        fleet = Fleet(accounts=self.server + accounts, port=PORT, host="tls://localhost", login=[*self.tls, *login])
        self.addCleanup(fleet.close)
        return fleet

    def pass_the_flow(self, fleet, logins):
        """A recording is stored, converted and shown by members that may do what their roles may; `logins`: of each role."""
        admin, fleet.login = fleet.login, [*self.tls, *logins["worker"]]
        code, said = fleet.command("init")
        self.assertEqual(code, 4)
        self.assertIn("ermission", said)
        fleet.login = admin
        fleet.init()
        code, said = fleet.command("init", "--lease", "30")
        self.assertEqual(code, 4)
        self.assertIn("--update", said)
        fleet.worker("w1", *self.tls, *logins["worker"])
        fleet.node("a", 0, *self.tls, *logins["node"])
        name = fleet.add_recording("a", "logins")
        fleet.request("a", "POST", f"/api/recordings/{name}/convert")
        done = fleet.wait_done("a", name)
        self.assertEqual(fleet.results("a", name), {done["result"]})
        fleet.login = [*self.tls, *logins["operator"]]
        status = fleet.answer("status")
        self.assertEqual(([n["name"] for n in status["nodes"]], [w["name"] for w in status["workers"]]), (["a"], ["w1"]))
        self.assertEqual([job["state"] for job in fleet.answer("jobs")["jobs"]], ["done"])
        for undo in ([], ["--undo"]):
            self.assertEqual(fleet.command("drain", "w1", *undo)[0], 0)
            wait_for(lambda: fleet.answer("status")["workers"][0]["draining"] == (not undo), "it hears of it", 30)
        self.assertEqual(fleet.command("retry", f"job.a.{name}.convert")[0], 0)
        fleet.wait_done("a", name, generation=2)
        self.assertEqual(fleet.get("a", "/api/fleet")["workers"][0]["name"], "w1")
        for member in ("a", "w1"):
            self.assertNotIn("ermissions Violation", fleet.members[member].text())

    def refused(self, code, said, *options, url, environment=None, programs=("fleet", "worker", "serve")):
        """Each program ends with that status, and says that, but no secret."""
        scratch = self.folder / "scratch"
        commands = {"fleet": ["fleet", "status"],
                    "worker": ["worker", "--store", "s3://fleet/calls", "--name", "w2", "--folder", scratch / "worker"],
                    "serve": ["serve", "--listen", "127.0.0.1:0", "--udp-port", "0", "--udp-listen", "127.0.0.1", "--base-dir", scratch / "node", "--upload",
                              "s3://fleet/calls", "--node-name", "b"]}
        for program in programs:
            run = subprocess.run([RTPX, *commands[program], *([] if environment else ["--nats", url]), *options], capture_output=True, text=True, timeout=60,
                                 env={**os.environ, **Fleet.stores[0].environment, **(environment or {})})
            self.assertEqual(run.returncode, code, (program, options, run.stderr))
            self.assertIn(said, run.stderr, program)
            self.assertNotRegex(run.stdout + run.stderr, r"\bSU[A-Z2-7]{56}|xyzzy")

    def test_nkeys_and_certificates_over_tls(self):
        keys = {role: NKey(self.folder, role) for role in [*self.roles, "admin", "stranger"]}
        login = lambda role: ["--nats-nkey", keys[role].public, "--nats-nkey-seed", keys[role].seed_file]
        users = lambda *roles: "accounts { RTPX { jetstream: enabled, users: [\n" + "".join(
            f"  {{ nkey: {keys[role].public}, permissions: {json.dumps(self.roles[role])} }}\n" for role in roles) + (
                f'  {{ nkey: {keys["admin"].public} }}\n  {{ user: admin, password: xyzzy }}\n] }} }}\n')
        fleet = self.start(users(*self.roles), login("admin"))
        self.pass_the_flow(fleet, {role: login(role) for role in self.roles})
        url = fleet.nats.url
        for member in ("a", "w1"):
            arguments = pathlib.Path(f"/proc/{fleet.members[member].process.pid}/cmdline").read_text()
            self.assertNotRegex(arguments, r"\bSU[A-Z2-7]{56}")

        other = Authority(self.folder, "other")
        stranger = [word for pair in zip(("--nats-cert", "--nats-key"), other.issue("stranger-client")) for word in pair]
        self.refused(4, "not trusted", "--nats-ca", other.certificate, *self.client, *login("worker"), url=url)
        self.refused(4, "not trusted", *self.tls, *login("worker"), url=url.replace("localhost", "127.0.0.1"), programs=("fleet",))
        self.refused(4, "does not let", *self.tls, *login("stranger"), url=url)
        self.refused(4, "does not let", *self.tls, "--nats-nkey", keys["worker"].public, "--nats-nkey-seed", keys["stranger"].seed_file, url=url, programs=("fleet",))
        self.refused(4, "certificate", "--nats-ca", self.authority.certificate, *stranger, *login("worker"), url=url, programs=("fleet",))
        self.refused(4, "certificate", "--nats-ca", self.authority.certificate, *login("worker"), url=url, programs=("worker",))
        self.refused(2, "nowhere.pem", "--nats-ca", self.folder / "nowhere.pem", *login("worker"), url=url)
        self.refused(2, "client.key", "--nats-ca", self.authority.certificate, "--nats-cert", self.authority.certificate, "--nats-key", self.folder / "client.key",
                     url=url, programs=("fleet",))
        self.refused(2, "two ways", *self.tls, *login("worker"), "--nats-creds", keys["worker"].seed_file, url=url, programs=("fleet",))
        # A password stands in the environment, and in no message.
        with_password = url.replace("tls://", "tls://admin:xyzzy@")
        self.refused(2, "RTPX_NATS", *self.tls, url=with_password)
        self.refused(4, "does not let", *self.tls, url=None, environment={"RTPX_NATS": with_password.replace("admin", "nobody")})
        run = subprocess.run([RTPX, "fleet", "jobs", *map(str, self.tls)], capture_output=True, text=True, timeout=60, env={**os.environ, "RTPX_NATS": with_password})
        self.assertEqual(run.returncode, 0, run.stderr)

        # Taken back while it works.
        config = fleet.nats.folder / "nats-0.conf"
        config.write_text(config.read_text().replace(keys["worker"].public, keys["stranger"].public))
        fleet.nats.servers[0].signal(signal.SIGHUP)
        wait_for(lambda: not fleet.members["w1"].running(), "a worker that is not let in any more ends", 60)
        self.assertEqual(fleet.members["w1"].process.returncode, 4)
        self.assertIn("any more", fleet.members["w1"].text())

    def test_credentials_over_tls(self):
        operator = Operator(self.folder)
        login = {role: ["--nats-creds", operator.credentials(role, permissions)] for role, permissions in self.roles.items()}
        fleet = self.start(operator.configuration, ["--nats-creds", operator.credentials("admin")])
        self.pass_the_flow(fleet, login)
        # Of an account that another operator has signed.
        (self.folder / "foreign").mkdir()
        self.refused(4, "does not let", *self.tls, "--nats-creds", Operator(self.folder / "foreign").credentials("worker"), url=fleet.nats.url)
        self.refused(2, "missing.creds", *self.tls, "--nats-creds", self.folder / "missing.creds", url=fleet.nats.url)


if __name__ == "__main__":
    if not INSTALLED:
        print("nats-server or swift is not installed")
        sys.exit(77)
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)
