#!/usr/bin/python3
"""Programs that are hosts but do not do as they should: what their callers get, and that the next
call finds another program."""
import pathlib
import sys
import tempfile
import textwrap
import unittest

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(sys.argv.pop(1)).resolve()
sys.path.append(str(HERE.parent.parent / "testing" / "support"))
import running  # noqa: E402

# answer(body) is what the program sends for a call, as bytes; it may do anything.
PROGRAM = """#!/usr/bin/python3
import os, socket, struct, subprocess, sys, time

calls = socket.socket(fileno=3)

def frame(kind, number, payload=b""):
    return struct.pack("<IB3xQ", len(payload), kind, number) + payload

def text(value):
    return struct.pack("<I", len(value)) + value

def well(number, body, status=200, headers=()):
    return frame(67, number, struct.pack("<HH", status, len(headers)) + b"".join(
        text(part) for header in headers for part in header) + text(body))

def receive():
    head = calls.recv(16, socket.MSG_WAITALL)
    if len(head) < 16:
        sys.exit(0)
    length, kind, number = struct.unpack("<IB3xQ", head)
    return kind, number, calls.recv(length, socket.MSG_WAITALL)

def log(line, stream=1):
    return frame(69, 0, bytes([stream]) + text(line))
%s
calls.sendall(frame(1, 0, b"enok" + struct.pack("<HH", 1, 1)))
receive()
calls.sendall(frame(65, 0))
while True:
    kind, number, payload = receive()
    if kind == 66:
        body = payload[payload.rindex(b"do:"):] if b"do:" in payload else b""
        calls.sendall(answer(number, body))
"""


