"""The same function files run on FReD as on embedded state, and keep what they have seen."""
import http.client
import os
import signal
import time

from conftest import BUILD, RUNTIME, call

import pytest


def test_a_function_answers_as_on_embedded_state(lab, cluster):
    here = lab.start("movingaverage", f"embedded:{lab.folder}/state?durability=process")
    there = lab.start("movingaverage", cluster.uri(admin="admin"))
    inputs = [b"39.4", b"-5", b"7-50", b"7-51", b"", b"1000-5"] + [b"7-%d" % n for n in range(12)]
    assert [call(there, text) for text in inputs] == [call(here, text) for text in inputs]


def test_every_worker_sees_what_the_others_wrote_and_a_restart_forgets_nothing(lab, cluster):
    uri = cluster.uri(admin="admin")
    server = lab.start("integer", uri)
    assert [call(server, b"1-10")[1] for _ in range(20)] == [str(n) for n in range(1, 21)]
    server.stop()
    server = lab.start("integer", uri)
    assert call(server, b"1-10") == (200, "21")
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait()
    server = lab.start("integer", uri)
    assert call(server, b"1-10") == (200, "22")


def test_another_node_has_the_data_too(lab, cluster):
    first = lab.start("replication", cluster.uri("nodeA", admin="admin"))
    second = lab.start("replication", cluster.uri("nodeB", admin="admin",
                                                  session=lab.folder / "other"))
    assert call(first, b"x" * 1000)[0] == 200
    assert call(second) == (200, "x" * 1000)
    shown = lab.enoki("keygroup", "show", "tinyFaaSreplication", "-s",
                      cluster.uri(admin="admin")).stdout
    assert "nodeA" in shown and "nodeB" in shown


def test_calls_go_on_at_another_node_while_the_own_one_is_away(lab, cluster):
    other = cluster.addresses["nodeB"]
    uri = cluster.uri("nodeA", admin="admin").replace("?", f",{other}?", 1)
    assert lab.enoki("state", "put", "tinyFaaSinteger", "seed", "1", "-s",
                     cluster.uri("nodeB", admin="admin")).returncode == 0
    server = lab.start("integer", uri)
    assert call(server, b"1-10") == (200, "1")
    cluster.control("stop", "nodeA")
    assert call(server, b"1-10") == (200, "2")
    cluster.control("start", "nodeA")
    assert call(server, b"1-10")[0] == 200


def lagging(lab, cluster, **options):
    """nodeA has what the session saw, and is away; nodeB is behind."""
    other = cluster.addresses["nodeB"]
    uri = cluster.uri("nodeA", admin="admin", **options).replace("?", f",{other}?", 1)
    lab.enoki("state", "put", "tinyFaaSreplication", "seed", "1", "-s",
              cluster.uri("nodeB", admin="admin"))
    server = lab.start("replication", uri)
    assert call(server, b"old")[0] == 200
    cluster.control("cut")
    assert call(server, b"new")[0] == 200
    cluster.control("stop", "nodeA")
    return server


@pytest.mark.parametrize("stale", ["wait", "fail"])
def test_a_session_never_goes_back_to_an_older_replica(lab, cluster, stale):
    server = lagging(lab, cluster, stale=stale, timeout=2000)
    status, text = call(server)
    assert status == 500
    assert "no replica has version nodeA=2" in text or "nodeB=" in text, text
    cluster.control("start", "nodeA")
    # A node that failed is left alone for up to 4 s before it is asked again.
    until = time.monotonic() + 60
    while (answer := call(server)) != (200, "new"):
        assert answer[0] == 500 and time.monotonic() < until, answer


def test_an_older_value_is_served_where_that_is_asked_for(lab, cluster):
    server = lagging(lab, cluster, stale="any", timeout=2000)
    assert call(server) == (200, "old")


def maps(pid):
    """What it has mapped; nothing where it has ended meanwhile, as enoki-process's workers do."""
    try:
        with open(f"/proc/{pid}/maps", encoding="ascii") as file:
            return file.read()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def descendants(pid):
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", encoding="ascii") as file:
                    if int(file.read().rsplit(")", 1)[1].split()[1]) == pid:
                        found += [int(entry), *descendants(int(entry))]
            except OSError:
                pass
    return found


def test_a_function_on_embedded_state_maps_neither_grpc_nor_openssl(lab):
    server = lab.start("integer", f"embedded:{lab.folder}/state?durability=process")
    assert call(server, b"1-10") == (200, "1")
    for pid in [server.process.pid, *descendants(server.process.pid)]:
        assert "libgrpc" not in maps(pid) and "libcrypto" not in maps(pid)


@pytest.mark.skipif(RUNTIME == "thread", reason="its workers are threads")
def test_workers_reach_fred_through_their_parent_and_map_no_grpc(lab, cluster):
    server = lab.start("integer", cluster.uri(admin="admin"))
    assert call(server, b"1-10") == (200, "1")
    for pid in descendants(server.process.pid):
        assert "libgrpc" not in maps(pid)
    assert "libgrpc" in maps(server.process.pid)


@pytest.mark.skipif(RUNTIME != "prefork", reason="its workers read their calls themselves")
def test_a_parent_that_hangs_costs_an_error_within_the_deadline(lab, cluster):
    server = lab.start("integer", cluster.uri(admin="admin"), "--timeout", "3s")
    # On a connection that workers have already: new ones are the parent's to accept.
    connection = http.client.HTTPConnection(server.url.split("/")[2], timeout=60)

    def ask():
        connection.request("POST", "/integer", b"1-10")
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    assert ask() == (200, "1")
    os.kill(server.process.pid, signal.SIGSTOP)
    os.waitpid(server.process.pid, os.WUNTRACED)  # it does stand still
    try:
        status, text = ask()
    finally:
        os.kill(server.process.pid, signal.SIGCONT)
    assert status == 500 and "did not answer in time" in text


def test_the_files_keys_make_the_same_state(lab, cluster):
    (lab.folder / "node.conf").write_text(f"""
        state = {{ backend = "fred"; nodes = ( "{cluster.addresses["nodeA"]}" ); tls = "certs";
                   user = "alice"; admin = "admin"; path = "sessions"; }};
        listen = {{ http = "127.0.0.1:0"; }};
        isolation = {{ users = "shared"; }};
        functions = ( {{ name = "integer"; stale = "fail";
                         code = "{BUILD}/testing/functions/integer.so"; }} );
    """)
    import running
    server = running.Server([BUILD / "cmd" / "enoki-run", "-c", lab.folder / "node.conf"])
    lab.servers.append(server)
    server.wait_ready()
    assert call(server, b"1-10") == (200, "1")
    assert (lab.folder / "sessions" / "tinyFaaSinteger.session" / "journal").exists()
