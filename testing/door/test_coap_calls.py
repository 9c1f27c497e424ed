"""Functions over CoAP: sizes, statuses, damage, DTLS, and clients that others wrote."""
import asyncio
import os
import shutil
import socket
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import conftest  # noqa: E402
from test_coap import CON, NON, Reply, message, udp  # noqa: E402

FUNCTIONS = """
{ name = "echo"; code = "$LIB/echo.so"; },
{ name = "headers"; code = "$LIB/headers.so"; },
{ name = "status"; code = "$LIB/status.so"; },
{ name = "failing"; code = "$LIB/failing.so"; },
{ name = "crash"; code = "$LIB/crash.so"; },
{ name = "huge"; code = "$LIB/huge.so"; },
{ name = "slow"; code = "$LIB/hang.so"; workers = 1; timeout = "300ms"; },
{ name = "broken"; code = "$LIB/failopen.so"; }
"""
LISTEN = ('listen = { http = "127.0.0.1:0"; coap = "127.0.0.1:0"; management = "127.0.0.1:0"; %s };\n'
          'limits = { body = "1MiB"; reply = "1MiB"; };')
SECURE = shutil.which("coap-client-openssl")
KEY = "sixteen letters!"


def address_of(node, scheme="coap"):
    node.wait_for(f"ready: {scheme}://")
    host, port = node.text.split(f"ready: {scheme}://")[1].split("/")[0].rsplit(":", 1)
    return host, int(port)


@pytest.fixture(scope="module")
def node(module_path):
    made = conftest.Node(module_path, FUNCTIONS, LISTEN % "")
    try:
        made.wait_ready("echo", "headers", "status", "failing", "crash", "huge", "slow")
        yield made
        made.stop()
    finally:
        made.close()


class Client:
    """Asks by single messages that are not confirmable. None is lost on the way to this machine
    itself unless somebody floods it: only then there are more tries, and the first answer to one of
    them counts."""

    def __init__(self, address):
        self.socket = udp()
        self.socket.connect(address)
        self.socket.settimeout(conftest.LIMIT_S)
        self.mid = 0

    def ask(self, path, payload=b"", code=2, options=(), kind=NON, tries=1):
        tokens = set()
        while True:
            self.mid += 1
            tokens.add(token := self.mid.to_bytes(2, "big"))
            self.socket.send(message(kind, code, self.mid, token, path, payload, options))
            try:
                return self._answer(tokens)
            except TimeoutError:
                if len(tokens) == tries:
                    raise

    def _answer(self, tokens):
        while True:
            answer = Reply(self.socket.recv(65536))
            if answer.token in tokens and answer.code != 0:
                answer.text = f"{answer.code >> 5}.{answer.code & 31:02}"
                return answer


@pytest.fixture
def client(node):
    made = Client(address_of(node))
    yield made
    made.socket.close()


# --- what a call is, and what becomes of it ------------------------------------------------------

@pytest.mark.parametrize("status, code", [
    (200, "2.05"), (201, "2.05"), (204, "2.05"), (301, "2.05"), (400, "4.00"), (401, "4.01"),
    (403, "4.03"), (404, "4.04"), (405, "4.05"), (406, "4.06"), (412, "4.12"), (413, "4.13"),
    (415, "4.15"), (418, "4.00"), (429, "4.29"), (500, "5.00"), (501, "5.01"), (502, "5.02"),
    (503, "5.03"), (504, "5.04"), (599, "5.00")])
def test_a_functions_status_has_a_code(client, status, code):
    answer = client.ask(["status"], str(status).encode())
    assert answer.text == code
    assert answer.payload == (b"" if status == 204 else f"status {status}".encode())


def test_failures_have_codes(client):
    assert client.ask(["nobody"]).text == "4.04"
    assert client.ask([]).text == "4.04"
    answer = client.ask(["failing"], b"three is no number")
    assert answer.text == "5.00" and answer.payload.startswith(b"three is no number")
    assert client.ask(["crash"], b"crash").text == "5.02"
    assert client.ask(["slow"], b"sleep 5000").text == "5.04"
    assert client.ask(["broken"]).text == "5.03"


