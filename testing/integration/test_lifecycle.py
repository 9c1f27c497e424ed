"""Start, drain, stop: what an operator relies on."""
import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time

import pytest

import client
from client import Closed, call, connect, request, together, until
from conftest import BUILD, children, function

LATER = ["X-tinyFaaS-Async: 1"]


def test_the_ready_line_names_the_real_address(lab):
    server = lab.start("echo")
    line, = [line for line in server.text.splitlines() if line.startswith("ready:")]
    assert re.fullmatch(r"ready: http://127\.0\.0\.1:[1-9]\d*/echo", line)


def test_the_name_can_be_chosen(lab):
    server = lab.start("echo", "-n", "Other9")
    assert server.url.endswith("/Other9")
    assert call(server.url, b"x").body == b"x"
    assert call(server.url, b"x", path="/echo").status == 404


def test_variables_reach_the_function(lab):
    server = lab.start("environment", "-e", "WINDOW=10", "-e", "EMPTY=")
    assert call(server.url, b"WINDOW").body == b"10"
    assert call(server.url, b"EMPTY").body == b""
    assert call(server.url, b"MISSING").status == 404
    assert call(server.url, b"PATH").status == 404


def is_refused(server):
    try:
        connection = client.Connection(server.url)
    except ConnectionError:  # reset: it closed while this one was being accepted
        return True
    connection.close()
    return False


def asked(stack, server, body, count=1):
    """Connections on which that has been sent."""
    connections = [stack.enter_context(connect(server.url)) for _ in range(count)]
    for connection in connections:
        connection.send(request("/hang", body))
    return connections


def test_sigterm_answers_what_is_in_progress_takes_no_more_and_exits_with_0(lab):
    server, hold = lab.start("hang", "-w", "4"), lab.hold()
    with contextlib.ExitStack() as stack:
        callers = asked(stack, server, hold.body, 3)
        hold.wait(3)
        server.process.send_signal(signal.SIGTERM)
        until(lambda: is_refused(server), "new connections are refused")
        hold.release()
        replies = [caller.read() for caller in callers]
        server.wait_end()
    assert [reply.status for reply in replies] == [200, 200, 200]
    assert {reply.header("Connection") for reply in replies} == {"close"}


def test_a_signal_to_all_processes_leaves_calls_in_progress_alone(lab):
    server, hold = lab.start("hang", "-w", "2"), lab.hold()
    with contextlib.ExitStack() as stack:
        callers = asked(stack, server, hold.body, 2)
        hold.wait(2)
        for pid in (server.process.pid, *children(server.process.pid)):
            os.kill(pid, signal.SIGTERM)  # as a service manager may
        until(lambda: is_refused(server), "new connections are refused")
        hold.release()
        assert [caller.read().status for caller in callers] == [200, 200]
        server.wait_end()


def test_programs_that_a_function_starts_end_by_a_signal_as_elsewhere(lab):
    server = lab.start("command")
    assert call(server.url, b"kill -TERM $$; exit 7").body == b"signal 15"
    assert call(server.url, b"kill -INT $$; exit 7").body == b"signal 2"


def test_sigterm_answers_requests_that_wait_for_a_worker(lab):
    server, hold = lab.start("hang", "-w", "1"), lab.hold()
    with contextlib.ExitStack() as stack:
        callers = asked(stack, server, hold.body, 4)
        hold.wait()
        server.process.send_signal(signal.SIGTERM)
        until(lambda: is_refused(server), "new connections are refused")
        hold.release()
        assert [caller.read().status for caller in callers] == [200] * 4
        server.wait_end()


def test_sigterm_runs_accepted_async_calls_to_their_end(lab):
    server = lab.start("integer", "-w", "2")
    statuses = together(40, lambda _: call(server.url, b"p", headers=LATER).status)
    assert statuses == [202] * 40
    server.stop()
    assert int(call(lab.start("integer").url, b"p").body) == 41


def test_sigterm_ends_idle_connections_at_once(lab):
    server = lab.start("echo")
    with connect(server.url) as used, connect(server.url) as fresh:
        assert used.call(b"x").status == 200
        begin = time.monotonic()
        server.stop()
        assert time.monotonic() - begin < 10
        assert used.is_ended() and fresh.is_ended()


def test_sigint_stops_in_the_same_way(lab):
    server = lab.start("echo")
    server.process.send_signal(signal.SIGINT)
    assert server.process.wait(30) == 0


