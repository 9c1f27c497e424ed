"""Functions over gRPC, as Python's grpcio calls them: it shares nothing with the listener but gRPC's
core, and the messages are made by hand (rpc.py)."""
import concurrent.futures
import os
import signal
import socket
import subprocess
import sys
import threading

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import conftest  # noqa: E402

grpc = pytest.importorskip("grpc")
import rpc  # noqa: E402
from test_scaling import LIMIT_S, until  # noqa: E402

FUNCTIONS = """
{ name = "echo"; code = "$LIB/echo.so"; },
{ name = "headers"; code = "$LIB/headers.so"; },
{ name = "failing"; code = "$LIB/failing.so"; },
{ name = "crash"; code = "$LIB/crash.so"; },
{ name = "huge"; code = "$LIB/huge.so"; },
{ name = "slow"; code = "$LIB/hang.so"; workers = 1; timeout = "700ms"; },
{ name = "narrow"; code = "$LIB/hang.so"; workers = 1; limits = { queue = 1; }; },
{ name = "single"; code = "$LIB/hang.so"; workers = 1; },
{ name = "asleep"; code = "$LIB/echo.so"; instances = { min = 0; max = 1; }; },
{ name = "wide"; code = "$LIB/hang.so"; runtime = "thread"; workers = 64; },
{ name = "broken"; code = "$LIB/failopen.so"; }
"""
LISTEN = ('listen = { http = "127.0.0.1:0"; grpc = "127.0.0.1:0"; management = "127.0.0.1:0"; };\n'
          'limits = { body = "100000"; reply = "1MiB"; };')
READY = ("echo", "headers", "failing", "crash", "huge", "slow", "narrow", "single", "asleep", "wide")


def address_of(node):
    node.wait_for("ready: grpc://")
    return node.text.split("ready: grpc://")[1].split("/")[0]


@pytest.fixture(scope="module")
def node(module_path):
    made = conftest.Node(module_path, FUNCTIONS, LISTEN)
    try:
        made.wait_ready(*READY)
        yield made
        made.stop()
    finally:
        made.close()


@pytest.fixture
def client(node):
    made = rpc.Client(address_of(node))
    yield made
    made.close()


# --- calls ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("body", ["", "Hello World!", "zwölf \U0001f41f", "a\0b", "x" * 100000])
def test_a_function_answers(client, body):
    assert client.call("echo", body) == body


def test_calls_go_side_by_side(client):
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        list(pool.map(lambda i: client.call("wide", "sleep 300"), range(32)))
        bodies = [str(i) * 100 for i in range(500)]
        assert list(pool.map(lambda body: client.call("echo", body), bodies)) == bodies


def test_metadata_are_headers_as_with_tinyfaas(client):
    lines = client.call("headers", "b", metadata=(
        ("lab", "one"), ("lab", "two"), ("x-two-words", "v"), ("some-bin", b"bytes"),
        ("none-bin", b"\0\n"))).split("\n")
    found = dict(line[len("header "):].split(": ", 1) for line in lines if line[:7] == "header ")
    assert (found["Lab"], found["X-Two-Words"], found["Some-Bin"]) == ("one", "v", "bytes")
    assert found["Content-Type"] == "application/grpc"
    assert found["User-Agent"].startswith("grpc-python/")
    assert found["Authority"].startswith("127.0.0.1:")
    assert "None-Bin" not in found  # no header can have that
    assert lines[:2] == ["method POST", "path "] and "body b" in lines


def test_an_asynchronous_call_is_accepted_at_once(node, client):
    before = node.describe("wide")["calls"]
    assert client.call("wide", "sleep 500", metadata=(("x-tinyfaas-async", "true"),)) == ""
    assert client.call("wide", "now", metadata=(("x-tinyfaas-async", ""),)) == "now"
    while node.describe("wide")["calls"] < before + 2:
        threading.Event().wait(0.02)


# --- failures ------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", ["nobody", "/echo", "echo/", ""])
def test_an_unknown_function_is_not_found(client, name):
    assert client.fails(name) == ("NOT_FOUND", "no such function")


