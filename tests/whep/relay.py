"""A UDP relay that loses a share of the SRTP datagrams, both ways; STUN and DTLS pass. Seeded."""
import random
import re
import select
import socket
import threading


class Relay:
    """`port`: who sends there is passed on to `to(address, port)`, each from a port of its own. `lost_forth`, `lost_back`:
    how many datagrams were lost on the way there and back."""

    def __init__(self, loss, host="127.0.0.1", seed=7):
        self.host, self.loss, self.chance = host, loss, random.Random(seed)
        self.lost_forth = self.lost_back = 0
        self.outside = self.socket(host)
        self.port = self.outside.getsockname()[1]
        self.inside, self.clients, self.server, self.running = {}, {}, None, True
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    @staticmethod
    def socket(host):
        out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        out.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        out.bind((host, 0))
        return out

    def to(self, address, port):
        self.server = (address, port)

    def passes(self, data):
        return not (128 <= data[0] < 192 and self.chance.random() < self.loss)

    def run(self):
        while self.running:
            for one in select.select([self.outside, *self.clients], [], [], 0.2)[0]:
                data, address = one.recvfrom(65536)
                if not data or self.server is None:
                    continue
                if one is not self.outside:
                    if self.passes(data):
                        self.outside.sendto(data, self.clients[one])
                    else:
                        self.lost_back += 1
                    continue
                if address not in self.inside:
                    self.inside[address] = self.socket("0.0.0.0")
                    self.clients[self.inside[address]] = address
                if self.passes(data):
                    self.inside[address].sendto(data, self.server)
                else:
                    self.lost_forth += 1

    def answer(self, sdp):
        """The answer with this relay in place of its first IPv4 candidate, and no other."""
        candidate = re.compile(r"a=candidate:(\S+) 1 (?:udp|UDP) (\d+) (\d+\.\d+\.\d+\.\d+) (\d+) typ host.*")
        found = candidate.search(sdp)
        self.to(found[3], int(found[4]))
        lines = [line for line in sdp.splitlines() if not line.startswith("a=candidate:")]
        at = next(i for i, line in enumerate(lines) if line.startswith("a=ice-ufrag"))
        lines.insert(at, f"a=candidate:1 1 udp 2130706431 {self.host} {self.port} typ host")
        return "\r\n".join(lines) + "\r\n"

    def close(self):
        self.running = False
        self.thread.join()
        for one in [self.outside, *self.clients]:
            one.close()
