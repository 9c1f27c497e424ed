"""enoki certs and enoki keygroup, as a person or a script types them."""
import json
import os
import stat
import subprocess

from conftest import BUILD, call


def certs(folder, *words):
    return subprocess.run([BUILD / "cmd" / "enoki", "certs", "-d", folder, *words], text=True,
                          capture_output=True, stdin=subprocess.DEVNULL)


def openssl(folder, *words):
    return subprocess.run(["openssl", *words], cwd=folder, text=True, capture_output=True)


def test_openssl_agrees_with_what_is_issued(tmp_path):
    assert certs(tmp_path, "init").returncode == 0
    assert certs(tmp_path, "issue", "alice", "--san", "127.0.0.1", "--san", "edge.example",
                 "--days", "30").returncode == 0
    assert openssl(tmp_path, "verify", "-CAfile", "ca.crt", "alice.crt").stdout == "alice.crt: OK\n"
    text = openssl(tmp_path, "x509", "-in", "alice.crt", "-noout", "-text").stdout
    for part in ("CN = alice", "IP Address:127.0.0.1", "DNS:edge.example", "prime256v1",
                 "TLS Web Client Authentication", "TLS Web Server Authentication"):
        assert part in text
    shown = json.loads(certs(tmp_path, "show", "alice", "--json").stdout)
    assert shown["name"] == "alice" and shown["usage"] == "client, server"
    assert stat.S_IMODE(os.stat(tmp_path / "alice.key").st_mode) == 0o600
    assert stat.S_IMODE(os.stat(tmp_path / "ca").st_mode) == 0o700


def test_nothing_is_overwritten_without_force(tmp_path):
    certs(tmp_path, "init")
    certs(tmp_path, "issue", "alice")
    before = (tmp_path / "alice.key").read_bytes()
    done = certs(tmp_path, "issue", "alice")
    assert done.returncode == 1 and "--force" in done.stderr
    assert (tmp_path / "alice.key").read_bytes() == before
    assert certs(tmp_path, "init").returncode == 1
    assert certs(tmp_path, "issue", "alice", "--force").returncode == 0
    assert (tmp_path / "alice.key").read_bytes() != before


def test_renewal_keeps_key_names_and_usage(tmp_path):
    certs(tmp_path, "init")
    certs(tmp_path, "issue", "node", "--san", "10.0.0.1", "--server", "--rsa", "2048")
    key, old = (tmp_path / "node.key").read_bytes(), certs(tmp_path, "show", "node", "-j").stdout
    assert certs(tmp_path, "renew", "node", "--days", "10").returncode == 0
    new = certs(tmp_path, "show", "node", "-j").stdout
    assert (tmp_path / "node.key").read_bytes() == key
    same = ("name", "issuer", "sans", "usage", "key")
    assert [json.loads(new)[k] for k in same] == [json.loads(old)[k] for k in same]
    assert json.loads(new)["serial"] != json.loads(old)["serial"]


def test_check_says_every_fault_and_its_status_says_whether(tmp_path):
    certs(tmp_path, "init")
    certs(tmp_path, "issue", "alice", "--san", "127.0.0.1")
    assert certs(tmp_path, "check", "alice", "--host", "127.0.0.1").returncode == 0
    os.chmod(tmp_path / "alice.key", 0o644)
    done = certs(tmp_path, "check", "alice", "--host", "10.0.0.1")
    assert done.returncode == 1
    assert "can be read by others" in done.stderr and "--san 10.0.0.1" in done.stderr
    faults = json.loads(certs(tmp_path, "check", "nobody", "--json").stdout)["faults"]
    assert any("nobody.crt' is missing" in fault for fault in faults)


def test_names_that_would_leave_the_folder_or_break_fred_are_refused(tmp_path):
    certs(tmp_path, "init")
    for name in ("", "a/b", "a|b", "ca", ".hidden", "../up", "x" * 65):
        done = certs(tmp_path, "issue", name)
        assert done.returncode == 2 and "is no name" in done.stderr, name
    assert certs(tmp_path, "issue", "a", "--san", "not a host").returncode == 2
    assert certs(tmp_path, "issue", "a", "--days", "0").returncode == 2
    assert certs(tmp_path, "frobnicate").returncode == 2


