"""Large bodies behind a front door: between a runtime's parent and its workers they lie in shared
memory, up to 1 MiB, and the worker's side of that is not to be trusted."""
import os
import pathlib
import random
import threading

import pytest

from client import Closed, call, connect, request, together, until
from conftest import RUNTIME, children

# Around where another way is taken: 32 KiB, what one packet holds, 1 MiB; and the limit.
LIMIT = 2_000_000
SIZES = [0, 1, 32767, 32768, 32769, 65536, 98000, 98304, 100_000, 1048575, 1048576, 1048577, LIMIT]
prefork = pytest.mark.skipif(RUNTIME != "prefork", reason="only its workers share memory for bodies")


def pattern(size, seed):
    return random.Random(seed).randbytes(size)


def start(lab, name, settings="workers = 2;"):
    """The function behind a front door: its calls come to workers as messages."""
    return lab.start_file(f'state = {{ path = "{lab.folder}/state"; }}; functions = ( {{ '
                          f'name = "{name}"; code = "$LIB/{name}.so"; runtime = "{RUNTIME}"; '
                          f'{settings} }} );')


def workers(server):
    """Those of our processes that have no child: the zygote's children."""
    found = children(server.process.pid)
    return [pid for pid in found if not children(pid)]


def test_bodies_of_all_lengths_come_back_as_they_were(lab):
    server = start(lab, "echo", f'workers = 2; limits = {{ body = "{LIMIT}"; }};')
    with connect(server.url) as connection:
        for size in SIZES + SIZES[::-1]:
            body = pattern(size, size)
            reply = connection.call(body)
            assert (reply.status, reply.body == body) == (200, True), size
    assert call(server.url, b"x" * (LIMIT + 1)).status == 413


def test_many_callers_at_once_get_their_own_body(lab):
    server = start(lab, "echo")

    def client(number):
        with connect(server.url) as connection:
            for turn in range(8):
                body = pattern(random.Random(number * 100 + turn).choice(SIZES), number)
                reply = connection.call(body)
                assert (reply.status, reply.body == body) == (200, True), (number, turn)

    together(16, client)


def test_large_answers_to_small_calls_and_small_answers_to_large_ones(lab):
    huge, echo = start(lab, "huge"), start(lab, "worker")
    for size in SIZES[1:]:
        assert call(huge.url, b"%d" % size).body == b"x" * size
    for size in SIZES:
        reply = call(echo.url, b"x" * size)
        assert (reply.status, len(reply.body) < 1000) == (200, True)


def test_an_answer_at_its_limit_and_above(lab):
    server = start(lab, "huge", 'workers = 1; limits = { reply = "1048576"; };')
    assert len(call(server.url, b"1048576").body) == 1048576
    assert call(server.url, b"1048577").status == 500
    assert len(call(server.url, b"1048576").body) == 1048576


def test_late_large_calls_are_504_and_their_memory_is_anothers(lab):
    server = start(lab, "hang", 'workers = 2; timeout = "500ms";')
    body = b"sleep 60000 " + b"x" * 500_000
    for _ in range(2):
        statuses = together(4, lambda _: call(server.url, body).status)
        assert set(statuses) <= {503, 504}, statuses

    def is_right(size):
        reply = call(server.url, pattern(size, 1))
        return reply.status == 200 and reply.body == pattern(size, 1)

    # Whose worker was killed for its deadline may still be on its way.
    until(lambda: is_right(300_000), "large calls are answered again")


@prefork
def test_a_worker_that_dies_half_way_costs_its_own_call(lab):
    server = start(lab, "scribble")
    body = pattern(700_000, 5)
    for turn in range(6):
        replies = together(4, lambda number: call(
            server.url, (b"half" if number == 0 else b"echo") + body))
        assert replies[0].status == 502, turn
        for reply in replies[1:]:
            assert (reply.status, reply.body == b"echo" + body) == (200, True), turn


