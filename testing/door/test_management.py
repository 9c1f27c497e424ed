"""The management API as spec/platform.md section 2 has it, and what an operator asks beside it."""
import base64
import json
import os
import stat
import subprocess

from conftest import BUILD, package

PYTHON = "def fn(i):\n    print('got', i)\n    return (i or '') + '!'\n"
C_ECHO = ('#include <enoki/function.h>\n'
          'static int invoke(void *instance, struct enoki_call *call, struct enoki_error *err)\n'
          '{ size_t len; const void *body = enoki_call_body(call, &len); (void)instance;\n'
          '  return enoki_call_reply(call, body, len, err); }\n'
          'ENOKI_FUNCTION(.invoke = invoke);\n')


def test_upload_call_list_logs_delete(start):
    node = start()
    status, text = node.upload("py", "python3", package(fn__py=PYTHON, requirements__txt=""),
                               envs=["A=b", "ignored"])
    assert (status, text.decode()) == (200, f"http://:{node_port(node)}/py\n")
    assert node.call("py", b"hi") == (200, b"hi!")
    assert node.names() == ["py"]
    assert node.describe("py")["variables"] == ["A"]
    line = node.manage("GET", "/logs?name=py")[1].decode()
    assert line.startswith("function=py handler=0 stream=stdout 2") and line.endswith("Z got hi\n")
    assert node.manage("GET", "/logs")[1].decode() == line + "\n"
    assert node.manage("POST", "/delete", {"name": "py"}) == (200, b"")
    assert node.names() == [] and node.call("py")[0] == 404


def node_port(node):
    """The HTTP port, which no function's ready line has told yet."""
    node.wait_for("/py\n")
    return node.http[1]


def test_every_language_of_the_table(start):
    node = start()
    with open(BUILD / "testing" / "functions" / "echo.so", "rb") as library:
        so = library.read()
    for name, env, files in (("c1", "c", {"fn__c": C_ECHO}),
                             ("so1", "so", {"fn__so": so}),
                             ("sh1", "binary", {"fn__sh": "#!/bin/sh\nexec cat\n",
                                                "fn__py": PYTHON}),  # env says which it is
                             ("kv1", "python3-kv", {"fn__py": PYTHON.replace(" + '!'", "")})):
        assert node.upload(name, env, package(**files))[0] == 200, env
        assert node.call(name, b"same") == (200, b"same"), env
    assert node.names() == ["c1", "kv1", "sh1", "so1"]
    assert node.manage("POST", "/wipe") == (200, b"")
    assert node.names() == []


def test_what_was_uploaded_survives_a_kill(start):
    node = start()
    assert node.upload("py", "python3", package(fn__py=PYTHON))[0] == 200
    node.kill()
    node.start()
    node.wait_ready("py")
    assert node.call("py", b"again") == (200, b"again!")
    assert node.describe("py")["from"] == "upload"
    meta = next((node.folder / "enoki-functions" / "py").glob("*/meta.json"))
    assert stat.S_IMODE(meta.stat().st_mode) == 0o600


def test_the_same_twice_changes_nothing_and_rollback_returns(start):
    node = start()
    first, second = (package(fn__py=f"def fn(i):\n    return '{n}'\n") for n in (1, 2))
    assert node.upload("f", "python3", first)[0] == 200
    digest = node.describe("f")["digest"]
    pids = node.runtimes()
    assert node.upload("f", "python3", first)[0] == 200
    assert node.runtimes() == pids
    assert node.upload("f", "python3", second)[0] == 200
    assert node.call("f") == (200, b"2")
    assert node.manage("POST", "/rollback", {"name": "f"})[0] == 200
    assert node.call("f") == (200, b"1") and node.describe("f")["digest"] == digest
    assert node.manage("POST", "/rollback", {"name": "f"})[0] == 200
    assert node.call("f") == (200, b"2")


def test_the_version_before_stays_though_it_was_uploaded_again_in_vain(start, tmp_path):
    node, broken = start(), tmp_path / "broken"
    first, second = (package(fn__py=f"""import os
if os.path.exists({str(broken)!r}):
    raise RuntimeError("it is broken")
def fn(i):
    return '{n}'
""") for n in (1, 2))
    assert node.upload("f", "python3", first)[0] == 200
    assert node.upload("f", "python3", second)[0] == 200
    broken.touch()
    status, why = node.upload("f", "python3", first)
    assert status == 500 and b"it is broken" in why
    assert node.call("f") == (200, b"2")
    broken.unlink()
    assert node.manage("POST", "/rollback", {"name": "f"})[0] == 200
    assert node.call("f") == (200, b"1")


def test_a_failed_upload_leaves_nothing_and_says_why(start):
    node = start('{ name = "echo"; code = "$LIB/echo.so"; }').wait_ready("echo")
    for env, zip_text, why in (
            ("python3", package(other__py="x"), b"fn.py"),
            ("python3", package(fn__py="def fn(:"), b"SyntaxError"),
            ("python3", package(fn__py="x = 1"), b"fn"),
            ("c", package(fn__c="int x = ;"), b"error"),
            ("so", package(readme="x"), b"0 libraries"),
            ("cobol", package(fn__py=PYTHON), b"python3, python3-kv, nodejs, binary, host, so, c"),
            ("python3", "not base64!", b"base64"),
            ("python3", base64.b64encode(b"no zip at all").decode(), b"ZIP")):
        status, text = node.upload("bad", env, zip_text)
        assert status == 500 and why in text, (env, text)
    status, text = node.upload("echo", "python3", package(fn__py=PYTHON))
    assert status == 500 and b"'echo' is a function of the configuration file" in text
    assert node.names() == ["echo"]
    assert [str(path) for path in (node.folder / "enoki-functions").rglob("*")
            if path.name not in (".staging", ".cache")] == []
    assert {path.name for path in (node.folder / "enoki-state").glob("*")} <= {"tinyFaaSecho"}


