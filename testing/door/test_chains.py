"""Functions that call each other: behind one front door, in every runtime, by whatever way."""
import re
import signal
import threading
import time

import pytest
from conftest import LIBRARIES
from test_scaling import until

RUNTIMES = ["thread", "prefork", "process"]


def function(name, library="forward", **more):
    settings = "".join(f" {key} = {value};" for key, value in more.items())
    return f'{{ name = "{name}"; code = "{LIBRARIES}/{library}.so";{settings} }}'


def list_of(*functions):
    return ",\n".join(functions)


def headers_of(body):
    return dict(line.split(": ", 1) for line in body.decode().splitlines())


@pytest.fixture
def node(start):
    names = {runtime: function(runtime, runtime=f'"{runtime}"', workers=2) for runtime in RUNTIMES}
    node = start(list_of(*names.values(), function("echo", "echo", workers=2)))
    return node.wait_ready(*RUNTIMES, "echo")


def test_every_runtime_calls_every_other(node):
    for caller in RUNTIMES:
        for called in RUNTIMES:
            status, body = node.call(f"{caller}/{called}/echo", b"hello")
            assert (status, body) == (200, b"hello"), (caller, called)


def test_many_calls_of_one_go_over_the_same_connection(node):
    assert node.call("prefork/thread/echo?times=500", b"again")[1] == b"again"


def test_bodies_may_be_empty_binary_and_long(node):
    for body in b"", bytes(range(256)), b"x" * 4_000_000:
        assert node.call("thread/prefork/echo", body)[1] == body


def test_a_body_that_is_too_long_for_the_called_one_is_an_error_that_says_so(start):
    small = function("small", "echo", limits='{ body = "1KiB"; }')
    node = start(list_of(function("caller"), small)).wait_ready("caller", "small")
    for length in 1025, 3_000_000:
        status, body = node.call("caller/small", b"x" * length)
        assert (status, b"limits.body" in body) == (500, True), length
        assert node.call("caller/small", b"x")[1] == b"x"


def test_an_unknown_name_is_an_error(node):
    assert node.call("thread/nobody") == (
        500, b"function 'nobody': there is no such function on this node")


def test_what_the_called_one_answers_is_an_answer_whatever_its_status(start):
    node = start(list_of(function("caller"), function("crash", "crash"),
                         function("fails", "forward"))).wait_ready("caller", "crash", "fails")
    assert node.call("caller/crash", b"abort")[0] == 502
    status, body = node.call("caller/fails/nobody")
    assert (status, body.startswith(b"function 'nobody'")) == (500, True)


# --- what travels along --------------------------------------------------------------------------


def test_a_trace_begins_with_the_first_call_and_has_a_span_for_each(node):
    first = headers_of(node.call("prefork/thread")[1])
    second = headers_of(node.call("prefork/process/thread")[1])
    assert first["X-Enoki-Depth"] == "1" and second["X-Enoki-Depth"] == "2"
    spans = [re.fullmatch("00-([0-9a-f]{32})-([0-9a-f]{16})-00", one["traceparent"]).groups()
             for one in (first, second)]
    assert spans[0][0] != spans[1][0] and spans[0][1] != spans[1][1]
    assert first["X-Request-Id"] == spans[0][0]


def test_a_trace_that_came_goes_on_with_its_state_and_the_request_id(node):
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    got = headers_of(node.call("prefork/process/thread", traceparent=f"00-{trace}-00f067aa0ba902b7-01",
                               tracestate="vendor=1", X_Request_Id="mine")[1])
    assert re.fullmatch(f"00-{trace}-[0-9a-f]{{16}}-01", got["traceparent"])
    assert "00f067aa0ba902b7" not in got["traceparent"]
    assert (got["tracestate"], got["X-Request-Id"]) == ("vendor=1", "mine")


def test_a_traceparent_that_is_none_begins_a_new_trace(node):
    for wrong in ["00-xyz", f"ff-{'1' * 32}-{'1' * 16}-00", f"00-{'0' * 32}-{'1' * 16}-00"]:
        got = headers_of(node.call("prefork/thread", traceparent=wrong)[1])
        assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-00", got["traceparent"])
        assert wrong[3:20] not in got["traceparent"]