def test_the_drain_limit_ends_it_with_status_1(lab):
    server, hold = lab.start("hang", "-w", "2", "--drain-timeout", "500ms"), lab.hold()
    with contextlib.ExitStack() as stack:
        caller, = asked(stack, server, hold.body)
        hold.wait()
        begin = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(client.PATIENCE_S) == 1
        assert time.monotonic() - begin > 0.3
        with pytest.raises(Closed):
            caller.read()
    assert not children(server.process.pid)


def alive(pids):
    return {pid for pid in pids if pathlib.Path(f"/proc/{pid}/exe").exists()
            and " Z " not in pathlib.Path(f"/proc/{pid}/stat").read_text()}


def test_kill_9_of_the_parent_leaves_no_orphans(lab):
    server, hold = lab.start("hang", "-w", "3"), lab.hold()
    with contextlib.ExitStack() as stack:
        asked(stack, server, hold.body)
        hold.wait()
        family = children(server.process.pid)
        server.process.kill()
        server.process.wait()

    def gone():
        try:
            return not alive(family)
        except FileNotFoundError:
            return False  # went while we looked

    until(gone, "all processes are gone")


def test_a_stopped_server_leaves_nothing_behind_and_its_port_is_free(lab):
    server = lab.start("echo")
    assert call(server.url, b"x").status == 200
    family = children(server.process.pid)
    port = int(server.url.split(":")[2].split("/")[0])
    server.stop()
    assert not alive(family)
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", port))


# --- starts that fail -----------------------------------------------------------------------------

@pytest.mark.parametrize("name,words", [
    ("badabi", ["badabi.so", "ABI"]),
    ("nosymbol", ["nosymbol.so", "enoki_function"]),
    ("noinvoke", ["noinvoke.so"]),
    ("unresolved", ["unresolved.so"]),
    ("neweruse", ["neweruse.so"]),
    ("failpreload", ["the table of tides is missing"]),
    ("failopen", ["the licence has run out"]),
])
def test_a_function_that_cannot_work_is_said_at_the_start(lab, name, words):
    status, _, text = lab.fail(function(name))
    assert status == 1, text
    for word in words:
        assert word in text
    assert "ready:" not in text


def test_a_function_built_for_a_newer_minor_abi_runs(lab):
    assert call(lab.start("newerabi").url).body == b"newer"


def test_a_missing_file_is_said(lab):
    status, _, text = lab.fail(str(lab.folder / "nosuch.so"))
    assert status == 1
    assert "nosuch.so" in text


def test_a_port_in_use_is_said(lab):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        status, _, text = lab.fail("-l", f"http=127.0.0.1:{port}", function("echo"))
    assert status == 1
    assert str(port) in text


@pytest.mark.parametrize("arguments", [["--nosuch"], ["-r", "magic"], ["-w", "many"], ["-w", "0"],
                                       ["-l", "ftp=127.0.0.1:1"], ["-s", "nosuch:x"],
                                       ["--timeout", "soon"], ["-e", "NOVALUE"],
                                       ["-n", "no-name"], ["-n", "health"], ["-n", "ready"],
                                       ["-n", "metrics"], ["-e", "ENOKI_X=1"]],
                         ids=" ".join)
def test_a_bad_option_is_a_usage_error(lab, arguments):
    status, _, text = lab.fail(*arguments, function("echo"))
    assert status == 2, text
    assert text.strip()


def test_no_function_is_a_usage_error(lab):
    status, _, text = lab.fail()
    assert status == 2 and text.strip()


def test_a_file_whose_stem_is_no_name_points_to_n(lab):
    path = lab.folder / "my-echo.so"
    shutil.copy(function("echo"), path)
    status, _, text = lab.fail(str(path))
    assert status == 2 and "-n" in text and "my-echo" in text
    server = lab._started(lab.command("-n", "mine", str(path)))
    assert call(server.url, b"x").body == b"x"


@pytest.mark.parametrize("program", ["cmd/enoki-run", "cmd/enoki-thread",
                                     "cmd/enoki-prefork", "cmd/enoki-process"])
def test_help_and_version_are_there(program):
    for option, word in (("--help", "-w"), ("--version", "0.1.0")):
        done = subprocess.run([str(BUILD / program), option], capture_output=True, text=True,
                              timeout=30, check=False)
        assert done.returncode == 0
        assert word in done.stdout


def test_the_runtime_is_a_program_of_its_own(lab, runtime):
    server = lab._started([str(BUILD / "cmd" / f"enoki-{runtime}"), "-s",
                           f"embedded:{lab.folder}/own", function("echo")])
    assert call(server.url, b"x").body == b"x"
    server.stop()
    assert os.path.basename(server.process.args[0]) == f"enoki-{runtime}"
