"""Functions that break things: the node stays up, others keep answering, who calls is told, and the
log says which limit was crossed."""
import contextlib
import os
import pathlib
import threading
import time

import pytest

from conftest import COVERAGE

ROOT = os.geteuid() == 0
SANITIZE = os.environ.get("ENOKI_SANITIZE", "") not in ("", "OFF")
RUNTIMES = ("thread", "prefork", "process")
needs_root = pytest.mark.skipif(not ROOT or COVERAGE, reason="needs root, and no line counts")
needs_memory = pytest.mark.skipif(SANITIZE, reason="sanitizers keep their books in that memory")
LIMITS = ('limits = { cpu = "300ms"; memory = "300MiB"; files = 64; processes = 20; '
          'file_size = "1MiB"; };')
every_runtime = pytest.mark.parametrize("runtime", RUNTIMES)


@pytest.fixture
def abuse(start, runtime):
    """A node with a function to abuse, and one that shall not notice."""
    functions = [f'{{ name = "{name}"; code = "$LIB/abuse.so"; runtime = "{runtime}"; workers = 2; '
                 f'timeout = "{time_limit}"; {LIMITS} }}'
                 for name, time_limit in (("bad", "20s"), ("brief", "2s"))]
    node = start(", ".join(functions) + ', { name = "good"; code = "$LIB/echo.so"; }')
    node.wait_ready("bad", "brief", "good")
    ended, late = threading.Event(), []

    def watch():
        while not ended.is_set():
            since = time.monotonic()
            answer = node.call("good", b"x")
            if answer != (200, b"x") or time.monotonic() - since > 15:
                late.append((answer, time.monotonic() - since))
            ended.wait(0.01)

    watcher = threading.Thread(target=watch)
    watcher.start()
    yield node
    ended.set()
    watcher.join()
    assert late == []
    until = time.monotonic() + 60
    while (answer := node.call("bad", b"who"))[0] != 200:
        assert time.monotonic() < until, f"it does not answer any more: {answer}"
    assert node.process.poll() is None
    node.stop()


def processes_of(uid):
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and entry.stat().st_uid == uid:
                found.append((entry.name, (entry / "cmdline").read_bytes()))
        except OSError:
            pass
    return found


@needs_memory
@every_runtime
def test_memory_without_end(abuse, runtime):
    status, text = abuse.call("bad", b"fill")
    assert (status, b"limit: memory" in text) == (502, True), text
    abuse.wait_for("limit=memory")


@needs_memory
@every_runtime
def test_memory_without_end_in_python(start, tmp_path, runtime):
    (tmp_path / "fn.py").write_text("def fn(i):\n    return str(len(b'x' * int(i)))\n")
    node = start(f'{{ name = "py"; language = "python"; code = "{tmp_path}"; workers = 1; '
                 f'runtime = "{runtime}"; limits = {{ memory = "200MiB"; }}; }}').wait_ready("py")
    assert node.call("py", b"1000000") == (200, b"1000000")
    status, text = node.call("py", b"1000000000")
    assert (status, text) == (502, b"MemoryError (limit: memory)\n"), text
    node.wait_for("limit=memory")
    assert node.call("py", b"1000000") == (200, b"1000000")


@needs_memory
@every_runtime
def test_memory_without_a_look_at_malloc(abuse, runtime):
    status, text = abuse.call("bad", b"blindly")
    assert status == 502
    if runtime != "thread":
        assert b"limit: memory" in text
        abuse.wait_for("limit=memory")


@every_runtime
def test_endless_computing(abuse, runtime):
    status, text = abuse.call("bad", b"cpu")
    assert (status, b"limit: cpu" in text) == (504, True), text
    abuse.wait_for("limit=cpu")


@pytest.mark.parametrize("runtime", RUNTIMES[1:])
def test_endless_computing_of_a_program(start, tmp_path, runtime):
    """It is another process that computes."""
    (tmp_path / "fn.sh").write_text("#!/bin/sh\nread word\n"
                                    "[ \"$word\" = go ] && sh -c 'while :; do :; done'\necho $word\n")
    (tmp_path / "fn.sh").chmod(0o755)
    node = start(f'{{ name = "sh"; language = "shell"; code = "{tmp_path}"; workers = 1; '
                 f'runtime = "{runtime}"; limits = {{ cpu = "300ms"; }}; }}').wait_ready("sh")
    assert node.call("sh", b"x\n") == (200, b"x\n")
    status, text = node.call("sh", b"go\n")
    assert (status, b"limit: cpu" in text) == (504, True), text
    assert node.call("sh", b"x\n") == (200, b"x\n")