@prefork
def test_workers_killed_at_any_moment(lab):
    """Each answer is the caller's own, or a failure: never another's, never half of one."""
    server = start(lab, "echo", 'workers = 2; timeout = "5s";')
    answered, ended = threading.Semaphore(0), threading.Event()
    failed = []

    def client(number):
        with connect(server.url) as connection:
            for turn in range(1000):
                body = pattern(random.Random(number * 1000 + turn).choice(SIZES[3:11]), turn)
                reply = connection.call(body)
                answered.release()
                if reply.status == 200:
                    assert reply.body == body, (number, turn)
                else:
                    assert reply.status == 502, reply
                    failed.append(reply.status)
                if ended.is_set():
                    return

    def killer():
        for _ in range(25):
            for _ in range(8):
                assert answered.acquire(timeout=60)
            for pid in workers(server)[:1]:
                try:
                    os.kill(pid, 9)
                except ProcessLookupError:
                    pass
        ended.set()

    together(5, lambda number: killer() if number == 0 else client(number))
    assert len(failed) <= 25
    until(lambda: call(server.url, b"x" * 100_000).body == b"x" * 100_000, "calls are answered")


@prefork
def test_writing_over_all_of_it_disturbs_nobody(lab):
    server = start(lab, "scribble", "workers = 4;")

    def client(number):
        with connect(server.url) as connection:
            for turn in range(20):
                word = b"over" if number % 2 == 0 else b"echo"
                body = word + pattern((40_000, 100_000, 900_000)[turn % 3], number * 100 + turn)
                reply = connection.call(body)
                assert (reply.status, reply.body == body) == (200, True), (number, turn)

    together(8, client)


@prefork
def test_who_keeps_on_writing_after_its_answer_dies_of_it(lab):
    server = start(lab, "scribble")
    body = b"echo" + pattern(200_000, 9)
    for _ in range(5):
        before = set(workers(server))
        # Its thread is in the way of its own worker's bytes, and of nobody else's.
        assert call(server.url, b"leave" + body).status in (200, 502)

        def is_replaced(before=before):
            call(server.url, body)
            return not before <= set(workers(server))

        until(is_replaced, "its worker is another one")
    reply = call(server.url, body)
    assert (reply.status, reply.body == body) == (200, True)


@prefork
def test_lies_about_it_are_noticed(lab):
    server = start(lab, "scribble")
    parents = {pid for pid in children(server.process.pid) if children(pid)}
    body = pattern(200_000, 11)
    for size in (10, 200_000):
        reply = call(server.url, b"lie" + body[:size])
        assert (reply.status, reply.body) == (502, b"the worker's answer is damaged\n")
        reply = call(server.url, b"echo" + body)
        assert (reply.status, reply.body == b"echo" + body) == (200, True)
    assert parents == {pid for pid in children(server.process.pid) if children(pid)}


def shared_kb(server):
    """Of the memory for bodies that is resident in any of our processes."""
    total = 0
    for pid in children(server.process.pid):
        try:
            lines = pathlib.Path(f"/proc/{pid}/smaps").read_text().splitlines()
        except OSError:
            continue
        for number, line in enumerate(lines):
            if line.endswith("/dev/zero (deleted)") and "1028 kB" in lines[number + 1]:
                total += int(next(text for text in lines[number:] if text.startswith("Rss:"))
                             .split()[1])
    return total


@prefork
def test_its_memory_is_given_back_when_there_are_no_large_bodies_any_more(lab):
    server = start(lab, "echo", 'workers = { min = 2; max = 2; idle = "300ms"; };')
    seen = []

    def client(_):
        with connect(server.url) as connection:
            for _ in range(10):
                assert connection.call(b"x" * 1_000_000).status == 200
                seen.append(shared_kb(server))

    together(2, client)
    assert max(seen) >= 1000
    until(lambda: shared_kb(server) == 0, "the memory of large bodies is given back")
    assert call(server.url, b"y" * 1_000_000).body == b"y" * 1_000_000


@prefork
def test_a_call_that_is_cut_short_leaves_nothing_behind(lab):
    server = start(lab, "hang", 'workers = 1; timeout = "20s";')
    for _ in range(3):
        with connect(server.url) as connection:
            connection.send(request("/hang", b"sleep 200 " + b"x" * 300_000))
    with pytest.raises(Closed), connect(server.url) as connection:
        connection.send(request("/hang", b"x" * 300_000)[:1000])
        connection.socket.shutdown(1)
        connection.read()
    body = pattern(300_000, 1)
    assert call(server.url, body).body == body
