"""`enoki` as a person or a script types it, on pipes or on a terminal, against a node of the door's
tests."""
import fcntl
import importlib.util
import os
import pathlib
import pty
import re
import select
import struct
import subprocess
import termios
import time

import pytest

HERE = pathlib.Path(__file__).resolve().parent
SPEC = importlib.util.spec_from_file_location("door_conftest", HERE.parent / "door" / "conftest.py")
door = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(door)
BUILD, LIMIT_S = door.BUILD, door.LIMIT_S
ENOKI = BUILD / "cmd" / "enoki"
start, tmp_path = door.start, door.tmp_path  # fixtures

PYTHON = "def fn(i):\n    print('got', i, flush=True)\n    return (i or '') + '!'\n"
C_ECHO = (HERE.parent / "functions" / "echo.c").read_text()


def environment(node=None, **more):
    """Of an `enoki` that knows no node but this one."""
    made = {k: v for k, v in os.environ.items() if not k.startswith("ENOKI_") and k != "NO_COLOR"}
    if node is not None:
        node.wait_for("ready: management")
        made["ENOKI_MANAGEMENT"] = "http://%s:%d" % node.management
    return {**made, "TERM": "xterm", **more}


class Done:
    def __init__(self, process, out, err):
        self.status, self.out, self.err = process.returncode, out, err

    def __repr__(self):
        return f"status {self.status}\n{self.out}\n{self.err}"


def enoki(node, *words, text="", cwd=None, **more):
    """Runs it to its end, without a terminal."""
    process = subprocess.run([ENOKI, *map(str, words)], input=text, capture_output=True, text=True,
                             cwd=cwd, env=environment(node, **more), timeout=LIMIT_S)
    return Done(process, process.stdout, process.stderr)


class Terminal:
    """It runs on a pseudo terminal; everything that it wrote is in text."""

    def __init__(self, node, *words, rows=24, columns=100, cwd=None, program=ENOKI,
                 **more):
        self.text = ""
        self.process = None
        self.fd, slave = pty.openpty()
        self.resize(rows, columns)
        self.process = subprocess.Popen([program, *map(str, words)], stdin=slave, stdout=slave,
                                        stderr=slave, cwd=cwd, env=environment(node, **more),
                                        start_new_session=True)
        os.close(slave)

    def resize(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text):
        os.write(self.fd, text.encode())

    def _read(self, limit_s):
        if not select.select([self.fd], [], [], limit_s)[0]:
            return False
        try:
            piece = os.read(self.fd, 65536)
        except OSError:  # its end
            return False
        self.text += piece.decode(errors="replace")
        return bool(piece)

    def wait_for(self, pattern, count=1):
        """Until what it wrote matches the pattern so often; returns the last match."""
        until = time.monotonic() + LIMIT_S
        while len(found := list(re.finditer(pattern, self.text, re.S))) < count:
            left = until - time.monotonic()
            assert left > 0 and self._read(left), f"no '{pattern}' in:\n{self.text[-2000:]!r}"
        return found[-1]

    def end(self):
        """Its exit status, once it has ended and everything is read."""
        while self._read(LIMIT_S):
            pass
        return self.process.wait(LIMIT_S)

    def close(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.fd is not None:
            os.close(self.fd)
            self.fd = None


@pytest.fixture
def terminal():
    opened = []

    def make(node, *words, **more):
        opened.append(Terminal(node, *words, **more))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


@pytest.fixture
def folder(tmp_path):
    """Makes a folder of files: folder("hello", fn__py=...); '__' is '.'."""
    def make(name, **files):
        made = tmp_path / "code" / name
        made.mkdir(parents=True, exist_ok=True)
        for file, content in files.items():
            path = made / file.replace("__", ".")
            if isinstance(content, bytes):
                path.write_bytes(content)
            else:
                path.write_text(content)
        return made
    return make