def test_an_encrypted_key_is_said_to_be_one(tmp_path):
    certs(tmp_path, "init")
    certs(tmp_path, "issue", "alice")
    openssl(tmp_path, "pkey", "-in", "alice.key", "-aes256", "-passout", "pass:x", "-out", "e")
    os.replace(tmp_path / "e", tmp_path / "alice.key")
    done = certs(tmp_path, "check", "alice")
    assert done.returncode == 1 and "is encrypted" in done.stderr


def test_a_bundle_has_what_a_node_needs_and_no_ca_key(tmp_path):
    certs(tmp_path, "init")
    certs(tmp_path, "issue", "alice")
    assert certs(tmp_path, "bundle", "alice", str(tmp_path / "out")).returncode == 0
    assert sorted(os.listdir(tmp_path / "out")) == ["alice.crt", "alice.key", "ca.crt"]


def test_keygroups_are_shown_replicated_granted_and_deleted(lab, cluster):
    admin = cluster.uri(admin="admin")
    keygroup = lambda *words: lab.enoki("keygroup", *words, "-s", admin)
    assert lab.enoki("state", "put", "demo", "x", "1", "-s", admin).returncode == 0
    assert keygroup("replicate", "demo", "nodeB", "--expiry", "60").returncode == 0
    shown = json.loads(keygroup("show", "demo", "--json").stdout)
    assert [(r["node"], r["expiry"]) for r in shown["replicas"]] == [("nodeA", 0), ("nodeB", 60)]
    assert shown["mutable"] is True
    assert lab.enoki("state", "get", "demo", "x", "-s", cluster.uri(user="bob")).returncode == 1
    assert keygroup("grant", "demo", "bob").returncode == 0
    assert lab.enoki("state", "get", "demo", "x", "-s", cluster.uri(user="bob")).stdout == "1"
    assert keygroup("revoke", "demo", "bob").returncode == 0
    assert lab.enoki("state", "get", "demo", "x", "-s", cluster.uri(user="bob")).returncode == 1
    assert keygroup("unreplicate", "demo", "nodeB").returncode == 0
    assert keygroup("unreplicate", "demo", "nodeA").returncode == 1
    done = keygroup("delete", "demo")
    assert done.returncode == 1 and "--yes" in done.stderr
    assert keygroup("delete", "demo", "--yes").returncode == 0
    assert keygroup("show", "demo").returncode == 1
    assert keygroup("show", "no-name").returncode == 2


def test_a_deleted_keygroup_takes_the_session_along(lab, cluster, tmp_path):
    """What was seen of it would make its successor look stale."""
    server = lab.start("integer", cluster.uri(admin="admin"))
    assert call(server, b"1-10")[0] == 200
    server.close()
    session = tmp_path / "session" / "tinyFaaSinteger.session"
    assert session.is_dir()
    uri = cluster.uri(admin="admin") + f"&session={tmp_path}/session"
    assert lab.enoki("keygroup", "delete", "tinyFaaSinteger", "--yes", "-s", uri).returncode == 0
    assert not session.exists()
    server = lab.start("integer", cluster.uri(admin="admin"))
    assert call(server, b"1-10") == (200, "1")


def test_an_embedded_keygroup_is_deleted_when_nobody_uses_it(lab, tmp_path):
    uri = f"embedded:{tmp_path}/state"
    server = lab.start("integer", uri)
    assert call(server, b"1-10")[0] == 200
    done = lab.enoki("keygroup", "delete", "tinyFaaSinteger", "--yes", "-s", uri)
    assert done.returncode == 1 and "in use" in done.stderr
    server.close()
    assert lab.enoki("keygroup", "delete", "tinyFaaSinteger", "--yes", "-s", uri).returncode == 0
    assert os.listdir(tmp_path / "state") == []
    assert lab.enoki("keygroup", "delete", "tinyFaaSinteger", "--yes", "-s", uri).returncode == 1
