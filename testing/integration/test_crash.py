"""A function that dies takes its own call with it and no other."""
import os

import pytest

from client import Closed, call, connect, request, together, until
from conftest import children, processes, thread

@processes
@pytest.mark.parametrize("how", [b"crash", b"abort", b"exit"])
def test_a_crash_is_502_for_its_own_call_and_the_connection_goes_on(lab, how):
    server = lab.start("crash", "-w", "2")
    with connect(server.url) as connection:
        assert connection.call(b"before").body == b"before"
        assert connection.call(how).status == 502
        assert connection.call(b"after").body == b"after"


@processes
def test_requests_pipelined_around_a_crash_are_answered(lab):
    server = lab.start("crash", "-w", "2")
    with connect(server.url) as connection:
        for _ in range(5):
            connection.send(request("/crash", b"one") + request("/crash", b"crash") +
                            request("/crash", b"two") + request("/crash", b"x" * 100_000) +
                            request("/crash", b"exit") + request("/crash", b"three"))
            assert connection.read().body == b"one"
            assert connection.read().status == 502
            assert connection.read().body == b"two"
            assert connection.read().body == b"x" * 100_000
            assert connection.read().status == 502
            assert connection.read().body == b"three"


@processes
def test_the_half_request_behind_a_crash_is_not_lost(lab):
    server = lab.start("crash", "-w", "1")
    rest = request("/crash", b"whole")
    with connect(server.url) as connection:
        connection.send(request("/crash", b"crash") + rest[:30])
        assert connection.read().status == 502
        connection.send(rest[30:])
        assert connection.read().body == b"whole"


@processes
def test_a_crash_with_head_has_no_body(lab):
    server = lab.start("crash", "-w", "1")
    with connect(server.url) as connection:
        assert connection.call(b"crash", "HEAD").status == 502
        assert connection.call(b"fine").body == b"fine"


@processes
def test_crashes_do_not_disturb_other_callers(lab):
    server = lab.start("crash", "-w", "3")

    def client(number):
        with connect(server.url) as connection:
            for turn in range(15):
                if number == 0:
                    assert connection.call(b"crash").status == 502
                else:
                    body = b"%d %d" % (number, turn)
                    assert connection.call(body).body == body

    together(5, client)


@processes
def test_a_worker_killed_from_outside_costs_its_own_call_at_most(lab):
    server = lab.start("worker", "-w", "2")
    for _ in range(5):
        pid = int(call(server.url).body.split()[0].split(b"=")[1])
        if pid in children(server.process.pid):
            try:
                os.kill(pid, 9)
            except ProcessLookupError:
                pass  # one call, one process
        assert call(server.url).status == 200


@thread
def test_a_crash_ends_the_process_and_the_next_one_accepts_at_once(lab):
    """The parent listens all the while: nobody is refused, and who connects is answered."""
    server = lab.start("crash")
    for _ in range(5):
        with connect(server.url) as connection:
            assert connection.call(b"before").body == b"before"
            connection.send(request("/crash", b"crash"))
            with pytest.raises(Closed):
                connection.read()
        assert call(server.url, b"after").body == b"after"


@thread
def test_the_process_is_replaced_after_too_many_abandoned_calls(lab):
    server = lab.start("hang", "-w", "4", "--timeout", "200ms", "--max-abandoned", "2")
    first = children(server.process.pid)
    assert len(first) == 1
    for _ in range(5):
        assert call(server.url, b"hang").status == 504

    until(lambda: not children(server.process.pid) & first, "another process took over")

    def serves():
        try:
            return call(server.url, b"quick").body == b"quick"
        except (Closed, ConnectionError):
            return False

    until(serves, "quick calls are answered")


def test_memory_is_not_shared_between_calls_of_enoki_process(lab, runtime):
    server = lab.start("leak", "-w", "1")
    kept = [int(call(server.url, b"1000").body) for _ in range(3)]
    assert kept == ([1000, 1000, 1000] if runtime == "process" else [1000, 2000, 3000])
