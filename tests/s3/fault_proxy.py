#!/usr/bin/env python3
"""An HTTP relay on loopback that misbehaves as told, until standard input closes.

usage: fault_proxy.py LISTEN_PORT UPSTREAM_PORT
Commands, a line each on standard input, answered by "ok":
  pass            relay everything
  refuse          close the listening port (connections are refused)
  hang            take requests and never answer
  status N COUNT  answer the next COUNT requests with HTTP N
  match TEXT N COUNT   the same, for requests whose first line contains TEXT
  cut TEXT BYTES COUNT the next COUNT requests like that lose their connection after BYTES of a body
  forget TEXT COUNT    the next COUNT requests like that are done, and their answers lost
  pretend TEXT CODE COUNT   answer the next COUNT requests like that with status 200 and an error document
  trickle TEXT SECONDS COUNT   answer the next COUNT requests like that with white space for so long, then with the body
  seen TEXT       answer "seen N": requests like that since the last "pass"
  count           answer "count N BYTES": requests relayed since the last count, bytes of their bodies
  received        answer "received BYTES": of answers relayed since it was last asked, with their heads
"""
import asyncio
import sys

LISTEN, UPSTREAM = int(sys.argv[1]), int(sys.argv[2])


class Faults:
    hang = False
    status, status_text, status_left = 0, "", 0
    cut_text, cut_bytes, cut_left = "", 0, 0
    forget_text, forget_left = "", 0
    pretend_text, pretend_code, pretend_left = "", "", 0
    trickle_text, trickle_seconds, trickle_left = "", 0, 0
    first_lines = []
    requests, bytes, received = 0, 0, 0


faults = Faults()


async def pump(reader, writer, limit=None, counted=False, answer=False):
    sent = 0
    try:
        while data := await reader.read(65536):
            sent += len(data)
            if counted:
                faults.bytes += len(data)
            if answer:
                faults.received += len(data)
            if limit is not None and sent > limit:
                break
            writer.write(data)
            await writer.drain()
    except (ConnectionError, asyncio.IncompleteReadError):
        pass
    finally:
        try:
            writer.close()
        except ConnectionError:
            pass


async def serve(reader, writer):
    """One request a connection: the answer says so, and clients open another."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError, asyncio.LimitOverrunError):
        writer.close()
        return
    first = head.split(b"\r\n", 1)[0].decode("latin-1")
    faults.requests += 1
    faults.first_lines.append(first)
    if faults.hang:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            return
    if faults.status_left > 0 and faults.status_text in first:
        faults.status_left -= 1
        body = b"<Error><Code>SlowDown</Code></Error>"
        writer.write(b"HTTP/1.1 %d Fault\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % (faults.status, len(body)) + body)
        await writer.drain()
        writer.close()
        return
    if faults.pretend_left > 0 and faults.pretend_text in first:
        faults.pretend_left -= 1
        body = b"<?xml version=\"1.0\"?><Error><Code>%s</Code><Message>Pretended.</Message></Error>" % faults.pretend_code.encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()
        return
    trickle = faults.trickle_left > 0 and faults.trickle_text in first
    faults.trickle_left -= trickle
    limit = None
    if faults.cut_left > 0 and faults.cut_text in first:
        faults.cut_left -= 1
        limit = faults.cut_bytes
    forget = faults.forget_left > 0 and faults.forget_text in first
    faults.forget_left -= forget
    try:
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", UPSTREAM)
    except OSError:
        writer.close()
        return
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection:")]
    lines.insert(1, b"Connection: close")
    up_writer.write(b"\r\n".join(lines))
    sending = asyncio.create_task(pump(reader, up_writer, limit, counted=True))
    if limit is not None:
        answering = asyncio.create_task(pump(up_reader, writer, limit, answer=True))
        await asyncio.wait({sending, answering}, return_when=asyncio.FIRST_COMPLETED)
        sending.cancel()
        answering.cancel()
        writer.close()
        up_writer.close()
        return
    if forget:
        await up_reader.read()
        writer.close()
    elif trickle:
        _, _, body = (await up_reader.read()).partition(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n")
        for _ in range(2 * faults.trickle_seconds):
            writer.write(b" ")
            await asyncio.sleep(0.5)
        writer.write(body[body.index(b"<CompleteMultipartUploadResult"):])
        await writer.drain()
        writer.close()
    else:
        await pump(up_reader, writer, answer=True)
    sending.cancel()


async def main():
    async def listen():
        return await asyncio.start_server(serve, "127.0.0.1", LISTEN, limit=1 << 20)

    server = await listen()
    commands = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    print("ready", flush=True)
    while line := await commands.readline():
        words = line.decode().split()
        if words[0] == "count":
            print("count", faults.requests, faults.bytes, flush=True)
            faults.requests = faults.bytes = 0
            continue
        if words[0] == "received":
            print("received", faults.received, flush=True)
            faults.received = 0
            continue
        if words[0] == "seen":
            print("seen", sum(words[1] in line for line in faults.first_lines), flush=True)
            continue
        faults.hang = words[0] == "hang"
        if words[0] == "refuse" and server:
            server.close()
            await server.wait_closed()
            server = None
        if words[0] != "refuse" and server is None:
            server = await listen()
        if words[0] == "pass":
            faults.status_left = faults.cut_left = faults.forget_left = faults.pretend_left = faults.trickle_left = 0
            faults.first_lines.clear()
        if words[0] == "status":
            faults.status, faults.status_text, faults.status_left = int(words[1]), "", int(words[2])
        if words[0] == "match":
            faults.status, faults.status_text, faults.status_left = int(words[2]), words[1], int(words[3])
        if words[0] == "cut":
            faults.cut_text, faults.cut_bytes, faults.cut_left = words[1], int(words[2]), int(words[3])
        if words[0] == "forget":
            faults.forget_text, faults.forget_left = words[1], int(words[2])
        if words[0] == "pretend":
            faults.pretend_text, faults.pretend_code, faults.pretend_left = words[1], words[2], int(words[3])
        if words[0] == "trickle":
            faults.trickle_text, faults.trickle_seconds, faults.trickle_left = words[1], int(words[2]), int(words[3])
        print("ok", flush=True)


asyncio.run(main())
