"""What functions write: line by line, in memory and in files of their own, bounded."""
import http.client
import re
import threading

import pytest

from conftest import LIMIT_S, Node
from test_scaling import until

LINE = re.compile(r"function=(\w+) handler=(\d+) stream=(stdout|stderr) "
                  r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z) (.*)")
TALK = '''import sys
def fn(input, headers):
    count, text = input.split(" ", 1)
    for i in range(int(count)):
        print(text, i)
    print("done", file=sys.stderr)
    sys.stdout.flush()
    return "said"
'''
SHOUT = '''import os
def fn(input, headers):
    turn = 0
    while not os.path.exists(input):
        for _ in range(1000):
            turn += 1
            print(turn)
    return "hoarse"
'''


@pytest.fixture
def talk(start, tmp_path):
    (tmp_path / "talk").mkdir()
    (tmp_path / "talk" / "fn.py").write_text(TALK)

    def make(log):
        return start('{ name = "talk"; language = "python"; code = "talk"; workers = 1; }, '
                     '{ name = "echo"; code = "$LIB/echo.so"; }',
                     'listen = { http = "127.0.0.1:0"; management = "127.0.0.1:0"; };\n'
                     f'log = {{ {log} }};').wait_ready("talk", "echo")
    return make


def test_lines_have_function_handler_stream_and_time_in_file_and_reply(talk, tmp_path):
    node = talk('path = "logs";')
    assert node.call("talk", b"3 hello") == (200, b"said")
    until(lambda: node.manage("GET", "/logs?name=talk")[1].count(b"\n") == 4, "no lines")
    text = node.manage("GET", "/logs?name=talk")[1].decode()
    found = [LINE.fullmatch(line).groups() for line in text.splitlines()]
    assert {(function, handler) for function, handler, _, _, _ in found} == {("talk", "0")}
    assert [said for _, _, stream, _, said in found if stream == "stdout"] == [
        "hello 0", "hello 1", "hello 2"]
    assert [said for _, _, stream, _, said in found if stream == "stderr"] == ["done"]
    node.stop()
    assert (tmp_path / "logs" / "talk.log").read_text().startswith(text)
    assert "hello 0" not in node.text, "the lines are in the node's log too"


def test_files_are_rotated_and_bounded(talk, tmp_path):
    node = talk('path = "logs"; max_size = "64KiB"; keep = 2;')
    for _ in range(4):
        assert node.call("talk", b"500 " + b"x" * 50) == (200, b"said")
    # The two streams are not in step.
    until(lambda: node.manage("GET", "/logs?name=talk")[1].count(b"done\n") == 4
          and node.manage("GET", "/logs?name=talk")[1].count(b"x 499\n") == 4, "no lines")
    node.stop()
    files = {file.name: file.read_text() for file in (tmp_path / "logs").iterdir()
             if file.name.startswith("talk")}
    assert sorted(files) == ["talk.log", "talk.log.1", "talk.log.2"]
    assert all(len(text) <= 65536 for text in files.values())
    newest = files["talk.log.2"] + files["talk.log.1"] + files["talk.log"]
    assert all(LINE.fullmatch(line) for line in newest.splitlines())
    assert f"{'x' * 50} 499\n" in newest


def test_a_line_without_end_is_split(talk):
    node = talk('path = "logs";')
    assert node.call("talk", b"1 " + b"y" * 200000) == (200, b"said")
    until(lambda: node.manage("GET", "/logs?name=talk")[1].count(b"\n") == 5, "no lines")
    said = [LINE.fullmatch(line).group(5)
            for line in node.manage("GET", "/logs?name=talk")[1].decode().splitlines()]
    said.remove("done")  # wherever: the two streams are not in step
    assert len(said) == 4 and "".join(said) == "y" * 200000 + " 0"
    assert max(map(len, said)) == 65536


def test_a_function_that_writes_without_end_delays_no_other(start, tmp_path, hold):
    """It writes in one call, which ends only after the others were answered."""
    (tmp_path / "shout").mkdir()
    (tmp_path / "shout" / "fn.py").write_text(SHOUT)
    node = start('{ name = "shout"; language = "python"; code = "shout"; timeout = "10m"; }, '
                 '{ name = "echo"; code = "$LIB/echo.so"; }',
                 'listen = { http = "127.0.0.1:0"; management = "127.0.0.1:0"; };\n'
                 'log = { path = "logs"; max_size = "1MiB"; keep = 1; };').wait_ready("shout", "echo")
    answers = []
    shouting = threading.Thread(target=lambda: answers.append(
        node.call("shout", str(hold.folder / "go").encode())))
    shouting.start()
    until(lambda: node.manage("GET", "/logs?name=shout")[1].count(b"\n") > 1000, "no lines")
    connection = http.client.HTTPConnection(*node.http, timeout=LIMIT_S)
    for _ in range(200):
        connection.request("POST", "/echo", b"x")
        assert connection.getresponse().read() == b"x"
    last = node.manage("GET", "/logs?name=shout&tail=1")[1]
    until(lambda: node.manage("GET", "/logs?name=shout&tail=1")[1] != last, "it is silent")
    hold.release()
    shouting.join()
    assert answers == [(200, b"hoarse")]


def test_a_folder_that_cannot_be_made_is_an_error(start, tmp_path):
    (tmp_path / "file").write_text("")
    node = Node(tmp_path, "", "log = { path = \"file\"; };")
    node.wait_for("log.path")
    assert node.process.wait(LIMIT_S) == 1