def test_a_ring_is_cut(start):
    node = start(function("ring", runtime='"thread"', workers=20)).wait_ready("ring")
    assert headers_of(node.call("/".join(["ring"] * 17))[1])["X-Enoki-Depth"] == "16"
    status, body = node.call("/".join(["ring"] * 18))
    assert status == 500 and b"ring" in body and b"16 functions" in body


def test_the_deadline_goes_along(start):
    node = start(list_of(function("caller", timeout='"3s"'), function("hangs", "hang"))
                 ).wait_ready("caller", "hangs")
    begin = time.monotonic()
    status, _ = node.call("caller/hangs", b"hang")
    assert status in (500, 504) and time.monotonic() - begin < 30  # the other one's is a minute
    status, body = node.call("caller/hangs?timeout=100", b"hang")
    assert (status, body) == (500, b"function 'hangs' did not answer in time")


def test_who_calls_itself_with_one_worker_waits_until_its_time_is_over(start):
    node = start(function("alone", workers=1)).wait_ready("alone")
    assert node.call("alone/alone?timeout=200") == (500, b"function 'alone' did not answer in time")
    assert node.call("alone")[0] == 200


# --- while things change -------------------------------------------------------------------------


def call_on_and_on(node, path, results, stop):
    while not stop.is_set():
        results.append(node.call(path, b"hello"))


@pytest.mark.parametrize("called", ["thread", "prefork"])
def test_no_call_fails_while_the_called_one_is_replaced(start, called):
    def functions(version):
        return list_of(function("caller", workers=2), function(
            "called", "echo", runtime=f'"{called}"', workers=2, env=f'{{ V = "{version}"; }}'))

    node = start(functions(0)).wait_ready("caller", "called")
    results, stop = [], threading.Event()
    callers = [threading.Thread(target=call_on_and_on,
                                args=(node, "caller/called?times=20", results, stop))
               for _ in range(3)]
    for caller in callers:
        caller.start()
    for version in range(1, 9):
        node.write(functions(version))
        node.reload()
        node.wait_for("/called", version + 1)
    stop.set()
    for caller in callers:
        caller.join()
    assert len(results) > 10 and set(results) == {(200, b"hello")}


def test_what_crashes_is_answered_and_called_again(start):
    node = start(list_of(function("caller"), function("crash", "crash", runtime='"thread"'))
                 ).wait_ready("caller", "crash")
    for _ in range(3):
        status, body = node.call("caller/crash", b"crash")
        assert status == 502, body
        assert node.call("caller/crash", b"fine") == (200, b"fine")


def test_a_sleeping_function_is_woken(start):
    node = start(list_of(function("caller"), function(
        "sleeper", "echo", instances='{ min = 0; max = 2; idle = "100ms"; }'))).wait_ready("caller")
    assert node.call("caller/sleeper", b"up") == (200, b"up")
    until(lambda: node.describe("sleeper")["state"] == "asleep", "it does not fall asleep")
    assert node.call("caller/sleeper", b"again") == (200, b"again")


def test_an_asynchronous_call_is_accepted_at_once_and_runs(start, hold):
    node = start(list_of(function("caller"), function("hangs", "hang"))).wait_ready("caller", "hangs")
    assert node.call("caller/hangs?async", hold.body) == (202, b"")
    hold.wait().release()
    assert node.call("caller/nobody?async") == (
        500, b"function 'nobody': there is no such function on this node")


def test_a_stop_waits_for_what_functions_call(start, hold):
    node = start(list_of(function("caller"), function("hangs", "hang"))).wait_ready("caller", "hangs")
    assert node.call("caller/hangs", b"x") == (200, b"x")
    results = []
    caller = threading.Thread(target=lambda: results.append(node.call("caller/hangs", hold.body)))
    caller.start()
    hold.wait()
    node.process.send_signal(signal.SIGTERM)
    node.wait_for("draining")
    hold.release()
    caller.join()
    assert results == [(200, hold.body)]
    node.wait_end()


def test_garbage_on_the_way_to_the_front_door_harms_nobody(start):
    node = start(list_of(function("garbage", "garbage", workers=1), function("caller"),
                         function("echo", "echo"))).wait_ready("garbage", "caller", "echo")
    assert node.call("garbage", b"")[0] == 200
    assert node.call("caller/echo", b"fine") == (200, b"fine")
    assert node.call("garbage", b"")[0] == 200
