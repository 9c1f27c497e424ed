"""Functions are replaced, and the node is stopped and killed, while calls come on every protocol."""
import http.client
import itertools
import os
import select
import shutil
import signal
import socket
import threading
import time

import pytest

from conftest import LIBRARIES
from test_coap import NON, message, port_of, receive, udp
from test_grpc import address_of
from test_scaling import until

grpc = pytest.importorskip("grpc")
import rpc  # noqa: E402

LISTEN = ('listen = { http = "127.0.0.1:0"; coap = "127.0.0.1:0"; grpc = "127.0.0.1:0"; '
          'management = "127.0.0.1:0"; };')
ECHO = '{ name = "echo"; code = "$LIB/echo.so"; }'


class Traffic:
    """Callers of /echo without a pause, each with its protocol, until the end."""

    def __init__(self, node):
        self.done, self.wrong, self.counts = threading.Event(), [], {}
        self.http, self.coap, self.grpc = node.http, port_of(node), address_of(node)
        callers = [self.keep_alive, self.keep_alive, self.anew, self.over_coap, self.over_grpc]
        self.threads = [threading.Thread(target=self._run, args=(caller,)) for caller in callers]
        for thread in self.threads:
            thread.start()
        until(lambda: len(self.counts) == 4, "not all protocols are answered")

    def _run(self, caller):
        try:
            for text in caller():
                self.counts[caller.__name__] = self.counts.get(caller.__name__, 0) + 1
                if text != b"x":
                    self.wrong.append((caller.__name__, text))
                if self.done.is_set():
                    return
        except Exception as failure:  # of whatever kind: it is what the caller saw
            self.wrong.append((caller.__name__, repr(failure)))

    def _ask(self, connection):
        connection.request("POST", "/echo", b"x")
        answer = connection.getresponse()
        body = answer.read()
        return body if answer.status == 200 else (answer.status, body)

    def keep_alive(self):
        connection = http.client.HTTPConnection(*self.http, timeout=30)
        while True:
            yield self._ask(connection)

    def anew(self):
        while True:
            connection = http.client.HTTPConnection(*self.http, timeout=30)
            yield self._ask(connection)
            connection.close()

    def over_coap(self):
        while True:  # one has 65,536 numbers
            with udp() as client:
                client.settimeout(30)
                client.connect(("127.0.0.1", self.coap))
                for number in range(1, 50000):
                    client.send(message(NON, 2, number, b"%05d" % number, ["echo"], b"x"))
                    answer = receive(client)
                    yield answer.payload if answer.code == 0x45 else (answer.code, answer.payload)

    def over_grpc(self):
        client = rpc.Client(self.grpc)
        try:
            while True:
                yield client.call("echo", "x").encode()
        finally:
            client.close()

    def stop(self):
        self.done.set()
        for thread in self.threads:
            thread.join(60)
        assert not self.wrong, self.wrong[:5]
        assert min(self.counts.values()) > 100, self.counts


def test_a_hundred_replacements_fail_no_call(start, tmp_path):
    for number in range(2):
        shutil.copy(LIBRARIES / "echo.so", tmp_path / f"code{number}.so")
    node = start(ECHO, LISTEN).wait_ready("echo")
    traffic = Traffic(node)
    kinds = itertools.cycle(("thread", "prefork", "process", "prefork"))
    sizes = itertools.cycle(('workers = 2;', 'workers = 1; instances = 2;',
                             'workers = { min = 0; max = 3; };',
                             'workers = 2; instances = { min = 0; max = 2; idle = "50ms"; };',
                             'workers = 3; limits = { concurrency = 2; };'))
    for number in range(100):
        before = node.text.count("ready: http")
        node.write(f'{{ name = "echo"; code = "code{number % 2}.so"; runtime = "{next(kinds)}"; '
                   f'{next(sizes)} }}')
        node.reload()
        node.wait_for("ready: http", before + 1)
        if number % 10 == 5:  # one that does not work changes nothing, and says why
            node.write('{ name = "echo"; code = "$LIB/failopen.so"; }')
            failed = node.text.count("cannot be started: a worker cannot start: the licence")
            node.reload()
            node.wait_for("cannot be started: a worker cannot start: the licence", failed + 1)
    traffic.stop()
    told = node.describe("echo")
    assert told["errors"] == 0 and told["refused"] == 0
    node.stop()


def test_a_stopped_node_answers_what_it_has_accepted(start, hold):
    node = start('{ name = "hang"; code = "$LIB/hang.so"; workers = 2; }', LISTEN)
    node.wait_ready("hang")
    answers, threads = [], []
    address = address_of(node)
    coap = udp()
    coap.settimeout(60)
    coap.connect(("127.0.0.1", port_of(node)))

    def over_http():
        answers.append(node.call("hang", hold.body)[1])

    def over_grpc():
        client = rpc.Client(address)
        answers.append(client.call("hang", hold.body.decode(), timeout=60).encode())
        client.close()
    for target in (over_http, over_http, over_grpc):
        threads.append(threading.Thread(target=target))
        threads[-1].start()
    coap.send(message(NON, 2, 1, b"t", ["hang"], hold.body))
    until(lambda: sum(node.describe("hang")[key] for key in ("running", "queued")) == 4,
          "not all have arrived")
    runtimes = [os.pidfd_open(pid) for pid in node.runtimes()]
    node.process.send_signal(signal.SIGTERM)
    node.wait_for("draining")
    with pytest.raises(OSError):  # nothing is accepted any more, while the calls still run
        until(lambda: socket.create_connection(node.http, 60).close(), "")
    hold.release()
    answers.append(receive(coap).payload)
    for thread in threads:
        thread.join(60)
    assert answers == [hold.body] * 4
    assert node.process.wait(60) == 0
    for runtime in runtimes:
        assert select.select([runtime], [], [], 60)[0], "a runtime outlived its node"
        os.close(runtime)
    coap.close()


def test_a_killed_node_leaves_no_process_and_brings_all_back(start):
    text = ', '.join(f'{{ name = "avg{i}"; code = "$LIB/movingaverage.so"; runtime = "{runtime}"; }}'
                     for i, runtime in enumerate(("thread", "prefork", "process")))
    node = start(text, LISTEN).wait_ready("avg0", "avg1", "avg2")
    for i in range(3):
        assert node.call(f"avg{i}", b"0-10") == (200, b"10")
    group = node.runtimes()
    everything = group + [int(child) for pid in group for task in os.listdir(f"/proc/{pid}/task")
                          for child in open(f"/proc/{pid}/task/{task}/children").read().split()]
    ends = [os.pidfd_open(pid) for pid in everything]
    begin = time.monotonic()
    node.kill()
    for end in ends:
        assert select.select([end], [], [], 30)[0], "a process outlived its node"
        os.close(end)
    assert time.monotonic() - begin < 10
    node.start()
    node.wait_ready("avg0", "avg1", "avg2")
    for i in range(3):
        assert node.call(f"avg{i}", b"0-20") == (200, b"15")
    node.stop()
