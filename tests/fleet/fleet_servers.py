"""Real servers for the tests of a fleet, on loopback: nats-server (one, or three that are a cluster), OpenStack Swift, a relay
before it that misbehaves, and rtpx nodes and workers as processes that may be killed, stopped and started again."""
import atexit
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

RTPX, DATA = sys.argv[1], pathlib.Path(sys.argv[2])
S3 = pathlib.Path(__file__).parent.parent / "s3"
INSTALLED = all(shutil.which(name) for name in ("nats-server", "swift-proxy-server", "memcached"))
# Below the ports that the kernel hands out; 40 for a process of tests.
PORT = 12000 + os.getpid() % 200 * 40
LEASE = 4


def wait_for(condition, what, seconds=60, step=0.1):
    until = time.time() + seconds
    while time.time() < until:
        value = condition()
        if value:
            return value
        time.sleep(step)
    raise AssertionError(f"not within {seconds} s: {what}")


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Process:
    """A program that may be killed, stopped, continued and started again."""

    def __init__(self, command, log, env=None):
        self.command, self.log, self.env, self.process = [str(word) for word in command], log, env, None

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                            env={**os.environ, **(self.env or {})})
        return self

    def running(self):
        return self.process is not None and self.process.poll() is None

    def signal(self, number):
        if self.running():
            self.process.send_signal(number)

    def kill(self):
        if self.running():
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
        if self.process:
            self.process.wait()

    def stop(self, seconds=60):
        if self.running():
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
        return self.process.wait(timeout=seconds) if self.process else None

    def text(self):
        return pathlib.Path(self.log).read_text(errors="replace")


class Nats:
    """One nats-server, or three that are a cluster. `accounts`: text of its configuration; `host`: scheme and name in its URL."""

    def __init__(self, folder, port, servers=1, accounts="", host="nats://127.0.0.1"):
        self.host, self.folder, self.ports, self.servers = host, pathlib.Path(folder), [port + n for n in range(servers)], []
        routes = ", ".join(f"nats://127.0.0.1:{port + 10 + n}" for n in range(servers))
        for n in range(servers):
            config = self.folder / f"nats-{n}.conf"
            config.parent.mkdir(parents=True, exist_ok=True)
            cluster = f"cluster {{ name: rtpx, listen: 127.0.0.1:{port + 10 + n}, routes: [{routes}] }}\n" if servers > 1 else ""
            config.write_text(f"server_name: n{n}\nlisten: 127.0.0.1:{port + n}\njetstream {{ store_dir: {self.folder}/store-{n} }}\n"
                              f"{cluster}{accounts}\n")
            self.servers.append(Process(["nats-server", "-c", config], self.folder / f"nats-{n}.log"))

    @property
    def url(self):
        return ",".join(f"{self.host}:{port}" for port in self.ports)

    def start(self):
        for server in self.servers:
            server.start()
        for port in self.ports:
            wait_for(lambda: listens(port), f"nats-server at {port}")
        return self

    def kill(self):
        for server in self.servers:
            server.kill()

    def forget_everything(self):
        for n in range(len(self.servers)):
            shutil.rmtree(self.folder / f"store-{n}", ignore_errors=True)


