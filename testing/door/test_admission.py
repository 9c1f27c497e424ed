"""Bounds of waiting calls: who is refused, and who is not although another function is flooded."""
import contextlib
import http.client
import os
import signal
import socket
import threading
import time

from test_coap import LISTEN, NON, message, port_of, udp
from test_scaling import in_threads, until


def ask(node, name, body, **headers):
    """Status, body and Retry-After."""
    connection = http.client.HTTPConnection(*node.http, timeout=60)
    connection.request("POST", "/" + name, body, {k.replace("_", "-"): v
                                                  for k, v in headers.items()})
    answer = connection.getresponse()
    result = answer.status, answer.read(), answer.getheader("Retry-After")
    connection.close()
    return result


class Flood:
    """Callers of a function, each with one call after the other until the end."""

    def __init__(self, node, name, body, count, pause=0.0):
        self.address, self.path, self.body, self.pause = node.http, "/" + name, body, pause
        self.done, self.statuses = threading.Event(), []
        self.threads = [threading.Thread(target=self._run, daemon=True) for _ in range(count)]
        for thread in self.threads:
            thread.start()

    def _run(self):
        while not self.done.is_set():
            try:
                connection = http.client.HTTPConnection(*self.address, timeout=60)
                connection.request("POST", self.path, self.body)
                self.statuses.append(connection.getresponse().status)
                connection.close()
            except OSError:
                self.statuses.append(0)
            time.sleep(self.pause)

    def stop(self):
        self.done.set()
        for thread in self.threads:
            thread.join(60)


def test_concurrency_and_queue_are_bounded(start, hold):
    node = start('{ name = "hang"; code = "$LIB/hang.so"; workers = 4; '
                 'limits = { concurrency = 1; queue = 2; }; }').wait_ready("hang")

    def run(i):
        if i < 6:
            return ask(node, "hang", hold.body)
        until(lambda: [node.describe("hang")[key] for key in ("running", "queued", "refused")]
              == [1, 2, 3], "three are not refused")
        assert hold.wait().inside() == 1, "more than one ran at once"
        return hold.release()
    answers = in_threads(7, run)[:6]
    assert sorted(status for status, _, _ in answers) == [200] * 3 + [503] * 3
    assert all(int(again) >= 1 for status, _, again in answers if status == 503)
    assert node.describe("hang")["refused"] == 3
    assert ask(node, "hang", b"x")[:2] == (200, b"x")


HOLDS = """
import os, time
def fn(req, headers):
    with open("RAN", "a") as ran:
        ran.write(req + "\\n")
    while req == "hold" and not os.path.exists("GATE"):
        time.sleep(0.01)
    return req
"""


def test_a_call_that_is_with_a_busy_worker_has_its_own_time_and_any_other_worker(start, tmp_path):
    ran, gate = tmp_path / "ran", tmp_path / "gate"
    (tmp_path / "fn.py").write_text(HOLDS.replace("RAN", str(ran)).replace("GATE", str(gate)))
    functions = [f'{{ name = "{name}"; language = "python"; code = "{tmp_path}"; '
                 f'runtime = "prefork"; workers = {workers}; }}'
                 for name, workers in (("one", 1), ("two", 2))]
    node = start(", ".join(functions), 'isolation = { users = "shared"; };').wait_ready("one", "two")
    for name in ("one", "two"):
        gate.unlink(missing_ok=True)
        ran.write_text("")
        held = []
        holder = threading.Thread(target=lambda: held.append(ask(node, name, b"hold")[:2]))
        holder.start()
        until(lambda: ran.read_text() == "hold\n", "the first call does not run")
        if name == "one":
            assert ask(node, name, b"late", X_Enoki_Timeout="300")[0] == 504
        else:
            answers = in_threads(12, lambda _: ask(node, name, b"quick")[:2])
            assert answers == [(200, b"quick")] * 12
        assert not held
        gate.touch()
        holder.join()
        assert held == [(200, b"hold")]
        assert ask(node, name, b"next")[:2] == (200, b"next")
        assert "late" not in ran.read_text()


