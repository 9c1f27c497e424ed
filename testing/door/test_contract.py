"""The management API line by line as spec/platform.md section 2 has it: every path, method, field,
reply and status. What the originals do with an empty answer, ours does with the reason."""
import base64
import http.client
import json
import os
import pathlib
import socket
import tempfile
import threading
import time

import pytest

from conftest import Node, package

ECHO = "def fn(i):\n    return i or ''\n"
SHOW = "import os\ndef fn(i):\n    return os.environ.get(i, '(none)')\n"
GOOD = package(fn__py=ECHO)
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="module")
def node():
    with tempfile.TemporaryDirectory(prefix="enoki-door-") as folder:
        os.chmod(folder, 0o755)  # functions of a node that root started have users of their own
        yield from serve(pathlib.Path(folder))


def serve(folder):
    started = Node(folder, "",
                   'listen = { http = "127.0.0.1:0"; coap = "127.0.0.1:0"; '
                   'management = "127.0.0.1:0"; };')
    started.wait_for("ready: management")
    assert started.upload("kept", "python3", GOOD)[0] == 200
    yield started
    started.close()


PATHS = {"/upload": "POST", "/uploadURL": "POST", "/delete": "POST", "/wipe": "POST",
         "/rollback": "POST", "/list": "GET", "/logs": "GET", "/functions": "GET",
         "/metrics": "GET", "/health": "GET", "/ready": "GET", "/": "GET"}


@pytest.mark.parametrize("path", PATHS)
def test_another_method_is_400(node, path):
    for method in {"GET", "POST", "PUT", "DELETE", "PATCH"} - {PATHS[path]}:
        assert node.manage(method, path)[0] == 400, method
    for asked, told in (("/list", b"GET"), ("/upload", b"POST")):
        assert told in node.manage("PUT", asked)[1]
    assert node.names() == ["kept"]


def test_load_balancers_may_ask_with_head(node):
    for path in ("/health", "/ready", "/metrics", "/functions", "/"):
        assert node.manage("HEAD", path) == (200, b"")
    assert node.manage("HEAD", "/list")[0] == 400


@pytest.mark.parametrize("path", ["/list/", "/lists", "/Upload", "/upload/x", "/logs/kept",
                                  "/uploadurl", "//list", "/nothing", "/list%20", "/functions//"])
def test_paths_are_exact(node, path):
    status, text = node.manage("GET", path)
    assert status == 404 and (text == b"404 page not found\n" or text.startswith(b"there is no fun"))


def upload(**fields):
    return {"name": "f", "env": "python3", "threads": 1, "zip": GOOD, "envs": [], **fields}


# What is sent to /upload, the status, and what its reason names.
REFUSED = [
    (b"", 400, "JSON"), (b"{", 400, "JSON"), (b"[]", 400, "JSON"), (b"null", 400, "JSON"),
    (b'"x"', 400, "JSON"), (b"name=f", 400, "JSON"), (b"\xff\xfe", 400, "JSON"),
    (b'{"a":' * 100, 400, "JSON"),
    (upload(name=5), 400, "name"), (upload(env=[]), 400, "env"),
    (upload(threads="4"), 400, "threads"), (upload(threads=1.5), 400, "threads"),
    (upload(zip=5), 400, "zip"), (upload(envs={}), 400, "envs"),
    (upload(name=""), 500, "name"), (upload(name="a-b"), 500, "name"),
    (upload(name="a/b"), 500, "name"),
    (upload(name="ä"), 500, "name"), (upload(name="health"), 500, "name"),
    (upload(name="x" * 300), 500, "name"), ({"env": "python3", "zip": GOOD}, 500, "name"),
    (upload(env=""), 500, "env"), (upload(env="cobol"), 500, "cobol"),
    (upload(env="../python3"), 500, "../python3"), ({"name": "f", "zip": GOOD}, 500, "env"),
    (upload(threads=-1), 500, "threads"), (upload(threads=1 << 40), 500, "threads"),
    (upload(zip=""), 500, "base64"), (upload(zip="a"), 500, "base64"),
    (upload(zip="%%%%"), 500, "base64"),
    (upload(zip=GOOD[:-8] + "AAAA"), 500, "ZIP"), ({"name": "f", "env": "python3"}, 500, "base64"),
    (upload(zip=base64.b64encode(b"PK").decode()), 500, "ZIP"),
    (upload(zip=package(other__py="x")), 500, "fn.py"),
    (upload(envs=["ENOKI_X=1"]), 500, "ENOKI_X"), (upload(runtime="fast"), 500, "fast"),
    (upload(workers="9-1"), 500, "workers"), (upload(timeout="soon"), 500, "timeout"),
]


