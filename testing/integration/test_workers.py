"""Who runs the calls: scheduling, replacement, elastic numbers, shared state."""
import math
import random
import time

from client import call, connect, request, together, until
from conftest import children


def parts(reply):
    return {key: int(value) for key, value in
            (part.split("=") for part in reply.body.decode().split())}


def test_a_slow_call_does_not_delay_calls_that_an_idle_worker_can_run(lab):
    server, hold = lab.start("hang", "-w", "2", "--timeout", "10m"), lab.hold()
    with connect(server.url) as slow, connect(server.url) as early, connect(server.url) as other:
        for connection in (slow, early, other):
            assert connection.call(b"x").status == 200
        slow.send(request("/hang", hold.body))
        hold.wait()
        for _ in range(20):
            assert early.call(b"quick").body == b"quick"
            assert other.call(b"quick").body == b"quick"
            assert call(server.url, b"quick").body == b"quick"
        hold.release()
        assert slow.read().status == 200


def test_no_call_waits_behind_a_slow_one_whatever_connection_it_came_on(lab):
    server, hold = lab.start("hang", "-w", "4", "--timeout", "10m"), lab.hold()

    def client(number):
        with connect(server.url) as connection:
            if number == 0:
                hold.wait(3)
                together(8, quick)
                hold.release()
            else:
                assert connection.call(hold.body).status == 200

    def quick(_):
        with connect(server.url) as connection:
            for _ in range(20):
                assert connection.call(b"q").status == 200

    together(4, client)


def test_calls_run_at_the_same_time(lab):
    server, hold = lab.start("hang", "-w", "4", "--timeout", "10m"), lab.hold()

    def client(number):
        if number < 4:
            return call(server.url, hold.body).status
        hold.wait(4).release()
        return 200

    assert together(5, client) == [200] * 5


def test_a_worker_is_replaced_after_its_number_of_calls(lab, runtime):
    server = lab.start("worker", "-w", "1", "--calls-per-worker", "5")
    seen = [parts(call(server.url)) for _ in range(23)]
    assert max(answer["calls"] for answer in seen) <= 5
    if runtime == "prefork":
        assert 4 <= len({answer["pid"] for answer in seen}) <= 8
    if runtime == "process":
        assert len({answer["pid"] for answer in seen}) == 23
    if runtime == "thread":
        assert len({answer["pid"] for answer in seen}) == 1


def test_replacing_workers_loses_no_call_under_load(lab):
    server = lab.start("worker", "-w", "3", "--calls-per-worker", "7")

    def client(_):
        with connect(server.url) as connection:
            for _ in range(60):
                assert connection.call().status == 200

    together(6, client)


ELASTIC = """
listen = { http = "127.0.0.1:0"; };
state = { path = "elastic"; };
functions = ( { name = "hang"; code = "$LIB/hang.so"; runtime = "RUNTIME";
                timeout = "10m"; workers = { min = MIN; max = 4; idle = "500ms"; }; } );
"""


def elastic(lab, runtime, least):
    return lab.start_file(ELASTIC.replace("RUNTIME", runtime).replace("MIN", str(least)))


def test_elastic_workers_come_when_needed_and_go_when_idle(lab, runtime):
    server, hold = elastic(lab, runtime, 1), lab.hold()
    quiet = len(children(server.process.pid))

    def client(number):
        if number < 4:
            return call(server.url, hold.body).status
        hold.wait(4)  # none waited for another
        assert len(children(server.process.pid)) > quiet or runtime != "prefork"
        hold.release()
        return 200

    assert together(5, client) == [200] * 5
    until(lambda: len(children(server.process.pid)) <= quiet, "the others went")
    assert call(server.url, b"x").body == b"x"


def test_zero_workers_are_enough_while_nobody_calls(lab, runtime):
    server = elastic(lab, runtime, 0)
    assert call(server.url, b"first").body == b"first"
    busy = len(children(server.process.pid))
    if runtime == "prefork":
        until(lambda: len(children(server.process.pid)) < busy, "the last worker went")
    else:
        time.sleep(1)
    with connect(server.url) as connection:
        assert connection.call(b"again").body == b"again"
        assert connection.call(b"and again").body == b"and again"


def test_integer_counts_exactly_whoever_counts(lab):
    server = lab.start("integer", "-w", "4")

    def client(_):
        with connect(server.url) as connection:
            return [int(connection.call(b"p").body) for _ in range(25)]

    counted = sorted(sum(together(8, client), []))
    assert counted == list(range(1, 201))


def test_state_outlives_the_server(lab):
    server = lab.start("integer")
    assert call(server.url, b"p").body == b"1"
    server.stop()
    assert call(lab.start("integer").url, b"p").body == b"2"


def test_state_outlives_kill_9(lab):
    server = lab.start("integer")
    for number in range(1, 6):
        assert int(call(server.url, b"p").body) == number
    server.process.kill()
    server.process.wait()
    assert call(lab.start("integer").url, b"p").body == b"6"


def test_the_moving_average_is_right_for_every_sensor(lab):
    server = lab.start("movingaverage", "-e", "WINDOW=10")
    randomly = random.Random(7)

    def sensor(number):
        window = []
        with connect(server.url) as connection:
            for _ in range(25):
                value = round(randomly.uniform(-40, 40), 2)
                window = (window + [value])[-10:]
                reply = connection.call(f"{number}-{value}".encode())
                assert reply.status == 200
                assert math.isclose(float(reply.body), math.fsum(window) / len(window),
                                    rel_tol=1e-9, abs_tol=1e-9), (reply.body, window)

    together(4, sensor)


def test_nonsense_is_400_for_the_moving_average(lab):
    server = lab.start("movingaverage")
    for body in (b"", b"x", b"3-", b"-", b"1-2-3", b"1e", b"nan"):
        assert call(server.url, body).status == 400, body
