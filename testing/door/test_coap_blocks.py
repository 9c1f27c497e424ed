"""Long answers over CoAP, block by block (RFC 7959): slow ones, many at once, small blocks, clients
that stop in the middle or ask for what is not there."""
import asyncio
import os
import re
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import conftest  # noqa: E402
from test_coap import ACK, CLIENT, CON, Reply, message  # noqa: E402
from test_coap_calls import KEY, SECURE, Client, address_of, keys_file  # noqa: E402

FUNCTIONS = """
{ name = "echo"; code = "$LIB/echo.so"; },
{ name = "huge"; code = "$LIB/huge.so"; workers = 4; },
{ name = "big"; code = "$LIB/huge.so"; workers = 2; },
{ name = "failing"; code = "$LIB/failing.so"; }
"""
LISTEN = ('listen = { http = "127.0.0.1:0"; coap = "127.0.0.1:0"; management = "127.0.0.1:0"; %s };\n'
          'limits = { reply = "32MiB"; };')
BLOCK2, BLOCK1, SIZE2, ETAG, REQUEST_TAG, NO_RESPONSE = 23, 27, 28, 4, 292, 258
GET, POST = 1, 2


@pytest.fixture(scope="module")
def node(module_path):
    made = conftest.Node(module_path, FUNCTIONS, LISTEN % "")
    try:
        made.wait_ready("echo", "huge", "big", "failing")
        yield made
        made.stop()
    finally:
        made.close()


@pytest.fixture
def client(node):
    made = Client(address_of(node))
    yield made
    made.socket.close()


def number_of(value):
    return int.from_bytes(value, "big")