class External(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="enoki-external-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def package(self, text):
        folder = self.folder / "demo"
        folder.mkdir(exist_ok=True)
        (folder / "fn.host").write_text(text)
        (folder / "fn.host").chmod(0o755)
        return folder

    def start(self, code, *options, runtime="prefork"):
        log = open(self.folder / "log", "wb")
        self.addCleanup(log.close)
        server = running.Server(
            [str(word) for word in (BUILD / "cmd" / "enoki-run", "-r", runtime, "-w", "2", *options,
                                    self.package(PROGRAM % textwrap.dedent(code)))], stdout=log)
        self.addCleanup(server.close)
        server.wait_ready()
        return server

    def test_what_is_no_answer_ends_the_program_and_its_call_alone(self):
        server = self.start("""
            def answer(number, body):
                if body == b"do:flags":
                    return struct.pack("<IBBHQ", 0, 67, 1, 0, number)
                if body == b"do:type":
                    return frame(99, number)
                if body == b"do:log":
                    return frame(69, 0, b"\\3" + text(b"no such stream"))
                if body == b"do:huge":
                    return struct.pack("<IB3xQ", 1 << 31, 69, 0)
                if body == b"do:half":
                    calls.sendall(well(number, b"x" * 1000)[:500])
                    os._exit(5)
                if body == b"do:close":
                    calls.close()
                    time.sleep(1000)
                return well(number, b"well")
            """)
        for what, words in [("flags", b"signal: Killed"), ("type", b"signal: Killed"),
                            ("log", b"signal: Killed"), ("huge", b"signal: Killed"),
                            ("half", b"exit status 5"), ("close", b"signal: Killed")]:
            with self.subTest(what=what):
                status, text = running.call(server.url, b"do:" + what.encode())
                self.assertEqual(status, 502)
                self.assertIn(words, text)
                self.assertEqual(running.call(server.url, b"x"), (200, b"well"))
        self.assertIn("sent what is no answer", server.text)

    def test_answers_that_cannot_be_sent_are_errors_of_their_call_and_the_program_stays(self):
        server = self.start("""
            def answer(number, body):
                if body == b"do:status":
                    return well(number, b"x", 700)
                if body == b"do:short":
                    return frame(67, number, b"x")
                if body == b"do:ours":
                    return well(number, b"x", headers=[(b"Content-Length", b"7")])
                if body == b"do:header":
                    return well(number, b"x", headers=[(b"a", b"b\\r\\nc: d")])
                if body == b"do:large":
                    return well(number, b"x" * (20 << 20))
                if body == b"do:invoke":
                    told = []
                    for payload in (struct.pack("<Q", number), struct.pack("<Q", 0),
                                    struct.pack("<QQB", number, 0, 0) + text(b"a\\0b") * 4,
                                    struct.pack("<QQB", number, 0, 0) + text(b"a") * 4 + b"\\xff" * 9):
                        calls.sendall(frame(70, 5, payload))
                        kind, asked, why = receive()
                        told.append(b"%d %d %d" % (kind, asked, struct.unpack("<i", why[:4])[0]))
                    return well(number, b"; ".join(told))
                if body == b"do:other":
                    return well(number + 7, b"nobody's") + well(number, b"mine")
                if body == b"do:twice":
                    return well(number, b"first") + well(number, b"second")
                return well(number, b"%d" % os.getpid(), 201, [(b"X-A", b"b"), (b"x-a", b"c")])
            """, "-w", "1")
        first = running.call(server.url, b"x")
        self.assertEqual(first[0], 201)
        for what, status, words in [
                ("status", 500, "cannot be read"), ("short", 500, "cannot be read"),
                ("ours", 500, "runtime's (Content-Length"), ("header", 500, "not legal"),
                ("large", 500, "limits.reply"),
                ("invoke", 200, "3 5 -6; 3 5 -12; 3 5 -6; 3 5 -6"), ("other", 200, "mine"), ("twice", 200, "first")]:
            with self.subTest(what=what):
                answer = running.call(server.url, b"do:" + what.encode())
                self.assertEqual(answer[0], status)
                self.assertIn(words, answer[1].decode())
                self.assertEqual(running.call(server.url, b"x"), first)

    def test_lines_reach_the_log_before_the_answer_and_what_is_left_behind_is_ended(self):
        server = self.start("""
            def answer(number, body):
                if body == b"do:leave":
                    child = subprocess.Popen(["sleep", "1000"])
                    calls.sendall(log(b"%d" % child.pid))
                    os._exit(1)
                return log(b"to output") + log(b"to errors", 2) + well(number, b"well")
            """, "-w", "1")
        self.assertEqual(running.call(server.url, b"x"), (200, b"well"))
        self.assertEqual((self.folder / "log").read_text(), "to output\n")
        self.assertEqual(running.call(server.url, b"do:leave")[0], 502)
        self.assertEqual(running.call(server.url, b"x"), (200, b"well"))
        pid = (self.folder / "log").read_text().split("\n")[1]
        self.assertNotIn("sleep\0", self.command_of(pid))
        server.stop()
        self.assertIn("to errors\n", server.text)

    @staticmethod
    def command_of(pid):
        try:
            return pathlib.Path(f"/proc/{pid}/cmdline").read_text()
        except FileNotFoundError:
            return ""

    def test_a_program_ends_with_its_worker(self):
        for runtime in ["thread", "prefork", "process"]:
            with self.subTest(runtime=runtime):
                server = self.start("""
                    def answer(number, body):
                        return well(number, b"%d" % os.getpid())
                    """, runtime=runtime)
                pid = running.call(server.url, b"x")[1].decode()
                server.stop()
                self.assertNotIn("fn.host", self.command_of(pid))

    def refused(self, text):
        with self.assertRaises(running.Failed) as failed:
            server = running.Server([str(BUILD / "cmd" / "enoki-run"), "--start-timeout", "5s",
                                     str(self.package(text))])
            self.addCleanup(server.close)
            server.wait_ready()
        return str(failed.exception)

    def test_a_program_that_does_not_greet_is_refused_with_the_reason(self):
        for text, words in [
                ("#!/bin/sh\nexit 3\n", "ended before it was ready (exit status 3)"),
                ("#!/bin/sh\nprintf 'HTTP/1.1 200 OK and more' >&3; sleep 100\n",
                 "does not speak these frames"),
                ("#!/bin/sh\nsleep 100\n", "was not ready within 5000 ms"),
                ("#!/no/such/interpreter\n", "cannot be started: No such file or directory")]:
            with self.subTest(words=words):
                self.assertIn(words, self.refused(text))
        (self.package("x") / "fn.host").chmod(0o644)
        with self.assertRaises(running.Failed) as failed:
            server = running.Server([str(BUILD / "cmd" / "enoki-run"), str(self.folder / "demo")])
            self.addCleanup(server.close)
            server.wait_ready()
        self.assertIn("cannot be executed: chmod +x it", str(failed.exception))


if __name__ == "__main__":
    unittest.main()
