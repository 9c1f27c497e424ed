"""Who may use the management API, and who may not."""
import http.client
import os
import socket
import subprocess
import sys

import pytest

from conftest import BUILD, COVERAGE, Node, package

ASK = ("import http.client, sys\n"
       "c = http.client.HTTPConnection('127.0.0.1', int(sys.argv[1]), timeout=30)\n"
       "c.request('GET', '/list')\n"
       "print(c.getresponse().status)\n")
# Closes its socket, whose owner the kernel forgets then, and leaves the request to be read.
ASK_AND_GO = ("import socket, sys\n"
              "s = socket.create_connection(('127.0.0.1', int(sys.argv[1])))\n"
              "s.sendall(b'POST /wipe HTTP/1.1\\r\\nHost: localhost\\r\\n"
              "Content-Length: 0\\r\\n\\r\\n')\n"
              "s.close()\n")
NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become another user")
SOCKET = ('listen = { http = "127.0.0.1:0"; management = "127.0.0.1:0"; '
          'management_socket = "m.sock"; };')


def ask(node, program, user):
    return subprocess.run([sys.executable, "-c", program, str(node.management[1])], user=user,
                          group=user, extra_groups=[], capture_output=True, text=True, timeout=60,
                          cwd="/", check=True).stdout.strip()


class Local(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=30)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


def test_no_web_page_may(start):
    node = start()
    assert node.manage("GET", "/list", Host="evil.example")[0] == 403
    assert node.manage("GET", "/list", Origin="http://evil.example")[0] == 403
    assert node.manage("GET", "/list", Origin="null")[0] == 403
    own = f"http://127.0.0.1:{node.management[1]}"
    assert node.manage("GET", "/list", Origin=own)[0] == 200


@as_root
def test_no_other_user_of_the_machine_may(start):
    """Nor may a function that runs as a user of its own."""
    node = start('{ name = "echo"; code = "$LIB/echo.so"; }').wait_ready("echo")
    assert ask(node, ASK, 0) == "200"
    assert ask(node, ASK, NOBODY) == "403"
    for _ in range(20):
        ask(node, ASK_AND_GO, NOBODY)
    assert node.names() == ["echo"]


@as_root
def test_anyone_may_if_configured(start):
    node = start(more='listen = { http = "127.0.0.1:0"; management = "127.0.0.1:0"; };'
                      'deploy = { local = "anyone"; };')
    assert ask(node, ASK, NOBODY) == "200"


def test_with_a_token_who_shows_it(start, tmp_path):
    (tmp_path / "token").write_text("0123456789abcdef0123\n")
    (tmp_path / "token").chmod(0o600)
    node = start(more=SOCKET + 'deploy = { token = "token"; };')
    assert node.manage("GET", "/list")[0] == 401
    assert node.manage("GET", "/list", Authorization="Bearer 0123456789abcdef0124")[0] == 401
    assert node.manage("GET", "/list", Authorization="Bearer 0123456789abcdef0123")[0] == 200
    # Its user is known on the socket.
    local = Local(tmp_path / "m.sock")
    local.request("GET", "/list")
    assert local.getresponse().status == 200


def test_a_token_that_everybody_can_read_is_none(tmp_path):
    (tmp_path / "token").write_text("0123456789abcdef0123\n")
    (tmp_path / "token").chmod(0o644)
    node = Node(tmp_path, "", SOCKET + 'deploy = { token = "token"; };')
    assert node.process.wait(60) == 1
    node.wait_for("every user can read it, functions too: chmod o-r")


@as_root
def test_the_unix_socket_knows_its_user(start, tmp_path):
    node = start(more=SOCKET).wait_for("ready: management unix:")
    os.chmod(tmp_path, 0o755)
    curl = ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "--unix-socket", "m.sock",
            "http://localhost/list"]
    for user, status in ((0, "200"), (NOBODY, "403")):
        # The path of the folder may be closed to others: the folder itself is the current one.
        done = subprocess.run(curl, user=user, group=user, extra_groups=[], capture_output=True,
                              text=True, timeout=60, cwd=tmp_path, check=True)
        assert done.stdout == status
    node.kill()
    assert (tmp_path / "m.sock").exists()
    node.start()  # takes over what a killed node has left
    node.wait_for("ready: management unix:")
    node.stop()
    assert not (tmp_path / "m.sock").exists()


def test_elsewhere_than_on_loopback_only_with_a_token(tmp_path):
    file = tmp_path / "node.conf"
    file.write_text('listen = { http = "127.0.0.1:0"; management = "0.0.0.0:0"; };')
    done = subprocess.run([BUILD / "cmd" / "enoki-run", "-c", file], capture_output=True, text=True,
                          timeout=60, check=False)
    assert done.returncode == 1 and "token" in done.stderr


ASK_FROM_A_FUNCTION = """
import http.client
def fn(port):
    c = http.client.HTTPConnection('127.0.0.1', int(port), timeout=20)
    c.request('POST', '/wipe')
    return str(c.getresponse().status)
"""


@pytest.mark.skipif(COVERAGE, reason="functions are the node's user there")
@as_root
def test_functions_under_users_of_their_own_may_not(start, tmp_path):
    os.chmod(tmp_path, 0o755)
    node = start()
    assert node.upload("spy", "python3", package(fn__py=ASK_FROM_A_FUNCTION))[0] == 200
    assert node.call("spy", str(node.management[1]).encode()) == (200, b"403")
    assert node.names() == ["spy"]
