"""running.py - starts enoki-run (or a runtime) for a test, waits for its ready line, stops it.

    with running.server(["build/cmd/enoki-run", "echo.so"]) as url:
        running.call(url, b"hello")
"""
import contextlib
import re
import signal
import subprocess
import threading
import urllib.error
import urllib.request


class Failed(Exception):
    """The server did not start, or did not stop, as it promises to."""


class Server:
    """A started server: url once wait_ready() returned, text of all it wrote so far."""

    def __init__(self, command, **popen):
        program, *rest = command
        self.url, self.text = None, ""
        self.process = subprocess.Popen([program, "-l", "http=127.0.0.1:0", *rest],
                                        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, **popen)
        self._settled = threading.Event()
        # Read to the end, or the server would block on a full pipe.
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stderr:
            self.text += line.decode(errors="replace")
            match = re.search(rb"ready: (http://\S+)", line)
            if match and self.url is None:
                self.url = match.group(1).decode()
                self._settled.set()
        self._settled.set()

    def wait_ready(self, limit_s=60):
        self._settled.wait(limit_s)
        if self.url is None:
            raise Failed("it did not get ready; it wrote:\n" + self.text)
        return self.url

    def stop(self, limit_s=60):
        """Drains it; anything but exit status 0 in time is a failure."""
        self.process.send_signal(signal.SIGTERM)
        self.wait_end(limit_s)

    def wait_end(self, limit_s=60):
        """Of one that was told to stop, once: at its very end a signal more would end it."""
        try:
            status = self.process.wait(limit_s)
        except subprocess.TimeoutExpired:
            raise Failed(f"it still ran {limit_s} s after SIGTERM:\n" + self.text) from None
        self._reader.join(5)
        if status != 0:
            raise Failed(f"exit status {status} after SIGTERM; it wrote:\n" + self.text)

    def close(self):
        # In peace where that is quick (coverage is written at a process's end), else by force.
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(3)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        # What it has started and left behind, if anything, still holds the pipe: do not wait long.
        self._reader.join(1)
        if not self._reader.is_alive():
            self.process.stderr.close()


@contextlib.contextmanager
def server(command, **popen):
    """Runs command with a port of its own; on leaving it must drain and exit with 0."""
    started = Server(command, **popen)
    try:
        yield started.wait_ready()
        started.stop()
    except (OSError, AssertionError) as error:
        error.add_note("the server wrote:\n" + started.text)
        raise
    finally:
        started.close()


def call(url, body=None, timeout=60, **headers):
    """Status and body of one request: POST with a body, GET without."""
    request = urllib.request.Request(url, data=body, headers=headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=timeout) as reply:
            return reply.status, reply.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()
