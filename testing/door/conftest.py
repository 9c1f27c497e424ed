"""A node for a test: enoki-run -c FILE with a management listener, and what asks it.

ENOKI_BUILD=build /usr/bin/python3 -m pytest testing/door
"""
import base64
import http.client
import io
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import threading
import zipfile

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "support"))

import holding  # noqa: E402

BUILD = pathlib.Path(os.environ.get("ENOKI_BUILD", HERE.parent.parent / "build")).resolve()
LIBRARIES = BUILD / "testing" / "functions"
LIMIT_S = 120
# The package is one word of a command line, in a form's content type.
UPLOAD = """
cd "$1" && curl -sS "http://127.0.0.1:$5/upload" --data "{\\"name\\": \\"$2\\", \\"env\\": \\"$3\\",
\\"threads\\": $4, \\"runtime\\": \\"$6\\", \\"zip\\": \\"$(zip -q -r - ./* | base64 | tr -d '\\n')\\"}"
"""
if "ENOKI_PEERS" in os.environ:  # Python packages that Debian does not have: see testing/run
    sys.path.append(os.environ["ENOKI_PEERS"])
COVERAGE = os.environ.get("ENOKI_COVERAGE", "OFF") not in ("", "OFF", "0")


def package(**files):
    """A ZIP in base64 of files by their names, '__' for '.' and 'fn__py' for 'fn.py'."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "."), content)
    return base64.b64encode(made.getvalue()).decode()


class Node:
    """A running node. functions is the text of the file's list."""

    def __init__(self, folder, functions, more=""):
        self.folder, self.file = folder, folder / "node.conf"
        self.more, self.text, self.http, self.management = more, "", None, None
        self.write(functions)
        self.start()

    def write(self, functions):
        more = self.more or 'listen = { http = "127.0.0.1:0"; management = "127.0.0.1:0"; };'
        if COVERAGE and "isolation" not in more:
            # Line counts are written into the build's folder: as its owner only.
            more += 'isolation = { users = "shared"; };'
        self.file.write_text(f"{more}\nfunctions = (\n{functions}\n);\n"
                             .replace("$LIB", str(LIBRARIES)))

    def arguments(self):
        return "-c", self.file

    def start(self):
        self.text, self.http, self.management = "", None, None
        self._changed = threading.Condition()
        self.process = subprocess.Popen([BUILD / "cmd" / "enoki-run", *self.arguments()],
                                        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                                        errors="replace")
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stderr:
            with self._changed:
                self.text += line
                if match := re.match(r"ready: https?://(\S+):(\d+)/", line):
                    self.http = (match.group(1), int(match.group(2)))
                if match := re.match(r"ready: management https?://(\S+):(\d+)/", line):
                    self.management = (match.group(1), int(match.group(2)))
                self._changed.notify_all()
        with self._changed:
            self.text += "(end)\n"
            self._changed.notify_all()

    def wait_for(self, text, count=1):
        """Until it has written the text so often."""
        with self._changed:
            seen = self._changed.wait_for(
                lambda: self.text.count(text) >= count or self.text.endswith("(end)\n"), LIMIT_S)
        assert seen and self.text.count(text) >= count, f"no '{text}' in:\n{self.text}"
        return self

    def wait_ready(self, *names):
        for name in names:
            with self._changed:
                seen = self._changed.wait_for(
                    lambda: re.search(rf"^ready: https?://\S+/{name}$", self.text, re.M), LIMIT_S)
            assert seen, f"'{name}' did not get ready:\n{self.text}"
        return self

    def call(self, name, body=b"", method="POST", **headers):
        with self._changed:  # the answer to an upload may overtake the line that tells the port
            assert self._changed.wait_for(lambda: self.http, LIMIT_S), self.text
        return self._ask(self.http, method, "/" + name, body,
                         {k.replace("_", "-"): v for k, v in headers.items()})

    def manage(self, method, path, body=b"", **headers):
        if isinstance(body, dict):
            body = json.dumps(body).encode()
        with self._changed:  # another listener's line may come first
            assert self._changed.wait_for(lambda: self.management, LIMIT_S), self.text
        return self._ask(self.management, method, path, body,
                         {k.replace("_", "-"): v for k, v in headers.items()})

    @staticmethod
    def _ask(address, method, path, body, headers):
        connection = http.client.HTTPConnection(*address, timeout=LIMIT_S)
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, body

    def upload(self, name, env, zip_text, threads=1, **more):
        return self.manage("POST", "/upload", {"name": name, "env": env, "threads": threads,
                                               "zip": zip_text, **more})

    def upload_by_script(self, folder, name, env, threads=1, runtime="prefork"):
        """As the originals' upload.sh does: by zip and curl. What it prints."""
        done = subprocess.run(["sh", "-c", UPLOAD, "upload.sh", folder, name, env, str(threads),
                               str(self.management[1]), runtime],
                              capture_output=True, text=True, timeout=120, check=True)
        return done.stdout

    def describe(self, name):
        status, body = self.manage("GET", f"/functions/{name}")
        assert status == 200, body
        return json.loads(body)

    def names(self):
        return self.manage("GET", "/list")[1].decode().split()

    def runtimes(self):
        """PIDs of its children."""
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
                except OSError:
                    continue
                if int(fields[1]) == self.process.pid and fields[0] != "Z":
                    found.append(int(entry.name))
        return found

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.wait_end()

    def wait_end(self):
        """Of one that was told to stop, once: at its very end a signal more would end it."""
        assert self.process.wait(LIMIT_S) == 0, self.text

    def kill(self):
        self.process.kill()
        self.process.wait()
        self._reader.join(LIMIT_S)

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()


def open_folder():
    """Not pytest's own, which lets nobody else in: functions of a node that root started have users
    of their own."""
    with tempfile.TemporaryDirectory(prefix="enoki-door-") as folder:
        os.chmod(folder, 0o1777)  # as /tmp itself: some write there
        yield pathlib.Path(folder)


tmp_path = pytest.fixture(name="tmp_path")(open_folder)
module_path = pytest.fixture(name="module_path", scope="module")(open_folder)


@pytest.fixture
def hold(tmp_path):
    """For calls of the function hang that take until they are let go."""
    return holding.Hold(tmp_path)


@pytest.fixture
def start(tmp_path):
    nodes = []

    def make(functions="", more=""):
        nodes.append(Node(tmp_path, functions, more))
        nodes[-1].wait_for("ready: ")
        return nodes[-1]

    yield make
    for node in nodes:
        node.close()
        print(node.text[-20000:])  # shown if the test has failed
