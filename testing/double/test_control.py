"""Control: nodes that go and come, links that fail; who is let in; how the program ends."""
import subprocess
import time

import grpc
import pytest

import cluster
from conftest import DEADLINE, ENOKI, PROGRAM, UNAVAILABLE, UNKNOWN, Client, Cluster


# --- nodes

def test_a_stopped_node_refuses_connections_and_comes_back_with_its_data(nodes):
    client, beside = nodes.client(), nodes.client("nodeB")
    nodes.control("stop", "nodeA")
    assert client.read()[0] == UNAVAILABLE
    assert beside.update("missed")["version"]
    nodes.control("start", "nodeA")
    assert nodes.client().read() == ["first"]


def test_restart_keeps_data_and_fresh_does_not(nodes):
    nodes.control("restart", "nodeA")
    assert nodes.client().read() == ["first"]
    nodes.control("fresh", "nodeA")
    assert nodes.client().read() == (UNKNOWN, "error reading item x from keygroup kg")
    assert nodes.client("nodeB").read() == ["first"]


def test_a_certificate_of_another_ca_is_served_until_the_right_one_is(nodes, certificates,
                                                                       tmp_path):
    cluster.make_certificates(str(ENOKI), tmp_path, ["foreign"])
    for ending in ("crt", "key"):
        (certificates / f"foreign.{ending}").write_bytes(
            (tmp_path / f"foreign.{ending}").read_bytes())
    nodes.control("certificate", "nodeA", "foreign")
    assert nodes.client().read()[0] == UNAVAILABLE
    nodes.control("certificate", "nodeA", "nodeA")
    assert nodes.client().read() == ["first"]


def test_a_node_publishes_the_address_it_is_told(nodes):
    client = nodes.client()
    host = lambda: client.call("GetReplica", nodeId="nodeB")["host"]
    assert host() == nodes.addresses["nodeB"]
    nodes.control("advertise", "nodeB", "127.0.0.1:1")
    nodes.control("restart", "nodeB")
    assert host() == "127.0.0.1:1"


# --- links

def test_a_lag_is_paid_by_a_synchronous_write(nodes):
    nodes.control("lag", "300")
    begin = time.monotonic()
    assert nodes.client().update("slow")["version"]
    assert time.monotonic() - begin >= 0.3
    assert nodes.client("nodeB").read() == ["slow"]


def test_an_asynchronous_write_is_answered_while_its_message_is_held(certificates):
    nodes = Cluster(certificates, "async")
    try:
        here, there = nodes.client(), nodes.client("nodeB")
        here.call("CreateKeygroup", keygroup="kg", mutable=True)
        here.call("AddReplica", keygroup="kg", nodeId="nodeB")
        nodes.control("hold")
        assert here.update("held")["version"]
        assert there.read() == (UNKNOWN, "item x not found in keygroup kg")
        nodes.control("release")
        until = time.monotonic() + 60
        while there.read() != ["held"]:
            assert time.monotonic() < until
    finally:
        nodes.close()


def test_a_cut_link_fails_changes_of_replicas_and_leaves_data_behind(nodes):
    client = nodes.client()
    assert client.call("CreateKeygroup", keygroup="kg2", mutable=True) == {}
    nodes.control("cut")
    refused = lambda call: client.call(call, keygroup="kg", nodeId="nodeB")
    assert refused("RemoveReplica") == (UNKNOWN, "error removing replica")
    assert client.call("AddReplica", keygroup="kg2", nodeId="nodeB") == (UNKNOWN,
                                                                       "error adding replica")
    assert client.call("DeleteKeygroup", keygroup="kg") == {}
    nodes.control("join")
    assert client.call("CreateKeygroup", keygroup="kg", mutable=True) == {}
    assert nodes.client("nodeB").read() == ["first"]


# --- who is let in

def issue(folder, name, *more):
    subprocess.run([ENOKI, "certs", "-d", folder, "issue", name, *more], check=True,
                   stdout=subprocess.DEVNULL)


def test_a_client_without_a_certificate_or_with_a_foreign_one_gets_no_connection(nodes, tmp_path):
    cluster.make_certificates(str(ENOKI), tmp_path, ["alice"])
    assert nodes.client(user=None).read()[0] == UNAVAILABLE
    foreign = Client(nodes.addresses["nodeA"], tmp_path, ca=nodes.ca)
    assert foreign.read()[0] == UNAVAILABLE
    foreign.channel.close()


def test_the_address_that_a_client_calls_from_must_be_in_its_certificate(nodes, certificates):
    issue(certificates, "elsewhere", "--san", "10.0.0.1")
    issue(certificates, "nowhere", "--san", "localhost")
    assert nodes.client(user="elsewhere").read() == (
        UNKNOWN, "x509: certificate is valid for 10.0.0.1, not 127.0.0.1")
    assert nodes.client(user="nowhere").read() == (
        UNKNOWN, "x509: cannot validate certificate for 127.0.0.1 because it doesn't contain any "
                 "IP SANs")
    assert nodes.client(user="bob").read() == (UNKNOWN, "user bob cannot read from keygroup kg")


def test_a_certificate_without_a_name_is_nobody(nodes, certificates):
    run = lambda *words: subprocess.run(["openssl", *words], check=True, capture_output=True)
    nameless = str(certificates / "nameless")
    run("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
        "/O=nobody", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", nameless + ".key",
        "-out", nameless + ".csr")
    run("x509", "-req", "-in", nameless + ".csr", "-copy_extensions", "copy", "-CA",
        str(certificates / "ca.crt"), "-CAkey", str(certificates / "ca/ca.key"), "-out",
        nameless + ".crt")
    assert nodes.client(user="nameless").read() == (UNKNOWN, "invalid subject common name")


def test_compressed_requests_are_not_known(nodes):
    code, _ = nodes.client().call("Read", compression=grpc.Compression.Gzip, keygroup="kg",
                                  id="x" * 1000)
    assert code == 12


# --- the program

def test_it_ends_in_peace_while_calls_hang_and_messages_are_held(certificates):
    nodes = Cluster(certificates)
    client = nodes.client()
    client.call("CreateKeygroup", keygroup="kg", mutable=True)
    client.call("AddReplica", keygroup="kg", nodeId="nodeB")
    nodes.control("hold")
    assert client.update("held", limit_s=0.2)[0] == DEADLINE
    held = client.begin("Update", keygroup="kg", id="y", data="held")
    nodes.control("fault", "nodeA", "Read", "hang")
    assert client.read(limit_s=0.2)[0] == DEADLINE
    hung = client.begin("Read", keygroup="kg", id="x")
    nodes.close()
    assert held.done() and hung.done()


@pytest.mark.parametrize("words, status", [
    ([], 2), (["--node", "nodeA"], 2), (["--replication", "maybe"], 2),
    (["--node", "nodeA=127.0.0.1:0", "--ca", "/nowhere", "--certs", "/"], 1),
    (["control", "/nowhere", "hold"], 1)])
def test_what_is_wrong_on_the_command_line_is_said(words, status):
    done = subprocess.run([PROGRAM, *words], capture_output=True, text=True, timeout=60)
    assert done.returncode == status
    assert done.stderr


@pytest.mark.parametrize("line", ["explode", "restart nodeZ", "restart", "lag", "drop",
                                  "certificate nodeA nobody", "advertise nodeA"])
def test_a_command_that_it_does_not_know_is_refused(nodes, line):
    with pytest.raises(RuntimeError, match="error: "):
        nodes.control(*line.split())
    assert nodes.client().read() == ["first"]