def test_asynchronous_calls_are_refused_once_the_queue_is_full(start, hold):
    node = start('{ name = "hang"; code = "$LIB/hang.so"; workers = 1; '
                 'limits = { queue = 2; }; }', LISTEN).wait_ready("hang")
    for _ in range(3):
        assert ask(node, "hang", hold.body, X_tinyFaaS_Async="1")[0] == 202
    status, text, again = ask(node, "hang", b"x", X_tinyFaaS_Async="1")
    assert status == 503 and b"too many" in text and int(again) >= 1
    with udp() as client:
        client.settimeout(30)
        client.connect(("127.0.0.1", port_of(node)))
        client.send(message(NON, 2, 1, b"a", ["hang"], b"x", [(15, b"async")]))
        assert client.recv(2000)[1] == 0xa3  # 5.03
        client.send(message(NON, 2, 2, b"b", ["hang"], b"x"))
        assert client.recv(2000)[1] == 0xa3
    told = node.describe("hang")
    assert told["async"] == 3 and told["refused"] == 3
    assert b'enoki_async_calls{function="hang"} 3' in node.manage("GET", "/metrics")[1]
    hold.release()
    until(lambda: node.describe("hang")["calls"] == 3, "accepted calls did not run")


def test_an_accepted_call_does_not_run_out_of_time_while_it_waits(start):
    node = start('{ name = "hang"; code = "$LIB/hang.so"; workers = 1; timeout = "5s"; }')
    node.wait_ready("hang")
    for _ in range(5):  # the last one begins a second later than it may take
        assert ask(node, "hang", b"sleep 1500", X_tinyFaaS_Async="1")[0] == 202
    until(lambda: node.describe("hang")["calls"] == 5, "accepted calls did not run")
    assert node.describe("hang")["errors"] == 0


def test_accepted_calls_survive_their_runtime_a_few_times(start):
    node = start('{ name = "hang"; code = "$LIB/hang.so"; workers = 1; }').wait_ready("hang")
    for _ in range(3):
        assert ask(node, "hang", b"sleep 300", X_tinyFaaS_Async="1")[0] == 202
    os.kill(node.runtimes()[0], signal.SIGKILL)
    until(lambda: node.describe("hang")["calls"] == 3, "accepted calls were lost")
    assert node.describe("hang")["errors"] == 0
    assert ask(node, "hang", b"hang", X_tinyFaaS_Async="1")[0] == 202
    killed = []

    def is_over():
        return "an asynchronous call is given up" in node.text

    def runs_anew():
        return is_over() or (node.describe("hang")["running"] == 1 and len(node.runtimes()) == 1 and
                             node.runtimes()[0] not in killed)
    while not is_over():
        until(runs_anew, "it is not run again")
        if not is_over():
            killed.append(node.runtimes()[0])
            os.kill(killed[-1], signal.SIGKILL)
            until(lambda: killed[-1] not in node.runtimes(), "it does not die")
            until(lambda: is_over() or node.describe("hang")["restarts"] > len(killed), "no restart")
    assert len(killed) <= 3, "it was run more often"
    node.wait_for("an asynchronous call is given up")
    node.stop()


def test_accepted_calls_are_run_before_the_node_stops(start, hold):
    node = start('{ name = "hang"; code = "$LIB/hang.so"; workers = 1; env = { A = "1"; }; }')
    node.wait_ready("hang")
    for _ in range(4):
        assert ask(node, "hang", hold.body, X_tinyFaaS_Async="1")[0] == 202
    node.process.send_signal(signal.SIGTERM)
    node.wait_for("draining")
    hold.release()
    node.wait_end()
    assert hold.inside() == 4, "it did not wait for them"


def is_refused(sender):
    try:
        return sender.recv(1000, socket.MSG_PEEK).startswith(b"HTTP/1.1 503 ")
    except BlockingIOError:
        return False  # the rest is waited for
    except OSError:
        return True


