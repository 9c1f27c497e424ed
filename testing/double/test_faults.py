"""Faults: each is felt as described in faults.h, as often as asked for, and ends."""
import time

import pytest

from conftest import DEADLINE, UNAVAILABLE, UNKNOWN


def test_an_error_for_one_call_at_one_node(nodes):
    client = nodes.client()
    nodes.control("fault", "nodeA", "Update", "error", "8:too much", "x", "2")
    assert client.read() == ["first"]
    assert nodes.client("nodeB").update("at B")["version"]
    assert client.update("one") == (8, "too much")
    assert client.update("two") == (8, "too much")
    assert client.update("three")["version"]
    assert client.read() == ["three"]


def test_an_error_until_it_is_cleared(nodes):
    client = nodes.client()
    nodes.control("fault", "*", "*", "error", "2")
    for _ in range(5):
        assert client.read() == (UNKNOWN, "an injected error")
    nodes.control("fault", "clear")
    assert client.read() == ["first"]


def test_by_chance_and_the_same_chance_again(nodes):
    client = nodes.client()
    nodes.control("fault", "nodeA", "Read", "error", "10:bad luck", "p", "50")

    def throw():
        nodes.control("fault", "seed", "7")
        return [isinstance(client.read(), tuple) for _ in range(40)]

    first = throw()
    assert 5 < sum(first) < 35
    assert throw() == first


def test_a_delay_holds_nobody_else_up(nodes):
    client = nodes.client()
    nodes.control("fault", "nodeA", "Scan", "delay", "1000")
    begin = time.monotonic()
    slow = client.begin("Scan", keygroup="kg", id="x", count=1)
    assert client.read() == ["first"] and not slow.done()
    assert client.end("Scan", slow)["data"] and time.monotonic() - begin >= 1


def test_a_call_that_hangs_does_nothing_and_ends_with_its_deadline(nodes):
    client = nodes.client()
    nodes.control("fault", "nodeA", "Update", "hang", "x", "1")
    assert client.update("hung", limit_s=0.3)[0] == DEADLINE
    assert client.read() == ["first"]


def test_a_lost_answer_leaves_its_write_behind(nodes):
    client = nodes.client()
    nodes.control("fault", "nodeA", "Update", "lost", "x", "1")
    assert client.update("stored")[0] == UNAVAILABLE
    assert nodes.client().read() == ["stored"]
    assert nodes.client("nodeB").read() == ["stored"]


def test_a_reset_takes_the_whole_connection_and_stores_nothing(nodes):
    client, other = nodes.client(), nodes.client()
    nodes.control("fault", "nodeA", "Scan", "hang")
    beside = client.begin("Scan", keygroup="kg", id="x", count=1)
    elsewhere = other.begin("Scan", keygroup="kg", id="x", count=1)
    assert client.read() == other.read() == ["first"]
    nodes.control("fault", "nodeA", "Update", "reset", "x", "1")
    assert client.update("never")[0] == UNAVAILABLE
    assert client.end("Scan", beside)[0] == UNAVAILABLE
    assert not elsewhere.done()
    assert other.read() == ["first"]


def test_a_dropped_connection_is_a_black_hole_until_the_faults_are_cleared(nodes):
    client = nodes.client()
    assert client.read() == ["first"]
    nodes.control("fault", "nodeA", "Update", "drop", "x", "1")
    assert client.update("unheard", limit_s=3)[0] == DEADLINE  # it has arrived by then
    assert client.read(limit_s=0.3)[0] == DEADLINE
    assert nodes.client().read() == ["first"]
    nodes.control("fault", "clear")
    assert client.read() == ["first"]


def test_a_dropped_node_hears_nobody_until_it_is_healed(nodes):
    client = nodes.client()
    assert client.read() == ["first"]
    nodes.control("drop", "nodeA")
    assert client.read(limit_s=0.3)[0] == DEADLINE
    newcomer = nodes.client()
    waiting = newcomer.begin("Read", keygroup="kg", id="x")
    assert not waiting.done() and nodes.client("nodeB").read() == ["first"]
    nodes.control("heal", "nodeA")
    assert client.read() == ["first"]
    assert newcomer.end("Read", waiting)["data"][0]["val"] == "first"


def test_an_answer_larger_than_the_client_takes(nodes):
    client = nodes.client(limits=[("grpc.max_receive_message_length", 1 << 20)])
    nodes.control("fault", "nodeA", "Read", "oversized", "2000000", "x", "1")
    code, message = client.read()
    assert code == 8 and "2000000" in message
    assert client.read() == ["first"]


@pytest.mark.parametrize("argument, sent", [((), b"\xff\xff\xff"), (("0a05",), b"\x0a\x05")])
def test_an_answer_that_is_no_message(nodes, argument, sent):
    nodes.control("fault", "nodeA", "Read", "malformed", *argument, "x", "1")
    assert nodes.client().begin("Read", keygroup="kg", id="x").result() == sent


@pytest.mark.parametrize("line", [
    "", "nodeA", "nodeA Read", "nodeA Read explode", "nodeA Read error", "nodeA Read error 17",
    "nodeA Read error x", "nodeA Read hang 5", "nodeA Read delay soon", "nodeA Read malformed f",
    "nodeA Read lost x 0", "nodeA Read lost x -1", "nodeA Read lost p 101 x 1", "seed", "seed x"])
def test_a_line_that_makes_no_sense_is_refused_with_what_to_write(nodes, line):
    with pytest.raises(RuntimeError, match="error: "):
        nodes.control("fault", line)
    assert nodes.client().read() == ["first"]
