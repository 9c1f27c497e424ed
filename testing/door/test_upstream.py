"""The originals' own tests, against our node: the same kinds of packages, uploaded as their
scripts do (upload.sh FOLDER NAME ENV THREADS), called over each protocol as their tests do."""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import urllib.request

import pytest

import conftest
import rpc

HERE = pathlib.Path(__file__).resolve().parent
FUNCTIONS = [("sieve-of-eratosthenes", "sieve", "nodejs", 1), ("echo", "echo", "python3", 1),
             ("echo-js", "echojs", "nodejs", 1), ("echo-binary", "echobinary", "binary", 1),
             ("show-headers-js", "headersjs", "nodejs", 1), ("show-headers", "headers", "python3", 1),
             ("echo-kv", "echokv", "python3-kv", 4)]
COAP = shutil.which("coap-client-notls") or shutil.which("coap-client")
LAB = "scalable_software_systems_group"
HELLO = "Hello World!"


class Platform(conftest.Node):
    """All that is uploaded, with ports as the originals' variables give them."""

    def upload_all(self):
        self.wait_for("ready: management")
        for folder, name, env, threads in FUNCTIONS:
            text = self.upload_by_script(HERE / "upstream" / folder, name, env, threads)
            lines = sorted(text.split())
            assert [line.split(":")[0] for line in lines] == ["coap", "grpc", "http"], text
            assert all(line.endswith(f"/{name}") for line in lines), text
            self.ports = {line.split(":")[0]: line.split(":")[-1].split("/")[0] for line in lines}
        return self

    def by_http(self, name, body=None, **headers):
        request = urllib.request.Request(f"http://127.0.0.1:{self.ports['http']}/{name}", body,
                                         {k.replace("_", "-"): v for k, v in headers.items()})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode()

    def by_coap(self, name, body=None):
        """A GET, with a payload if there is one."""
        words = ["-e", body] if body else []
        done = subprocess.run([COAP, "-m", "get", "-B", "60", *words,
                               f"coap://127.0.0.1:{self.ports['coap']}/{name}"],
                              capture_output=True, text=True, timeout=120, check=True)
        assert done.stderr == ""  # where it tells other codes than 2.05
        return done.stdout

    def by_grpc(self, name, body="", **more):
        client = rpc.Client("127.0.0.1:" + self.ports["grpc"])
        try:
            return client.call(name, body, **more)
        finally:
            client.close()


@pytest.fixture(scope="module")
def platform():
    with tempfile.TemporaryDirectory(prefix="enoki-upstream-") as folder:
        os.chmod(folder, 0o755)
        with pytest.MonkeyPatch.context() as variables:
            for name in ("HTTP_PORT", "GRPC_PORT", "COAP_PORT"):
                variables.setenv(name, "0")
            node = Platform(pathlib.Path(folder), "", 'listen = { management = "127.0.0.1:0"; };')
        try:
            yield node.upload_all()
        finally:
            node.close()


def test_sieve(platform):
    assert platform.by_http("sieve")[0] == 200
    assert platform.by_http("sieve", X_tinyFaaS_Async="true") == (202, "")
    assert platform.by_coap("sieve").startswith("2 3 5 7 11 13 ")
    assert platform.by_grpc("sieve") != ""


@pytest.mark.parametrize("name", ["echo", "echojs", "echobinary"])
def test_echo(platform, name):
    assert platform.by_http(name, HELLO.encode()) == (200, HELLO)
    assert platform.by_coap(name, HELLO).strip() == HELLO
    assert platform.by_grpc(name, HELLO) == HELLO


@pytest.mark.parametrize("name, lab, agent", [("headersjs", "lab", "user-agent"),
                                              ("headers", "Lab", "User-Agent")])
def test_headers(platform, name, lab, agent):
    headers = json.loads(platform.by_http(name, lab=LAB)[1])
    assert headers[lab] == LAB and "Python-urllib" in headers[agent]
    headers = json.loads(platform.by_grpc(name, metadata=[("lab", LAB)]))
    assert headers[lab] == LAB and "grpc-python" in headers[agent]


def test_kv(platform):
    """What one worker has written the next call reads, whichever of four runs it."""
    count = 0
    for call in (platform.by_coap, platform.by_grpc,
                 lambda name, body: platform.by_http(name, body.encode())[1]):
        for _ in range(10):
            answer = call("echokv", HELLO)
            count += 1
        assert answer.rstrip("\n") == "\n".join([HELLO] * count)
