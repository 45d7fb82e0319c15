// A UDP relay between publishers and a server: loses, delays and cuts. Seeded, so that a run can be repeated.
import dgram from 'node:dgram';

/** Lehmer's generator: 0 <= n < 1. */
function random(seed) {
  let state = seed;
  return () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
}

const bind = (socket) => new Promise((resolve) => socket.bind(0, '127.0.0.1', () => resolve(socket.address().port)));

/**
 * { port, loss, delay, cut, lostVideo, to(port), close() }: `loss` is a share of the datagrams of SRTP, both ways;
 * lostVideo counts those from publishers that are larger than an Opus packet.
 */
export async function relay() {
  const outside = dgram.createSocket('udp4');
  const inside = new Map(); // a socket towards the server for each publisher's address
  const chance = random(7);
  const self = { port: await bind(outside), loss: 0, delay: 0, cut: false, lostVideo: 0, server: 0 };
  const passes = (data) => !self.cut && !(data[0] >= 128 && data[0] < 192 && chance() < self.loss);
  outside.on('message', async (data, from) => {
    const key = `${from.address}:${from.port}`;
    if (!inside.has(key)) {
      const socket = dgram.createSocket('udp4');
      inside.set(key, socket);
      socket.on('message', (back) => {
        if (passes(back)) setTimeout(() => outside.send(back, from.port, from.address), self.delay);
      });
    }
    if (passes(data)) setTimeout(() => inside.get(key).send(data, self.server, '127.0.0.1'), self.delay);
    else if (data.length > 300) self.lostVideo += 1;
  });
  self.to = (port) => { self.server = port; };
  self.close = () => { for (const socket of [outside, ...inside.values()]) socket.close(); };
  return self;
}
