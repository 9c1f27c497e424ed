"""A line for every call, and logs that are JSON line by line."""
import json
import re

import pytest

from conftest import LIBRARIES, Node
from test_answers import ALL, ask, coap, grpc

ECHO = '{ name = "echo"; code = "$LIB/echo.so"; }'
NOISY = """import sys
def fn(text):
    print('{"time": "not ours"')
    print('{"time": "not ours"', file=sys.stderr)
    print('{"time": "ours?"} and more', file=sys.stderr)
    print('time=1 level=info', file=sys.stderr)
    sys.stderr.buffer.write(b'{"time": "\\xff\\xfe"}\\n\\xff"\\\\\\n')
    sys.stderr.flush()
    raise ValueError("gr\\u00fcn\\n\\"")
"""


class Alone(Node):
    """One function without a front door."""

    def arguments(self):
        return ("-s", f"embedded:{self.folder}/state", "-l", "http=127.0.0.1:0", "--log-access",
                *self.more.split(), LIBRARIES / "echo.so")


def lines(node, count):
    """The access lines, once there are so many."""
    node.wait_for('"msg":"call"' if "json" in node.more else "msg=call ", count)
    return [line for line in node.text.splitlines() if re.search(r'msg=call |"msg":"call"', line)]


def test_every_call_has_a_line(start):
    node = start(ECHO + ', { name = "failing"; code = "$LIB/failing.so"; }',
                 ALL + 'log = { access = true; level = "warn"; };').wait_ready("echo", "failing")
    assert ask(node, "echo/below?secret=1", [("X-Request-Id", "id-7")], body=b"12345")[0] == 200
    first = lines(node, 1)[0]
    assert re.search(r"level=info msg=call status=200 in=5 out=5 us=\d+ method=POST "
                     r"path=/echo/below function=echo protocol=http remote=127.0.0.1:\d+ "
                     r"request=id-7$", first), first
    assert "secret" not in node.text
    assert ask(node, "failing", [], body=b"why")[0] == 500
    assert "status=500 in=3 out=3" in lines(node, 2)[1]
    assert ask(node, "nobody", [])[0] == 404
    assert re.search("status=404 .* path=/nobody protocol=http", lines(node, 3)[2])
    assert coap(node, "echo") == (0x45, b"x")
    assert re.search("status=200 in=1 out=1 .* function=echo protocol=coap", lines(node, 4)[3])
    client = grpc(node)
    assert client.call("echo", "abc") == "abc"
    client.close()
    assert re.search("status=200 in=3 out=3 .* function=echo protocol=grpc", lines(node, 5)[4])
    assert ask(node, "echo", [("X-tinyFaaS-Async", "1")], body=b"later")[0] == 202
    assert re.search("status=200 in=5 .* function=echo protocol=http async=true", lines(node, 6)[5])
    assert node.manage("GET", "/list")[0] == 200
    assert re.search("path=/list function=management", lines(node, 7)[6])
    assert node.call("health", method="GET")[0] == 200
    node.stop()
    assert len(lines(node, 7)) == 7


def test_a_log_of_json_is_json_whatever_functions_write(start, tmp_path):
    (tmp_path / "py").mkdir()
    (tmp_path / "py" / "fn.py").write_text(NOISY)
    node = start(ECHO + ', { name = "py"; language = "python"; code = "py"; }',
                 ALL + 'log = { access = true; format = "json"; level = "debug"; };')
    node.wait_ready("echo", "py")
    assert ask(node, "py", [("X-Request-Id", 'a"b\\c')])[0] == 500
    call = json.loads(lines(node, 1)[0])
    assert (call["status"], call["request"], call["function"]) == (500, 'a"b\\c', "py")
    assert call["us"] > 0 and call["level"] == "info"
    node.stop()
    found = [json.loads(line) for line in node.text.splitlines()
             if not line.startswith(("ready: ", "(end)"))]
    assert all({"time", "level", "msg"} <= set(line) or line["time"] in ("not ours", "ours?")
               for line in found)
    said = [line["msg"] for line in found if line.get("function") == "py"]
    assert '{"time": "not ours"' in said and "time=1 level=info" in said
    assert '{"time": "ours?"} and more' in said


@pytest.mark.parametrize("runtime", ("thread", "prefork", "process"))
def test_one_function_alone_logs_its_calls(tmp_path, runtime):
    alone = Alone(tmp_path, "", f"-r {runtime}").wait_ready("echo")
    assert ask(alone, "echo", [], body=b"12345")[0] == 200
    assert re.search(r"status=200 in=5 out=5 us=\d+ method=POST path=/echo function=echo "
                     r"protocol=http remote=127", lines(alone, 1)[0])
    assert ask(alone, "nobody", [])[0] == 404
    assert "status=404" in lines(alone, 2)[1]
    alone.close()
