"""Functions on FReD, black-box, once per runtime: ENOKI_RUNTIME=prefork ENOKI_BUILD=build."""
import os
import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "support")]

import fred_cluster  # noqa: E402
import running  # noqa: E402

RUNTIME = os.environ.get("ENOKI_RUNTIME", "prefork")
BUILD = pathlib.Path(os.environ.get("ENOKI_BUILD", HERE.parent.parent / "build")).resolve()


class Lab:
    def __init__(self, folder):
        self.folder, self.servers = folder, []

    def start(self, name, uri, *options):
        """A function's server, ready, with its session in the test's folder."""
        server = self.launch(name, uri, *options)
        server.wait_ready()
        return server

    def launch(self, name, uri, *options):
        if uri.startswith("fred") and "session=" not in uri:
            uri += f"&session={self.folder}/session"
        server = running.Server([BUILD / "cmd" / "enoki-run", "-r", RUNTIME, "-w", "4", "-s", uri,
                                 *options, BUILD / "testing" / "functions" / f"{name}.so"])
        self.servers.append(server)
        return server

    def refused(self, name, uri, *options):
        """What a start that fails writes."""
        server = self.launch(name, uri, *options)
        with pytest.raises(running.Failed):
            server.wait_ready()
        assert server.process.wait(30) == 1
        return server.text

    def enoki(self, *words):
        return subprocess.run([BUILD / "cmd" / "enoki", *words], text=True, capture_output=True,
                              stdin=subprocess.DEVNULL, timeout=60)

    def close(self):
        for server in self.servers:
            server.close()


@pytest.fixture
def lab(tmp_path):
    made = Lab(tmp_path)
    yield made
    made.close()


@pytest.fixture
def cluster(tmp_path):
    with fred_cluster.Cluster(BUILD, tmp_path) as made:
        yield made


def call(server, body=b""):
    status, answer = running.call(server.url, body)
    return status, answer.decode()
