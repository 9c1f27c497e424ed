"""bad_network.py: each fault is felt, and gone after heal()."""
import contextlib
import pathlib
import socket
import subprocess
import sys
import threading
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import bad_network


@pytest.fixture
def network():
    """In front of a server that sends back what it gets."""
    server = socket.create_server(("127.0.0.1", 0))

    def echo(sock):
        with contextlib.suppress(OSError), sock:
            while data := sock.recv(65536):
                sock.sendall(data)

    def serve():
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=echo, args=[server.accept()[0]], daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    with server, bad_network.BadNetwork("127.0.0.1:%d" % server.getsockname()[1]) as started:
        yield started
        server.shutdown(socket.SHUT_RDWR)


def connect(network, limit_s=10):
    host, port = network.address.split(":")
    return socket.create_connection((host, int(port)), timeout=limit_s)


def ask(sock, data=b"hello"):
    sock.sendall(data)
    got = b""
    while len(got) < len(data):
        part = sock.recv(65536)
        assert part, "the connection ended"
        got += part
    return got


def silent(sock, data=b"hello"):
    sock.settimeout(0.2)
    sock.sendall(data)
    with pytest.raises(TimeoutError):
        sock.recv(1)
    sock.settimeout(60)
    return True


def test_without_a_fault_bytes_pass_both_ways(network):
    with connect(network) as sock:
        big = bytes(range(256)) * 8000
        result = []
        reader = threading.Thread(target=lambda: result.append(ask(sock, big)))
        reader.start()
        reader.join(10)
        assert result == [big]


def test_the_end_of_the_client_reaches_the_server_and_back(network):
    with connect(network) as sock:
        ask(sock)
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(1) == b""


def test_delay_is_added_in_each_direction(network):
    with connect(network) as sock:
        ask(sock)
        network.delay(50)
        start = time.monotonic()
        ask(sock)
        assert 0.1 <= time.monotonic() - start < 30
        network.heal()
        assert ask(sock) == b"hello"


def test_rate_limits_what_a_connection_carries(network):
    with connect(network) as sock:
        ask(sock)
        network.limit(100_000)
        start = time.monotonic()
        for _ in range(4):
            ask(sock, bytes(5000))
        assert time.monotonic() - start >= 0.15


def test_cut_resets_and_refuses_until_healed(network):
    with connect(network) as sock:
        ask(sock)
        network.cut()
        with pytest.raises(ConnectionError):
            ask(sock)
            ask(sock)
    with pytest.raises(ConnectionError):
        connect(network)
    network.heal()
    with connect(network) as sock:
        assert ask(sock) == b"hello"


def test_black_hole_holds_everything_back_until_healed(network):
    with connect(network) as old:
        ask(old)
        network.black_hole()
        with connect(network) as new:
            assert silent(old) and silent(new)
            network.heal()
            assert old.recv(5) == b"hello" and new.recv(5) == b"hello"


def test_half_open_is_not_heard_by_the_client_until_healed(network):
    with connect(network) as sock:
        ask(sock)
        network.half_open()
        assert silent(sock)
        network.heal()
        with pytest.raises((ConnectionError, AssertionError)):
            ask(sock)
    with connect(network) as sock:
        assert ask(sock) == b"hello"


def test_a_dead_server_is_a_reset(network):
    network.target = ("127.0.0.1", 1)
    with pytest.raises((ConnectionError, AssertionError)), connect(network) as sock:
        ask(sock)


def test_as_a_program(network):
    command = [sys.executable, bad_network.__file__, "--to", network.address]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as program:
        host, port = program.stdout.readline().removeprefix("ready: ").strip().split(":")
        with socket.create_connection((host, int(port)), timeout=10) as sock:
            assert ask(sock) == b"hello"
            for line, wanted in (("delay 1", "ok"), ("black_hole", "ok"), ("what", "error")):
                program.stdin.write(line + "\n")
                program.stdin.flush()
                assert program.stdout.readline().startswith(wanted)
            assert silent(sock)
        program.stdin.close()
        assert program.wait(10) == 0
