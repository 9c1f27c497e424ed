"""What a function has of the machine that it runs on: a user, a directory, system calls."""
import os
import pathlib
import re
import select
import signal
import subprocess
import tempfile
import threading
import time

import pytest

from conftest import BUILD, COVERAGE, package

ROOT = os.geteuid() == 0
needs_root = pytest.mark.skipif(not ROOT or COVERAGE, reason="needs root, and no line counts")
RUNTIMES = ("thread", "prefork", "process")


def function(name, **more):
    keys = " ".join(f"{key} = {value};" for key, value in {"workers": 1, **more}.items())
    return f'{{ name = "{name}"; code = "$LIB/abuse.so"; {keys} }}'


def who(node, name):
    status, text = node.call(name, b"who")
    assert status == 200, text
    uid, gid, groups, mask, folder, temporary, home = text.decode().split()
    return int(uid), int(gid), int(groups), mask, folder, temporary, home


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_function_works_in_a_directory_of_its_own(start, runtime):
    node = start(function("a", runtime=f'"{runtime}"') + "," + function("b")).wait_ready("a", "b")
    uid, gid, _, mask, folder, temporary, home = who(node, "a")
    assert folder == temporary == home and mask == "077"
    assert folder != who(node, "b")[4]
    place = pathlib.Path(folder)
    assert place.stat().st_mode & 0o777 == 0o700 and place.stat().st_uid == uid
    status, text = node.call("a", b"descriptors")
    assert status == 200, text
    node.stop()
    assert not place.parent.exists(), "the node left working directories behind"


def test_directories_of_a_killed_node_are_removed_by_the_next(start):
    node = start(function("a")).wait_ready("a")
    place = pathlib.Path(who(node, "a")[4]).parent
    node.kill()
    assert place.exists()
    node.start()
    node.wait_ready("a")
    assert not place.exists()


def test_a_working_directory_with_a_long_path_is_removed_as_well(start, tmp_path):
    work = tmp_path / ("a" * 120) / ("b" * 120) / ("c" * 120)
    work.mkdir(parents=True)
    for folder in (work, work.parent, work.parent.parent):
        folder.chmod(0o755)
    node = start(function("a"), 'listen = { http = "127.0.0.1:0"; management = "127.0.0.1:0"; };'
                                f'isolation = {{ work = "{work}"; }};').wait_ready("a")
    assert len(list(work.iterdir())) == 1
    node.stop()
    assert not list(work.iterdir())


@needs_root
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_each_function_has_a_user(start, tmp_path, runtime):
    node = start(function("a", runtime=f'"{runtime}"') + "," + function("b")).wait_ready("a", "b")
    one, other = who(node, "a"), who(node, "b")
    assert 200000 <= one[0] < 250000 and 200000 <= other[0] < 250000 and one[0] != other[0]
    assert one[0] == one[1] and one[2] == 0, "a group of its own, and no others"
    state = tmp_path / "enoki-state" / "tinyFaaSa"
    assert state.stat().st_uid == one[0] and state.stat().st_mode & 0o777 == 0o700
    for path in (tmp_path / "enoki-state" / "tinyFaaSb", other[4], "/etc/shadow"):
        assert b"Permission denied" in node.call("a", f"read {path}".encode())[1]
    assert b"Operation not permitted" in node.call("a", f"kill {node.process.pid}".encode())[1]
    node.stop()
    node.start()
    node.wait_ready("a", "b")
    assert (who(node, "a")[0], who(node, "b")[0]) == (one[0], other[0]), "the same again"


@needs_root
def test_users_are_chosen_by_the_file(start):
    node = start(function("named", user='"nobody"') + "," + function("number", user='"4711"') + ","
                 + function("group", group='"daemon"') + "," + function("bad", user='"nosuchuser"'))
    node.wait_ready("named", "number", "group").wait_for("user 'nosuchuser' is not known")
    assert who(node, "named")[0] == 65534
    assert who(node, "number")[:2] == (4711, 4711)
    assert who(node, "group")[0] >= 200000 and who(node, "group")[1] == 1
    status, text = node.call("bad")
    assert status == 503 and b"nosuchuser" in text


