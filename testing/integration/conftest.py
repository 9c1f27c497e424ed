"""The suite's frame: which runtime, which build, and a server per test or per file.

ENOKI_RUNTIME=prefork ENOKI_BUILD=build /usr/bin/python3 -m pytest testing/integration
"""
import os
import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]

import holding  # noqa: E402
import running  # noqa: E402

RUNTIME = os.environ.get("ENOKI_RUNTIME", "prefork")
BUILD = pathlib.Path(os.environ.get("ENOKI_BUILD", HERE.parent.parent / "build")).resolve()
PROGRAM = BUILD / "cmd" / "enoki-run"

processes = pytest.mark.skipif(RUNTIME == "thread", reason="its workers are threads")
thread = pytest.mark.skipif(RUNTIME != "thread", reason="its workers are processes")


def function(name):
    return str(BUILD / "testing" / "functions" / f"{name}.so")


def children(pid):
    """All descendants of a process, zombies left out."""
    parents = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if fields[0] != "Z":
                parents[int(entry.name)] = int(fields[1])
    found = {pid}
    while True:
        more = {child for child, parent in parents.items() if parent in found} - found
        if not more:
            return found - {pid}
        found |= more


class Lab:
    """Starts servers with one runtime and one state folder; stops what a test leaves."""

    def __init__(self, folder):
        self.folder, self.servers = folder, []

    def command(self, *options):
        return [str(PROGRAM), "-r", RUNTIME, "-s", f"embedded:{self.folder}/state", *options]

    def start(self, name, *options):
        """A server of that function; its url is its attribute."""
        return self._started(self.command(*options, function(name)))

    def start_file(self, text):
        """A server of a configuration file; $LIB is the folder of the functions. They run as we do:
        nobody else reaches pytest's folders."""
        path = self.folder / f"node{len(self.servers)}.conf"
        path.write_text('isolation = { users = "shared"; };' + text.replace("$LIB", str(BUILD / "testing" / "functions")))
        return self._started([str(PROGRAM), "-c", str(path)])

    def _started(self, command):
        server = running.Server(command)
        self.servers.append(server)
        server.wait_ready()
        return server

    def hold(self):
        """For calls of the function hang that take until they are let go."""
        return holding.Hold(self.folder)

    def fail(self, *arguments, common=True):
        """Exit status and output of a start that does not come to serving."""
        listen = ["-l", "http=127.0.0.1:0"] if "-l" not in arguments else []
        command = self.command(*listen, *arguments) if common else [str(PROGRAM), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False,
                              stdin=subprocess.DEVNULL)
        return done.returncode, done.stdout, done.stderr

    def close(self):
        for server in self.servers:
            server.close()
            print(server.text)  # shown with a test that failed


@pytest.fixture
def lab(tmp_path):
    started = Lab(tmp_path)
    yield started
    started.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """shared(NAME, OPTION...): the url of a server that the tests of a file use together."""
    started = Lab(tmp_path_factory.mktemp("shared"))
    urls = {}

    def get(*arguments):
        if arguments not in urls:
            urls[arguments] = started.start(*arguments).url
        return urls[arguments]

    yield get
    # Whatever the tests did to them, servers end as they promise.
    try:
        for server in started.servers:
            server.stop()
    finally:
        started.close()


@pytest.fixture
def runtime():
    return RUNTIME
