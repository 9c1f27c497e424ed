"""Runtimes come when they are needed and go when they are not, down to none."""
import os
import signal
import threading
import time

from conftest import package

LIMIT_S = 120


def until(check, what):
    end = time.monotonic() + LIMIT_S
    while not check():
        assert time.monotonic() < end, what
        time.sleep(0.01)


def in_threads(count, call):
    """What count calls at the same time return."""
    results = [None] * count

    def run(i):
        results[i] = call(i)
    threads = [threading.Thread(target=run, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_a_sleeping_function_costs_no_process_and_wakes_for_a_call(start):
    node = start('{ name = "echo"; code = "$LIB/echo.so"; '
                 'instances = { min = 0; max = 2; idle = "200ms"; }; }').wait_ready("echo")
    assert node.runtimes() == []
    assert node.describe("echo")["state"] == "asleep"
    assert node.manage("GET", "/ready")[0] == 200
    for _ in range(2):
        assert in_threads(8, lambda i: node.call("echo", b"%d" % i)) == [
            (200, b"%d" % i) for i in range(8)]
        assert node.describe("echo")["state"] in ("ready", "asleep")
        until(lambda: node.describe("echo")["state"] == "asleep" and not node.runtimes(),
              "it did not fall asleep")
    assert node.call("echo", b"x", X_tinyFaaS_Async="1")[0] == 202
    until(lambda: node.describe("echo")["calls"] == 17, "the asynchronous call woke nobody")
    assert node.describe("echo")["errors"] == 0
    node.stop()


def held(node, hold, count):
    """What so many calls return that must be inside the function at the same time."""
    def run(i):
        if i == count:
            return hold.wait(count).release()
        return node.call("hang", hold.body)[0]
    return in_threads(count + 1, run)[:count]


def test_a_busy_function_grows_and_shrinks_again(start, hold):
    node = start('{ name = "hang"; code = "$LIB/hang.so"; workers = 1; '
                 'instances = { min = 1; max = 3; idle = "200ms"; }; }').wait_ready("hang")
    assert node.describe("hang")["instances"] == 1
    assert held(node, hold, 3) == [200] * 3
    until(lambda: len(node.runtimes()) == 1, "it did not shrink")
    assert node.call("hang", b"x") == (200, b"x")


def test_elastic_workers_inside_a_runtime(start, hold):
    node = start('{ name = "hang"; code = "$LIB/hang.so"; '
                 'workers = { min = 0; max = 3; idle = "1s"; }; }').wait_ready("hang")
    assert held(node, hold, 3) == [200] * 3


def test_a_sleeping_function_that_cannot_start_says_why_and_when_it_is_tried_again(start):
    node = start('{ name = "bad"; code = "$LIB/failopen.so"; '
                 'instances = { min = 0; max = 1; }; }').wait_ready("bad")
    status, text = node.call("bad")
    assert status == 503 and b"licence" in text
    told = node.describe("bad")
    assert told["state"] == "failed" and "licence" in told["error"]
    assert told["restarts"] == 1 and "licence" in told["last_failure"]["why"]
    assert 0 <= told["next_try_ms"] <= 5000
    assert node.call("bad") == (status, text)
    node.stop()


def test_replacing_a_sleeping_function_proves_the_new_one(start):
    text = '{ name = "echo"; code = "$LIB/%s.so"; instances = { min = 0; max = 1; }; }'
    node = start(text % "echo").wait_ready("echo")
    node.write(text % "nothing")
    node.reload()
    node.wait_for("function 'echo' cannot be started")
    assert node.call("echo", b"x") == (200, b"x")
    node.write(text % "movingaverage")
    before = node.text.count("/echo\n")
    node.reload()
    node.wait_for("/echo\n", before + 1)
    assert node.call("echo", b"0-10") == (200, b"10")


def test_restarts_their_reason_and_the_pause_are_visible(start):
    node = start('{ name = "crash"; code = "$LIB/crash.so"; runtime = "prefork"; }')
    node.wait_ready("crash")
    os.kill(node.runtimes()[0], signal.SIGKILL)
    node.wait_for("starting it anew")
    told = node.describe("crash")
    assert told["restarts"] == 1 and "signal 9" in told["last_failure"]["why"]
    assert told["last_failure"]["time"].endswith("Z")
    assert node.call("crash", b"x") == (200, b"x")
    assert "next_try_ms" not in node.describe("crash")


def test_many_functions_start_in_turn(start):
    names = [f"f{i}" for i in range(40)]
    node = start(", ".join(f'{{ name = "{name}"; code = "$LIB/echo.so"; workers = 1; }}'
                           for name in names)).wait_ready(*names)
    assert [node.call(name, b"x") for name in names] == [(200, b"x")] * 40
    node.stop()


def test_an_uploaded_function_may_sleep_and_keep_its_calls(start):
    node = start()
    code = package(fn__sh="#!/bin/sh\nexec cat\n")
    status, text = node.upload("say", "binary", code, instances="0-2", **{"async": "durable"})
    assert status == 200, text
    assert node.describe("say")["instance_bounds"] == {"min": 0, "max": 2}
    assert node.call("say", b"x") == (200, b"x")
    node.kill()
    node.start()
    node.wait_ready("say").wait_for("ready: management")
    assert node.describe("say")["state"] == "asleep" and node.runtimes() == []
    assert node.call("say", b"x", X_tinyFaaS_Async="1")[0] == 202
    until(lambda: node.describe("say")["calls"] == 1, "the asynchronous call did not run")
    assert node.call("say", b"y") == (200, b"y")
    for key, value in (("instances", "3-1"), ("instances", "x"), ("async", "never")):
        status, text = node.upload("bad", "binary", code, **{key: value})
        assert status >= 400 and key.encode() in text and b"allowed" in text
    node.stop()