# What it starts is nobody's to wait for: its time is gone with it.
LEAVES_AND_ENDS = """
import os, signal, time
child = 0
def fn(req, headers):
    global child
    if req == "start":
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        child = os.fork()
        while child == 0 and time.process_time() < 0.5:
            pass
        return time.sleep(1000) if child == 0 else str(child)
    time.sleep(0.15)
    os.kill(child, signal.SIGKILL)
    time.sleep(0.3)
    return "ended"
"""


def test_time_that_is_gone_is_not_held_against_a_call(start, tmp_path):
    (tmp_path / "fn.py").write_text(LEAVES_AND_ENDS)
    node = start(f'{{ name = "f"; language = "python"; code = "{tmp_path}"; workers = 1; '
                 'runtime = "prefork"; limits = { cpu = "300ms"; }; }').wait_ready("f")
    status, child = node.call("f", b"start")
    assert status == 200
    stat, until = pathlib.Path(f"/proc/{int(child)}/stat"), time.monotonic() + 30
    while sum(map(int, stat.read_text().rsplit(")", 1)[1].split()[11:13])) < 40:  # ticks
        assert time.monotonic() < until
        time.sleep(0.01)
    assert node.call("f", b"end") == (200, b"ended"), node.text


@every_runtime
def test_descriptors_without_end(abuse, runtime):
    status, text = abuse.call("bad", b"open")
    assert (status, b"limit: files" in text) == (502, True), text
    abuse.wait_for("limit=files")


@every_runtime
def test_an_endless_file(abuse, runtime):
    status, text = abuse.call("bad", b"file")
    assert status == 502
    assert runtime == "thread" or b"limit: file_size" in text
    abuse.wait_for("limit=file_size")


@every_runtime
def test_all_descriptors_closed(abuse, runtime):
    assert abuse.call("bad", b"close")[0] in (200, 502)
    assert abuse.call("bad", b"close")[0] in (200, 502)


@every_runtime
def test_garbage_into_every_socket(abuse, runtime):
    for _ in range(5):
        assert abuse.call("bad", b"garbage")[0] in (200, 502)


@every_runtime
def test_the_parent_killed(abuse, runtime):
    if runtime == "thread":
        pytest.skip("that is the node: test_isolation.py")
    assert abuse.call("bad", b"kill parent")[0] in (200, 502)
    assert abuse.call("bad", b"who")[0] in (200, 502)


@every_runtime
def test_much_output(start, runtime):
    """What a function writes costs its own time."""
    node = start(f'{{ name = "bad"; code = "$LIB/abuse.so"; runtime = "{runtime}"; workers = 1; '
                 'timeout = "5s"; }, '
                 '{ name = "good"; code = "$LIB/echo.so"; workers = 1; }',
                 'listen = { http = "127.0.0.1:0"; management = "127.0.0.1:0"; };'
                 'log = { level = "error"; };').wait_ready("bad", "good")
    caller = threading.Thread(target=node.call, args=("bad", b"output 1024"))
    caller.start()
    answered = 0
    while caller.is_alive():
        assert node.call("good", b"x") == (200, b"x")
        answered += 1
        caller.join(0.01)
    assert answered > 5, "the other function had to wait"
    status = pathlib.Path(f"/proc/{node.process.pid}/status").read_text()
    assert int(status.split("VmRSS:")[1].split()[0]) < (1 << 20 if SANITIZE else 100 << 10)
    node.stop()


@needs_root
@every_runtime
def test_more_processes_than_allowed(abuse, runtime):
    uid = int(abuse.call("bad", b"who")[1].split()[0])
    status, text = abuse.call("bad", b"fork 5")
    assert (status, text) == (200, b"5\n")
    status, text = abuse.call("bad", b"fork 2000")
    assert status == 200 and int(text) < 200
    end_runtimes(abuse, uid)
    abuse.wait_for("starting it anew")
    assert_gone(uid)


def end_runtimes(node, uid):
    for pid in node.runtimes():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if os.stat(f"/proc/{pid}").st_uid == uid:
                os.kill(pid, 9)


def assert_gone(uid):
    """All but the runtime's own processes."""
    until = time.monotonic() + 60
    while others := [p for p in processes_of(uid) if not p[1].startswith(b"enoki-")
                     or len(processes_of(uid)) > 8]:
        assert time.monotonic() < until, others
        time.sleep(0.05)


@needs_root
@every_runtime
def test_a_fork_bomb(abuse, runtime):
    uid = int(abuse.call("brief", b"who")[1].split()[0])
    assert abuse.call("brief", b"bomb")[0] in (502, 504)
    if runtime == "thread":  # nothing ends a thread but the end of its process
        end_runtimes(abuse, uid)
    assert_gone(uid)