def test_a_functions_failure_is_told(client):
    assert client.fails("failing", "three is no number") == ("UNKNOWN", "three is no number")
    assert client.fails("failing", "ünwell") == ("UNKNOWN", "ünwell")
    code, text = client.fails("crash", "crash")
    assert code == "INTERNAL" and "crashed" in text
    assert client.call("crash", "alive") == "alive"
    code, text = client.fails("broken")
    assert code == "UNAVAILABLE" and "cannot be started" in text


@pytest.mark.parametrize("status, code", [
    (400, "INVALID_ARGUMENT"), (401, "UNAUTHENTICATED"), (403, "PERMISSION_DENIED"),
    (404, "NOT_FOUND"), (418, "UNKNOWN"), (429, "RESOURCE_EXHAUSTED"), (500, "UNKNOWN"),
    (503, "UNAVAILABLE"), (504, "DEADLINE_EXCEEDED")])
def test_a_functions_status_has_a_code(client, status, code):
    assert client.fails("headers", metadata=(("x-reply-status", str(status)),))[0] == code


def test_deadlines(client):
    assert client.fails("slow", "sleep 5000")[0] == "DEADLINE_EXCEEDED"  # the function's own
    assert client.fails("wide", "sleep 700", timeout=0.1)[0] == "DEADLINE_EXCEEDED"
    assert client.call("wide", "sleep 100", timeout=20) == "sleep 100"
    assert client.call("wide", "sleep 100", timeout=None) == "sleep 100"


def test_a_full_queue_is_told(client, hold):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(outcome, client, "narrow", hold.body.decode()) for _ in range(8)]
        until(lambda: [call.done() for call in calls].count(True) == 6, "nobody is refused")
        hold.release()
    assert sorted(call.result() for call in calls) == ["OK"] * 2 + ["RESOURCE_EXHAUSTED"] * 6


def outcome(client, *call):
    try:
        client.call(*call)
        return "OK"
    except grpc.RpcError as error:
        return error.code().name


@pytest.mark.parametrize("message, text", [
    (rpc.data("echo", b"\xff\xfe"), "data is not UTF-8"),
    (rpc.data(b"ech\xc3", b""), "functionIdentifier is not UTF-8"),
    (b"\xff" * 40, "no Data"), (b"\x0a\x7fecho", "no Data"), (b"\x0a", "no Data")])
def test_what_is_no_text_or_no_message_is_refused(client, message, text):
    with pytest.raises(grpc.RpcError) as failure:
        client.raw(rpc.REQUEST, message)
    assert failure.value.code().name == "INVALID_ARGUMENT" and text in failure.value.details()
    assert client.call("echo", "still") == "still"


def test_a_reply_that_is_no_text_is_told(tmp_path, start):
    folder = tmp_path / "bytes"
    folder.mkdir()
    (folder / "fn.sh").write_text("#!/bin/sh\nprintf '\\377\\376'\n")
    (folder / "fn.sh").chmod(0o755)
    node = start(f'{{ name = "bytes"; language = "shell"; code = "{folder}"; }}', LISTEN)
    client = rpc.Client(address_of(node.wait_ready("bytes")))
    code, text = client.fails("bytes")
    assert code == "INTERNAL" and "not UTF-8" in text
    client.close()


def test_sizes_are_bounded(client):
    assert client.fails("echo", "x" * 100001) == ("RESOURCE_EXHAUSTED", "the body is too long")
    assert client.fails("echo", "x" * 5000000)[0] == "RESOURCE_EXHAUSTED"
    assert len(client.call("huge", str(1 << 20))) == 1 << 20
    assert client.fails("huge", str((1 << 20) + 1))[0] in ("UNKNOWN", "INTERNAL")
    assert client.fails("echo", "x" * 500, compression=grpc.Compression.Gzip)[0] == "UNIMPLEMENTED"
    assert client.call("echo", "still") == "still"
    # gRPC ends the connection with it.
    assert client.fails("echo", metadata=[("big", "x" * 60000)])[0] == "RESOURCE_EXHAUSTED"


def test_unknown_methods_are_unimplemented(client):
    for method in ("/a.B/C", "/openfogstack.tinyfaas.tinyfaas.TinyFaaS/Other"):
        with pytest.raises(grpc.RpcError) as failure:
            client.raw(method, b"")
        assert failure.value.code().name == "UNIMPLEMENTED"


