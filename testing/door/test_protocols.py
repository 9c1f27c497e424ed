"""The same call gives the same result over HTTP, gRPC and CoAP."""
import concurrent.futures
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import conftest  # noqa: E402

grpc = pytest.importorskip("grpc")
import rpc  # noqa: E402
import test_coap_calls as coap  # noqa: E402
from test_scaling import until  # noqa: E402

FUNCTIONS = """
{ name = "echo"; code = "$LIB/echo.so"; },
{ name = "status"; code = "$LIB/status.so"; },
{ name = "failing"; code = "$LIB/failing.so"; },
{ name = "crash"; code = "$LIB/crash.so"; },
{ name = "huge"; code = "$LIB/huge.so"; },
{ name = "slow"; code = "$LIB/hang.so"; workers = 1; timeout = "300ms"; },
{ name = "narrow"; code = "$LIB/hang.so"; workers = 1; limits = { queue = 1; }; },
{ name = "little"; code = "$LIB/echo.so"; limits = { body = "1000"; }; },
{ name = "compat"; code = "$LIB/failing.so"; compat = "tinyfaas"; },
{ name = "broken"; code = "$LIB/failopen.so"; }
"""
LISTEN = ('log = { access = true; };\n'
          'listen = { http = "127.0.0.1:0"; grpc = "127.0.0.1:0"; coap = "127.0.0.1:0"; '
          'management = "127.0.0.1:0"; };\nlimits = { body = "10000"; reply = "10000"; };')
OK = (200, "OK", "2.05")


class Http:
    def __init__(self, node):
        self.node = node

    def call(self, name, body):
        return self.node.call(name, body)


class Rpc:
    def __init__(self, node):
        node.wait_for("ready: grpc://")
        self.client = rpc.Client(node.text.split("ready: grpc://")[1].split("/")[0])

    def call(self, name, body):
        try:
            return "OK", self.client.call(name, body).encode()
        except grpc.RpcError as error:
            return error.code().name, error.details().encode()


class Coap:
    """Bodies in blocks where they do not fit into one message, as clients send them."""

    def __init__(self, node):
        self.address = coap.address_of(node)

    def call(self, name, body):
        client = coap.Client(self.address)
        for at in range(0, max(len(body), 1), 1024):
            more = at + 1024 < len(body)
            options = [coap.block(at // 1024, more)] if len(body) > 1024 else []
            answer = client.ask([name], body[at:at + 1024], options=options)
            if more and answer.text != "2.31":
                break
        client.socket.close()
        return answer.text, answer.payload


@pytest.fixture(scope="module")
def node(module_path):
    made = conftest.Node(module_path, FUNCTIONS, LISTEN)
    try:
        made.wait_ready("echo", "status", "failing", "crash", "huge", "slow", "narrow", "little", "compat")
        yield made
        made.stop()
    finally:
        made.close()


@pytest.fixture(params=[Http, Rpc, Coap])
def protocol(request, node):
    made = request.param(node)
    made.number = [Http, Rpc, Coap].index(request.param)
    return made


@pytest.mark.parametrize("name, body, result, text", [
    ("echo", b"Hello", OK, b"Hello"),
    ("echo", b"", OK, b""),
    ("echo", "zwölf".encode(), OK, "zwölf".encode()),
    ("status", b"201", (201, "OK", "2.05"), b"status 201"),
    ("nobody", b"x", (404, "NOT_FOUND", "4.04"), None),
    ("failing", b"three is no number", (500, "UNKNOWN", "5.00"), b"three is no number"),
    ("compat", b"three is no number", OK, b"three is no number"),
    ("status", b"400", (400, "INVALID_ARGUMENT", "4.00"), b"status 400"),
    ("crash", b"crash", (502, "INTERNAL", "5.02"), b"the function crashed during this call"),
    ("slow", b"sleep 3000", (504, "DEADLINE_EXCEEDED", "5.04"), b""),
    ("echo", b"x" * 10001, (413, "RESOURCE_EXHAUSTED", "4.13"), None),
    ("little", b"x" * 1000, OK, b"x" * 1000),
    ("little", b"x" * 1001, (413, "RESOURCE_EXHAUSTED", "4.13"), b"the body is longer than"),
    ("huge", b"10001", (500, "UNKNOWN", "5.00"), None),
    ("broken", b"x", (503, "UNAVAILABLE", "5.03"), b"the function cannot be started"),
])
def test_a_call_has_the_same_result(protocol, name, body, result, text):
    found, answer = protocol.call(name, body)
    assert found == result[protocol.number], answer
    if text is not None:
        assert answer.strip().startswith(text)


def test_a_full_queue_is_told(protocol, hold):
    overload = (503, "RESOURCE_EXHAUSTED", "5.03")[protocol.number]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(protocol.call, "narrow", hold.body) for _ in range(8)]
        until(lambda: [call.done() for call in calls].count(True) == 6, "nobody is refused")
        assert {call.result()[0] for call in calls if call.done()} == {overload}
        hold.release()
    assert [call.result()[0] for call in calls].count(OK[protocol.number]) == 2
    assert any(b"too many calls are waiting" in call.result()[1] for call in calls)


def test_every_call_has_a_line_that_names_the_protocol(node, protocol):
    assert protocol.call("echo", b"seen")[1] == b"seen"
    name = ("http", "grpc", "coap")[protocol.number]
    node.wait_for(f"protocol={name}")
    line = next(line for line in node.text.split("\n") if f"protocol={name}" in line)
    assert "msg=call" in line and " function=" in line and " us=" in line
