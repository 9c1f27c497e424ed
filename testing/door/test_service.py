"""The node as a service: what systemd is told, what it hands over, the originals' variables."""
import http.client
import json
import os
import socket
import subprocess
import sys

import pytest

from conftest import BUILD, Node

ECHO = '{ name = "echo"; code = "$LIB/echo.so"; }'
LISTEN = 'listen = { http = "127.0.0.1:0"; management = "127.0.0.1:0"; };'


@pytest.fixture
def systemd(tmp_path, monkeypatch):
    """The end of the notification socket that systemd has."""
    receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    # Without a place in the file system, whose paths may be too long for a socket.
    receiver.bind(f"\0enoki-test-{os.getpid()}")
    receiver.settimeout(30)
    monkeypatch.setenv("NOTIFY_SOCKET", f"@enoki-test-{os.getpid()}")
    yield receiver
    receiver.close()


def until(receiver, text):
    """All messages up to the one with the text."""
    seen = [receiver.recv(4096).decode()]
    while text not in seen[-1]:
        seen.append(receiver.recv(4096).decode())
    return seen


def test_it_tells_systemd_how_it_is(start, systemd, monkeypatch):
    monkeypatch.setenv("WATCHDOG_USEC", "200000")
    node = start(ECHO).wait_ready("echo")
    assert until(systemd, "READY=1")[0].startswith("READY=1\nSTATUS=")
    until(systemd, "WATCHDOG=1")
    until(systemd, "STATUS=1 of 1 functions ready")
    node.reload()
    assert "MONOTONIC_USEC=" in until(systemd, "RELOADING=1")[-1]
    until(systemd, "READY=1")
    node.write("this is no configuration")
    node.reload()
    until(systemd, "RELOADING=1")
    until(systemd, "READY=1")  # it goes on with what it had
    node.stop()
    until(systemd, "STOPPING=1")


def test_runtimes_are_not_told_what_is_between_it_and_systemd(start, systemd, monkeypatch):
    monkeypatch.setenv("WATCHDOG_USEC", "60000000")
    node = start(ECHO).wait_ready("echo")
    for pid in node.runtimes():
        with open(f"/proc/{pid}/environ", "rb") as file:
            environment = file.read()
        assert b"NOTIFY_SOCKET" not in environment and b"WATCHDOG" not in environment


HAND_OVER = """
import os, sys
passed, names = sys.argv[1].split(","), sys.argv[2]
for i, number in enumerate(passed):
    os.dup2(int(number), 3 + i, True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(passed)), LISTEN_FDNAMES=names)
os.execv(sys.argv[3], sys.argv[3:])
"""


def run_with(sockets, names, file):
    """enoki-run with these sockets from 3 on, as systemd would start it."""
    high = [os.dup(one.fileno()) for one in sockets]
    moved = [os.dup2(number, 100 + i) for i, number in enumerate(high)]
    started = subprocess.Popen(
        [sys.executable, "-c", HAND_OVER, ",".join(map(str, moved)), names,
         BUILD / "cmd" / "enoki-run", "-c", file], pass_fds=moved,
        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    for number in high + moved:
        os.close(number)
    return started


def listening(family=socket.AF_INET, address=("127.0.0.1", 0)):
    made = socket.socket(family)
    made.bind(address)
    made.listen(16)
    return made


def ask(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path)
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_sockets_from_systemd_are_used(tmp_path):
    (tmp_path / "node.conf").write_text("functions = ();")
    calls, management = listening(), listening()
    local = listening(socket.AF_UNIX, f"\0enoki-test-local-{os.getpid()}")
    node = run_with([calls, management, local], "http:management:management",
                    tmp_path / "node.conf")
    try:
        # Before it listens at all, the connection waits in the socket that was opened for it.
        assert ask(calls.getsockname()[1], "/health")[0] == 200
        assert ask(management.getsockname()[1], "/ready") == (200, b"OK")
        client = socket.socket(socket.AF_UNIX)
        client.connect(f"\0enoki-test-local-{os.getpid()}")
        client.sendall(b"GET /list HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 200")
    finally:
        node.terminate()
        assert node.wait(30) == 0
        node.stderr.close()


@pytest.mark.parametrize("names, why", [("smtp", "no such name"), ("http:http", "twice"),
                                        ("https", "listen.tls")])
def test_sockets_that_it_cannot_use_are_errors(tmp_path, names, why):
    (tmp_path / "node.conf").write_text("functions = ();")
    node = run_with([listening() for _ in names.split(":")], names, tmp_path / "node.conf")
    text = node.communicate(timeout=30)[1]
    assert node.returncode == 1 and why in text


def test_a_socket_elsewhere_than_on_loopback_needs_a_token_too(tmp_path):
    (tmp_path / "node.conf").write_text("functions = ();")
    everywhere = listening(address=("0.0.0.0", 0))
    node = run_with([everywhere], "management", tmp_path / "node.conf")
    text = node.communicate(timeout=30)[1]
    assert node.returncode == 1 and "token" in text


def test_the_originals_variables_for_ports(start, monkeypatch, tmp_path):
    """Both spellings; what the originals' code reads comes first."""
    monkeypatch.setenv("COAP_PORT", "0")
    monkeypatch.setenv("http_PORT", "0")
    monkeypatch.setenv("HTTP_PORT", "1")
    node = start(ECHO, 'listen = { http = "127.0.0.1:7"; management = "127.0.0.1:0"; };')
    node.wait_for("ready: coap://127.0.0.1:").wait_ready("echo")
    assert node.call("echo", b"x") == (200, b"x")
    node.close()
    monkeypatch.setenv("HTTP_PORT", "-1")
    monkeypatch.delenv("http_PORT")
    node = start(ECHO, LISTEN).wait_for("ready: coap://127.0.0.1:").wait_for("ready: management")
    assert "ready: http://" not in node.text
    node.close()
    for value in ("x", "65536", "", "-"):
        monkeypatch.setenv("COAP_PORT", value)
        node = Node(tmp_path, ECHO, LISTEN)
        assert node.process.wait(30) == 1
        node.wait_for("COAP_PORT").wait_for("(end)")
        node.close()


NASTY = r'''
import sys
def fn(i):
    print('{"time":"now","level":"error","msg":"the node is broken"}', file=sys.stderr)
    print('{"not json', file=sys.stderr)
    print('time=2026-01-01T00:00:00Z level=error msg="the node is broken"', file=sys.stderr)
    sys.stderr.flush()
    sys.stdout.buffer.write(b'\xff\x00"\\\x1b[31m \xed\xa0\x80 end\n')
    sys.stdout.flush()
    return ""
'''


def test_json_logs_are_json_whatever_functions_write(start, tmp_path):
    (tmp_path / "nasty").mkdir()
    (tmp_path / "nasty" / "fn.py").write_text(NASTY)
    node = start('{ name = "nasty"; language = "python"; code = "nasty"; }',
                 LISTEN + 'log = { format = "json"; access = true; };').wait_ready("nasty")
    assert node.call("nasty")[0] == 200
    node.reload()
    node.wait_for("was read again").wait_for(" end")
    node.stop()
    lines = [line for line in node.text.splitlines() if not line.startswith(("ready: ", "(end)"))]
    parsed = [json.loads(line) for line in lines]
    assert len(parsed) >= 5 and all("msg" in line for line in parsed)
    # What a function says of the node is marked as that function's.
    assert {line.get("function") for line in parsed if "broken" in line["msg"]} == {"nasty"}