def block2(number, exponent=6, more=0):
    value = number << 4 | more << 3 | exponent
    return (BLOCK2, value.to_bytes((value.bit_length() + 7) // 8, "big"))


def option(answer, number):
    """The value of an option, as a number; None: it is not there."""
    return next((number_of(value) for found, value in answer.options if found == number), None)


def fetch(client, path, first, exponent=6, code=POST, kind=CON, begin=1):
    """The body of which first is a block, from there on; all its blocks have the same tag."""
    body, number, answer = first.payload, begin, first
    while option(answer, BLOCK2) & 8:
        answer = client.ask(path, code=code, options=[block2(number, exponent)], kind=kind)
        assert (answer.code, option(answer, BLOCK2) >> 4) == (first.code, number)
        assert option(answer, ETAG) == option(first, ETAG) is not None
        body, number = body + answer.payload, number + 1
    return body


def calls_of(node, name):
    return node.describe(name)["calls"]


# --- clients that others wrote -------------------------------------------------------------------

def coap_client(node, tmp_path, name, body, *options, method="post"):
    host, port = address_of(node)
    out = tmp_path / f"{name}-{len(list(tmp_path.iterdir()))}"
    done = subprocess.run([CLIENT, "-m", method, *options, "-e", body, "-o", out,
                           f"coap://{host}:{port}/{name}"], timeout=120, capture_output=True,
                          check=True)
    assert out.exists(), done.stderr
    return out.read_bytes()


@pytest.mark.skipif(CLIENT is None, reason="coap-client is not installed")
@pytest.mark.parametrize("size", [5000, 100000])
@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("options", [[], ["-N"]])
def test_coap_client_gets_long_answers_that_take_long(node, tmp_path, size, method, options):
    before = calls_of(node, "huge")
    assert coap_client(node, tmp_path, "huge", f"{size} 300", *options, method=method) == b"x" * size
    assert calls_of(node, "huge") == before + 1


@pytest.mark.skipif(CLIENT is None, reason="coap-client is not installed")
def test_coap_client_gets_long_answers_that_take_very_long_if_it_asks_unconfirmed(node, tmp_path):
    assert coap_client(node, tmp_path, "huge", "20000 2500", "-N") == b"x" * 20000


@pytest.mark.skipif(CLIENT is None, reason="coap-client is not installed")
def test_coap_client_names_the_size_of_blocks(node, tmp_path):
    assert coap_client(node, tmp_path, "huge", "5000 300", "-b", "64", method="get") == b"x" * 5000


@pytest.mark.skipif(CLIENT is None, reason="coap-client is not installed")
def test_messages_that_are_lost_on_the_way_are_repeated(node, tmp_path):
    """The client does not send its second and its fifth datagram."""
    before = calls_of(node, "huge")
    assert coap_client(node, tmp_path, "huge", "8000", "-l", "2,5") == b"x" * 8000
    assert calls_of(node, "huge") == before + 1


@pytest.mark.skipif(CLIENT is None, reason="coap-client is not installed")
def test_a_long_body_has_a_long_answer_that_takes_very_long(node, tmp_path):
    """Blocks there and back, and between them a message of its own."""
    body = f"30000 2500 {'y' * 5000}"
    assert coap_client(node, tmp_path, "huge", body) == b"y" * 30000


def test_aiocoap_gets_long_answers_that_take_long(node):
    aiocoap = pytest.importorskip("aiocoap")
    host, port = address_of(node)

    async def call(context, name, body, **more):
        answer = await context.request(aiocoap.Message(
            code=aiocoap.POST, uri=f"coap://{host}:{port}/{name}", payload=body, **more)).response
        assert answer.code == aiocoap.CONTENT
        return answer.payload

    async def calls():
        context = await aiocoap.Context.create_client_context()
        for ms in (0, 300, 2500):
            for kind in (aiocoap.CON, aiocoap.NON):
                got = await call(context, "huge", b"100000 %d" % ms, _mtype=kind)
                assert got == b"x" * 100000
        got = await asyncio.gather(*(call(context, name, b"50000 50 %c" % ord(sign))
                                     for name, sign in (("huge", "h"), ("big", "b"))))
        assert got == [b"h" * 50000, b"b" * 50000]
        await context.shutdown()

    asyncio.run(asyncio.wait_for(calls(), 100))


# --- blocks --------------------------------------------------------------------------------------

def test_two_long_answers_at_once_to_one_client_do_not_mix(client):
    """To different paths, queries and methods; their blocks are asked for in turns."""
    asks = [(["huge"], POST, b"6000 0 a"), (["big"], POST, b"6000 0 b"), (["huge"], GET, b"6000 0 c"),
            (["huge", "x"], POST, b"6000 0 d"), (["huge", "xy"], POST, b"6000 0 e")]
    firsts = [client.ask(path, body, code, kind=CON) for path, code, body in asks]
    bodies = [first.payload for first in firsts]
    for number in range(1, 6):
        for i, (path, code, _) in enumerate(asks):
            answer = client.ask(path, code=code, options=[block2(number)], kind=CON)
            assert option(answer, ETAG) == option(firsts[i], ETAG)
            bodies[i] += answer.payload
    assert bodies == [sign * 6000 for sign in (b"a", b"b", b"c", b"d", b"e")]


def test_two_long_answers_at_once_to_equal_paths_are_told_apart(client):
    """By their tags: the newer one is handed out, and its client has it whole."""
    old = client.ask(["huge"], b"5000 0 a", kind=CON)
    new = client.ask(["huge"], b"5000 0 b", kind=CON)
    assert option(old, ETAG) != option(new, ETAG)
    assert fetch(client, ["huge"], new) == b"b" * 5000
    same = client.ask(["huge"], b"5000 0 b", kind=CON)
    assert option(same, ETAG) == option(new, ETAG)


def test_blocks_are_as_small_as_the_client_wants(node, client):
    before = calls_of(node, "huge")
    first = client.ask(["huge"], b"1000", options=[block2(0, 2)], kind=CON)
    assert (len(first.payload), option(first, BLOCK2)) == (64, 8 | 2)
    assert option(first, SIZE2) == 1000
    assert fetch(client, ["huge"], first, 2) == b"x" * 1000
    first = client.ask(["huge"], b"5000", options=[], kind=CON)  # smaller ones later
    answer = client.ask(["huge"], options=[block2(16, 2)], kind=CON)
    assert (len(answer.payload), option(answer, BLOCK2)) == (64, 16 << 4 | 8 | 2)
    assert fetch(client, ["huge"], answer, 2, begin=17) == b"x" * (5000 - 1024)
    answer = client.ask(["huge"], b"10", options=[block2(0, 2)])  # it fits
    assert (answer.payload, option(answer, BLOCK2)) == (b"x" * 10, 2)
    assert calls_of(node, "huge") == before + 3


def test_a_failure_may_be_long_too(client):
    first = client.ask(["failing"], b"f" * 300, options=[block2(0, 2)], kind=CON)
    assert first.text == "5.00"
    assert fetch(client, ["failing"], first, 2).startswith(b"f" * 300)


def test_a_block_that_comes_twice_is_answered_twice(node, client):
    before = calls_of(node, "huge")
    first = client.ask(["huge"], b"2500 0 z", kind=CON)
    for number, length in ((1, 1024), (1, 1024), (2, 452), (2, 452), (1, 1024)):
        answer = client.ask(["huge"], options=[block2(number)], kind=CON)
        assert answer.payload == b"z" * length and option(answer, ETAG) == option(first, ETAG)
    assert client.ask(["huge"], options=[block2(3)], kind=CON).text == "4.00"
    assert calls_of(node, "huge") == before + 1


def test_a_block_of_nothing(node, client):
    """What is not there any more would have to run again: GET may, the others may not."""
    before = calls_of(node, "big")
    assert client.ask(["big"], options=[block2(1)], kind=CON).text == "4.08"
    assert client.ask(["big"], options=[block2(1)], code=3).text == "4.08"
    answer = client.ask(["big"], b"3000", code=GET, options=[block2(2)], kind=CON)
    assert (answer.payload, option(answer, BLOCK2)) == (b"x" * 952, 2 << 4 | 6)
    assert client.ask(["big"], b"", code=GET, options=[block2(9)], kind=CON).text == "4.00"
    assert calls_of(node, "big") == before + 1
    assert client.ask(["echo"], b"short", code=GET, options=[block2(9)], kind=CON).text == "4.00"


@pytest.mark.parametrize("number", [BLOCK1, BLOCK2])
@pytest.mark.parametrize("value", [b"\x07", b"\x0f", b"\xff\xff\xff"])
def test_blocks_that_are_none_are_refused(client, number, value):
    answer = client.ask(["echo"], b"x", options=[(number, value)], kind=CON)
    assert answer.text == "4.00" and b"block" in answer.payload


def test_who_wants_no_answer_gets_none(node, client):
    before = calls_of(node, "huge")
    client.socket.send(message(CON, POST, 700, b"no", ["huge"], b"3000", [(NO_RESPONSE, b"\x02")]))
    answer = Reply(client.socket.recv(65536))
    assert (answer.kind, answer.code, answer.mid, answer.token) == (ACK, 0, 700, b"")
    assert calls_of(node, "huge") == before + 1
    assert client.ask(["huge"], options=[block2(1)], kind=CON).text == "4.08"


def test_a_repeated_request_is_acknowledged_while_it_runs(node, client):
    before = calls_of(node, "huge")
    call = message(CON, POST, 800, b"t", ["huge"], b"3000 1000")
    client.socket.send(call)
    client.socket.send(call)
    ack = Reply(client.socket.recv(65536))
    assert (ack.kind, ack.code, ack.mid) == (ACK, 0, 800)
    first = Reply(client.socket.recv(65536))
    assert (first.kind, first.code, first.token) == (CON, 0x45, b"t")
    client.socket.send(message(ACK, 0, first.mid))
    assert fetch(client, ["huge"], first) == b"x" * 3000
    assert calls_of(node, "huge") == before + 1


# --- clients that stop ---------------------------------------------------------------------------

def memory_of(node):
    text = open(f"/proc/{node.process.pid}/status", encoding="utf-8").read()
    return int(re.search(r"VmRSS:\s+(\d+)", text).group(1)) << 10


def test_clients_that_stop_in_the_middle_cost_a_bounded_memory(node):
    """64 MiB are kept of all answers; these are 160 MiB: the oldest are gone."""
    address, before = address_of(node), memory_of(node)
    clients = [Client(address) for _ in range(40)]
    for one in clients:
        one.socket.settimeout(30)
        first = one.ask(["huge"], b"4000000", kind=CON)
        assert (first.text, option(first, SIZE2)) == ("2.05", 4000000), first.payload
    if os.environ.get("ENOKI_SANITIZE", "") in ("", "OFF"):  # else what was freed is held
        assert memory_of(node) - before < 130 << 20
    texts = [one.ask(["huge"], options=[block2(1)], kind=CON).text for one in clients]
    gone = texts.count("4.08")
    assert texts == ["4.08"] * gone + ["2.05"] * (40 - gone) and 20 <= gone < 40
    first = clients[0].ask(["huge"], b"20000", kind=CON)
    assert fetch(clients[0], ["huge"], first) == b"x" * 20000
    for one in clients:
        one.socket.close()


@pytest.mark.skipif(SECURE is None, reason="coap-client with DTLS is not installed")
def test_long_answers_go_over_dtls(start, tmp_path):
    keys_file(tmp_path, f"alice:{KEY.encode().hex()}\n")
    node = start('{ name = "huge"; code = "$LIB/huge.so"; }', LISTEN % 'coap_psk = "keys";')
    node.wait_ready("huge")
    host, port = address_of(node, "coaps")
    out = tmp_path / "out"
    subprocess.run([SECURE, "-m", "post", "-u", "alice", "-k", KEY, "-e", "100000 300", "-o", out,
                    f"coaps://{host}:{port}/huge"], check=True, timeout=120)
    assert out.read_bytes() == b"x" * 100000
    node.stop()
