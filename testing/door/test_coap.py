"""Functions over CoAP: what stands in RFC 7252 and 7959, and what tinyFaaS's clients look for."""
import itertools
import os
import shutil
import socket
import struct
import subprocess

import pytest

LISTEN = 'listen = { http = "127.0.0.1:0"; coap = "127.0.0.1:0"; management = "127.0.0.1:0"; };'
CON, NON, ACK, RST = range(4)
CLIENT = shutil.which("coap-client-notls") or shutil.which("coap-client")


def port_of(node):
    node.wait_for("ready: coap://")
    return int(node.text.split("ready: coap://127.0.0.1:")[1].split("/")[0])


def message(kind, code, mid, token=b"", path=(), payload=b"", options=()):
    """One message; options are pairs of number and value above Uri-Path (11)."""
    out = struct.pack("!BBH", 0x40 | kind << 4 | len(token), code, mid) + token
    last = 0
    for number, value in [(11, part.encode()) for part in path] + list(options):
        assert len(value) < 13 and number - last < 269
        delta = number - last
        out += bytes([min(delta, 13) << 4 | len(value)] + [delta - 13] * (delta > 12)) + value
        last = number
    return out + (b"\xff" + payload if payload else b"")


class Reply:
    def __init__(self, data):
        self.kind, length = data[0] >> 4 & 3, data[0] & 15
        self.code, self.mid = data[1], struct.unpack("!H", data[2:4])[0]
        self.token, rest = data[4:4 + length], data[4 + length:]
        self.options, self.payload, number = [], b"", 0
        while rest:
            if rest[0] == 0xff:
                self.payload = rest[1:]
                break
            delta, size, rest = rest[0] >> 4, rest[0] & 15, rest[1:]
            assert delta < 14 and size < 13
            if delta == 13:
                delta, rest = rest[0] + 13, rest[1:]
            number += delta
            self.options.append((number, rest[:size]))
            rest = rest[size:]


_clients = itertools.count(2)


def udp():
    """A socket with an address that no other has had: for minutes a node takes a message of an
    address and a number that it knows for the same once more, and ports are used again."""
    number = next(_clients)
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((f"127.{number >> 16 & 127}.{number >> 8 & 255}.{number & 255}", 0))
    return made


@pytest.fixture
def client():
    with udp() as made:
        made.settimeout(60)
        yield made


def receive(client):
    return Reply(client.recv(65536))


@pytest.fixture
def node(start):
    made = start('{ name = "echo"; code = "$LIB/echo.so"; }, '
                 '{ name = "slow"; code = "$LIB/hang.so"; }, { name = "huge"; code = "$LIB/huge.so"; },'
                 '{ name = "avg"; code = "$LIB/movingaverage.so"; workers = 1; }', LISTEN)
    return made.wait_ready("echo", "avg", "slow", "huge")


def test_a_confirmable_call_is_acknowledged_and_answered(node, client):
    client.connect(("127.0.0.1", port_of(node)))
    for mid, code in ((1, 1), (2, 2), (3, 3)):  # GET with a payload too, as tinyFaaS's tests do
        client.send(message(CON, code, mid, b"tok", ["echo"], b"Hello World!"))
        answer = receive(client)
        assert (answer.kind, answer.mid) == (ACK, mid)
        assert (answer.code, answer.token, answer.payload) == (0x45, b"tok", b"Hello World!")
        assert (12, b"") in answer.options  # text/plain


def test_an_answer_that_takes_long_comes_apart(node, client, hold):
    client.connect(("127.0.0.1", port_of(node)))
    call = message(CON, 2, 1, b"tok", ["slow"], hold.body)
    client.send(call)
    ack = receive(client)
    assert (ack.kind, ack.code, ack.mid) == (ACK, 0, 1)
    hold.release()
    answer = receive(client)
    assert (answer.kind, answer.code, answer.token) == (CON, 0x45, b"tok")
    client.send(message(ACK, 0, answer.mid))
    client.send(call)
    ack = receive(client)
    assert (ack.kind, ack.code, ack.mid) == (ACK, 0, 1)


