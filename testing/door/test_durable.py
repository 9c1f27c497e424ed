"""Accepted calls that survive the node: killed, full, damaged."""
import json
import re
import signal
import threading
import time

from test_admission import ask
from test_scaling import in_threads, until

SLOW = '{ name = "hang"; code = "$LIB/hang.so"; workers = 1; async = "durable"; }'
LISTEN = 'listen = { http = "127.0.0.1:0"; management = "127.0.0.1:0"; };\n'


def stored(node):
    text = node.manage("GET", "/metrics")[1].decode()
    return int(re.search(r"^enoki_async_stored (\d+)$", text, re.M).group(1))


def accept(node, name, body, count=1):
    for status, _, _ in in_threads(count, lambda _: ask(node, name, body, X_tinyFaaS_Async="1")):
        assert status == 202


def shell(folder, text):
    """The settings of a durable function that is this script."""
    (folder / "fn").mkdir(exist_ok=True)
    (folder / "out").mkdir(exist_ok=True)
    (folder / "out").chmod(0o777)  # it runs as a user of its own
    script = folder / "fn" / "fn.sh"
    script.write_text(f"#!/bin/sh\n{text}\n")
    script.chmod(0o755)
    return '{ name = "show"; language = "shell"; code = "fn"; async = "durable"; }'


def test_accepted_calls_survive_a_killed_node(start, hold):
    node = start(SLOW).wait_ready("hang")
    accept(node, "hang", hold.body, 10)
    assert stored(node) == 10
    node.kill()
    node.start()
    node.wait_ready("hang").wait_for("accepted calls of the last run")
    assert stored(node) == 10
    hold.release()
    until(lambda: stored(node) == 0, "they did not run")
    assert node.describe("hang")["calls"] == 10
    assert node.describe("hang")["errors"] == 0
    node.stop()


def test_body_path_query_and_headers_are_the_same_after_a_restart(start, tmp_path):
    settings = shell(tmp_path, "").replace("shell", "nodejs")
    (tmp_path / "fn" / "fn.sh").unlink()
    (tmp_path / "fn" / "package.json").write_text('{"name": "fn"}')
    code = tmp_path / "fn" / "index.js"
    code.write_text("module.exports = () => {};")  # never answers
    node = start(settings).wait_ready("show")
    assert ask(node, "show/a/b?c=d", b"the body", X_tinyFaaS_Async="1", X_Mine="yes")[0] == 202
    until(lambda: node.describe("show")["running"] == 1, "it does not run")
    node.kill()
    code.write_text("module.exports = (req, res) => { require('fs').writeFileSync("
                    f"'{tmp_path}/out/seen', JSON.stringify([req.body, req.url, req.headers]));"
                    "res.end(); };")
    node.start()
    node.wait_ready("show")
    until(lambda: stored(node) == 0, "it did not run")
    body, url, headers = json.loads((tmp_path / "out" / "seen").read_text())
    assert (body, url, headers["x-mine"]) == ("the body", "/a/b?c=d", "yes")


def test_every_accepted_call_runs_however_often_the_node_dies(start, tmp_path):
    node = start(shell(tmp_path, f'cat >> "{tmp_path}/out/seen"')).wait_ready("show")
    accepted = []
    for round_ in range(3):
        done = threading.Event()

        def send(sender):
            number = 0
            while not done.is_set():
                text = f"{round_}.{sender}.{number}"
                try:
                    if ask(node, "show", f"{text}\n".encode(), X_tinyFaaS_Async="1")[0] == 202:
                        accepted.append(text)
                except OSError:
                    pass  # killed
                number += 1
        threads = [threading.Thread(target=send, args=(i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        until(lambda: len(accepted) > 40 * (round_ + 1), "nothing is accepted")
        node.kill()
        done.set()
        for thread in threads:
            thread.join()
        node.start()
        node.wait_ready("show")
    until(lambda: stored(node) == 0, "they did not run")
    node.stop()
    assert set(accepted) - set((tmp_path / "out" / "seen").read_text().split()) == set()


def test_a_call_that_kills_the_node_is_given_up(start):
    node = start(SLOW).wait_ready("hang")
    accept(node, "hang", b"hang")
    tries = 0
    while tries < 20:
        until(lambda: node.describe("hang")["running"] == 1 or "is given up" in node.text,
              "it does not run")
        if "is given up" in node.text:
            break
        time.sleep(0.1)  # the try is written down within a commit; one that is not does not count
        node.kill()
        node.start()
        node.wait_ready("hang")
        tries += 1
    assert 3 <= tries < 20
    until(lambda: stored(node) == 0, "it is kept")
    assert node.call("hang", b"x") == (200, b"x")
    node.stop()


def test_a_stopped_node_leaves_what_waits_to_the_next_one(start, hold):
    node = start(SLOW).wait_ready("hang")
    accept(node, "hang", hold.body, 5)
    hold.wait()
    node.process.send_signal(signal.SIGTERM)
    node.wait_for("draining")
    hold.release()
    node.wait_end()
    assert hold.inside() == 1
    node.start()
    node.wait_ready("hang")
    until(lambda: stored(node) == 0, "they did not run")
    assert node.describe("hang")["calls"] == 4 and hold.inside() == 5


def test_the_spool_is_bounded(start, hold):
    node = start(SLOW, LISTEN + 'async = { max_size = "1MiB"; };').wait_ready("hang")
    accept(node, "hang", hold.body)
    statuses = [ask(node, "hang", b"x" * 300000, X_tinyFaaS_Async="1")[0] for _ in range(5)]
    assert statuses[:3] == [202] * 3 and statuses[4] == 503
    assert node.describe("hang")["refused"] >= 1
    hold.release()
    until(lambda: stored(node) == 0, "they did not run")
    accept(node, "hang", b"x" * 300000)  # the room is there again
    node.stop()


def test_a_damaged_spool_is_put_aside_or_skipped(start, tmp_path):
    node = start(SLOW).wait_ready("hang")
    accept(node, "hang", b"sleep 20000")
    accept(node, "hang", b"y" * 100000, 3)
    node.kill()
    file = tmp_path / "enoki-calls" / "data.mdb"
    whole = file.read_bytes()
    # One record's bytes are not what they were.
    file.write_bytes(whole[:-50000] + b"?" + whole[-49999:])
    node.start()
    node.wait_ready("hang").wait_for("its record is damaged")
    node.kill()
    file.write_bytes(b"no database" * 1000)
    node.start()
    node.wait_ready("hang").wait_for("cannot be read")
    assert list((tmp_path / "enoki-calls").glob("damaged-*"))
    accept(node, "hang", b"x")
    until(lambda: stored(node) == 0, "it does not run")
    node.stop()


def test_a_removed_function_takes_its_calls_along(start, hold):
    node = start(SLOW + ', { name = "echo"; code = "$LIB/echo.so"; }').wait_ready("hang", "echo")
    accept(node, "hang", hold.body, 3)
    hold.wait()
    node.write('{ name = "echo"; code = "$LIB/echo.so"; }')
    node.reload()
    node.wait_for("an asynchronous call is given up: the function is being removed")
    hold.release()
    until(lambda: stored(node) == 0, "they are kept")
    assert node.call("echo", b"x") == (200, b"x")
    node.stop()
