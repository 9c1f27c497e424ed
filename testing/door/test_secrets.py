"""Variables from files: read at every start, shown nowhere."""
import json

from conftest import package

SHOW = "import os\ndef fn(i):\n    return os.environ.get(i or '', '(none)')\n"
VALUE = "s3cret-of-the-test"


def shown_nowhere(node):
    seen = node.text
    for path in ("/list", "/functions", "/functions/f", "/metrics", "/logs"):
        seen += node.manage("GET", path)[1].decode()
    for file in (node.folder / "enoki-functions").rglob("meta.json"):
        seen += file.read_text()
    for pid in node.runtimes():
        with open(f"/proc/{pid}/cmdline", "rb") as line:
            seen += line.read().decode()
    return VALUE not in seen


def test_an_upload_names_files_of_the_nodes_folder(start, tmp_path):
    node = start()
    (tmp_path / "enoki-secrets").mkdir()
    (tmp_path / "enoki-secrets" / "key").write_text(VALUE + "\n")
    zip_text = package(fn__py=SHOW)
    assert node.upload("f", "python3", zip_text, secrets={"KEY": "key"})[0] == 200
    assert node.call("f", b"KEY") == (200, VALUE.encode())
    assert node.describe("f")["variables"] == ["KEY"]
    assert shown_nowhere(node)
    (tmp_path / "enoki-secrets" / "key").write_text("new")  # taken up at the next start
    node.kill()
    node.start()
    node.wait_ready("f")
    assert node.call("f", b"KEY") == (200, b"new")
    for secrets, why in (({"KEY": "../token"}, b"the name of a file"), ({"KEY": 5}, b"the name"),
                         ({"KEY": "missing"}, b"No such file"), ({"ENOKI_X": "key"}, b"ENOKI_")):
        status, text = node.upload("f", "python3", zip_text, secrets=secrets)
        assert status == 500 and why in text, text
    status, text = node.upload("f", "python3", zip_text, envs=["KEY=x"], secrets={"KEY": "key"})
    assert status == 500 and b"envs too" in text
    assert node.call("f", b"KEY") == (200, b"new")


def test_a_file_names_them_too(start, tmp_path):
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "fn.py").write_text(SHOW)
    (tmp_path / "key").write_text(VALUE)
    node = start('{ name = "f"; language = "python"; secrets = { KEY = "key"; }; }').wait_ready("f")
    assert node.call("f", b"KEY") == (200, VALUE.encode())
    assert json.loads(node.manage("GET", "/functions")[1])["functions"][0]["variables"] == ["KEY"]
    assert shown_nowhere(node)
