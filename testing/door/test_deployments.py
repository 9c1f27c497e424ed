"""Deployments that are overtaken: by another one, by the function's removal, by the node's end."""
import os
import select
import threading
import time

from conftest import package

READY = "def fn(req, headers):\n    return '%s'\n"
# Starts only once the file is there.
SLOW = "import time\nfrom pathlib import Path\nPath('%s').touch()\nwhile not Path('%s').exists():\n" \
       "    time.sleep(0.01)\ndef fn(req, headers):\n    return 'slow'\n"


class Upload(threading.Thread):
    """In the background, until the function's code runs."""

    def __init__(self, node, folder, name):
        super().__init__(daemon=True)
        self.node, self.name_of, self.answer = node, name, None
        self.begun, self.go = folder / f"{name}-begun", folder / f"{name}-go"
        self.zip = package(fn__py=SLOW % (self.begun, self.go))
        self.start()
        until = time.monotonic() + 120
        while not self.begun.exists():
            self.join(0.01)
            assert self.is_alive() and time.monotonic() < until, f"not started: {self.answer}"

    def run(self):
        try:
            self.answer = self.node.upload(self.name_of, "python3", self.zip)
        except OSError as error:
            self.answer = error

    def answered(self):
        self.join(20)
        assert not self.is_alive(), "never answered"
        return self.answer


def test_a_new_function_may_be_uploaded_again_before_it_is_ready(start, tmp_path):
    node = start()
    first = Upload(node, tmp_path, "f")
    status, text = node.upload("f", "python3", package(fn__py=READY % "second"))
    assert status == 200, text
    status, text = first.answered()
    assert status == 500 and b"another deployment took its place" in text
    assert node.call("f") == (200, b"second")
    node.kill()
    node.start()
    node.wait_ready("f")
    assert node.call("f") == (200, b"second")


def test_the_same_upload_twice_at_once_is_one_deployment(start, tmp_path):
    node = start()
    first = Upload(node, tmp_path, "f")
    first.begun.unlink()
    again = Upload(node, tmp_path, "f")
    again.go.touch()
    assert again.answered()[0] == 200
    assert first.answered()[0] == 500
    node.kill()
    node.start()
    node.wait_ready("f")
    assert node.call("f") == (200, b"slow")


def test_a_version_placed_while_another_one_starts_is_not_cleared_away(start, tmp_path):
    node = start()
    for text in "one", "two":
        assert node.upload("f", "python3", package(fn__py=READY % text))[0] == 200
    versions = tmp_path / "enoki-functions" / "f"
    before = {path.name for path in versions.iterdir() if len(path.name) == 64}
    third = Upload(node, tmp_path, "f")
    placed = versions / ("0" * 64)
    placed.mkdir()
    third.go.touch()
    assert third.answered()[0] == 200
    after = {path.name for path in versions.iterdir() if len(path.name) == 64}
    assert placed.name in after and len(after) == 3 and len(before & after) == 1
    assert node.upload("f", "python3", package(fn__py=READY % "four"))[0] == 200
    assert not placed.exists()


def test_who_uploads_what_is_deleted_meanwhile_learns_it(start, tmp_path):
    node = start()
    upload = Upload(node, tmp_path, "f")
    assert node.manage("POST", "/delete", {"name": "f"})[0] == 200
    status, text = upload.answered()
    assert status == 500 and b"removed" in text
    assert "f" not in node.names()


def limits(drain):
    return 'listen = { http = "127.0.0.1:0"; management = "127.0.0.1:0"; };\n' \
           f'limits = {{ drain = "{drain}"; }};'


def test_who_still_uploads_when_the_node_stops_learns_it(start, tmp_path):
    node = start("", limits("300ms"))
    upload = Upload(node, tmp_path, "f")
    node.process.terminate()
    node.process.wait(60)
    assert upload.answered() == (500, b"the node stops\n")


def test_a_node_that_stops_ends_calls_of_functions_that_were_removed(start):
    node = start('{ name = "hang"; code = "$LIB/hang.so"; }', limits("300ms"))
    node.wait_ready("hang")
    answers = []
    call = threading.Thread(target=lambda: answers.append(node.call("hang", b"sleep 60000")))
    call.start()
    while node.describe("hang")["running"] == 0:
        time.sleep(0.01)
    runtimes = [os.pidfd_open(pid) for pid in node.runtimes()]
    node.write("")
    node.reload()
    while "hang" in node.names():
        time.sleep(0.01)
    node.process.terminate()
    node.process.wait(60)
    call.join(60)
    assert [status for status, _ in answers] == [502]
    for runtime in runtimes:
        assert select.select([runtime], [], [], 0.5)[0], "a runtime outlived its node"
        os.close(runtime)
