#!/usr/bin/env python3
"""A fleet in which everything is killed, stopped and cut off, again and again, while it works: chaos_test.py PATH_TO_RTPX
DATA_FOLDER. Three NATS servers, two nodes, RTPX_CHAOS_WORKERS workers; RTPX_CHAOS_SECONDS of it with RTPX_CHAOS_RECORDINGS,
from RTPX_CHAOS_SEED. Then the faults end, and every recording must have exactly one current result, whole, equal to a
conversion made alone, and nothing else may be left."""
import os
import random
import signal
import sys
import time

from fleet_servers import INSTALLED, Fleet, converted_alone, wait_for

SOAK = bool(os.environ.get("RTPX_SOAK"))
SECONDS = float(os.environ.get("RTPX_CHAOS_SECONDS", 3600 if SOAK else 15))
RECORDINGS = int(os.environ.get("RTPX_CHAOS_RECORDINGS", 200 if SOAK else 8))
WORKERS = int(os.environ.get("RTPX_CHAOS_WORKERS", 4 if SOAK else 2))
SEED = int(os.environ.get("RTPX_CHAOS_SEED", time.time()))
PATIENCE = 1200 if SOAK else 120  # for what is left when the faults have ended


class Chaos:
    def __init__(self):
        self.random, self.happened, self.asleep = random.Random(SEED), {}, []
        self.fleet = Fleet(servers=3)
        self.fleet.init("--max-attempts", "1000")
        self.alone = converted_alone(self.fleet.folder)
        for number, name in enumerate("ab"):
            self.fleet.node(name, number)
        self.workers = [f"w{n}" for n in range(WORKERS)]
        for name in self.workers:
            self.fleet.worker(name)
        self.recordings = []

    def count(self, what):
        self.happened[what] = self.happened.get(what, 0) + 1

    def begin_recording(self):
        node = self.random.choice("ab")
        name = self.fleet.add_recording(node, f"call-{len(self.recordings)}")
        self.recordings.append((node, name))
        try:
            self.fleet.request(node, "POST", f"/api/recordings/{name}/convert", timeout=2)
        except OSError:
            pass  # it is down, and finds the recording when it starts again; or it sleeps, and hears of it when it wakes

    def misfortune(self):
        what = self.random.choice(["kill worker", "kill worker", "stop worker", "stop worker", "kill node", "stop node", "kill server",
                                   "stop server", "503", "cut", "refuse"])
        self.count(what)
        if what.endswith("worker"):
            victim = self.fleet.members[self.random.choice(self.workers)]
        elif what.endswith("node"):
            victim = self.fleet.members[self.random.choice("ab")]
        elif what.endswith("server"):
            if any(p in self.fleet.nats.servers for p, _, _ in self.asleep):
                return  # two of three must live
            victim = self.random.choice(self.fleet.nats.servers)
        else:
            command = {"503": f"status 503 {self.random.randint(1, 30)}", "cut": f"cut GET {self.random.randint(0, 400_000)} 5",
                       "refuse": "refuse"}[what]
            self.fleet.store.tell(command)
            if what == "refuse":
                time.sleep(self.random.uniform(0.1, 1))
                self.fleet.store.tell("pass")
            return
        if any(victim is p for p, _, _ in self.asleep):
            return
        if what.startswith("kill"):
            victim.kill()
        else:
            victim.signal(signal.SIGSTOP)
        self.asleep.append((victim, what, time.time() + self.random.uniform(0.2, 2.5 * self.fleet.lease)))

    def wake(self, everything=False):
        for entry in list(self.asleep):
            victim, what, until = entry
            if not everything and time.time() < until:
                continue
            self.asleep.remove(entry)
            if what.startswith("kill"):
                victim.start()
            else:
                victim.signal(signal.SIGCONT)

    def run(self):
        until, next_recording = time.time() + SECONDS, time.time()
        while time.time() < until:
            self.misfortune()
            next_misfortune = time.time() + self.random.uniform(0.1, 1.5)
            while time.time() < next_misfortune:
                self.wake()
                if len(self.recordings) < RECORDINGS and time.time() >= next_recording:
                    self.begin_recording()
                    next_recording += 0.8 * SECONDS / RECORDINGS
                time.sleep(0.05)
        self.wake(everything=True)
        self.fleet.store.tell("pass")
        while len(self.recordings) < RECORDINGS:
            self.begin_recording()

    def check(self):
        left = list(self.recordings)

        def all_done():
            for node, name in list(left):
                try:
                    job = self.fleet.job(node, name, ask=self.random.choice("ab"))
                except OSError:
                    return False
                if job and job["state"] == "failed":
                    raise AssertionError(job)
                if job and job["state"] == "done":
                    left.remove((node, name))
            return not left
        try:
            wait_for(all_done, "every recording is converted", PATIENCE)
        except AssertionError as error:
            raise AssertionError(f"{error}; not done: {[(n, self.fleet.job(*n)) for n in left]}")
        for node, name in self.recordings:
            # A node that has just come back may not have read all jobs yet.
            wait_for(lambda: (self.fleet.job(node, name) or {}).get("state") == "done", f"the node knows the job of {name}", 60)
            job = self.fleet.job(node, name)
            base = f"{self.fleet.prefix}/results/{node}/{name}/convert/{job['result']}/"
            assert {file["name"] for file in job["files"]} == set(self.alone), (name, job)
            for file, content in self.alone.items():
                if not file.endswith(".json"):
                    assert self.fleet.store.read(base + file) == content, f"{base}{file} differs"
            wait_for(lambda: self.fleet.results(node, name) == {job["result"]},
                     f"only the current result of {name} is left: {job['result']} of {self.fleet.results(node, name)}", 60)
        wait_for(lambda: all(one == {"waiting": 0, "delivered": 0} for one in self.fleet.answer("status")["backlog"].values()),
                 "no message is left", 60)


def main():
    print(f"seed {SEED}, {SECONDS:.0f} s, {RECORDINGS} recordings, {WORKERS} workers", flush=True)
    chaos = Chaos()
    try:
        chaos.run()
        ended = time.time()
        chaos.check()
        lost = sum(w.text().count("the claim was lost") for n, w in chaos.fleet.members.items() if n in chaos.workers)
        print(f"passed: {chaos.happened}; {lost} claims were lost and discarded; at rest {time.time() - ended:.0f} s after the last fault")
    finally:
        chaos.fleet.close()


if __name__ == "__main__":
    if not INSTALLED:
        print("nats-server or swift is not installed")
        sys.exit(77)
    main()
