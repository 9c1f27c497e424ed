"""What callers get of several functions behind one address."""
import os
import select
import shutil
import signal

import pytest

from conftest import LIBRARIES

ECHO = '{ name = "echo"; code = "$LIB/echo.so"; }'


def test_each_function_runs_in_its_runtime(start):
    node = start(', '.join(f'{{ name = "{runtime}1"; code = "$LIB/echo.so"; runtime = "{runtime}"; }}'
                           for runtime in ("thread", "prefork", "process")))
    node.wait_ready("thread1", "prefork1", "process1")
    for name in ("thread1", "prefork1", "process1"):
        assert node.call(name, b"hello") == (200, b"hello")
        assert node.call(name, b"x" * 300000) == (200, b"x" * 300000)
    assert node.call("nobody")[0] == 404
    assert node.call("health", method="GET") == (200, b"OK")
    node.stop()


def test_headers_and_paths_pass_through(start):
    node = start('{ name = "avg"; code = "$LIB/movingaverage.so"; }, ' + ECHO)
    node.wait_ready("avg", "echo")
    assert node.call("avg", b"0-10") == (200, b"10")
    assert node.call("avg", b"0-20") == (200, b"15")
    assert node.call("%65cho", b"decoded") == (200, b"decoded")
    assert node.call("echo/below?a=b", b"x") == (200, b"x")


def test_asynchronous_calls_are_accepted_and_run(start):
    node = start('{ name = "avg"; code = "$LIB/movingaverage.so"; workers = 1; }')
    node.wait_ready("avg")
    for _ in range(10):
        assert node.call("avg", b"0-7", X_tinyFaaS_Async="true") == (202, b"")
    # One worker runs them in turn: the answer of the last one counts them in.
    assert node.call("avg", b"0-7") == (200, b"7")
    assert node.describe("avg")["calls"] == 11


def test_a_function_that_cannot_start_does_not_disturb_others(start):
    node = start(ECHO + ', { name = "bad"; code = "$LIB/nothing.so"; }')
    node.wait_ready("echo").wait_for("function 'bad' cannot be started")
    status, text = node.call("bad")
    assert status == 503 and b"nothing.so" in text
    assert node.call("echo", b"x") == (200, b"x")
    assert node.describe("bad")["state"] == "failed"
    assert node.manage("GET", "/ready")[0] == 503
    node.stop()


def test_a_killed_runtime_is_started_anew(start):
    node = start(ECHO).wait_ready("echo")
    os.kill(node.runtimes()[0], signal.SIGKILL)
    node.wait_for("starting it anew")
    assert node.call("echo", b"x") == (200, b"x")
    assert node.describe("echo")["restarts"] == 1


def test_nothing_is_left_when_the_front_door_is_killed(start):
    node = start(ECHO + ', { name = "t"; code = "$LIB/echo.so"; runtime = "thread"; }')
    node.wait_ready("echo", "t")
    ends = [os.pidfd_open(pid) for pid in node.runtimes()]
    assert len(ends) == 2
    node.kill()
    for end in ends:
        assert select.select([end], [], [], 30)[0], "a runtime outlived its front door"
        os.close(end)


def test_a_bad_replacement_leaves_the_old_one(start):
    node = start(ECHO).wait_ready("echo")
    node.write('{ name = "echo"; code = "$LIB/nothing.so"; }')
    node.reload()
    node.wait_for("function 'echo' cannot be started").wait_for("the version before goes on")
    assert node.call("echo", b"x") == (200, b"x")
    node.file.write_text("functions = (")
    node.reload()
    node.wait_for("nothing is changed")
    assert node.call("echo", b"x") == (200, b"x")


def test_reloading_adds_and_removes(start):
    node = start(ECHO).wait_ready("echo")
    node.write('{ name = "two"; code = "$LIB/echo.so"; instances = 2; }')
    node.reload()
    node.wait_ready("two")
    assert node.call("two", b"x") == (200, b"x")
    assert node.call("echo", b"x")[0] == 404
    assert node.describe("two")["instances"] == 2


def test_a_reload_tells_what_has_to_wait_for_a_restart(start):
    """Two times: nothing of it has been taken up by the first."""
    node = start(ECHO).wait_ready("echo")
    told = node.describe("echo")
    assert told["workers_now"] == told["workers"]["max"]
    node.more = ('listen = { http = "127.0.0.2:0"; management = "127.0.0.1:0"; };'
                 'log = { access = true; };')
    node.write('{ name = "two"; code = "$LIB/echo.so"; }')
    for times in (1, 2):
        node.reload()
        node.wait_for("used only once enoki-run is started anew: listen.http, log.access", times)
    node.wait_ready("two")
    node.more = ""
    node.write(ECHO)
    node.reload()
    node.wait_for("node.conf was read again", 3).wait_for("ready: http", 3)
    assert node.text.count("started anew:") == 2


@pytest.mark.parametrize("language, answer", [
    ("python", b"python"), ("shell", b"shell"), ("nodejs", None)])
def test_the_language_is_what_the_file_says(start, tmp_path, language, answer):
    """Whatever else is in the folder."""
    (tmp_path / "both").mkdir()
    (tmp_path / "both" / "fn.py").write_text("def fn(s):\n    return 'python'\n")
    (tmp_path / "both" / "fn.sh").write_text("#!/bin/sh\nprintf shell\n")
    (tmp_path / "both" / "fn.sh").chmod(0o755)
    node = start(f'{{ name = "f"; language = "{language}"; code = "both/"; }}')
    if answer is None:
        node.wait_for("both/package.json': No such file")
    else:
        assert node.wait_ready("f").call("f") == (200, answer)


def test_a_reload_takes_up_new_code_and_new_secrets(start, tmp_path):
    """Where they were; what has not changed goes on."""
    code = "import os\ndef fn(s):\n    return 'one ' + os.environ['KEY']\n"
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "fn.py").write_text(code)
    (tmp_path / "key").write_text("a")
    shutil.copy(LIBRARIES / "echo.so", tmp_path / "lib.so")
    node = start('{ name = "f"; language = "python"; secrets = { KEY = "key"; }; },\n'
                 '{ name = "lib"; }').wait_ready("f", "lib")
    assert node.call("f") == (200, b"one a") and node.call("lib", b"x") == (200, b"x")
    node.reload()
    node.wait_for("was read again")
    (tmp_path / "f" / "fn.py").write_text(code.replace("one", "two"))
    node.reload()
    node.wait_for("/f\n", 2)
    assert node.call("f") == (200, b"two a")
    (tmp_path / "key").write_text("b")
    node.reload()
    node.wait_for("/f\n", 3)
    assert node.call("f") == (200, b"two b") and node.text.count("/lib\n") == 1
    (tmp_path / "new.so").write_bytes((LIBRARIES / "integer.so").read_bytes())
    (tmp_path / "new.so").rename(tmp_path / "lib.so")
    node.reload()
    node.wait_for("/lib\n", 2)
    assert node.text.count("/f\n") == 3
