"""TLS where calls arrive, asked by curl and by Python's ssl."""
import http.client
import os
import pathlib
import re
import signal
import socket
import ssl
import subprocess
import threading
import time

import pytest

from conftest import BUILD, LIBRARIES, LIMIT_S

ECHO = '{ name = "echo"; code = "$LIB/echo.so"; }'
CERTS = BUILD / "cmd" / "enoki"


def certs(folder, *arguments):
    subprocess.run([CERTS, "certs", "-d", folder, *arguments], check=True, stdout=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    """A CA that issued node and alice, and another one that issued mallory."""
    folder = tmp_path_factory.mktemp("certs")
    for ca, names in (("ours", ("node", "alice")), ("theirs", ("mallory",))):
        certs(folder / ca, "init")
        for name in names:
            certs(folder / ca, "issue", name, "--san", "127.0.0.1", "--san", "localhost")
    return folder


def listen(folder, more="", management="127.0.0.1:0", name="node"):
    return (f'listen = {{ http = "127.0.0.1:0"; management = "{management}"; tls = {{ certificate ='
            f' "{folder}/{name}.crt"; key = "{folder}/{name}.key"; {more} }}; }};')


def context(folder, name=None, **limits):
    made = ssl.create_default_context(cafile=folder / "ca.crt")
    if name is not None:
        made.load_cert_chain(folder / f"{name}.crt", folder / f"{name}.key")
    for key, value in limits.items():
        setattr(made, key, value)
    return made


def connect(address, using):
    plain = socket.create_connection(address, timeout=LIMIT_S)
    return using.wrap_socket(plain, server_hostname="127.0.0.1")


def ask(address, using, body=b"", path="/echo", method="POST", headers=None):
    connection = http.client.HTTPSConnection(*address, timeout=LIMIT_S, context=using)
    connection.request(method, path, body, headers or {})
    answer = connection.getresponse()
    found = answer.status, answer.read()
    connection.close()
    return found


def curl(node, folder, *arguments, path="echo"):
    host, port = node.http
    return subprocess.run(["curl", "-sS", "--cacert", folder / "ca.crt", *arguments,
                           f"https://{host}:{port}/{path}"],
                          capture_output=True, timeout=LIMIT_S, check=False)


def test_calls_over_tls(start, material):
    """Small and large bodies, kept connections, pipelined requests, chunks, no answer's body."""
    node = start(ECHO, listen(material / "ours")).wait_ready("echo")
    using = context(material / "ours")
    body = os.urandom(3000000)
    assert ask(node.http, using, b"hello") == (200, b"hello")
    assert ask(node.http, using, body) == (200, body)
    assert ask(node.http, using, path="/nobody")[0] == 404
    assert curl(node, material / "ours", "-d", "by curl").stdout == b"by curl"
    assert curl(node, material / "ours", "-I").stdout.startswith(b"HTTP/1.1 200")

    with connect(node.http, using) as stream:
        assert stream.version() == "TLSv1.3"
        request = b"POST /echo HTTP/1.1\r\nHost: x\r\n"
        stream.sendall((request + b"Content-Length: 2\r\n\r\nhi") * 50)
        answers = b""
        while answers.count(b"\r\n\r\nhi") < 50:
            answers += stream.recv(65536)
        stream.sendall(request + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
                       + b"20000\r\n" + b"x" * 0x20000 + b"\r\n0\r\n\r\n")
        answers = b"".join(iter(lambda: stream.recv(65536), b""))
        assert answers.endswith(b"\r\n\r\n" + b"x" * 0x20000)
    node.stop()


def test_a_slow_reader_gets_all_of_a_long_answer(start, material):
    node = start(ECHO, listen(material / "ours")).wait_ready("echo")
    body = os.urandom(2000000)
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    plain.settimeout(LIMIT_S)
    plain.connect(node.http)
    with context(material / "ours").wrap_socket(plain, server_hostname="127.0.0.1") as stream:
        stream.sendall(b"POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                       b"Content-Length: 2000000\r\n\r\n" + body)
        assert ask(node.http, context(material / "ours"), b"x") == (200, b"x")  # others go on
        answer = b"".join(iter(lambda: stream.recv(3000), b""))
    assert answer.endswith(b"\r\n\r\n" + body)


def test_only_what_is_safe_is_spoken(start, material):
    node = start(ECHO, listen(material / "ours")).wait_ready("echo")
    folder = material / "ours"
    with connect(node.http, context(folder, maximum_version=ssl.TLSVersion.TLSv1_2)) as stream:
        assert stream.version() == "TLSv1.2" and "GCM" in stream.cipher()[0]
    old = context(folder)
    old.minimum_version = ssl.TLSVersion.TLSv1
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError):
        connect(node.http, old)
    both, other = context(folder), context(folder)
    both.set_alpn_protocols(["h2", "http/1.1"])
    other.set_alpn_protocols(["h2"])
    with connect(node.http, both) as stream:
        assert stream.selected_alpn_protocol() == "http/1.1"
    with pytest.raises(ssl.SSLError, match="(?i)no.application.protocol"):
        connect(node.http, other)
    with pytest.raises(ssl.SSLCertVerificationError):
        connect(node.http, context(material / "theirs"))


def test_plain_http_is_told_so(start, material):
    node = start(ECHO, listen(material / "ours")).wait_ready("echo")
    status, text = node.call("echo", b"x")
    assert status == 400 and b"https://" in text
    with socket.create_connection(node.http, timeout=LIMIT_S) as stream:
        stream.sendall(os.urandom(2000))
        try:
            while stream.recv(65536):
                pass
        except ConnectionResetError:
            pass
    assert ask(node.http, context(material / "ours"), b"x") == (200, b"x")


def test_callers_show_a_certificate(start, material):
    """With a CA only who has a certificate of it gets in, resumed sessions too."""
    node = start(ECHO, listen(material / "ours", f'ca = "{material}/ours/ca.crt";')).wait_ready("echo")
    folder = material / "ours"
    assert ask(node.http, context(folder, "alice"), b"x") == (200, b"x")
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        nobody, mallory = context(folder), context(folder)
        mallory.load_cert_chain(material / "theirs/mallory.crt", material / "theirs/mallory.key")
        for using in (nobody, mallory):
            using.maximum_version = version
            with pytest.raises(ssl.SSLError, match="(?i)alert"):  # and not just a reset
                ask(node.http, using, b"x" * 100000)
    failed = curl(node, folder, "-d", "x")
    assert failed.returncode != 0 and failed.stdout == b""
    shown = curl(node, folder, "-d", "x", "--cert", folder / "alice.crt", "--key", folder / "alice.key")
    assert shown.stdout == b"x"

    using = context(folder, "alice", maximum_version=ssl.TLSVersion.TLSv1_2)
    with connect(node.http, using) as first:
        session = first.session
    plain = socket.create_connection(node.http, timeout=LIMIT_S)
    with using.wrap_socket(plain, server_hostname="127.0.0.1", session=session) as again:
        assert again.session_reused
        again.sendall(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx")
        assert again.recv(65536).startswith(b"HTTP/1.1 200")


def test_a_handshake_has_the_time_of_a_request(start, material):
    node = start(ECHO, listen(material / "ours") + ' limits = { request = "2s"; idle = "1h"; };')
    node.wait_ready("echo")
    hello = ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        context(material / "ours").wrap_bio(ssl.MemoryBIO(), hello, server_hostname="x").do_handshake()
    hello = hello.read()
    for begin in (b"", hello[:40], hello):
        with socket.create_connection(node.http, timeout=LIMIT_S) as stream:
            stream.sendall(begin)
            began = time.monotonic()
            try:
                while stream.recv(65536):
                    pass
            except ConnectionResetError:
                pass
            assert time.monotonic() - began < 60
    with connect(node.http, context(material / "ours")) as stream:  # one that is done stays
        time.sleep(3)
        stream.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert stream.recv(65536).startswith(b"HTTP/1.1 200")


def serial(node, using):
    with connect(node.http, using) as stream:
        return stream.getpeercert()["serialNumber"]


def test_a_renewed_certificate_is_taken_up(start, tmp_path):
    folder = tmp_path / "certs"
    certs(folder, "init")
    certs(folder, "issue", "node", "--san", "127.0.0.1")
    node = start(ECHO, listen(folder)).wait_ready("echo")
    using = context(folder)
    first = serial(node, using)
    kept = http.client.HTTPSConnection(*node.http, timeout=LIMIT_S, context=using)
    kept.request("POST", "/echo", b"1")
    assert kept.getresponse().read() == b"1"

    good = (folder / "node.crt").read_bytes()
    (folder / "node.crt").write_bytes(good[:300])  # half a file changes nothing
    end = time.monotonic() + LIMIT_S
    while "TLS goes on with the certificate as it was" not in node.text:
        assert serial(node, using) == first and time.monotonic() < end
    (folder / "node.crt").write_bytes(good)
    certs(folder, "renew", "node")
    while serial(node, using) == first:
        assert time.monotonic() < end
    kept.request("POST", "/echo", b"2")  # on the connection from before
    assert kept.getresponse().read() == b"2"
    node.stop()


def refused(tmp_path, text):
    (tmp_path / "node.conf").write_text(text + "functions = ();")
    done = subprocess.run([BUILD / "cmd" / "enoki-run", "-c", tmp_path / "node.conf"],
                          capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert done.returncode != 0
    return done.stderr


def test_material_that_cannot_be_used_is_named(material, tmp_path):
    folder = tmp_path / "certs"
    certs(folder, "init")
    certs(folder, "issue", "node", "--san", "127.0.0.1")
    certs(folder, "issue", "other", "--san", "127.0.0.1")
    os.chmod(folder / "node.key", 0o644)
    assert "node.key' can be read by others: chmod 600" in refused(tmp_path, listen(folder))
    os.chmod(folder / "node.key", 0o600)
    (folder / "node.key").write_bytes((folder / "other.key").read_bytes())
    assert "node.key" in refused(tmp_path, listen(folder))
    (folder / "node.key").unlink()
    assert "node.key' is missing" in refused(tmp_path, listen(folder))
    assert "ca.crt" in refused(tmp_path, listen(material / "ours", 'ca = "no/ca.crt";'))
    assert "'key' is missing" in refused(
        tmp_path, 'listen = { tls = { certificate = "x.crt"; }; };')


def manage(node, using, headers=None, method="GET", path="/list"):
    return ask(("127.0.0.1", node.management[1]), using, path=path, method=method, headers=headers)


def test_management_elsewhere_than_on_loopback(start, material, tmp_path):
    """Over TLS; with a token, or with a certificate of a CA of its own."""
    folder, admins = material / "ours", material / "theirs"
    assert "not on loopback" in refused(
        tmp_path, listen(folder, f'ca = "{folder}/ca.crt";', management="0.0.0.0:0"))
    (tmp_path / "token").write_text("0123456789abcdef\n")
    (tmp_path / "token").chmod(0o600)
    node = start(ECHO, listen(folder, management="0.0.0.0:0") + ' deploy = { token = "token"; };')
    node.wait_for("ready: management https://").wait_ready("echo")
    assert manage(node, context(folder))[0] == 401
    shown = {"Authorization": "Bearer 0123456789abcdef"}
    assert manage(node, context(folder), shown) == (200, b"echo\n")
    node.stop()

    node = start(ECHO, listen(folder, f'ca = "{folder}/ca.crt";', management="0.0.0.0:0")
                 + f' deploy = {{ ca = "{admins}/ca.crt"; }};')
    node.wait_for("ready: management https://").wait_ready("echo")
    admin, caller = context(folder), context(folder, "alice")
    admin.load_cert_chain(admins / "mallory.crt", admins / "mallory.key")
    assert ask(node.http, caller, b"x") == (200, b"x")
    assert manage(node, admin, {"Host": "edge.example:8080"}) == (200, b"echo\n")
    assert manage(node, admin, {"Origin": "https://elsewhere.example"})[0] == 403
    with pytest.raises(ssl.SSLError):
        manage(node, caller)
    with pytest.raises(ssl.SSLError):
        ask(node.http, admin, b"x")


def has_openssl(pid):
    return "libssl" in pathlib.Path(f"/proc/{pid}/maps").read_text()


def test_who_has_no_tls_does_not_load_it(start, material):
    node = start(ECHO).wait_ready("echo")
    assert not any(has_openssl(pid) for pid in [node.process.pid, *node.runtimes()])
    node.stop()
    node = start(ECHO, listen(material / "ours")).wait_ready("echo")
    assert has_openssl(node.process.pid)
    assert not any(has_openssl(pid) for pid in node.runtimes())


class Alone:
    """enoki-run of one function over TLS, and beside it without."""

    def __init__(self, folder, material, runtime):
        self.process = subprocess.Popen(
            [BUILD / "cmd" / "enoki-run", "-r", runtime, "-w", "2", "-s", f"embedded:{folder}/state",
             "-l", "https=127.0.0.1:0", "-l", "http=127.0.0.1:0", "--tls-cert",
             material / "node.crt", "--tls-key", material / "node.key", LIBRARIES / "echo.so"],
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.found = {}
        while len(self.found) < 2:
            match = re.match(r"ready: (https?)://(\S+):(\d+)/echo", self.process.stderr.readline())
            self.found[match.group(1)] = (match.group(2), int(match.group(3)))


@pytest.mark.parametrize("runtime", ("thread", "prefork", "process"))
def test_one_function_in_each_runtime(material, tmp_path, runtime):
    alone = Alone(tmp_path, material / "ours", runtime)
    try:
        using, body = context(material / "ours"), os.urandom(300000)
        results = []

        def call_often():
            connection = http.client.HTTPSConnection(*alone.found["https"], timeout=LIMIT_S,
                                                     context=using)
            for _ in range(20):
                connection.request("POST", "/echo", body)
                results.append(connection.getresponse().read() == body)

        threads = [threading.Thread(target=call_often) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LIMIT_S)
        assert results == [True] * 80
        assert ask(alone.found["https"], using, headers={"X-tinyFaaS-Async": "1"}) == (202, b"")
        plain = http.client.HTTPConnection(*alone.found["http"], timeout=LIMIT_S)
        plain.request("POST", "/echo", b"plain")
        assert plain.getresponse().read() == b"plain"

        idle = connect(alone.found["https"], using)  # is said good-bye to
        alone.process.send_signal(signal.SIGTERM)
        assert idle.recv(100) == b""
        assert alone.process.wait(LIMIT_S) == 0
    finally:
        alone.process.kill()
        alone.process.wait()
        alone.process.stderr.close()
