"""What packages require, and wrong packages: each is answered clearly, and the node lives."""
import base64
import hashlib
import http.server
import io
import json
import shutil
import subprocess
import sysconfig
import tarfile
import threading
import zipfile

import pytest

from conftest import package

def zipped(contents):
    """A package of files by their names."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return base64.b64encode(made.getvalue()).decode()


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    """A folder that pip finds a package 'wanted' in, without a network."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    with zipfile.ZipFile(folder / "wanted-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr("wanted.py", "ANSWER = 'installed'\n")
        info = "wanted-1.0.dist-info/"
        archive.writestr(info + "METADATA", "Metadata-Version: 2.1\nName: wanted\nVersion: 1.0\n")
        archive.writestr(info + "WHEEL", "Wheel-Version: 1.0\nGenerator: test\n"
                                         "Root-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(info + "RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


FUNCTION = "import wanted\n\ndef fn(i):\n    return wanted.ANSWER + '{}'\n"


def test_requirements_are_installed_once(start, wheel):
    node = start()

    def upload(name, number, requirements="wanted\n"):
        return node.upload(name, "python3", package(fn__py=FUNCTION.format(number),
                                                    requirements__txt=requirements))

    assert upload("a", 1)[0] == 200
    assert node.call("a") == (200, b"installed1")
    cache = node.folder / "enoki-functions" / ".cache"
    assert len(list(cache.iterdir())) == 1
    shutil.rmtree(wheel)  # nothing can be installed any more
    assert upload("a", 2)[0] == 200 and upload("b", 3)[0] == 200
    assert (node.call("a"), node.call("b")) == ((200, b"installed2"), (200, b"installed3"))
    # Each has its own copy.
    installed = {path.resolve() for path in (node.folder / "enoki-functions").glob(
        "*/*/code/.python/wanted.py")}
    assert len(installed) == len({path.stat().st_ino for path in installed}) == 3
    status, text = upload("c", 4, "wanted\nother\n")
    assert status == 500 and b"No matching distribution" in text
    assert node.names() == ["a", "b"] and len(list(cache.iterdir())) == 1
    # A leftover of a crash is no entry, and nothing of it stays.
    (node.folder / "enoki-functions" / ".staging" / "half" / "made").mkdir(parents=True)
    node.kill()
    node.start()
    node.wait_ready("a", "b")
    assert node.call("a") == (200, b"installed2")
    assert list((node.folder / "enoki-functions" / ".staging").iterdir()) == []


def test_what_is_kept_depends_on_nothing_else(start, wheel):
    node = start()
    for requirements in ("-r more.txt\n", f"{wheel}/wanted-1.0-py3-none-any.whl\n"):
        assert node.upload("a", "python3", zipped({
            "fn.py": FUNCTION.format(""), "requirements.txt": requirements,
            "more.txt": "wanted\n"}))[0] == 200
        assert node.call("a") == (200, b"installed")
    assert not (node.folder / "enoki-functions" / ".cache").exists()
    assert node.upload("b", "python3", zipped({
        "fn.py": "def fn(i):\n    return 'alone'\n", "requirements.txt": "# nothing\n\n"}))[0] == 200
    assert node.call("b") == (200, b"alone")


def test_what_a_step_that_fails_wrote_is_the_answer(start):
    node = start()
    wrong = "".join(f"int f{number}(void) {{ return missing{number}; }}\n" for number in range(10))
    status, text = node.upload("a", "c", zipped({"fn.c": wrong}))
    lines = text.decode().splitlines()
    assert (status, lines[0]) == (500, "building failed:")
    assert [number for number in range(10) if f"'missing{number}' undeclared" in text.decode().replace(
        "\u2018", "'").replace("\u2019", "'")] == list(range(10))
    # Of very much the end, from where a line begins.
    wrong = "".join(f'#warning "number{number:03}"\n' for number in range(500)) + "#error the end\n"
    status, text = node.upload("a", "c", zipped({"fn.c": wrong}))
    lines = text.decode().splitlines()
    assert (status, lines[0]) == (500, "building failed:")
    assert len(text) < 20000 and "number000" not in lines[1] and "the end" in text.decode()
    assert lines[1][0] == " " or lines[1].startswith("fn.c:")
    assert node.names() == []


def test_a_step_gets_of_the_environment_what_it_needs(start, monkeypatch):
    for name in ("https_proxy", "HTTP_PROXY", "PIP_OWN", "MY_SECRET"):
        monkeypatch.setenv(name, f"value-of-{name}")
    told = " ".join(f"$ENV{{{name}}}" for name in
                    ("https_proxy", "HTTP_PROXY", "PIP_OWN", "MY_SECRET"))
    status, text = start().upload("a", "c", zipped({
        "fn.c": "", "CMakeLists.txt": f'message(FATAL_ERROR "has [{told}]")\n'}))
    assert status == 500
    assert b"has [value-of-https_proxy value-of-HTTP_PROXY value-of-PIP_OWN ]" in text, text


def tarball():
    """npm's package 'wanted'."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        for name, text in (("package.json", '{"name": "wanted", "version": "1.0.0"}'),
                           ("index.js", "module.exports = 'installed';")):
            entry = tarfile.TarInfo("package/" + name)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    return made.getvalue()


class Registry(http.server.BaseHTTPRequestHandler):
    """npm's, with one package. asked is a list of paths."""
    protocol_version = "HTTP/1.1"
    asked, package = [], tarball()

    def do_GET(self):
        self.asked.append(self.path)
        body = self.package
        if self.path.startswith("/wanted") and not self.path.endswith(".tgz"):
            digest = base64.b64encode(hashlib.sha512(body).digest()).decode()
            body = json.dumps({"name": "wanted", "dist-tags": {"latest": "1.0.0"}, "versions": {
                "1.0.0": {"name": "wanted", "version": "1.0.0", "dist": {
                    "integrity": "sha512-" + digest,
                    "tarball": f"http://127.0.0.1:{self.server.server_port}/wanted.tgz"}}}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
def test_dependencies_are_installed_once(start, monkeypatch):
    monkeypatch.setenv("npm_config_fetch_retry_mintimeout", "100")
    monkeypatch.setenv("npm_config_fetch_retry_maxtimeout", "1000")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Registry) as registry:
        threading.Thread(target=registry.serve_forever, daemon=True).start()
        node = start()

        def upload(number):
            return node.upload("a", "nodejs", zipped({
                "package.json": json.dumps({"name": "fn", "dependencies": {"wanted": "^1.0.0"}}),
                ".npmrc": f"registry=http://127.0.0.1:{registry.server_port}/\n",
                "index.js": "module.exports = (req, res) => "
                            f"res.send(require('wanted') + {number});"}))

        status, text = upload(1)
        assert status == 200, text
        registry.shutdown()
    assert node.call("a") == (200, b"installed1") and "/wanted.tgz" in Registry.asked
    assert upload(2)[0] == 200
    assert node.call("a") == (200, b"installed2")


def test_files_beside_the_function_are_found_by_their_names(start):
    node = start()
    for answer in ("one", "two"):
        assert node.upload("a", "python3", zipped({
            "fn.py": "def fn(i):\n    with open('data/text') as file, open('own', 'a') as own:\n"
                     "        own.write('x')\n        return file.read()\n",
            "data/text": answer}))[0] == 200
        assert node.call("a") == (200, answer.encode())
        assert node.call("a") == (200, answer.encode())


def js(text, **described):
    return zipped({"package.json": json.dumps({"name": "fn", **described}), "index.js": text})


WRONG = [
    ("python3", zipped({"other.py": ""}), "no fn.py at its top"),
    ("python3", zipped({"fn.py": "x = 1"}), "fn.py has no function fn"),
    ("python3", zipped({"fn.py": "def fn(i)\n  pass"}), "SyntaxError: expected ':'"),
    ("python3", zipped({"fn.py": "import nosuch"}), "No module named 'nosuch'"),
    ("python3", zipped({"fn.py": "import os\nos._exit(3)"}), "ended with status 3: look at"),
    ("python3", zipped({"fn.py": "import os\nos.kill(os.getpid(), 11)"}),
     "was killed by signal 11 (Segmentation fault): look at"),
    ("python3", zipped({"fn.py": "", "requirements.txt": "no such thing!"}), "requirement"),
    ("nodejs", zipped({"index.js": "module.exports = () => {};"}), "no package.json at its top"),
    ("nodejs", zipped({"package.json": "{", "index.js": ""}), "package.json is no JSON"),
    ("nodejs", js("module.exports = () => {};", name="demo"), "name is 'demo'; it must be 'fn'"),
    ("nodejs", js("let 7;"), "SyntaxError"),
    ("nodejs", js("throw new Error('over');"), "Error: over"),
    ("nodejs", js("require('nosuch')"), "Cannot find module 'nosuch'"),
    ("nodejs", js("process.exit(4)"), "ended before it was ready (exit status 4)"),
    ("nodejs", js("module.exports = {};"), "exports no function"),
    ("binary", zipped({"other.sh": ""}), "no fn.sh at its top"),
    ("binary", zipped({"fn.sh": "#!/no/such/program\n"}), "'#!/no/such/program', which is no"),
    ("binary", zipped({"fn.sh": "#!/bin/sh\r\ncat\r\n"}), "ends as lines do on Windows"),
    ("host", zipped({"fn.host": "#!/bin/sh\necho nonsense >&3\n"}), "ended before it was ready"),
    ("host", zipped({"fn.host": "#!/bin/sh\nprintf '%s' nonsense-and-more >&3; exec sleep 100\n"}),
     "does not speak these frames"),
    ("c", zipped({"fn.c": "int x = ;"}), "fn.c:1:9: error: expected expression"),
    ("c", zipped({"fn.c": "int x;"}), "enoki_function"),
]


def test_wrong_packages_are_refused_with_the_reason(start):
    node = start('{ name = "echo"; code = "$LIB/echo.so"; }').wait_ready("echo")
    for env, zip_text, why in WRONG:
        status, text = node.upload("bad", env, zip_text)
        assert status == 500 and why in text.decode(), (env, why, text)
    assert node.names() == ["echo"]
    assert node.call("echo", b"x") == (200, b"x")


def test_a_package_that_never_gets_ready_is_given_up(start):
    node = start(more='listen = { http = "127.0.0.1:0"; management = "127.0.0.1:0"; };\n'
                      'limits = { start = "1500ms"; };')
    for env, zip_text, runtime in (("python3", zipped({"fn.py": "while True: pass"}), "prefork"),
                                   ("python3", zipped({"fn.py": "while True: pass"}), "thread"),
                                   ("nodejs", js("while (true);"), "prefork")):
        status, text = node.upload("bad", env, zip_text, runtime=runtime)
        assert status == 500 and (b"within 1500 ms" in text or b"did not become" in text), text
    assert node.names() == []


def extension(folder):
    """A module in C that crashes."""
    source = folder / "crash.c"
    source.write_text("""
        #include <Python.h>
        static PyObject *crash(PyObject *self, PyObject *none) { *(volatile int *)8 = 1; return none; }
        static PyMethodDef methods[] = {{"crash", crash, METH_NOARGS, ""}, {0}};
        static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "crash", "", -1, methods};
        PyMODINIT_FUNC PyInit_crash(void) { return PyModule_Create(&module); }
        """)
    subprocess.run(["cc", "-shared", "-fPIC", "-I", sysconfig.get_paths()["include"], source, "-o",
                    folder / "crash.so"], check=True)
    return (folder / "crash.so").read_bytes()


BAD_PYTHON = """
import crash, os, sys, threading, time

def deep(i):
    return deep(i + 1)

def stay():
    while True:
        time.sleep(0.01)

def fn(i):
    if i == "exit":
        sys.exit(3)
    if i == "thread":
        threading.Thread(target=stay).start()
    if i == "deep":
        return str(deep(0))
    if i == "much":
        return "x" * (1 << 30)
    if i == "print":
        while True:
            print("x" * (1 << 20))
    if i == "crash":
        crash.crash()
    return "well"
"""
BAD_NODE = """
module.exports = (req, res) => {
    if (req.body === 'exit') process.exit(3);
    if (req.body === 'deep') (function deep(n) { return deep(n + 1) + 1; })(0);
    if (req.body === 'much') return res.send(Buffer.alloc(1 << 30));
    while (req.body === 'print') console.log('x'.repeat(1 << 20));
    if (req.body === 'crash') process.abort();
    while (req.body === 'loop');
    res.send('well');
};
"""
BAD_SHELL = "#!/bin/sh\nread what\ncase $what in much) exec head -c 1G /dev/zero;; " \
            "crash) kill -SEGV $$;; loop) while :; do :; done;; esac\necho well\n"


@pytest.mark.parametrize("runtime", ["thread", "prefork", "process"])
def test_functions_that_misbehave_cost_their_own_call(start, tmp_path, runtime):
    node = start('{ name = "echo"; code = "$LIB/echo.so"; }').wait_ready("echo")
    py = zipped({"fn.py": BAD_PYTHON, "crash.so": extension(tmp_path)})
    for name, env, zip_text, timeout, calls in (
            ("py", "python3", py, "60s",
             {"exit": 500, "thread": 200, "deep": 500, "much": 500, "crash": 502}),
            ("js", "nodejs", js(BAD_NODE), "60s",
             {"exit": 502, "deep": 500, "much": 500, "crash": 502}),
            ("sh", "binary", zipped({"fn.sh": BAD_SHELL}), "60s", {"much": 500, "crash": 500}),
            # One that writes without end waits for its log, as long as its time lasts.
            ("pylate", "python3", py, "1s", {"print": 504}),
            ("jslate", "nodejs", js(BAD_NODE), "1s", {"print": 504, "loop": 504})):
        status, text = node.upload(name, env, zip_text, runtime=runtime, threads=2, timeout=timeout)
        assert status == 200, text
        for body, expected in calls.items():
            if body in ("much", "print") and runtime != "prefork":
                continue  # it takes long
            status, text = node.call(name, body.encode() + b"\n" * (name == "sh"))
            assert status == expected, (name, body, status, text[:200])
            status, text = node.call(name, b"x")
            for _ in range(20):  # a new program may take longer to start than a call is given
                if (status, timeout) == (504, "1s"):
                    status, text = node.call(name, b"x")
            assert (status, text.strip()) == (200, b"well"), (name, body, status, text[:200])
    assert node.call("echo", b"x") == (200, b"x")
    assert node.manage("GET", "/logs?name=js&tail=1")[0] == 200