def test_calls_that_are_cancelled_leave_nothing(node, client):
    method = client.channel.unary_unary(rpc.REQUEST)
    before = len(os.listdir(f"/proc/{node.process.pid}/fd"))
    for _ in range(10):
        futures = [method.future(rpc.data("wide", "sleep 100"), timeout=30) for _ in range(40)]
        for future in futures:
            future.cancel()
    assert client.call("wide", "still") == "still"
    assert abs(len(os.listdir(f"/proc/{node.process.pid}/fd")) - before) < 20


def test_a_call_that_waits_is_not_run_for_who_is_gone(node, client, hold):
    before = node.describe("single")["calls"]
    method, futures = client.channel.unary_unary(rpc.REQUEST), []
    while node.describe("single")["queued"] == 0 and len(futures) < 10:
        futures.append(method.future(rpc.data("single", hold.body), timeout=LIMIT_S))
        until(lambda: sum(node.describe("single")[key] for key in ("running", "queued"))
              == len(futures), "it does not arrive")
    futures.pop().cancel()
    until(lambda: node.describe("single")["queued"] == 0, "it still waits")
    hold.release()
    assert all(future.result() for future in futures)
    assert client.call("single", "next") == "next"
    found = node.describe("single")
    assert (found["queued"], found["calls"]) == (0, before + len(futures) + 1)


def test_garbage_does_not_disturb(node, client):
    host, port = address_of(node).rsplit(":", 1)
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    settings = b"\0\0\0\4\0\0\0\0\0"
    for garbage in (b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 1000, preface, preface + b"\xff" * 100,
                    preface + settings + b"\0\xff\xff\1\4\0\0\0\1" + b"\x80" * 1000):
        with socket.create_connection((host, int(port)), 30) as raw:
            raw.sendall(garbage)
            raw.shutdown(socket.SHUT_WR)
            raw.settimeout(30)
            try:
                while raw.recv(65536):
                    pass
            except ConnectionError:
                pass
    assert client.call("echo", "still") == "still"


# --- health and reflection -----------------------------------------------------------------------

HEALTH = "/grpc.health.v1.Health/"
SERVING, NOT_SERVING, SERVICE_UNKNOWN = 1, 2, 3


def health(client, name):
    return rpc.fields(client.raw(HEALTH + "Check", rpc.field(1, name)))[0][1]


def test_health_is_told_for_the_server_and_each_function(node, client):
    for name in ("", "echo", "openfogstack.tinyfaas.tinyfaas.TinyFaaS"):
        assert health(client, name) == SERVING
    assert node.describe("asleep")["state"] == "asleep" and health(client, "asleep") == SERVING
    assert health(client, "broken") == NOT_SERVING
    for name in ("nobody", "x" * 300):
        with pytest.raises(grpc.RpcError) as failure:
            health(client, name)
        assert failure.value.code().name in ("NOT_FOUND", "INVALID_ARGUMENT")


def watch(client, name):
    stream = client.channel.unary_stream(HEALTH + "Watch")(rpc.field(1, name), timeout=60)
    return (rpc.fields(message)[0][1] for message in stream)


