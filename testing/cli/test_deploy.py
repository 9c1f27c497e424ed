"""enoki deploy, list, describe, rollback, delete, wipe."""
import http.server
import io
import json
import os
import socket
import threading
import zipfile

import pytest

from conftest import BUILD, C_ECHO, PYTHON, enoki

class Zip(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w") as archive:
            archive.writestr("repo/fn/fn.sh", "#!/bin/sh\necho $KEY\n")
        self.send_response(200)
        self.send_header("Content-Length", str(len(made.getvalue())))
        self.end_headers()
        self.wfile.write(made.getvalue())

    def log_message(self, *_):
        pass


@pytest.fixture
def web():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Zip)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


GATED = """import socket
with socket.create_connection(("127.0.0.1", %d)) as gate:
    gate.recv(1)
def fn(i):
    return i
"""


def open_gate(gate):
    """Whoever waits there goes on."""
    try:
        while True:
            gate.accept()[0].close()
    except OSError:  # it was closed
        pass


URL = r"http://127.0.0.1:%d/%s"


def port(node):
    return node.http[1]


def test_a_folder_becomes_a_function(start, folder):
    node = start()
    code = folder("hello", fn__py=PYTHON)
    done = enoki(node, "deploy", code, "-e", "A=b", "-w", "1-2", "-r", "process", "--timeout", "3s")
    assert done.status == 0 and done.err == "", done
    node.wait_ready("hello")
    assert done.out.splitlines()[0] == URL % (port(node), "hello")
    assert node.call("hello", b"you") == (200, b"you!")
    told = json.loads(enoki(node, "describe", "hello", "--json").out)
    assert (told["runtime"], told["workers"], told["variables"]) == (
        "process", {"min": 1, "max": 2}, ["A"])


def test_every_kind_of_file_and_a_zip(start, folder, tmp_path):
    node = start()
    so = (BUILD / "testing" / "functions" / "echo.so").read_bytes()
    files = folder("files", echoc__c=C_ECHO, echoso__so=so, echosh__sh="#!/bin/sh\nexec cat\n",
                   echopy__py="def fn(i):\n    return i\n")
    with zipfile.ZipFile(tmp_path / "zipped.zip", "w") as archive:
        archive.writestr("fn.sh", "#!/bin/sh\nexec cat\n")
    for path, env in ((files / "echoc.c", "c"), (files / "echoso.so", "so"),
                      (files / "echosh.sh", "binary"), (files / "echopy.py", "python3"),
                      (tmp_path / "zipped.zip", "binary")):
        done = enoki(node, "deploy", path)
        assert done.status == 0, done
        assert node.call(path.stem, b"same") == (200, b"same"), path
        assert node.describe(path.stem)["env"] == env
    rows = [line.split() for line in enoki(node, "list").out.splitlines()]
    assert rows[0][:4] == ["NAME", "ENV", "STATE", "RUNTIME"]
    assert [row[:3] for row in rows[1:3]] == [["echoc", "c", "ready"],
                                              ["echopy", "python3", "ready"]]
    assert enoki(node, "wipe", "-y").status == 0 and node.names() == []


def test_hidden_and_ignored_files_stay_and_the_same_content_is_the_same_version(start, folder):
    node = start()
    code = folder("ls", fn__sh="#!/bin/sh\nfind . -type f | sort\n", x__tmp="", y__log="",
                  __hidden="", __enokiignore="# not these\n*.tmp\n/sub/deep/\n  y.log \n")
    for below in (code / "sub" / "deep", code / "keep" / "sub" / "deep"):
        below.mkdir(parents=True)
        (below / "file").write_text("")
    assert enoki(node, "deploy", code).status == 0
    assert node.call("ls")[1].decode().split() == ["./fn.sh", "./keep/sub/deep/file"]
    digest = node.describe("ls")["digest"]
    os.utime(code / "fn.sh", (1, 1))
    assert enoki(node, "deploy", code).status == 0
    assert node.describe("ls")["digest"] == digest