def test_a_long_answers_first_block_acknowledges_and_is_repeated(node, client):
    client.connect(("127.0.0.1", port_of(node)))
    call = message(CON, 2, 1, b"tok", ["huge"], b"2500")
    client.send(call)
    first = receive(client)
    assert (first.kind, first.code, first.mid, first.token) == (ACK, 0x45, 1, b"tok")
    assert first.payload == b"x" * 1024
    assert (23, b"\x0e") in first.options  # block 0 of 1024 bytes, more follow
    for _ in range(2):  # as if it was lost
        client.send(call)
        assert vars(receive(client)) == vars(first)
    for number, length, more in ((1, 1024, 8), (2, 452, 0)):
        client.send(message(CON, 2, 1 + number, b"to2", ["huge"], b"",
                            [(23, bytes([number << 4 | 6]))]))
        answer = receive(client)
        assert (answer.kind, answer.code, answer.payload) == (ACK, 0x45, b"x" * length)
        assert (23, bytes([number << 4 | more | 6])) in answer.options
    assert node.describe("huge")["calls"] == 1


def test_a_non_confirmable_call_is_answered(node, client):
    client.connect(("127.0.0.1", port_of(node)))
    client.send(message(NON, 2, 7, b"t", ["echo"], b"x"))
    answer = receive(client)
    assert (answer.code, answer.token, answer.payload) == (0x45, b"t", b"x")


def test_a_repeated_message_runs_once(node, client):
    client.connect(("127.0.0.1", port_of(node)))
    client.send(message(CON, 2, 7, b"t", ["echo"], b"x"))
    answer = receive(client)
    client.send(message(CON, 2, 7, b"t", ["echo"], b"x"))
    again = receive(client)
    assert vars(answer) == vars(again) and answer.payload == b"x"
    assert node.describe("echo")["calls"] == 1


def test_ping_is_reset(node, client):
    client.connect(("127.0.0.1", port_of(node)))
    client.settimeout(1)
    for _ in range(30):
        client.send(message(CON, 0, 9))
        try:
            pong = receive(client)
            break
        except TimeoutError:
            pass  # repeated, as every confirmable message: libcoap sends no reset in its first 250 ms
    assert (pong.kind, pong.code, pong.mid) == (RST, 0, 9)


def test_failures_have_their_codes(node, client):
    client.connect(("127.0.0.1", port_of(node)))
    client.send(message(NON, 2, 1, b"a", ["nobody"], b"x"))
    assert receive(client).code == 0x84
    client.send(message(NON, 2, 2, b"b", ["avg"], b"no number"))
    assert receive(client).code >= 0x80


def test_an_asynchronous_call_is_accepted(node, client):
    client.connect(("127.0.0.1", port_of(node)))
    client.send(message(NON, 2, 1, b"a", ["avg"], b"0-10", [(15, b"async")]))
    answer = receive(client)
    assert (answer.code, answer.payload) == (0x45, b"")
    assert node.call("avg", b"0-20")[0] == 200
    assert node.describe("avg")["calls"] == 2


def test_garbage_does_not_disturb(node, client):
    client.connect(("127.0.0.1", port_of(node)))
    for garbage in (b"", b"\x00", b"\xff" * 100, message(CON, 2, 1, b"t", ["echo"])[:-2],
                    bytes(1500)):
        client.send(garbage)
    client.send(message(NON, 2, 77, b"t", ["echo"], b"still"))
    while True:
        answer = receive(client)
        if answer.code == 0x45:
            break
    assert answer.payload == b"still"
    node.stop()


@pytest.mark.skipif(CLIENT is None, reason="coap-client is not installed")
@pytest.mark.parametrize("size", [10, 5000, 1 << 20])
def test_bodies_go_in_blocks_both_ways(node, tmp_path, size):
    (tmp_path / "in").write_bytes(os.urandom(size))
    subprocess.run([CLIENT, "-m", "post", "-b", "1024", "-f", tmp_path / "in", "-o",
                    tmp_path / "out", f"coap://127.0.0.1:{port_of(node)}/echo"], check=True,
                   timeout=120)
    assert (tmp_path / "out").read_bytes() == (tmp_path / "in").read_bytes()


@pytest.mark.skipif(CLIENT is None, reason="coap-client is not installed")
@pytest.mark.parametrize("size", [1100, 5000, 300000])
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_client_that_names_no_size_of_blocks_gets_long_answers(node, tmp_path, method, size):
    data = os.urandom(size)
    (tmp_path / "in").write_bytes(data)
    address = f"coap://127.0.0.1:{port_of(node)}"
    for name, body, want in (("huge", ["-e", str(size)], b"x" * size),
                             ("echo", ["-f", tmp_path / "in"], data)):
        done = subprocess.run([CLIENT, "-m", method, *body, "-o", tmp_path / name,
                               f"{address}/{name}"], check=True, timeout=120, capture_output=True)
        assert (tmp_path / name).read_bytes() == want, done.stderr
        assert node.describe(name)["calls"] == 1