def test_path_query_and_format_reach_the_function(client):
    answer = client.ask(["headers", "a b", "c/d"], b"{}", options=[
        (12, b"\x32"), (15, b"x=1"), (15, b"y=a&b")])
    lines = answer.payload.decode().split("\n")
    assert lines[:4] == ["method POST", "path /a%20b/c%2Fd", "query x=1&y=a%26b",
                         "content-type application/json"]
    assert client.ask(["headers"], code=4).payload.startswith(b"method DELETE")


def test_options_that_are_critical_and_not_known_are_refused(client):
    assert client.ask(["echo"], b"x", options=[(19, b"?")], kind=CON).text == "4.02"
    assert client.ask(["echo"], b"x", options=[(20, b"?")]).text == "2.05"  # elective: skipped


# --- sizes and damage ----------------------------------------------------------------------------

def block(number, more, size=1024):
    szx = {16: 0, 1024: 6}[size]
    value = number << 4 | more << 3 | szx
    return (27, value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big"))


def test_a_body_is_put_together_of_blocks_and_bounded(client):
    """1 MiB is allowed; what a client announces (Size1, 60) is not believed."""
    start = [block(0, 1)] + [(60, b"\xff\xff\xff\xff")]
    assert client.ask(["echo", "p"], bytes(1024), options=start).text == "2.31"
    for number in range(1, 1024):
        answer = client.ask(["echo", "p"], bytes(1024), options=[block(number, 1)])
        assert answer.text == "2.31"
    assert client.ask(["echo", "p"], b"x", options=[block(1024, 0)]).text == "4.13"
    assert client.ask(["echo", "p"], b"x", options=[block(1025, 0)]).text == "4.08"
    assert client.ask(["echo"], b"still").payload == b"still"


def test_blocks_that_come_twice_or_not_at_all(client):
    parts = [bytes([i]) * 16 for i in range(4)]
    for number in (0, 1, 0, 1, 1, 2):
        more = client.ask(["echo"], parts[number], options=[block(number, 1, 16)])
        assert more.text == "2.31"
    assert client.ask(["echo"], b"end", options=[block(3, 0, 16)]).payload == \
        b"".join(parts[:3]) + b"end"
    assert client.ask(["echo"], parts[0], options=[block(0, 1, 16)]).text == "2.31"
    assert client.ask(["echo"], parts[2], options=[block(2, 1, 16)]).text == "4.08"
    assert client.ask(["echo"], parts[1], options=[block(1, 0, 16)]).text == "4.08"
    assert client.ask(["echo"], b"whole", options=[block(0, 0, 16)]).payload == b"whole"


def test_a_reply_that_is_too_long_is_a_failure(client):
    assert client.ask(["huge"], str((1 << 20) + 1).encode()).text[0] == "5"


def test_half_a_body_and_garbage_leave_the_others_alone(node, client):
    for i in range(50):
        half = Client(address_of(node))
        half.socket.send(message(CON, 2, i, b"h", ["echo"], bytes(1024), [block(0, 1)]))
        half.socket.send(message(CON, 2, i + 1000, b"h", ["echo"], bytes(1024), [block(7, 1)]))
        half.socket.send(os.urandom(i * 7))
        half.socket.send(bytes([0x40 | i & 0x3f, 2]) + os.urandom(i * 3))
        half.socket.close()
    client.socket.settimeout(1)  # some of it is lost: the socket's buffer is full
    good = message(CON, 2, 5, b"tok", ["echo", "path"], b"payload", [(12, b""), (15, b"query")])
    for end in range(len(good)):
        client.socket.send(good[:end])
    assert client.ask(["echo"], b"still", tries=60).payload == b"still"


# --- the address ---------------------------------------------------------------------------------

def test_an_address_that_is_taken_is_told(node, tmp_path):
    (tmp_path / "node.conf").write_text('listen = { http = "127.0.0.1:0"; coap = "127.0.0.1:%d"; };'
                                        % address_of(node)[1])
    done = subprocess.run([conftest.BUILD / "cmd" / "enoki-run", "-c", tmp_path / "node.conf"],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "CoAP: cannot listen on" in done.stderr


def test_one_function_is_served_without_a_file(tmp_path):
    process = subprocess.Popen(
        [conftest.BUILD / "cmd" / "enoki-run", "-l", "coap=127.0.0.1:0", "-l", "grpc=127.0.0.1:0",
         "-s", f"embedded:{tmp_path}/state", "echo.so"], cwd=conftest.LIBRARIES,
        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    lines = sorted(process.stderr.readline() for _ in range(2))
    assert [line.split("//")[0] for line in lines] == ["ready: coap:", "ready: grpc:"]
    host, port = lines[0].split("//")[1].split("/")[0].rsplit(":", 1)
    assert Client((host, int(port))).ask(["echo"], b"x").payload == b"x"
    process.terminate()
    assert process.wait(60) == 0, process.stderr.read()


# --- DTLS ----------------------------------------------------------------------------------------

def keys_file(tmp_path, text, mode=0o600):
    (tmp_path / "keys").write_text(text)
    (tmp_path / "keys").chmod(mode)


def secure_call(node, user, key, body="hello", wait_s=30):
    host, port = address_of(node, "coaps")
    return subprocess.run([SECURE, "-B", str(wait_s), "-m", "post", "-u", user, "-k", key, "-e", body,
                           f"coaps://{host}:{port}/echo"], capture_output=True, text=True,
                          timeout=60).stdout.strip()


@pytest.mark.skipif(SECURE is None, reason="coap-client with DTLS is not installed")
def test_who_has_a_key_calls_over_dtls_and_nobody_else(start, tmp_path):
    keys_file(tmp_path, f"# who may call\nalice:{KEY.encode().hex()}\nbob:{'ab' * 32}\n")
    node = start('{ name = "echo"; code = "$LIB/echo.so"; }', LISTEN % 'coap_psk = "keys";')
    node.wait_ready("echo")
    assert secure_call(node, "alice", KEY) == "hello"
    assert "hello" not in secure_call(node, "alice", "another letters!", wait_s=1)
    assert "hello" not in secure_call(node, "mallory", KEY, wait_s=1)
    plain = Client(address_of(node, "coaps"))
    plain.socket.settimeout(0.5)
    with pytest.raises(TimeoutError):
        plain.ask(["echo"], b"x")
    assert secure_call(node, "alice", KEY, "x" * 3000) == "x" * 3000
    node.stop()


@pytest.mark.parametrize("text, mode, fault", [
    ("alice:0011", 0o600, "keys:1: the key has 16 to 64 bytes"),
    ("\nalice:" + "zz" * 16, 0o600, "keys:2: the key is written in hexadecimal digits"),
    (":" + "00" * 16, 0o600, "keys:1: a line is IDENTITY:HEXKEY"),
    ("a:" + "00" * 16 + "\na:" + "01" * 16, 0o600, "keys:2: this identity has a key already"),
    ("# nothing", 0o600, "there is no key"), ("a:" + "00" * 16, 0o644, "chmod 600 it"),
    (None, 0, "keys': No such file")])
def test_a_file_of_keys_that_is_wrong_is_told(tmp_path, text, mode, fault):
    if text is not None:
        keys_file(tmp_path, text, mode)
    (tmp_path / "node.conf").write_text(LISTEN % 'coap_psk = "keys";')
    done = subprocess.run([conftest.BUILD / "cmd" / "enoki-run", "-c", tmp_path / "node.conf"],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and fault in done.stderr, done.stderr


# --- aiocoap -------------------------------------------------------------------------------------

def test_aiocoap_calls_and_is_answered_in_blocks(node):
    aiocoap = pytest.importorskip("aiocoap")
    host, port = address_of(node)

    async def calls():
        context = await aiocoap.Context.create_client_context()
        for body in (b"", b"short", bytes(range(256)) * 200):
            answer = await context.request(aiocoap.Message(
                code=aiocoap.POST, uri=f"coap://{host}:{port}/echo", payload=body)).response
            assert (answer.code, answer.payload) == (aiocoap.CONTENT, body)
        answers = await asyncio.gather(*(context.request(aiocoap.Message(
            code=aiocoap.GET, uri=f"coap://{host}:{port}/headers/x?n={i}")).response
            for i in range(20)))
        assert all(f"query n={i}\n".encode() in a.payload for i, a in enumerate(answers))
        answer = await context.request(aiocoap.Message(
            code=aiocoap.PUT, uri=f"coap://{host}:{port}/nobody")).response
        assert answer.code == aiocoap.NOT_FOUND
        await context.shutdown()

    asyncio.run(asyncio.wait_for(calls(), 60))
