"""running.py - starts enoki-run (or a runtime) for a test, waits for its ready line, stops it.

    with running.server(["build/cmd/enoki-run", "echo.so"]) as url:
        running.call(url, b"hello")
"""
import contextlib
import os
import re
import selectors
import signal
import subprocess
import time
import urllib.error
import urllib.request

READY = re.compile(rb"ready: (http://\S+)")


def wait_ready(process, limit_s=60):
    """The URL of the first ready line on standard error; the text so far if there is none."""
    text, deadline = b"", time.monotonic() + limit_s
    with selectors.DefaultSelector() as selector:
        selector.register(process.stderr, selectors.EVENT_READ)
        while selector.select(max(0, deadline - time.monotonic())):
            piece = os.read(process.stderr.fileno(), 65536)
            text += piece
            if match := READY.search(text[: text.rfind(b"\n") + 1]):
                return match.group(1).decode()
            if not piece:
                break
    raise AssertionError("no ready line; it wrote:\n" + text.decode(errors="replace"))


@contextlib.contextmanager
def server(command, **popen):
    """Runs command with a port of its own; on leaving it must drain and exit with 0."""
    process = subprocess.Popen([*command[:1], "-l", "http=127.0.0.1:0", *command[1:]],
                               stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, **popen)
    try:
        yield wait_ready(process)
        process.send_signal(signal.SIGTERM)
        _, text = process.communicate(timeout=60)
        assert process.returncode == 0, (
            f"exit status {process.returncode} after SIGTERM; it wrote:\n"
            + text.decode(errors="replace"))
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        process.stderr.close()


def call(url, body=None, timeout=30, **headers):
    """Status and body of one request: POST with a body, GET without."""
    request = urllib.request.Request(url, data=body, headers=headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=timeout) as reply:
            return reply.status, reply.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()
