"""Everything has an end, and the client is told."""
import threading
import time

import pytest

from client import PATIENCE_S, Closed, call, connect, request, together, until


def test_body_and_header_limits_can_be_set(lab):
    url = lab.start("echo", "--max-body", "1000", "--max-header", "2KiB").url
    assert call(url, b"x" * 1000).status == 200
    assert call(url, b"x" * 1001).status == 413
    assert call(url, headers=["X: " + "y" * 1500]).status == 200
    assert call(url, headers=["X: " + "y" * 2100]).status == 431


def test_a_call_past_its_deadline_is_504_and_its_worker_is_free_again(lab):
    server = lab.start("hang", "-w", "1", "--timeout", "500ms")
    for body in (b"hang", b"spin"):
        begin = time.monotonic()
        assert call(server.url, body).status == 504
        assert 0.4 < time.monotonic() - begin < 30
        # On a busy machine another worker may take longer to come than a call is given.
        until(lambda: call(server.url, b"quick").body == b"quick", "its worker is free")


def test_what_was_answered_before_a_hung_call_is_not_lost(lab, runtime):
    server = lab.start("hang", "-w", "2", "--timeout", "2s")
    with connect(server.url) as connection:
        connection.send(request("/hang", b"first") + request("/hang", b"hang") +
                        request("/hang", b"third"))
        assert connection.read().body == b"first"
        assert connection.read().status == 504
        if runtime != "thread":
            assert connection.read().body == b"third"


def test_calls_that_wait_too_long_for_a_worker_are_504_or_503(lab):
    server = lab.start("hang", "-w", "1", "--timeout", "600ms")
    statuses = together(4, lambda _: call(server.url, b"hang").status)
    assert set(statuses) <= {503, 504} and 504 in statuses
    until(lambda: call(server.url, b"quick").status == 200, "its worker is free")


def test_a_full_queue_is_503_and_says_when_to_come_back(lab):
    server, hold = lab.start("hang", "-w", "1", "--max-queue", "2", "--timeout", "10m"), lab.hold()
    left = threading.Semaphore(0)

    def client(number):
        if number < 12:
            reply = call(server.url, hold.body)
            left.release()
            return reply
        hold.wait()
        for _ in range(3):  # who is refused does not wait for the others
            assert left.acquire(timeout=PATIENCE_S)
        hold.release()
        return None

    replies = together(13, client)[:12]
    refused = [reply for reply in replies if reply.status == 503]
    assert {reply.status for reply in replies} == {200, 503}
    assert 3 <= len(refused) <= 11
    for reply in refused:
        assert int(reply.header("Retry-After")) >= 1
    assert call(server.url, b"quick").status == 200


def test_a_slow_request_is_408(lab):
    server = lab.start("echo", "--request-timeout", "2s")
    for part in (b"GET /echo HT", request("/echo", b"body")[:-1]):
        with connect(server.url) as connection:
            connection.send(part)
            reply = connection.read()
            assert (reply.status, reply.header("Connection")) == (408, "close")
            assert connection.is_ended()
    assert call(server.url, b"x").status == 200


def test_a_client_that_drips_bytes_is_cut_too(lab):
    server = lab.start("echo", "--request-timeout", "500ms")
    with connect(server.url) as connection:
        begin = time.monotonic()
        try:
            for byte in request("/echo", b"x" * 400):
                connection.send(bytes([byte]))
                time.sleep(0.02)
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert connection.read().status == 408
        assert time.monotonic() - begin < 30


def test_an_idle_connection_is_cut_without_a_word(lab):
    server = lab.start("echo", "--idle-timeout", "2s")
    with connect(server.url) as fresh, connect(server.url) as used:
        assert used.call(b"x").status == 200
        begin = time.monotonic()
        assert fresh.is_ended()
        assert used.is_ended()
        assert time.monotonic() - begin < 30


def test_connections_above_the_limit_get_503_until_others_end(lab):
    server = lab.start("echo", "--max-connections", "4")
    kept = []
    for _ in range(4):
        connection = connect(server.url)
        kept.append(connection)
        assert connection.__enter__().call(b"x").status == 200
    with connect(server.url) as fifth:
        assert fifth.read().status == 503
        assert fifth.is_ended()
    for connection in kept:
        connection.__exit__(None, None, None)

    def works():
        try:
            return call(server.url, b"x").status == 200
        except (Closed, ConnectionError):
            return False

    until(works, "a new connection is accepted")


def test_a_client_that_does_not_read_is_cut_and_holds_nobody_up(lab):
    server = lab.start("huge", "-w", "1", "--request-timeout", "2s")
    with connect(server.url) as lazy:
        lazy.send(request("/huge", b"16000000"))
        # Other calls are answered meanwhile.
        for _ in range(5):
            assert call(server.url, b"3").body == b"xxx"
        until(lazy.is_cut, "it is cut")
        with pytest.raises(Closed):
            lazy.read()
    assert call(server.url, b"3").body == b"xxx"
