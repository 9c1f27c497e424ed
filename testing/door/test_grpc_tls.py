"""gRPC over TLS and mutual TLS, with certificates of `enoki certs`."""
import os
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import conftest  # noqa: E402

grpc = pytest.importorskip("grpc")
import rpc  # noqa: E402
from test_tls import certs, listen, material  # noqa: E402, F401

ECHO = '{ name = "echo"; code = "$LIB/echo.so"; }'


def with_grpc(text):
    return text.replace('listen = {', 'listen = { grpc = "127.0.0.1:0";')


def address_of(node):
    node.wait_for("ready: grpcs://")
    return node.text.split("ready: grpcs://")[1].split("/")[0]


def client_of(node, folder, name=None):
    files = [folder / "ca.crt"] + ([folder / f"{name}.key", folder / f"{name}.crt"] if name else [])
    return rpc.Client(address_of(node),
                      grpc.ssl_channel_credentials(*(file.read_bytes() for file in files)))


def is_refused(client):
    code, _ = client.fails("echo", "x", timeout=20)
    client.close()
    return code == "UNAVAILABLE"


def test_tls(start, material):
    node = start(ECHO, with_grpc(listen(material / "ours"))).wait_ready("echo")
    client = client_of(node, material / "ours")
    assert client.call("echo", "x" * 100000) == "x" * 100000
    client.close()
    assert is_refused(client_of(node, material / "theirs"))
    assert is_refused(rpc.Client(address_of(node)))


def test_mutual_tls(start, material):
    ours, theirs = material / "ours", material / "theirs"
    node = start(ECHO, with_grpc(listen(ours, f'ca = "{ours}/ca.crt";')))
    client = client_of(node, ours, "alice")
    assert client.call("echo", "x") == "x"
    client.close()
    assert is_refused(client_of(node, ours))
    (theirs / "both.crt").write_bytes((ours / "ca.crt").read_bytes())
    mallory = rpc.Client(address_of(node), grpc.ssl_channel_credentials(
        (ours / "ca.crt").read_bytes(), (theirs / "mallory.key").read_bytes(),
        (theirs / "mallory.crt").read_bytes()))
    assert is_refused(mallory)


def test_a_renewed_certificate_is_taken_up(start, tmp_path):
    for name in ("one", "two"):
        certs(tmp_path / name, "init")
        certs(tmp_path / name, "issue", "node", "--san", "127.0.0.1")
    node = start(ECHO, with_grpc(listen(tmp_path / "one")))
    client = client_of(node, tmp_path / "one")
    assert client.call("echo", "x") == "x"
    for file in ("node.key", "node.crt"):
        (tmp_path / "two" / file).rename(tmp_path / "one" / file)
    other = client_of(node, tmp_path / "two")
    assert other.call("echo", "new") == "new" and client.call("echo", "old") == "old"
    client.close()
    other.close()


def test_files_that_cannot_be_used_are_told(material, tmp_path):
    ours = material / "ours"
    done = subprocess.run(
        [conftest.BUILD / "cmd" / "enoki-run", "-l", "grpc=127.0.0.1:0", "--tls-cert",
         ours / "node.crt", "--tls-key", ours / "alice.key", "-s", f"embedded:{tmp_path}/s",
         conftest.LIBRARIES / "echo.so"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "alice.key" in done.stderr, done.stderr
