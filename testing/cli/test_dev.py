"""enoki dev: built, served, watched, and what goes wrong on the way. Tests wait for the lines it
prints, never for a time."""
import http.client
import os
import re
import select
import signal
import threading

import pytest

from conftest import Terminal, enoki

C_SAY = """#include <enoki/function.h>
static int invoke(void *instance, struct enoki_call *call, struct enoki_error *err)
{
    (void)instance;
    return enoki_call_replyf(call, err, "%s");
}
ENOKI_FUNCTION(.invoke = invoke);
"""
PY_COUNT = """import os, kv
def fn(i):
    print("called with", i)
    try:
        n = int(kv.read("n")[0]) + 1
    except Exception:
        n = 1
    kv.update("n", str(n))
    return f"{os.environ.get('WORD', '')}{n}"
"""


class Dev(Terminal):
    def __init__(self, cwd, *words, **more):
        super().__init__(None, "dev", "-l", "127.0.0.1:0", *words, cwd=cwd, NO_COLOR="1", **more)
        self.url = None

    def wait_ready(self):
        found = self.wait_for(r"ready: http://([\d.:]+)/(\w+) in \d+ ms, built in \d+ ms")
        self.url = found.groups()
        return self

    def wait_reloaded(self, count):
        return float(self.wait_for(r"reloaded: \S+ in (\d+) ms, built in \d+ ms", count).group(1))

    def call(self, body=b""):
        connection = http.client.HTTPConnection(self.url[0], timeout=60)
        connection.request("POST", "/" + self.url[1], body)
        answer = connection.getresponse()
        return answer.status, answer.read()

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)
        assert self.end() == 0, self.text[-2000:]


@pytest.fixture
def dev():
    opened = []

    def make(*words, **more):
        opened.append(Dev(*words, **more))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


def save(path, text):
    """As editors do: another file, then renamed."""
    path.with_suffix(".new~").write_text(text)
    path.with_suffix(".new~").rename(path)


def test_c_is_reloaded_on_save_and_errors_leave_the_version_before(dev, folder):
    code = folder("say", say__c=C_SAY % "one") / "say.c"
    at = dev(code.parent, "say.c").wait_ready()
    assert at.call() == (200, b"one")
    save(code, C_SAY % "two")
    at.wait_reloaded(1)
    assert at.call() == (200, b"two")
    save(code, C_SAY.replace("return", "retrun") % "three")
    at.wait_for(r"say.c:5:5: error: .*'say.c' is not built.*the version before goes on")
    assert at.call() == (200, b"two")
    code.write_text(C_SAY % "four")  # in place, as other editors do
    at.wait_reloaded(2)
    assert at.call() == (200, b"four")
    assert sorted(p.name for p in (code.parent / ".enoki-dev" / "say" / "build").iterdir()) == [
        "2.so", "4.so"]
    at.interrupt()


def test_no_call_is_lost_while_it_reloads(dev, folder):
    code = folder("say", say__c=C_SAY % "0") / "say.c"
    at = dev(code.parent, "say.c", "-w", "2").wait_ready()
    answers, ends = [], threading.Event()

    def ask():
        while not ends.is_set():
            answers.append(at.call())

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        for i in range(1, 4):
            save(code, C_SAY % i)
            at.wait_reloaded(i)
    finally:
        ends.set()
        asking.join()
    assert {status for status, _ in answers} == {200} and at.call() == (200, b"3")
    at.interrupt()


def test_a_python_folder_with_state_output_and_a_broken_import(dev, folder, tmp_path):
    code = folder("count", fn__py=PY_COUNT)
    at = dev(tmp_path, code, "-e", 'WORD=a"\\ ').wait_ready()
    assert at.call(b"x") == (200, b'a"\\ 1')
    at.wait_for(r"count \| called with x")
    save(code / "fn.py", "import nowhere\n")
    at.wait_for("No module named 'nowhere'.*the version before goes on")
    assert at.call() == (200, b'a"\\ 2')
    (code / "below").mkdir()
    (code / ".hidden").write_text("changes nothing")
    save(code / "fn.py", PY_COUNT.replace("'WORD', ''", "'NONE', 'b'"))
    at.wait_reloaded(1)
    assert at.call() == (200, b"b3")
    at.interrupt()
    at = dev(tmp_path, code).wait_ready()
    assert at.call() == (200, b"b4")  # its items were kept
    assert (tmp_path / ".enoki-dev" / "count" / "state").is_dir()


def test_other_kinds_and_a_start_that_fails_at_first(dev, folder, tmp_path):
    files = folder("files", echo__sh="#!/bin/sh\ncat\n", late__py="no python\n")
    at = dev(tmp_path, files / "echo.sh", "-n", "other", "-f", tmp_path / "kept").wait_ready()
    assert at.url[1] == "other" and at.call(b"same") == (200, b"same")
    assert (tmp_path / "kept" / "node.conf").is_file()
    assert "\nother " in enoki(None, "-m", f"unix:{tmp_path}/kept/socket", "list").out
    at.interrupt()
    at = dev(tmp_path, files / "late.py")
    at.wait_for("SyntaxError.*late: waiting for a change")
    save(files / "late.py", "def fn(i):\n    return 'now'\n")
    at.wait_ready()
    assert at.call() == (200, b"now")
    at.interrupt()


def test_nothing_is_left_when_it_is_killed(dev, folder):
    code = folder("say", say__c=C_SAY % "one")
    at = dev(code.parent, code / "say.c").wait_ready()
    children = [int(p) for p in
                open(f"/proc/{at.process.pid}/task/{at.process.pid}/children").read().split()]
    assert len(children) == 1
    watched = os.pidfd_open(children[0])
    at.process.kill()
    at.process.wait()
    assert select.select([watched], [], [], 60)[0]
    os.close(watched)


def test_what_cannot_be_run_says_why(folder, tmp_path):
    code = folder("say", say__c=C_SAY % "one", notes__txt="", s_y__c=C_SAY)
    for words, status, text in (
            ((tmp_path / "none",), 2, "No such file"), ((code / "notes.txt",), 2, "no function"),
            ((folder("empty"),), 2, "no function"), ((), 2, "is required"),
            ((code / "say.c", "more"), 2, "too many"), ((code / "say.c", "-e", "x"), 2, "K=V"),
            ((code / "s_y.c",), 2, "give it one with -n"),
            ((code / "say.c", "-w", "many"), 1, "workers"),
            ((code / "say.c", "-l", "256.0.0.1:1"), 1, "enoki-run has ended")):
        done = enoki(None, "dev", *words, cwd=tmp_path)
        assert done.status == status and re.search(text, done.err), (words, done)
