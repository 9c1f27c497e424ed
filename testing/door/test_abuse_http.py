"""Clients that want too much or too slowly: they are cut, and others are answered meanwhile."""
import http.client
import os
import pathlib
import socket
import threading
import time

import pytest

from conftest import LIMIT_S

ECHO = '{ name = "echo"; code = "$LIB/echo.so"; }, { name = "huge"; code = "$LIB/huge.so"; }'
LIMITS = """listen = { http = "127.0.0.1:0"; management = "127.0.0.1:0"; };
limits = { request = "500ms"; idle = "1h"; header = "4KiB"; body = "100000"; connections = 600; };"""
HEAD = b"POST /echo HTTP/1.1\r\nHost: x\r\n"


@pytest.fixture
def node(start):
    return start(ECHO, LIMITS).wait_ready("echo", "huge")


def connect(node, receive_bytes=None):
    made = socket.socket()
    if receive_bytes:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    made.settimeout(LIMIT_S)
    made.connect(node.http)
    return made


def rest(stream):
    """What comes until the end, or until the connection is reset."""
    got = b""
    try:
        while chunk := stream.recv(65536):
            got += chunk
    except ConnectionResetError:
        pass
    return got


def descriptors(node):
    return len(os.listdir(f"/proc/{node.process.pid}/fd"))


class Others:
    """Calls on a connection of its own all the while; each must be answered, and soon."""

    def __init__(self, node):
        self.node, self.done, self.slowest, self.wrong = node, threading.Event(), 0, None

    def _call(self):
        connection = http.client.HTTPConnection(*self.node.http, timeout=LIMIT_S)
        try:
            while not self.done.is_set():
                began = time.monotonic()
                connection.request("POST", "/echo", b"mine")
                answer = connection.getresponse()
                assert (answer.status, answer.read()) == (200, b"mine")
                self.slowest = max(self.slowest, time.monotonic() - began)
                self.done.wait(0.005)
        except Exception as error:  # told by the test's own thread
            self.wrong = error
        connection.close()

    def __enter__(self):
        self.thread = threading.Thread(target=self._call)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.thread.join(LIMIT_S)
        assert self.wrong is None and self.slowest < 20, (self.wrong, self.slowest)


def drip(streams, pieces):
    """Sends a byte on each, again and again, as slow-loris does, until all are closed."""
    open_ones, end = list(streams), time.monotonic() + LIMIT_S
    while open_ones:
        assert time.monotonic() < end, f"{len(open_ones)} are still open"
        for stream in list(open_ones):
            try:
                stream.send(pieces)
            except OSError:
                open_ones.remove(stream)
        time.sleep(0.05)


@pytest.mark.parametrize("begin, piece", [(b"", b"G"), (HEAD, b"X"), (HEAD + b"X: ", b"y"),
                                          (HEAD + b"Content-Length: 90000\r\n\r\n", b"z"),
                                          (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1"),
                                          (HEAD + b"Transfer-Encoding: chunked\r\n\r\nff00\r\n", b"z")],
                         ids=("method", "name", "value", "body", "size", "chunk"))
def test_slow_requests_are_cut(node, begin, piece):
    before = descriptors(node)
    streams = [connect(node) for _ in range(100)]
    with Others(node):
        for stream in streams:
            stream.sendall(begin)
        drip(streams, piece)
    for stream in streams:
        stream.close()
    settle(node, before)


def settle(node, before):
    end = time.monotonic() + LIMIT_S
    while descriptors(node) > before:
        assert time.monotonic() < end, "connections are left open"
        time.sleep(0.02)


def test_slow_readers_are_cut(node):
    """They ask for more than the kernel keeps for them and read none of it."""
    before = descriptors(node)
    streams = [connect(node, 4096) for _ in range(8)]
    with Others(node):
        for stream in streams:
            stream.sendall(b"POST /huge HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\n14000000")
        settle(node, before + 1)  # the other one's
    for stream in streams:
        assert len(rest(stream)) < 14000000
        stream.close()


@pytest.mark.parametrize("sent, status", [
    (HEAD + b"X: " + b"y" * 5000 + b"\r\n\r\n", b"431"),
    (HEAD + b"X: y\r\n" * 200 + b"\r\n", b"431"),
    (b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"431"),
    (HEAD + b"Content-Length: 100001\r\n\r\n", b"413"),
    (HEAD + b"Content-Length: 99999999999999999999999\r\n\r\n", b"413"),
    (HEAD + b"Transfer-Encoding: chunked\r\n\r\nfffff\r\n", b"413"),
    (HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
     + b"c000\r\n" + b"x" * 0xc000 + b"\r\n" + b"8000\r\n" + b"x" * 0x8000 + b"\r\n", b"413"),
], ids=("line", "lines", "target", "length", "overflow", "chunk", "chunks"))
def test_too_much_is_refused(node, sent, status):
    with connect(node) as stream:
        stream.sendall(sent + b"more" * 1000)
        answer = rest(stream)
        assert answer.startswith(b"HTTP/1.1 " + status) and answer.count(b"HTTP/1.1") == 1
    assert node.call("echo", b"x") == (200, b"x")


def test_requests_that_break_off_leave_nothing(node):
    before = descriptors(node)
    whole = HEAD + b"Content-Length: 5\r\n\r\nhello"
    calls = node.describe("echo")["calls"]
    with Others(node) as others:
        for at in range(0, len(whole), 2):
            for end in (socket.SHUT_WR, None):
                with connect(node) as stream:
                    stream.sendall(whole[:at])
                    if end is not None:
                        stream.shutdown(end)
                        assert b" 200 " not in rest(stream)
        others.done.set()
    settle(node, before)
    assert node.describe("echo")["errors"] == 0 and node.describe("echo")["calls"] > calls


def test_a_flood_of_pipelined_requests(node):
    """Who sends without reading is not read from without bound, and gets all in order if he does."""
    count, one = 20000, HEAD + b"Content-Length: 6\r\n\r\n%06d"
    sent = b"".join(one % i for i in range(count))
    memory = pathlib.Path(f"/proc/{node.process.pid}/statm")
    before = int(memory.read_text().split()[1])
    with Others(node), connect(node) as stream:
        writer = threading.Thread(target=stream.sendall, args=(sent,))
        writer.start()
        got = b""
        while got.count(b"\r\n\r\n") < count:
            chunk = stream.recv(1 << 20)
            assert chunk, "cut off"
            got += chunk
        writer.join(LIMIT_S)
    bodies = [part[:6] for part in got.split(b"\r\n\r\n")[1:]]
    assert bodies == [b"%06d" % i for i in range(count)]
    if not os.environ.get("ENOKI_SANITIZE"):  # which keeps what was freed
        assert (int(memory.read_text().split()[1]) - before) * 4096 < 8 << 20