def test_bodies_that_are_half_here_are_bounded_and_small_calls_are_read_all_the_same(start):
    node = start('{ name = "echo"; code = "$LIB/echo.so"; }',
                 'listen = { http = "127.0.0.1:0"; management = "127.0.0.1:0"; };\n'
                 'limits = { bodies = "1MiB"; };').wait_ready("echo")
    announced = b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 900000\r\n\r\n"
    senders = [socket.create_connection(node.http, 30) for _ in range(20)]
    for sender in senders:  # announcing alone costs nothing
        sender.sendall(announced)
    big = b"z" * 500000
    assert ask(node, "echo", big)[:2] == (200, big)
    for sender in senders:
        sender.setblocking(False)
        with contextlib.suppress(OSError):  # refused already
            sender.send(b"x" * 150000)
    until(lambda: [is_refused(sender) for sender in senders].count(True) >= 12, "nobody is refused")
    assert ask(node, "echo", b"y" * 30000)[:2] == (200, b"y" * 30000)
    for sender in senders:
        sender.close()
    until(lambda: ask(node, "echo", big)[:2] == (200, big), "the room does not come back")


def test_a_flooded_function_does_not_starve_another(start, hold):
    node = start('{ name = "slow"; code = "$LIB/hang.so"; workers = 2; timeout = "10m"; }, '
                 '{ name = "echo"; code = "$LIB/echo.so"; }',
                 'listen = { http = "127.0.0.1:0"; management = "127.0.0.1:0"; };\n'
                 'limits = { connections = 100; bodies = "8MiB"; };').wait_ready("slow", "echo")
    # More callers than half of the connections, and bodies that would fill the memory. Who is let in
    # stays there: another call that waited for one of them would wait for ever.
    floods = [Flood(node, "slow", hold.body, 60, 0.02),
              Flood(node, "slow", b"x" * 3000000, 8, 0.02)]
    until(lambda: 503 in floods[0].statuses, "nobody was refused")
    for _ in range(100):
        assert ask(node, "echo", b"y" * 1000)[:2] == (200, b"y" * 1000)
    hold.release()
    for flood in floods:
        flood.stop()
    told = node.describe("echo")
    assert told["refused"] == 0 and told["errors"] == 0
    assert ask(node, "slow", b"x")[:2] == (200, b"x")


def test_more_callers_than_connections_do_not_keep_others_out(start):
    node = start('{ name = "slow"; code = "$LIB/hang.so"; workers = 2; }, '
                 '{ name = "echo"; code = "$LIB/echo.so"; }',
                 'listen = { http = "127.0.0.1:0"; management = "127.0.0.1:0"; };\n'
                 'limits = { connections = 60; };').wait_ready("slow", "echo")
    silent = [socket.create_connection(node.http, 30) for _ in range(100)]
    assert node.describe("echo")["state"] == "ready"
    done = threading.Event()
    refused = []

    def insist():
        """Asks again and again over the same connection, as long as it is there."""
        while not done.is_set():
            connection = http.client.HTTPConnection(*node.http, timeout=60)
            try:
                while not done.is_set():
                    connection.request("POST", "/slow", b"sleep 300")
                    answer = connection.getresponse()
                    answer.read()
                    refused.append(answer.status == 503)
                    if answer.will_close:
                        break
            except OSError:
                pass
            connection.close()
            time.sleep(0.05)
    callers = [threading.Thread(target=insist, daemon=True) for _ in range(90)]
    for caller in callers:
        caller.start()
    until(lambda: sum(refused) > 100, "nobody is refused")
    statuses = []
    for _ in range(50):
        try:
            statuses.append(ask(node, "echo", b"x")[0])
        except OSError:
            statuses.append(0)
    assert node.describe("slow")["refused"] > 50  # the manager gets in too
    done.set()
    for caller in callers:
        caller.join(60)
    for sender in silent:
        sender.close()
    assert statuses.count(200) >= 48, statuses
    node.stop()
