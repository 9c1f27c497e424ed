"""Functions that call others on other nodes, over HTTP."""
import contextlib
import http.server
import ssl
import subprocess
import sys
import threading
import time

import pytest
from conftest import BUILD, HERE, LIBRARIES, package

sys.path.append(str(HERE.parent / "support"))
import running  # noqa: E402

RUNTIMES = ["thread", "prefork", "process"]
FORWARD = LIBRARIES / "forward.so"


class Elsewhere(http.server.ThreadingHTTPServer):
    """A node that is not ours: keeps what it is asked, counts connections."""
    daemon_threads = True

    def __init__(self, answer=None):
        self.seen, self.connections, self.answer = [], 0, answer
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def url(self, name, scheme="http"):
        return f"{scheme}://127.0.0.1:{self.server_address[1]}/{name}"

    def secure(self, folder):
        """TLS, with a certificate of a CA in that folder."""
        for words in (("init",), ("issue", "elsewhere", "--san", "127.0.0.1")):
            subprocess.run([BUILD / "cmd" / "enoki", "certs", "-d", folder, *words], check=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "elsewhere.crt", folder / "elsewhere.key")
        self.socket = context.wrap_socket(self.socket, server_side=True)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self):
        super().setup()
        self.server.connections += 1

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append((self.command, self.path, dict(self.headers), body))
        if self.server.answer is not None:
            self.server.answer(self)
            return
        self.send_response(203)
        self.send_header("Content-Type", "text/x-odd")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_PUT = do_POST

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def elsewhere(answer=None):
    server = Elsewhere(answer)
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def alone(*options, runtime="prefork"):
    """The URL of a function without a front door."""
    with running.server([BUILD / "cmd" / "enoki-run", "-r", runtime, *options, FORWARD]) as url:
        yield url


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_function_without_a_front_door_calls_remotes(runtime, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with elsewhere() as other, alone("--remote", f"there={other.url('there')}",
                                     runtime=runtime) as url:
        assert running.call(f"{url}/there/sub%20path", b"\0body") == (203, b"\0body")
        method, path, headers, _ = other.seen[0]
        assert (method, path) == ("POST", "/there/sub%20path")
        assert headers["X-Enoki-Depth"] == "1" and headers["traceparent"].startswith("00-")
        assert 0 < int(headers["X-Enoki-Timeout"]) <= 60000
        assert running.call(f"{url}/there", b"") == (203, b"")


def test_connections_are_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with elsewhere() as other, alone("-w", "1", "--remote", f"there={other.url('there')}") as url:
        for _ in range(3):
            assert running.call(f"{url}/there?times=10", b"x") == (203, b"x")
        assert (len(other.seen), other.connections) == (30, 1)


def test_an_asynchronous_call_is_asked_for_as_tinyfaas_does(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with elsewhere() as other, alone("--remote", f"there={other.url('there')}") as url:
        running.call(f"{url}/there?async", b"x")
        assert other.seen[0][2]["X-tinyFaaS-Async"] == "true"
        assert "X-Enoki-Timeout" not in other.seen[0][2]


def test_what_cannot_be_called_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    hang_up = threading.Event()
    with elsewhere(lambda handler: hang_up.wait(20)) as slow, elsewhere() as gone:
        nobody = gone.url("gone")
        gone.shutdown()
        gone.socket.close()
        with alone("--remote", f"gone={nobody}", "--remote", f"slow={slow.url('slow')}") as url:
            status, text = running.call(f"{url}/gone", b"x")
            assert status == 500 and nobody in text.decode() and b"cannot be called" in text
            status, text = running.call(f"{url}/slow?timeout=200", b"x")
            assert status == 500 and b"did not answer in time" in text
            status, text = running.call(f"{url}/nobody", b"x")
            assert status == 500 and b"--remote nobody=http://" in text
        hang_up.set()


def test_the_deadline_that_a_caller_tells_shortens_that_of_the_function(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for runtime in RUNTIMES:
        with running.server([BUILD / "cmd" / "enoki-run", "-r", runtime,
                             LIBRARIES / "hang.so"]) as url:
            begin = time.monotonic()
            assert running.call(url, b"hang", **{"X-Enoki-Timeout": "200"})[0] == 504
            assert time.monotonic() - begin < 10
            assert running.call(url, b"x", **{"X-Enoki-Timeout": "soon"}) == (200, b"x")


def test_a_file_tells_remotes_and_a_reload_changes_them(start):
    with elsewhere() as first, elsewhere() as second:
        functions = f'{{ name = "caller"; code = "{FORWARD}"; }}'
        listen = 'listen = { http = "127.0.0.1:0"; management = "127.0.0.1:0"; };\n'
        node = start(functions, listen + f'remotes = ( "there={first.url("there")}" );')
        node.wait_ready("caller")
        assert node.call("caller/there", b"1") == (203, b"1")
        node.more = listen + f'remotes = ( "there={second.url("there")}" );'
        node.write(functions)
        node.reload()
        node.wait_for("/caller", 2)
        assert node.call("caller/there", b"2") == (203, b"2")
        assert (len(first.seen), len(second.seen)) == (1, 1)


def test_who_shows_a_certificate_of_the_ca_is_called(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with elsewhere() as other:
        other.secure(tmp_path)
        remote = ("--remote", f"there={other.url('there', 'https')}")
        with alone(*remote, "--remote-ca", tmp_path / "ca.crt") as url:
            assert running.call(f"{url}/there", b"x") == (203, b"x")
        with alone(*remote) as url:
            status, text = running.call(f"{url}/there", b"x")
            assert status == 500 and b"not believed" in text and b"--remote-ca" in text, text
        with alone(*remote, "--remote-ca", tmp_path / "none.crt") as url:
            status, text = running.call(f"{url}/there", b"x")
            assert status == 500 and b"none.crt" in text, text


def test_a_file_tells_the_ca_to_uploaded_functions_too(start, tmp_path):
    with elsewhere() as other:
        other.secure(tmp_path)
        (tmp_path / "ca.crt").chmod(0o644)
        listen = 'listen = { http = "127.0.0.1:0"; management = "127.0.0.1:0"; };\n'
        remotes = f'remotes = ( "there={other.url("there", "https")}" );'
        node = start("", listen + remotes)
        node.wait_for("ready: management")
        assert node.upload("caller", "python3", package(
            fn__py="import enoki\ndef fn(s):\n    return enoki.invoke('there', s).body.decode()\n"
        ))[0] == 200
        assert b"not believed" in node.call("caller", b"1")[1]
        node.more = listen + remotes + 'remotes_ca = "ca.crt";'
        node.write("")
        node.reload()
        node.wait_for("/caller\n", 2)
        assert node.call("caller", b"2") == (200, b"2")
        node.reload()
        node.wait_for("was read again", 2)
        assert node.describe("caller")["restarts"] == 0 and node.text.count("/caller\n") == 2


def test_two_nodes_call_each_other(start, tmp_path_factory, monkeypatch):
    near = start(f'{{ name = "near"; code = "{FORWARD}"; }}')
    near.wait_ready("near")
    host, port = near.http
    monkeypatch.chdir(tmp_path_factory.mktemp("alone"))
    with alone("-n", "far", "--remote", f"near=http://{host}:{port}/near") as url:
        status, body = running.call(f"{url}/near", b"")
        assert status == 200 and b"X-Enoki-Depth: 1" in body
        assert running.call(f"{url}/near/near", b"")[1].count(b"X-Enoki-Depth: 2") == 1