def test_a_bad_new_version_leaves_the_old_one(start):
    node = start()
    assert node.upload("f", "python3", package(fn__py=PYTHON))[0] == 200
    status, text = node.upload("f", "python3", package(fn__py="import nothing_of_this_name"))
    assert status == 500 and b"nothing_of_this_name" in text
    assert node.call("f", b"x") == (200, b"x!")


def zip_with(name, content=b"x", mode=0):
    import io
    import zipfile
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        entry = zipfile.ZipInfo(name)
        entry.external_attr = mode << 16
        entry.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr("fn.py", PYTHON)
        archive.writestr(entry, content)
    return base64.b64encode(made.getvalue()).decode()


def test_hostile_packages_are_refused(start):
    node = start()
    for zip_text, why in ((zip_with("../escape"), b".."),
                          (zip_with("/etc/escape"), b"relative"),
                          (zip_with("a\\b"), b"relative"),
                          (zip_with("link", b"/etc/passwd", stat.S_IFLNK | 0o777), b"links"),
                          (zip_with("fn.py"), b"twice"),
                          (zip_with("bomb", bytes(250 << 20)), b"too large")):
        status, text = node.upload("bad", "python3", zip_text)
        assert status == 500 and why in text, text
    assert not (node.folder / "escape").exists()
    assert list((node.folder / "enoki-functions" / ".staging").iterdir()) == []


def test_bad_requests(start):
    node = start('{ name = "echo"; code = "$LIB/echo.so"; }').wait_ready("echo")
    assert node.manage("GET", "/upload")[0] == 400
    assert node.manage("POST", "/list")[0] == 400
    assert node.manage("GET", "/list/") == (404, b"404 page not found\n")
    assert node.manage("POST", "/upload", b"{")[0] == 400
    assert node.manage("POST", "/upload", b'{"name": 5}')[0] == 400
    assert node.manage("POST", "/delete", {"name": "nobody"})[0] == 500
    assert node.manage("GET", "/logs?name=nobody")[0] == 500
    assert node.upload("a_b", "python3", package(fn__py=PYTHON))[0] == 500
    # A function of the file stays the file's.
    assert node.upload("echo", "python3", package(fn__py=PYTHON))[0] == 500
    assert node.manage("POST", "/delete", {"name": "echo"})[0] == 500
    assert node.call("echo", b"x") == (200, b"x")


def test_as_the_originals_scripts_send_it(start):
    """curl's form content type, keys in another case, unknown keys."""
    node = start()
    body = json.dumps({"Name": "py", "ENV": "python3", "threads": 2, "more": [1],
                       "zip": package(fn__py=PYTHON)})
    done = subprocess.run(["curl", "-sS", f"http://127.0.0.1:{node.management[1]}/upload",
                           "--data", body], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.endswith("/py\n")
    assert node.describe("py")["workers"] == {"min": 2, "max": 2}


def test_metrics_tell_what_happened(start):
    node = start('{ name = "echo"; code = "$LIB/echo.so"; }').wait_ready("echo")
    for _ in range(3):
        node.call("echo", b"x")
    text = node.manage("GET", "/metrics")[1].decode()
    assert 'enoki_calls_total{function="echo"} 3\n' in text
    assert 'enoki_call_seconds_count{function="echo"} 3\n' in text
    assert node.manage("GET", "/ready") == (200, b"OK")
    assert os.path.isdir(node.folder / "enoki-functions")


KEEP = ("import kv\n"
        "def fn(i):\n"
        "    if i:\n"
        "        kv.update('id', i)\n"
        "    try:\n"
        "        return kv.read('id')[0]\n"
        "    except Exception:\n"
        "        return 'nothing'\n")


def test_delete_keeps_the_data_unless_asked_not_to(start):
    node = start()
    for data, kept in ((False, b"one"), (True, b"nothing")):
        assert node.upload("f", "python3-kv", package(fn__py=KEEP))[0] == 200
        assert node.call("f", b"one") == (200, b"one")
        assert node.manage("POST", "/delete", {"name": "f", "data": data}) == (200, b"")
        assert node.upload("f", "python3-kv", package(fn__py=KEEP))[0] == 200
        assert node.call("f") == (200, kept)
    # Without anything kept there is nothing to go.
    assert node.upload("none", "python3", package(fn__py=PYTHON))[0] == 200
    assert node.manage("POST", "/delete", {"name": "none", "data": True}) == (200, b"")
    assert not (node.folder / "enoki-state" / "tinyFaaSnone").exists()
    assert node.manage("POST", "/wipe") == (200, b"")
    node.stop()
    assert [path.name for path in (node.folder / "enoki-functions").iterdir()] == [".staging"]
