#!/usr/bin/python3
"""bad_network.py - a TCP proxy that does what networks do.

    with bad_network.BadNetwork("127.0.0.1:9001") as network:
        connect_to(network.address)
        network.delay(50)

A fault stays until heal(); delay and rate may be combined, the others take each other's place.

  delay MS       every byte arrives so much later, in each direction
  rate BYTES     so many bytes a second, in each direction of each connection
  cut            connections are reset, new ones refused
  black_hole     nothing arrives any more in either direction; new connections are accepted
  half_open      the server's side of every connection is closed, the client hears nothing of it
  heal           none of these: what was held back is delivered; connections without another side
                 are reset

As a program: bad_network.py --to HOST:PORT [--listen ADDRESS:PORT]; it writes `ready: ADDRESS:PORT`
and takes the commands above, one a line, from standard input; each is answered with `ok`. It ends
with its input.
"""
import argparse
import asyncio
import socket
import struct
import sys
import threading

CHUNK = 65536
QUEUE = 64


def _reset(writer):
    """Ends a connection as a crashed peer does."""
    sock = writer.get_extra_info("socket")
    if sock is not None and not writer.transport.is_closing():
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


class _Connection:
    def __init__(self, network, reader, writer):
        self.network, self.client = network, (reader, writer)
        self.server = None
        self.lost = False

    async def run(self):
        await self.network.passing.wait()
        try:
            self.server = await asyncio.open_connection(*self.network.target)
        except OSError:
            _reset(self.client[1])
            return
        await asyncio.gather(self._pump(self.client[0], self.server[1]),
                             self._pump(self.server[0], self.client[1]))
        for side in (self.client, self.server):
            side[1].transport.abort()

    async def _pump(self, reader, writer):
        queue = asyncio.Queue(QUEUE)
        sender = asyncio.create_task(self._send(queue, writer))
        clock = asyncio.get_running_loop().time
        try:
            while data := await reader.read(CHUNK):
                await queue.put((clock() + self.network.delay_s, data))
        except OSError:
            # The other side shall hear of it in the same way, unless it must not hear at all.
            if not self.lost:
                _reset(writer)
        await queue.put((clock() + self.network.delay_s, b""))
        await sender

    async def _send(self, queue, writer):
        loop, last = asyncio.get_running_loop(), False
        while not last:
            due, data = await queue.get()
            last = not data
            await asyncio.sleep(max(0, due - loop.time()))
            await self.network.passing.wait()
            if self.lost:
                continue
            try:
                if last:
                    writer.write_eof()
                    continue
                writer.write(data)
                await writer.drain()
            except (OSError, RuntimeError):
                continue
            if self.network.rate:
                await asyncio.sleep(len(data) / self.network.rate)

    def lose_server(self):
        self.lost = True
        if self.server:
            _reset(self.server[1])

    def reset(self):
        self.lost = True
        for side in filter(None, (self.client, self.server)):
            _reset(side[1])


class BadNetwork:
    """One proxy in front of one server, in a thread of its own. address is where it listens."""

    def __init__(self, target, listen="127.0.0.1:0"):
        host, port = target.rsplit(":", 1)
        self.target = (host, int(port))
        self._listen = listen
        self.address, self.delay_s, self.rate = None, 0.0, 0
        self._connections = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._call(self._start())

    def _call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    async def _start(self):
        self.passing = asyncio.Event()
        self.passing.set()
        await self._open(self._listen)

    async def _open(self, address):
        host, port = address.rsplit(":", 1)
        self._server = await asyncio.start_server(self._accept, host, int(port))
        name = self._server.sockets[0].getsockname()
        self.address = f"{name[0]}:{name[1]}"

    async def _accept(self, reader, writer):
        connection = _Connection(self, reader, writer)
        self._connections.add(connection)
        try:
            await connection.run()
        finally:
            self._connections.discard(connection)

    async def _close_server(self):
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _cut(self):
        await self._close_server()
        for connection in list(self._connections):
            connection.reset()
        # Nobody may wait behind an earlier fault for ever.
        self.passing.set()

    async def _half_open(self):
        self.passing.clear()
        for connection in list(self._connections):
            connection.lose_server()

    async def _heal(self):
        self.delay_s, self.rate = 0.0, 0
        for connection in list(self._connections):
            if connection.lost:
                connection.reset()
        self.passing.set()
        if self._server is None:
            await self._open(self.address)

    async def _set(self, delay_s=None, rate=None):
        self.delay_s = self.delay_s if delay_s is None else delay_s
        self.rate = self.rate if rate is None else rate

    async def _black_hole(self):
        self.passing.clear()

    async def _end(self):
        await self._cut()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def delay(self, ms):
        self._call(self._set(delay_s=float(ms) / 1000))

    # Named apart from the value that connections look at.
    def limit(self, bytes_per_second):
        self._call(self._set(rate=float(bytes_per_second)))

    def cut(self):
        self._call(self._cut())

    def black_hole(self):
        self._call(self._black_hole())

    def half_open(self):
        self._call(self._half_open())

    def heal(self):
        self._call(self._heal())

    def close(self):
        self._call(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", required=True, metavar="HOST:PORT")
    parser.add_argument("--listen", default="127.0.0.1:0", metavar="ADDRESS:PORT")
    options = parser.parse_args()
    with BadNetwork(options.to, options.listen) as network:
        print(f"ready: {network.address}", flush=True)
        commands = {"delay": network.delay, "rate": network.limit, "cut": network.cut,
                    "black_hole": network.black_hole, "half_open": network.half_open,
                    "heal": network.heal}
        for line in sys.stdin:
            words = line.split()
            try:
                commands[words[0]](*words[1:])
                print("ok", flush=True)
            except (IndexError, KeyError, TypeError, ValueError):
                print(f"error: '{line.strip()}' is no command", flush=True)


if __name__ == "__main__":
    main()