def test_what_cannot_be_deployed_says_why(start, folder, tmp_path):
    node = start()
    many = folder("many")
    (many / "d0").mkdir()
    for i in range(1, 101):  # 101 times the same 100 files
        (many / "d0" / f"f{i}").touch()
        (many / f"d{i}").symlink_to("d0")
    os.mkfifo(folder("fifo") / "pipe")
    (folder("loop", fn__py="") / "again").symlink_to(tmp_path / "code" / "loop")
    with open(folder("large") / "fn.py", "wb") as file:
        file.truncate(257 << 20)
    (tmp_path / "no.zip").write_text("no zip")
    for words, status, text in (
            ((tmp_path / "nowhere",), 2, "No such file"),
            ((folder("empty"),), 2, "is empty"),
            ((folder("what", README="x"),), 2, "does not tell what it is"),
            ((folder("my-name", fn__py=PYTHON),), 2, "give it one with -n"),
            ((folder("good", fn__py=PYTHON), "-n", "a/b"), 2, "no name of a function"),
            ((folder("good"), "-r", "fast"), 1, "runtime 'fast'; allowed"),
            ((folder("good"), "--env", "cobol"), 1, "env 'cobol' is not known"),
            ((folder("good"), "-w", "many"), 1, "workers 'many'"),
            ((folder("good"), "-e", "novalue"), 2, "K=V"),
            ((many,), 1, "too much for a package"), ((folder("large"),), 1, "too much for a"),
            ((folder("fifo"),), 2, "neither file nor folder"),
            ((folder("loop"),), 1, "nested too deeply"),
            ((tmp_path / "no.zip",), 2, "is no ZIP"), ((folder("what") / "README",), 2, "no function"),
            ((), 2, "is required"), ((folder("good"), "--subfolder", "x"), 2, "goes with a URL"),
            ((folder("good"), "--secret", "K"), 2, "K=FILE"),
            ((folder("good"), "--async", "never"), 1, "async"),
            (("http://127.0.0.1:1/x.zip",), 2, "--name and --env"),
            (("http://127.0.0.1:1/x.zip", "-n", "f", "--env", "so"), 1, "deploy.urls"),
            ((folder("bad", fn__c="#include <enoki/function.h>\nint x = ;\n"),), 1,
             "fn.c:2:9: error:")):
        done = enoki(node, "deploy", *words)
        assert done.status == status and text in done.err and done.out == "", (words, done)
    assert node.names() == []


def test_a_url_secrets_and_instances(start, folder, tmp_path, web):
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "key").write_text("hidden")
    (tmp_path / "secrets" / "key").chmod(0o600)
    node = start(more='listen = { http = "127.0.0.1:0"; management = "127.0.0.1:0"; };\n'
                      f'deploy = {{ urls = ("{web}/"); secrets = "{tmp_path}/secrets"; }};')
    done = enoki(node, "deploy", f"{web}/any.zip", "-n", "f", "--env", "binary", "--subfolder",
                 "repo/fn", "--secret", "KEY=key", "--instances", "0-2", "--async", "durable")
    assert done.status == 0, done
    assert node.call("f") == (200, b"hidden\n")
    told = node.describe("f")
    assert told["variables"] == ["KEY"] and told["instance_bounds"] == {"min": 0, "max": 2}


def test_rollback_and_delete(start, folder):
    node = start('{ name = "echo"; code = "$LIB/echo.so"; }')
    for text in "12":
        code = folder("f", fn__sh=f"#!/bin/sh\necho {text}\n")
        assert enoki(node, "deploy", code).status == 0
    assert enoki(node, "rollback", "f").status == 0 and node.call("f") == (200, b"1\n")
    assert enoki(node, "delete", "f").status == 0 and node.names() == ["echo"]
    for words, status, text in ((("delete", "f"), 1, "there is no function 'f' here"),
                                (("delete", "echo"), 1, "configuration file"),
                                (("rollback", "echo"), 1, "no version before"),
                                (("delete", "f", "--data"), 1, "needs --yes"),
                                (("wipe",), 1, "needs --yes"), (("delete",), 2, "NAME"),
                                (("describe", "../x"), 2, "no name of a function"),
                                (("describe", "none"), 1, "no function 'none' here")):
        done = enoki(node, *words)
        assert done.status == status and text in done.err, (words, done)


def test_delete_with_data(start, folder, tmp_path):
    node = start(more='listen = { http = "127.0.0.1:0"; management = "127.0.0.1:0"; '
                      f'management_socket = "{tmp_path}/socket"; }};')
    code = folder("keep", fn__py="import kv\n"
                                 "def fn(i):\n"
                                 "    if i:\n"
                                 "        kv.update('a', i)\n"
                                 "    try:\n"
                                 "        return kv.read('a')[0]\n"
                                 "    except Exception:\n"
                                 "        return 'nothing'\n")
    for words, kept in ((("-y",), b"one"), (("--data", "-y"), b"nothing")):
        assert enoki(node, "deploy", code).status == 0
        assert node.call("keep", b"one") == (200, b"one")
        # Over the Unix socket, as another address of the same node.
        assert enoki(None, "-m", f"unix:{tmp_path}/socket", "delete", "keep", *words).status == 0
        assert enoki(node, "deploy", code).status == 0
        assert node.call("keep") == (200, kept)


