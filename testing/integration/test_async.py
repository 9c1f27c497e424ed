"""X-tinyFaaS-Async: 202 at once, and the call really runs."""
import pytest

from client import call, connect, request, until
from conftest import thread

LATER = ["X-tinyFaaS-Async: true"]


def test_an_async_call_is_202_at_once_and_runs(lab):
    server = lab.start("integer")
    for _ in range(30):
        reply = call(server.url, b"p", headers=LATER)
        assert (reply.status, reply.body) == (202, b"")
    asked = 0

    def all_ran():
        nonlocal asked
        asked += 1
        return int(call(server.url, b"p").body) == 30 + asked

    until(all_ran, "30 calls ran")


def test_the_caller_does_not_wait(lab):
    server, hold = lab.start("hang", "-w", "1"), lab.hold()
    assert call(server.url, hold.body, headers=LATER).status == 202
    hold.wait().release()


def test_any_value_but_an_empty_one_means_async(lab):
    server = lab.start("echo")
    with connect(server.url) as connection:
        assert connection.call(b"x", headers=["x-tinyfaas-async: false"]).status == 202
        assert connection.call(b"x", headers=["X-tinyFaaS-Async:"]).body == b"x"
        assert connection.call(b"x", headers=["X-tinyFaaS-Async:  "]).body == b"x"


def test_an_unknown_function_is_404_also_async(lab):
    server = lab.start("echo")
    assert call(server.url, b"x", path="/nosuch", headers=LATER).status == 404


def test_a_full_queue_refuses_async_calls(lab):
    server, hold = lab.start("hang", "-w", "1", "--max-queue", "3"), lab.hold()
    accepted = 0
    while (reply := call(server.url, hold.body, headers=LATER)).status == 202:
        accepted += 1
        assert accepted < 8  # three wait; one or two run or are on their way
    hold.release()
    assert reply.status == 503 and int(reply.header("Retry-After")) >= 1
    assert accepted >= 3


@thread
def test_a_full_queue_refuses_async_calls_of_one_connection(lab):
    server, hold = lab.start("hang", "-w", "1", "--max-queue", "3"), lab.hold()
    with connect(server.url) as connection:
        connection.send(request("/hang", hold.body, headers=LATER) * 12)
        replies = [connection.read() for _ in range(12)]
    hold.release()
    assert {reply.status for reply in replies} == {202, 503}
    assert all(reply.header("Retry-After") for reply in replies if reply.status == 503)


def test_an_async_call_that_crashes_harms_nobody(lab, runtime):
    if runtime == "thread":
        pytest.skip("it takes its process with it: see test_crash.py")
    server = lab.start("crash")
    assert call(server.url, b"crash", headers=LATER).status == 202
    for _ in range(20):
        assert call(server.url, b"fine").body == b"fine"
