"""enoki top and logs: what changes while somebody looks on."""
import re
import signal
import subprocess

from conftest import ENOKI, LIMIT_S, enoki, environment

ECHO = '{ name = "echo"; code = "$LIB/echo.so"; }'
TALK = "#!/bin/sh\ncat\necho to the log >&2\n"


def test_top_once_tells_rates(start):
    node = start(ECHO).wait_ready("echo")
    node.call("echo", b"x")
    done = enoki(node, "top", "-i", "0.1")
    lines = done.out.splitlines()
    assert done.status == 0 and re.match(r"\d\d:\d\d:\d\d  1 function, 0 calls/s$", lines[0]), done
    assert lines[2].split() == ["NAME", "STATE", "CALLS/s", "ERR/s", "MEAN", "ms", "P99", "ms",
                                "RUN", "WAIT", "PROCS", "MEM", "CALLS", "ERRORS", "RESTARTS"]
    assert lines[3].split()[:4] == ["echo", "ready", "0", "0"]
    for words in (("-i", "0"), ("-i", "nan"), ("-i", "x"), ("more",)):
        assert enoki(node, "top", *words).status == 2, words
    assert enoki(None, "-m", "http://127.0.0.1:1", "top").status == 1


def test_top_on_a_terminal_is_drawn_again_and_fits(start, terminal):
    node = start(", ".join(ECHO.replace('"echo"', f'"echo{i}"') for i in range(9)))
    node.wait_ready(*[f"echo{i}" for i in range(9)])
    at = terminal(node, "top", "-i", "0.1", rows=8, columns=40)
    at.wait_for("\033\\[\\?1049h.*\033\\[H.*\033\\[H")
    picture = at.text.split("\033[H")[1]
    plain = re.sub(r"\033\[[?0-9;]*[a-zA-Z]", "", picture).split("\r\n")
    assert len(plain) <= 8 and max(map(len, plain)) <= 40, plain
    assert "echo0" in picture and "echo8" not in picture and "RESTARTS" not in picture
    at.resize(20, 120)
    at.wait_for("echo8")
    assert "RESTARTS" in at.text
    for _ in range(20):
        node.call("echo0", b"x")
    at.wait_for(r"echo0\S*\s+\S*ready\S*\s+[1-9]")
    node.kill()
    at.wait_for("no node answers")
    at.type("q")
    assert at.end() == 0 and at.text.endswith("\033[?1049l")


def test_top_leaves_the_terminal_as_it_was_after_a_signal(start, terminal):
    node = start(ECHO).wait_ready("echo")
    at = terminal(node, "top")
    at.wait_for("echo")
    at.process.send_signal(signal.SIGTERM)
    assert at.end() == 0 and at.text.endswith("\033[?25h\033[?1049l")


def test_logs_tells_what_was_written_and_follows_what_is(start, folder):
    node = start()
    code = folder("talk", fn__py="def fn(i):\n    print('got', i)\n    return ''\n")
    assert enoki(node, "deploy", code).status == 0
    follower = subprocess.Popen([ENOKI, "logs", "-f", "talk"], env=environment(node), text=True,
                                stdout=subprocess.PIPE)
    for word in ("one", "two"):
        node.call("talk", word.encode())
        line = follower.stdout.readline()
        assert re.fullmatch(rf"function=talk handler=0 stream=stdout \S+ got {word}\n", line), line
    follower.send_signal(signal.SIGINT)
    follower.wait(LIMIT_S)
    for words, seen in (((), ["one", "two"]), (("-n", "1"), ["two"])):
        for name in ("talk", None):
            done = enoki(node, "logs", *words, *([name] if name else []))
            assert [line.split()[-1] for line in done.out.splitlines()] == seen, done


def test_logs_have_colours_on_a_terminal_and_nothing_that_steers_it(start, folder, terminal):
    node = start()
    code = folder("talk", fn__py="import sys\n"
                                 "def fn(i):\n"
                                 "    print('to \\033[2J you', file=sys.stderr, flush=True)\n")
    assert enoki(node, "deploy", code).status == 0
    node.call("talk")
    at = terminal(node, "logs", "talk")
    assert at.end() == 0
    assert "to ?[2J you" in at.text and "\033[36mfunction=talk handler=0" in at.text, at.text
    assert "\033[33m to ?" in at.text  # standard error is yellow
    done = enoki(node, "logs", "none")
    assert done.status == 1 and "no function 'none' here" in done.err
    for words in (("-n", "0"), ("-n", "x"), ("a", "b"), ("../etc",)):
        assert enoki(node, "logs", *words).status == 2, words