def test_what_a_person_reads_and_a_program_parses(start):
    node = start('{ name = "echo"; code = "$LIB/echo.so"; }').wait_ready("echo")
    node.call("echo", b"x")
    listed = json.loads(enoki(node, "list", "--json").out)
    assert listed["functions"][0]["name"] == "echo"
    assert listed["endpoints"] == {"http": "http://127.0.0.1:%d" % port(node)}
    told = enoki(node, "describe", "echo").out
    for part in ("name       echo\n", "state      ready\n", "calls      1, 0 failed",
                 "from       the node's configuration file\n",
                 "url        " + URL % (port(node), "echo") + "\n"):
        assert part in told, told
    assert "\033" not in told


def test_where_no_node_is_and_addresses_that_are_none(tmp_path):
    (tmp_path / "empty").write_text("\n")
    for words, status, text in (
            (("-m", "http://127.0.0.1:1", "list"), 1, "no node answers at http://127.0.0.1:1"),
            (("list", "-m", "http://127.0.0.1:1"), 1, "no node answers"),
            (("list", "-m", f"unix:{tmp_path}/none"), 1, "no node answers"),
            (("list", "-m", "ftp://x"), 2, "allowed: http://"),
            (("list", "-m", "http://x/path"), 2, "nothing may follow"),
            (("list", "-m", "http://user@x"), 2, "nothing may follow"),
            (("list", "--token-file", tmp_path / "none"), 2, "No such file"),
            (("list", "--token-file", tmp_path / "empty"), 2, "no token in it"),
            (("list", "too", "many"), 2, "too many arguments"), (("lst",), 2, "unknown command"),
            ((), 2, "Commands:")):
        done = enoki(None, *words)
        assert done.status == status and text in done.err and done.out == "", (words, done)


def test_what_answers_is_no_node(web):
    done = enoki(None, "list", "-m", web)
    assert done.status == 1 and "is no Enoki node" in done.err, done


def test_token(start, tmp_path):
    (tmp_path / "token").write_text("0123456789abcdef\n")
    (tmp_path / "token").chmod(0o600)
    node = start(more='listen = { http = "127.0.0.1:0"; management = "127.0.0.1:0"; };\n'
                      f'deploy = {{ token = "{tmp_path}/token"; }};')
    (tmp_path / "wrong").write_text("0123456789abcdeX\n")
    assert enoki(node, "list", "--token-file", tmp_path / "token").status == 0
    assert enoki(node, "list", ENOKI_TOKEN_FILE=str(tmp_path / "token")).status == 0
    assert enoki(node, "--token-file", tmp_path / "token", "list").status == 0
    for words, text in (((), "wants its token"), (("--token-file", tmp_path / "wrong"), "is wrong")):
        done = enoki(node, "list", *words)
        assert done.status == 1 and text in done.err, done


def test_progress_and_questions_on_a_terminal(start, folder, terminal):
    node = start()
    at = terminal(node, "deploy", folder("slow", fn__c=C_ECHO))
    at.wait_for("slow: building")
    assert at.end() == 0 and at.text.rstrip().endswith("/slow")
    with socket.create_server(("127.0.0.1", 0)) as gate:
        at = terminal(node, "deploy", folder("gated", fn__py=GATED % gate.getsockname()[1]))
        at.wait_for("gated: starting")
        threading.Thread(target=open_gate, args=[gate], daemon=True).start()
        assert at.end() == 0, at.text
    at = terminal(node, "deploy", folder("bad", fn__c="no C\n"))
    assert at.end() == 1 and "\033[31menoki:" in at.text and "fn.c:1:1: error" in at.text
    at = terminal(node, "deploy", folder("bad"), NO_COLOR="1")
    assert at.end() == 1 and "\033[31m" not in at.text and "enoki: " in at.text
    for answer, status in (("n", 1), ("y", 0)):
        at = terminal(node, "wipe")
        at.wait_for(r"\[y/N\] ")
        at.type(answer + "\n")
        assert at.end() == status
        assert (node.names() == []) == (answer == "y")
