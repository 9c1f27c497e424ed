"""/logs?follow=1: lines as they are written, to many readers, who cannot make the node wait."""
import http.client
import socket

from conftest import package
from test_scaling import until

SAY = "def fn(i):\n    print(i)\n    return ''\n"
FLOOD = ("def fn(i):\n"
         "    for n in range(int(i)):\n"
         "        print(n, 'x' * 1000)\n"
         "    return 'done'\n")


class Reader:
    """Follows with the standard library's client, whose chunks are read as they come."""

    def __init__(self, node, query=""):
        self.connection = http.client.HTTPConnection(*node.management, timeout=30)
        self.connection.request("GET", "/logs?follow=1" + query)
        self.answer = self.connection.getresponse()

    def close(self):
        self.answer.close()
        self.connection.close()

    def line(self):
        return self.answer.readline().decode()


def test_lines_come_as_they_are_written(start):
    node = start()
    for name in ("one", "two"):
        assert node.upload(name, "python3", package(fn__py=SAY))[0] == 200
    node.call("one", b"before")
    until(lambda: b" before\n" in node.manage("GET", "/logs")[1], "no line")
    every, one, fresh = Reader(node), Reader(node, "&name=one"), Reader(node, "&tail=0")
    assert every.answer.status == 200 and every.answer.headers["Transfer-Encoding"] == "chunked"
    assert every.line().endswith(" before\n") and one.line().endswith(" before\n")
    node.call("two", b"2")
    for reader in (every, fresh):
        assert reader.line().startswith("function=two ")
    node.call("one", b"1")
    for reader in (every, fresh):
        assert reader.line().endswith(" 1\n")
    assert one.line().startswith("function=one handler=0 stream=stdout 2")
    node.stop()  # the answers end, whole
    assert one.answer.read() == b"" and every.answer.read() == b""


def test_what_can_be_asked_for(start):
    node = start()
    assert node.upload("f", "python3", package(fn__py=SAY))[0] == 200
    for i in range(5):
        node.call("f", str(i).encode())
    # The line may be behind the answer.
    until(lambda: node.manage("GET", "/logs?name=f")[1].endswith(b" 4\n"), "no line")
    assert [line[-1:] for line in node.manage("GET", "/logs?name=f&tail=2")[1].splitlines()] == \
        [b"3", b"4"]
    assert node.manage("GET", "/logs?tail=0&name=f") == (200, b"")
    assert node.manage("GET", "/logs?follow=1&name=nobody")[0] == 500
    assert node.manage("GET", "/logs?follow=1&tail=x")[0] == 400
    readers = [Reader(node, "&tail=0") for _ in range(32)]
    assert {reader.answer.status for reader in readers} == {200}
    assert Reader(node).answer.status == 503
    for reader in readers:
        reader.close()
    node.call("f", b"x")
    until(lambda: node.manage("GET", "/logs?name=f&tail=1")[1].endswith(b" x\n"), "no line")
    while Reader(node).answer.status != 200:  # there is room as soon as the node saw them go
        pass


def test_one_who_does_not_read_misses_lines_and_nobody_waits_for_him(start):
    node = start(more='listen = { http = "127.0.0.1:0"; management = "127.0.0.1:0"; };'
                      'log = { level = "error"; };')
    assert node.upload("f", "python3", package(fn__py=FLOOD))[0] == 200
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.connect(node.management)
    slow.sendall(b"GET /logs?follow=1&tail=0 HTTP/1.1\r\nHost: localhost\r\n\r\n")
    slow.recv(1)
    assert node.call("f", b"20000") == (200, b"done")
    assert node.manage("GET", "/health") == (200, b"OK")
    slow.settimeout(30)
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    text = b""
    while b" lines are missing here" not in text:
        text += slow.recv(1 << 20)
        if len(text) > 100000:
            node.call("f", b"10")  # something new, before which the note stands
    assert len(text) < 8 << 20


def test_http_1_0_gets_plain_lines_until_the_end(start):
    node = start()
    assert node.upload("f", "python3", package(fn__py=SAY))[0] == 200
    with socket.create_connection(node.management, timeout=30) as client:
        client.sendall(b"GET /logs?follow=1 HTTP/1.0\r\nHost: localhost\r\n\r\n")
        head = client.recv(65536)
        assert b"chunked" not in head and b"Content-Length" not in head
        node.call("f", b"hello")
        text = client.recv(65536)
        assert text.startswith(b"function=f ") and text.endswith(b" hello\n")
