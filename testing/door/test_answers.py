"""Headers to and from functions, and answers as tinyFaaS gives them where that is asked for."""
import http.client
import shutil
import socket

import pytest

from conftest import LIMIT_S
from rpc import Client
from test_coap import NON, Reply, message, port_of, udp

PROBES = """{ name = "echo"; code = "$LIB/echo.so"; }, { name = "headers"; code = "$LIB/headers.so"; },
{ name = "failing"; code = "$LIB/failing.so"; }, { name = "crash"; code = "$LIB/crash.so"; }"""
ALL = """listen = { http = "127.0.0.1:0"; coap = "127.0.0.1:0"; grpc = "127.0.0.1:0";
management = "127.0.0.1:0"; }; """


def ask(node, name, headers, method="POST", body=b"x"):
    connection = http.client.HTTPConnection(*node.http, timeout=LIMIT_S)
    connection.putrequest(method, "/" + name)
    for key, value in [*headers, ("Content-Length", len(body))]:
        connection.putheader(key, value)
    connection.endheaders(body)
    answer = connection.getresponse()
    found = answer.status, answer.headers, answer.read().decode(errors="replace")
    connection.close()
    return found


def test_headers_reach_functions_but_those_of_the_connection(start):
    node = start(PROBES).wait_ready("headers")
    _, _, text = ask(node, "headers/below?q=1", [
        ("Lab", "one"), ("lab", "two"), ("X-Request-Id", "id-7"), ("X-Secret", "s"),
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ("Connection", "x-secret, keep-alive"), ("Keep-Alive", "9"), ("TE", "trailers"),
        ("Upgrade", "h2c"), ("Content-Type", "a/b")])
    lines = [line for line in text.splitlines() if line.startswith("header ")]
    assert "header Lab: one" in lines and "header lab: two" in lines
    assert "header X-Request-Id: id-7" in lines and "header Content-Type: a/b" in lines
    assert any(line.startswith("header traceparent: 00-0af7651916cd43dd8448eb211c80319c-")
               for line in lines)
    assert not any(name in text.lower() for name in ("connection", "keep-alive", "te:", "upgrade",
                                                      "secret"))


def test_headers_of_functions_reach_callers(start):
    node = start(PROBES).wait_ready("headers")
    status, headers, _ = ask(node, "headers", [
        ("X-Reply-Status", "418"), ("X-Reply-Header", "Content-Type: image/x-tea"),
        ("X-Reply-Header", "Set-Cookie: a=1"), ("X-Reply-Header", "Set-Cookie: b=2")])
    assert status == 418 and headers["Content-Type"] == "image/x-tea"
    assert headers.get_all("Set-Cookie") == ["a=1", "b=2"]
    for name in ("Connection", "Upgrade", "Keep-Alive", "Transfer-Encoding", "Content-Length"):
        assert ask(node, "headers", [("X-Reply-Header", name + ": x")])[0] == 500
    assert ask(node, "echo", [])[1]["Content-Type"] == "text/plain; charset=utf-8"
    assert ask(node, "echo", [], body=b"\xff")[1]["Content-Type"] == "application/octet-stream"


def test_python_gets_names_as_tinyfaas_writes_them(start, tmp_path):
    (tmp_path / "py").mkdir()
    (tmp_path / "py" / "fn.py").write_text(
        "def fn(input, headers):\n    return '\\n'.join(f'{k}={v}' for k, v in headers.items())\n")
    node = start('{ name = "py"; language = "python"; code = "py"; }').wait_ready("py")
    lines = ask(node, "py", [("lab", "1"), ("user-agent", "me"), ("x-tinyfaas-thing", "2")])[2]
    assert {"Lab=1", "User-Agent=me", "X-Tinyfaas-Thing=2"} <= set(lines.splitlines())


@pytest.mark.skipif(not shutil.which("node"), reason="no Node.js here")
def test_node_gets_names_in_lower_case(start, tmp_path):
    (tmp_path / "js").mkdir()
    (tmp_path / "js" / "package.json").write_text('{"name": "fn", "main": "index.js"}')
    (tmp_path / "js" / "index.js").write_text(
        "module.exports = (req, res) => res.send(JSON.stringify(req.headers));\n")
    node = start('{ name = "js"; language = "nodejs"; code = "js"; }').wait_ready("js")
    text = ask(node, "js", [("Lab", "1"), ("User-Agent", "me")])[2]
    assert '"lab":"1"' in text and '"user-agent":"me"' in text


def coap(node, name, body=b"x"):
    with udp() as client:
        client.settimeout(LIMIT_S)
        client.connect(("127.0.0.1", port_of(node)))
        client.send(message(NON, 2, 1, b"t", [name], body))
        reply = Reply(client.recv(65536))
    return reply.code, reply.payload


def grpc(node):
    line = next(line for line in node.text.splitlines() if line.startswith("ready: grpc://"))
    return Client(line.split("//")[1].split("/")[0])


def test_a_failure_is_visible_unless_tinyfaas_is_asked_for(start):
    node = start(PROBES + ', { name = "slow"; code = "$LIB/hang.so"; timeout = "200ms"; }, '
                 '{ name = "plain"; code = "$LIB/failing.so"; compat = "none"; }',
                 ALL + 'compat = "tinyfaas";').wait_ready("echo", "headers", "failing", "plain", "slow")
    node.wait_ready("crash")
    assert node.call("failing", b"why") == (200, b"why")
    assert ask(node, "headers", [("X-Reply-Status", "404")])[0] == 200
    assert node.call("plain", b"why") == (500, b"why")
    # What is answered in a function's place stays what it is, without words.
    assert node.call("crash", b"crash") == (502, b"")
    assert node.call("slow", b"sleep 5000") == (504, b"")
    assert node.call("nobody") == (404, b"")
    assert coap(node, "failing") == (0x45, b"x")
    assert coap(node, "plain")[0] == 0xa0
    assert coap(node, "nobody") == (0x84, b"")
    client = grpc(node)
    assert client.call("failing", "why") == "why"
    assert client.fails("plain", "why")[1] == "why"
    client.close()
    assert node.describe("failing")["errors"] == 3  # the operator still sees them
    node.stop()