@pytest.mark.parametrize("body, status, names", REFUSED, ids=range(len(REFUSED)))
def test_what_upload_refuses(node, body, status, names):
    answer = node.manage("POST", "/upload", body)
    assert answer[0] == status and names.encode() in answer[1] and len(answer[1]) < 600, answer
    assert node.names() == ["kept"]


def endpoints(node, name):
    node.wait_for("ready: coap")
    coap = node.text.split("ready: coap://127.0.0.1:")[1].split("/")[0]
    return sorted([f"http://:{node.http[1]}/{name}", f"coap://:{coap}/{name}"])


def test_upload_answers_with_a_line_per_endpoint(node):
    """As the originals' scripts send it; unknown fields, other cases and what follows are taken."""
    body = json.dumps(upload(name="one", more={"x": [1]}, envs=["A=1=2", "B=", "no", "__KV_X=y"],
                             zip=package(fn__py=SHOW))).replace('"name"', '"NAME"') + "{} x"
    status, text = node.manage("POST", "/upload", body.encode(), **FORM)
    assert status == 200 and sorted(text.decode().splitlines()) == endpoints(node, "one")
    for name, value in ((b"A", b"1=2"), (b"B", b""), (b"no", b"(none)"), (b"__KV_X", b"(none)")):
        assert node.call("one", name) == (200, value)
    assert sorted(node.names()) == ["kept", "one"]
    assert node.manage("POST", "/delete", {"name": "one"}, **FORM) == (200, b"")
    assert node.manage("GET", "/list") == (200, b"kept\n")
    assert node.call("one")[0] == 404


@pytest.mark.parametrize("body, status", [
    (b"", 400), (b"{", 400), (b"[]", 400), ({}, 400), ({"name": 5}, 400), ({"name": None}, 400),
    ({"name": ""}, 500), ({"name": "nobody"}, 500), (b" " * 70000, 400)], ids=range(9))
@pytest.mark.parametrize("path", ["/delete", "/rollback"])
def test_what_names_no_function(node, path, body, status):
    assert node.manage("POST", path, body)[0] == status
    assert node.names() == ["kept"]


def test_wipe_takes_any_body_and_cannot_fail(node):
    for body in (b"", b"x", {"name": "kept"}):
        assert node.manage("POST", "/wipe", body, **FORM) == (200, b"")
    assert node.manage("GET", "/list") == (200, b"")
    assert node.manage("POST", "/wipe") == (200, b"")
    assert node.upload("kept", "python3", GOOD)[0] == 200


@pytest.mark.parametrize("threads, workers", [(0, None), (3, 3)])
def test_threads_are_workers(node, threads, workers):
    """0 is the default number; the originals answer 500 and keep half a function."""
    assert node.upload("t", "python3", GOOD, threads=threads)[0] == 200
    seen = node.describe("t")["workers"]
    assert seen["min"] == seen["max"] == (workers or seen["max"]) and seen["max"] >= 1
    assert node.manage("POST", "/delete", {"name": "t"})[0] == 200


def test_a_large_upload_does_not_keep_calls_waiting(node):
    """40 MiB of JSON: read by the loop, decoded and unpacked elsewhere."""
    large = package(fn__py=ECHO, data__bin=os.urandom(30 << 20))
    done = []
    sender = threading.Thread(target=lambda: done.append(node.upload("big", "python3", large)))
    sender.start()
    slowest, calls = 0, 0
    while not done:
        begin = time.monotonic()
        assert node.call("kept", b"x") == (200, b"x")
        slowest, calls = max(slowest, time.monotonic() - begin), calls + 1
    sender.join()
    assert done[0][0] == 200 and calls > 5
    assert slowest < 10, f"a call took {slowest:.1f} s meanwhile"
    assert node.manage("POST", "/delete", {"name": "big"})[0] == 200


def test_an_upload_that_breaks_off_leaves_nothing(node):
    with socket.create_connection(node.management) as client:
        client.sendall(b"POST /upload HTTP/1.1\r\nHost: localhost\r\n"
                       b"Content-Length: 1000000\r\n\r\n{")
    connection = http.client.HTTPConnection(*node.management, timeout=30)
    connection.request("POST", "/upload", b"", {"Content-Length": str(1 << 40)})
    assert connection.getresponse().status == 413
    connection.close()
    assert node.names() == ["kept"]