def test_a_watch_tells_what_changes(start):
    node = start('{ name = "one"; code = "$LIB/echo.so"; }', LISTEN)
    client = rpc.Client(address_of(node.wait_ready("one")))
    server, one, two = watch(client, ""), watch(client, "one"), watch(client, "two")
    assert [next(server), next(one), next(two)] == [SERVING, SERVING, SERVICE_UNKNOWN]
    node.write('{ name = "two"; code = "$LIB/echo.so"; }')
    node.reload()
    assert [next(one), next(two)] == [SERVICE_UNKNOWN, SERVING]
    node.stop()
    for stream in (server, two):
        with pytest.raises((grpc.RpcError, StopIteration)):
            while True:
                assert next(stream) == NOT_SERVING
    client.close()


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
def test_reflection_tells_services_and_files(client, version):
    method = client.channel.stream_stream(
        f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo")
    symbols = ["openfogstack.tinyfaas.tinyfaas.TinyFaaS", "openfogstack.tinyfaas.tinyfaas.Data",
               "openfogstack.tinyfaas.tinyfaas.TinyFaaS.Request", "grpc.health.v1.Health",
               f"grpc.reflection.{version}.ServerReflection"]
    questions = ([rpc.field(7, "*")] + [rpc.field(4, symbol) for symbol in symbols] +
                 [rpc.field(3, "tinyfaas/tinyfaas.proto"), rpc.field(3, "no.proto"),
                  rpc.field(4, "no.Symbol"), rpc.field(6, "x")])
    answers = [dict(rpc.fields(a)) for a in method(iter(questions), timeout=30)]
    services = {rpc.fields(value)[0][1].decode() for _, value in rpc.fields(answers[0][6])}
    assert services == {"openfogstack.tinyfaas.tinyfaas.TinyFaaS", "grpc.health.v1.Health",
                        "grpc.reflection.v1.ServerReflection",
                        "grpc.reflection.v1alpha.ServerReflection"}
    files = [rpc.fields(answer[4])[0][1] for answer in answers[1:7]]
    for symbol, file in zip(symbols, files):
        assert symbol.split(".")[-1 if symbol[-7:] != "Request" else -2].encode() in file
    assert files[5] == files[0]
    assert [rpc.fields(answer[7])[0][1] for answer in answers[7:]] == [5, 5, 5]  # NOT_FOUND
    assert all(dict(rpc.fields(a[2])) for a in answers)  # what was asked


def test_a_descriptor_is_what_protobuf_reads(client):
    descriptor = pytest.importorskip("google.protobuf.descriptor_pb2")
    method = client.channel.stream_stream(
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo")
    answer, = method(iter([rpc.field(4, "openfogstack.tinyfaas.tinyfaas.TinyFaaS")]), timeout=30)
    file = descriptor.FileDescriptorProto.FromString(rpc.fields(dict(rpc.fields(answer))[4])[0][1])
    assert [(f.name, f.type) for f in file.message_type[0].field] == \
        [("functionIdentifier", 9), ("data", 9)]  # TYPE_STRING
    assert file.service[0].method[0].output_type == ".openfogstack.tinyfaas.tinyfaas.Response"


# --- the node ------------------------------------------------------------------------------------

def test_an_upload_tells_every_address(start):
    node = start("", 'listen = { http = "127.0.0.1:0"; grpc = "127.0.0.1:0"; coap = "127.0.0.1:0"; '
                     'management = "127.0.0.1:0"; };')
    status, body = node.upload("up", "binary", conftest.package(fn__sh="#!/bin/sh\ncat\n"))
    assert status == 200, body
    lines = body.decode().split("\n")
    assert sorted(line.split(":")[0] for line in lines) == ["", "coap", "grpc", "http"]
    port = next(line for line in lines if "grpc" in line).split(":")[-1].split("/")[0]
    client = rpc.Client("127.0.0.1:" + port)
    assert client.call("up", "text") == "text"
    client.close()


def test_what_was_accepted_is_answered_before_the_end(start, hold):
    node = start('{ name = "wide"; code = "$LIB/hang.so"; runtime = "thread"; workers = 9; }', LISTEN)
    client = rpc.Client(address_of(node.wait_ready("wide")))
    method = client.channel.unary_unary(rpc.REQUEST)
    futures = [method.future(rpc.data("wide", hold.body), timeout=LIMIT_S) for _ in range(8)]
    hold.wait(8)
    node.process.send_signal(signal.SIGTERM)
    node.wait_for("draining")
    hold.release()
    assert [rpc.fields(future.result())[0][1] for future in futures] == [hold.body] * 8
    node.wait_end()
    client.close()


def test_an_address_that_is_taken_is_told(node, tmp_path):
    (tmp_path / "node.conf").write_text(
        f'listen = {{ http = "127.0.0.1:0"; grpc = "{address_of(node)}"; }};')
    done = subprocess.run([conftest.BUILD / "cmd" / "enoki-run", "-c", tmp_path / "node.conf"],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "gRPC: cannot listen on" in done.stderr