class Store:
    """OpenStack Swift with a bucket "fleet", and a relay that misbehaves as told."""

    def __init__(self, folder, port):
        self.port, self.relay_port = port, port + 5
        self.swift = subprocess.Popen([S3 / "swift_server", str(folder), str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.swift.stdout.readline().strip() == "ready"
        self.relay = subprocess.Popen([S3 / "fault_proxy.py", str(self.relay_port), str(port)], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, text=True)
        assert self.relay.stdout.readline().strip() == "ready"
        auth = urllib.request.Request(f"http://127.0.0.1:{port}/auth/v1.0", headers={"X-Auth-User": "t:t", "X-Auth-Key": "SKTEST"})
        with urllib.request.urlopen(auth) as answer:
            self.storage, self.token = answer.headers["X-Storage-Url"], answer.headers["X-Auth-Token"]
        self.request("PUT", "").close()
        self.environment = {"AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{self.relay_port}", "AWS_ACCESS_KEY_ID": "t:t",
                            "AWS_SECRET_ACCESS_KEY": "SKTEST", "AWS_REGION": "us-east-1"}

    def request(self, method, path):
        return urllib.request.urlopen(urllib.request.Request(f"{self.storage}/fleet{path}", method=method,
                                                             headers={"X-Auth-Token": self.token}))

    def tell(self, command):
        self.relay.stdin.write(command + "\n")
        self.relay.stdin.flush()
        return self.relay.stdout.readline().strip()

    def objects(self, prefix=""):
        out, marker = [], ""
        while True:
            with self.request("GET", f"?prefix={prefix}&marker={marker}") as answer:
                page = answer.read().decode().split("\n")[:-1]
            if not page:
                return out
            out += page
            marker = urllib.request.quote(page[-1])

    def read(self, name):
        with self.request("GET", "/" + urllib.request.quote(name)) as answer:
            return answer.read()

    def close(self):
        for process in (self.relay, self.swift):
            process.communicate("")


class Fleet:
    """A NATS, nodes and workers in one folder, and a prefix of its own in the store that all fleets of the process share."""
    stores, count = [], 0

    def __init__(self, servers=1, lease=LEASE, accounts="", port=PORT, host="nats://127.0.0.1", login=()):
        Fleet.count += 1
        self.prefix = f"calls{Fleet.count}"
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="rtpx-fleet-"))
        self.nats = Nats(self.folder / "nats", port, servers, accounts, host).start()
        self.login = login  # of `rtpx fleet`, as options
        if not Fleet.stores:
            folder = tempfile.mkdtemp(prefix="rtpx-swift-")
            Fleet.stores.append(Store(folder, port + 20))
            atexit.register(shutil.rmtree, folder, True)
            atexit.register(Fleet.stores[0].close)
        self.store = Fleet.stores[0]
        self.port, self.members = port, {}
        self.lease = lease

    def init(self, *options):
        def made():
            run = subprocess.run([RTPX, "fleet", "init", "--nats", self.nats.url, *self.login, "--lease", str(self.lease), "--retry-delay", "1",
                                  "--replicas", "3" if len(self.nats.servers) > 1 else "1", *options], capture_output=True, text=True)
            self.said = run.stdout + run.stderr
            return run.returncode == 0
        wait_for(made, "rtpx fleet init", 30)

    def command(self, *words):
        run = subprocess.run([RTPX, "fleet", *words, "--nats", self.nats.url, *self.login, "--json"], capture_output=True, text=True, timeout=60)
        return run.returncode, json.loads(run.stdout) if run.stdout else run.stderr

    def answer(self, *words, seconds=30):
        """Of a command that may meet servers which are electing a leader: its JSON, once it succeeds."""
        said = []

        def done():
            code, value = self.command(*words)
            said[:] = [value]
            return (value,) if code == 0 else None
        try:
            return wait_for(done, " ".join(words), seconds)[0]
        except AssertionError as error:
            raise AssertionError(f"{error}: {said}")

    def texts(self):
        return {name: member.text() for name, member in self.members.items()}

    def worker(self, name, *options):
        self.members[name] = Process(
            [RTPX, "worker", "--nats", self.nats.url, "--store", f"s3://fleet/{self.prefix}", "--name", name, "--folder", self.folder / name,
             "--min-free", "1M", *options], self.folder / f"{name}.log", self.store.environment).start()
        return self.members[name]

    def node(self, name, number, *options, env=None, url=None):
        port = self.port + 30 + number
        address = f"http://127.0.0.1:{port}" if url is None else url
        node = Process([RTPX, "serve", "--listen", f"127.0.0.1:{port}", "--udp-port", "0", "--udp-listen", "127.0.0.1", "--min-free", "1M",
                        "--base-dir", self.folder / name, "--nats", self.nats.url, "--upload", f"s3://fleet/{self.prefix}", "--node-name", name,
                        *(["--node-url", address] if address else []), *options], self.folder / f"{name}.log", {**self.store.environment, **(env or {})})
        node.port = port
        self.members[name] = node.start()
        wait_for(lambda: listens(port), f"{name} listens: {node.text()}")
        return node

    def add_recording(self, node, name, data=DATA):
        """As if it had been recorded there: a node finds it when it starts, or when it is asked to convert it."""
        target = self.folder / node / f".{name}"
        target.mkdir(parents=True)
        for file in data.iterdir():
            shutil.copy(file, target)
            os.chmod(target / file.name, 0o640)
        target.rename(self.folder / node / name)
        return name

    def request(self, node, method, path, body=None, headers=None, timeout=60):
        connection = http.client.HTTPConnection("127.0.0.1", self.members[node].port, timeout=timeout)
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        answer.content = answer.read()
        connection.close()
        return answer

    def get(self, node, path):
        answer = self.request(node, "GET", path)
        return json.loads(answer.content) if answer.status == 200 else None

    def job(self, node, recording, kind="convert", ask=None):
        entry = self.get(ask or node, f"/api/fleet/recordings/{node}/{recording}")
        return next((job for job in entry["jobs"] if job["kind"] == kind), None) if entry else None

    def wait_done(self, node, recording, kind="convert", ask=None, seconds=90, generation=1):
        def done():
            job = self.job(node, recording, kind, ask)
            assert not job or job["state"] != "failed", job
            return job if job and job["state"] == "done" and job["generation"] >= generation else None
        return wait_for(done, f"{kind} of {recording}", seconds)

    def results(self, node, recording, kind="convert"):
        """Names of all results that lie there, whole or not."""
        prefix = f"{self.prefix}/results/{node}/{recording}/{kind}/"
        return {name[len(prefix):].split("/")[0] for name in self.store.objects(prefix)}

    def close(self):
        for member in self.members.values():
            member.kill()
        self.nats.kill()
        self.store.tell("pass")
        if os.environ.get("RTPX_KEEP"):
            print("kept:", self.folder)
        else:
            shutil.rmtree(self.folder, ignore_errors=True)


def converted_alone(folder):
    """Name and content of each media file of the recording, converted by the command on this machine."""
    call = pathlib.Path(folder) / "alone" / "call"
    shutil.copytree(DATA, call)
    out = pathlib.Path(folder) / "alone" / "out"
    subprocess.run([RTPX, "convert", call, "-o", out, "--thumbnail", "--sprites", "100", "--json"], check=True, stdout=subprocess.DEVNULL)
    return {file.name: file.read_bytes() for file in out.iterdir()}