@needs_root
def test_functions_that_share_a_keygroup_share_a_user(start):
    node = start(function("a", keygroup='"both"') + "," + function("b", keygroup='"both"') + ","
                 + function("c")).wait_ready("a", "b", "c")
    assert who(node, "a")[0] == who(node, "b")[0] != who(node, "c")[0]


@needs_root
def test_a_shared_user_is_the_nodes(start):
    node = start(function("a"), 'listen = { http = "127.0.0.1:0"; management = "127.0.0.1:0"; };'
                                'isolation = { users = "shared"; };').wait_ready("a")
    assert who(node, "a")[0] == 0


@needs_root
def test_what_the_user_cannot_reach_is_told(start, tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir()
    library = closed / "fn.so"
    library.write_bytes((BUILD / "testing" / "functions" / "echo.so").read_bytes())
    closed.chmod(0o700)
    node = start(f'{{ name = "a"; code = "{library}"; }},' + function("b")).wait_ready("b")
    node.wait_for("cannot be started")
    status, text = node.call("a")
    assert status == 503 and f"cannot enter '{closed}'".encode() in text and b"chmod o+x" in text
    closed.chmod(0o711)
    node.reload()
    node.wait_ready("a")
    assert node.call("a", b"x") == (200, b"x")


@needs_root
def test_state_that_the_user_cannot_reach_is_told_at_the_start(start, tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    node = start(function("a"), 'listen = { http = "127.0.0.1:0"; management = "127.0.0.1:0"; };'
                 f'state = {{ path = "{closed}/state"; }};')
    node.wait_for(f"cannot enter '{closed}'")


@needs_root
def test_uploads_are_built_and_run_as_their_function(start, tmp_path):
    node = start(function("a")).wait_ready("a")
    source = (b"#include <enoki/function.h>\n#include <unistd.h>\n"
              b"static int invoke(void *i, struct enoki_call *call, struct enoki_error *err)\n"
              b"{ (void)i; return enoki_call_replyf(call, err, \"%d\", (int)getuid()); }\n"
              b"ENOKI_FUNCTION(.invoke = invoke);\n")
    lists = (b"cmake_minimum_required(VERSION 3.25)\nproject(up C)\n"
             b"execute_process(COMMAND id -u OUTPUT_FILE ${CMAKE_SOURCE_DIR}/builder)\n"
             b"execute_process(COMMAND sh -c \"setsid sleep 300 >/dev/null 2>&1 & echo $! > leftover\""
             b" WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})\n"
             b"add_library(fn MODULE fn.c)\nset_target_properties(fn PROPERTIES PREFIX \"\")\n")
    status, text = node.upload("up", "c", package(fn__c=source, CMakeLists__txt=lists))
    assert status == 200, text
    uid = int(node.call("up")[1])
    assert uid >= 200000
    code = next((tmp_path / "enoki-functions" / "up").glob("*/code"))
    assert int((code / "builder").read_text()) == uid
    assert code.stat().st_uid == 0 and (code / "fn.so").stat().st_mode & 0o777 == 0o750
    leftover = int((code / "leftover").read_text())
    assert not pathlib.Path(f"/proc/{leftover}").exists(), "a build's process outlived it"
    assert who(node, "a")[0] != uid
    assert b"Permission denied" in node.call("a", f"read {code}/fn.c".encode())[1]


def parent_of(pid):
    return int(re.search(r"PPid:\s*(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1])


def wait_until(condition, what):
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until, what
        time.sleep(0.02)


@needs_root
def test_what_a_build_that_was_killed_left_is_ended(start):
    """As it is killed at its time limit."""
    node = start(function("a")).wait_ready("a")
    answers = []
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        lists = ("cmake_minimum_required(VERSION 3.25)\nproject(up C)\n"
                 "execute_process(COMMAND sh -c \"setsid sleep 300 >/dev/null 2>&1 & "
                 f"echo $! $$ > {folder}/new; mv {folder}/new {folder}/pids; sleep 300\")\n")
        zipped = package(fn__c=b"", CMakeLists__txt=lists.encode())
        upload = threading.Thread(target=lambda: answers.append(node.upload("up", "c", zipped)))
        upload.start()
        pids = pathlib.Path(folder, "pids")
        wait_until(pids.exists, "the build does not begin")
        leftover, step = (int(pid) for pid in pids.read_text().split())
    while parent_of(step) != node.process.pid:
        step = parent_of(step)
    os.killpg(step, signal.SIGKILL)
    upload.join(20)
    assert answers[0][0] == 500 and b"building failed" in answers[0][1]
    wait_until(lambda: not pathlib.Path(f"/proc/{leftover}").exists(), "a process outlived its build")


@needs_root
def test_a_step_ends_with_the_process_that_waits_for_it():
    waits = subprocess.Popen([BUILD / "cmd" / "enoki-confine", "--user", "61234", "--group", "61234",
                              "--reap", "--", "/bin/sh", "-c", "echo $$; exec sleep 1000"],
                             stdout=subprocess.PIPE)
    step = os.pidfd_open(int(waits.stdout.readline()))
    waits.kill()
    waits.wait()
    assert select.select([step], [], [], 20)[0], "it goes on"
    os.close(step)
    waits.stdout.close()


def test_a_function_inherits_nothing(start):
    leak = os.open("/dev/zero", os.O_RDONLY)
    os.set_inheritable(leak, True)
    node = start(function("a")).wait_ready("a")
    text = node.call("a", b"descriptors")[1].decode()
    os.close(leak)
    assert "/dev/zero" not in text and re.match("0 /dev/null\n1 pipe:.*\n2 pipe:", text), text


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_forbidden_system_call_is_answered_and_named(start, runtime):
    node = start(function("a", runtime=f'"{runtime}"') + "," + function("b")).wait_ready("a", "b")
    mount = subprocess.run(["sh", "-c", "printf '#include <sys/syscall.h>\nSYS_mount SYS_keyctl'"
                                        " | cc -E - | tail -1"], capture_output=True, text=True)
    mount, keyctl = mount.stdout.split()
    status, text = node.call("a", f"syscall {mount}".encode())
    assert status == 502, text
    node.wait_for("limit=seccomp syscall=mount")
    assert runtime == "thread" or b"limit: seccomp" in text
    assert node.call("b", b"who")[0] == 200
    assert node.call("a", f"syscall {keyctl}".encode()) == (200, b"-1 Operation not permitted\n")


def test_the_file_widens_the_filter(start):
    node = start(function("wide", seccomp='( "keyctl" )') + "," + function("off", seccomp='"off"'))
    node.wait_ready("wide", "off")
    keyctl = subprocess.run(["sh", "-c", "printf '#include <sys/syscall.h>\nSYS_keyctl' | cc -E - |"
                                         " tail -1"], capture_output=True, text=True).stdout.strip()
    for name in ("wide", "off"):
        assert b"not permitted" not in node.call(name, f"syscall {keyctl}".encode())[1]


@needs_root
def test_one_function_runs_as_the_user_of_the_command_line(tmp_path):
    process = subprocess.Popen(
        [BUILD / "cmd" / "enoki-run", "--user", "4712", "-s", f"embedded:{tmp_path}/state", "-l",
         "http=127.0.0.1:0", "--files", "40", BUILD / "testing" / "functions" / "abuse.so"],
        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        url = re.match("ready: (.*)", process.stderr.readline()).group(1)
        done = subprocess.run(["curl", "-s", "-d", "who", url], capture_output=True, text=True)
        assert done.stdout.startswith("4712 4712 0 077 ")
        assert (tmp_path / "state" / "tinyFaaSabuse").stat().st_uid == 4712
    finally:
        process.terminate()
        assert process.wait(30) == 0


def test_a_python_worker_without_descriptors_left_is_replaced(start):
    """One that only ran out of them during a call has given them back, and goes on."""
    node = start(more='listen = { http = "127.0.0.1:0"; management = "127.0.0.1:0"; };'
                      'limits = { files = 40; };')
    code = ("import os\nkept = []\ndef fn(s):\n    mine = kept if s == 'keep' else []\n"
            "    while s:\n        mine.append(open('/dev/null'))\n    return str(os.getpid())\n")
    assert node.upload("f", "python3", package(fn__py=code), workers="1")[0] == 200
    worker = node.call("f")
    status, text = node.call("f", b"keep")
    assert status == 502 and b"Too many open files" in text and b"(limit: files)" in text, text
    node.wait_for("limit=files")
    assert (after := node.call("f")) != worker and after[0] == 200
    status, text = node.call("f", b"lose")
    assert status == 500 and b"Too many open files" in text, text
    assert node.call("f") == after
