"""What a user is told when certificates, permissions or nodes are not as they must be."""
import os
import subprocess

from conftest import call


def test_a_node_that_is_down_is_waited_for_then_the_start_fails(lab, cluster):
    cluster.control("stop", "nodeA")
    text = lab.refused("integer", cluster.uri(admin="admin", start=400))
    assert f"FReD node {cluster.addresses['nodeA']}" in text and "waited" in text


def test_a_node_that_comes_up_in_time_is_used(lab, cluster):
    cluster.control("stop", "nodeA")
    server = lab.launch("integer", cluster.uri(admin="admin", start=30000))
    while "waiting for FReD" not in server.text:
        assert server.process.poll() is None, server.text
    cluster.control("start", "nodeA")
    server.wait_ready()
    assert call(server, b"1-10") == (200, "1")


def test_calls_survive_a_node_that_restarts(lab, cluster):
    server = lab.start("integer", cluster.uri(admin="admin"))
    assert call(server, b"1-10") == (200, "1")
    cluster.control("restart", "nodeA")
    assert call(server, b"1-10") == (200, "2")


def test_missing_certificates_are_named(lab, cluster):
    text = lab.refused("integer", cluster.uri(user="nobody"))
    assert "nobody.crt' is missing" in text and "enoki certs" in text


def test_a_certificate_of_another_ca_is_found_before_the_first_call(lab, cluster):
    foreign = lab.folder / "foreign"
    cluster.certificates("init", folder=foreign)
    cluster.issue("alice", folder=foreign)
    (foreign / "ca.crt").write_bytes((cluster.certs / "ca.crt").read_bytes())
    assert "is not of the CA" in lab.refused("integer", cluster.uri(certs=foreign))


def test_a_client_of_another_ca_is_told_that_the_handshake_failed(lab, cluster):
    foreign = lab.folder / "foreign"
    cluster.certificates("init", folder=foreign)
    cluster.issue("alice", folder=foreign)
    text = lab.refused("integer", cluster.uri(certs=foreign, start=1000))
    assert "certificates of one CA" in text or "TLS" in text


def test_a_key_that_does_not_fit_is_named(lab, cluster):
    (cluster.certs / "alice.key").write_bytes((cluster.certs / "bob.key").read_bytes())
    assert "is not the key of" in lab.refused("integer", cluster.uri())


def test_an_expired_certificate_is_named_with_its_date(lab, cluster):
    run = lambda *words: subprocess.run(words, check=True, capture_output=True, cwd=cluster.certs)
    run("openssl", "req", "-new", "-key", "alice.key", "-subj", "/CN=alice", "-out", "a.csr")
    run("openssl", "x509", "-req", "-in", "a.csr", "-CA", "ca.crt", "-CAkey", "ca/ca.key",
        "-CAcreateserial", "-days", "0", "-out", "alice.crt")
    text = lab.refused("integer", cluster.uri())
    assert "alice.crt' has expired on 20" in text and "enoki certs renew" in text


def test_a_node_with_a_certificate_for_another_name_is_refused(lab, cluster):
    cluster.certificates("issue", "elsewhere", "--san", "10.9.8.7")
    cluster.control("certificate", "nodeA", "elsewhere")
    text = lab.refused("integer", cluster.uri(start=1000))
    assert "--san" in text or "TLS" in text


def test_a_user_without_roles_is_told_whose_the_keygroup_is(lab, cluster):
    assert lab.enoki("state", "put", "tinyFaaSinteger", "x", "1", "-s",
                     cluster.uri(user="bob")).returncode == 0
    text = lab.refused("integer", cluster.uri(user="alice"))
    assert "user 'alice' may not use it" in text and "admin=NAME" in text


def test_an_unknown_keygroup_is_not_made_by_looking(lab, cluster):
    done = lab.enoki("state", "get", "nothere", "x", "-s", cluster.uri())
    assert done.returncode == 1
    assert "there is no keygroup 'nothere'" in done.stderr
    done = lab.enoki("state", "get", "nothere", "x", "-s", cluster.uri())
    assert "there is no keygroup 'nothere'" in done.stderr


def test_a_scan_without_a_start_says_that_fred_needs_one(lab, cluster):
    lab.enoki("state", "put", "demo", "x", "1", "-s", cluster.uri())
    done = lab.enoki("state", "scan", "demo", "-s", cluster.uri())
    assert done.returncode == 2 and "needs a start" in done.stderr


def test_a_renewed_certificate_is_taken_up_without_a_restart(lab, cluster):
    server = lab.start("integer", cluster.uri(admin="admin"))
    assert call(server, b"1-10") == (200, "1")
    cluster.certificates("renew", "alice")
    count = 1
    while "was renewed" not in server.text:
        count += 1
        assert call(server, b"1-10") == (200, str(count))
    assert call(server, b"1-10") == (200, str(count + 1))


def test_a_second_process_on_one_session_is_refused(lab, cluster):
    lab.start("integer", cluster.uri(admin="admin"))
    text = lab.refused("integer", cluster.uri(admin="admin"))
    assert "another process uses the session" in text


def test_a_full_disk_under_the_session_is_told_and_nothing_is_lost(lab, cluster):
    small = lab.folder / "small"
    small.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none",
                                            small], capture_output=True).returncode != 0:
        import pytest
        pytest.skip("needs the right to mount a small file system")
    try:
        text = lab.refused("integer", cluster.uri(admin="admin", session=small))
    finally:
        subprocess.run(["umount", "-l", small], check=True)
    assert "No space left" in text and "make room" in text


def test_a_certificate_that_cannot_be_read_is_named(lab, cluster):
    (cluster.certs / "alice.crt").write_text("-----BEGIN CERTIFICATE-----\nnonsense\n")
    text = lab.refused("integer", cluster.uri())
    assert "alice.crt" in text and "is no PEM certificate: issue it anew" in text
