"""The replayer itself: what must count as a difference does, what may differ does not."""
import copy

import compare
import wire

NAMES = {"nodeA": "127.0.0.1:5000"}
ITEM = {"id": "x", "val": "1", "version": {"version": {"nodeA": 1}}}
OTHER = {"id": "x", "val": "2", "version": {"version": {"nodeB": 1}}}
LAST = {"id": "y", "val": "3", "version": {"version": {}}}


def step(**more):
    return {"step": 1, "node": "nodeA", "call": "Scan", "response": {"data": [ITEM, OTHER, LAST]},
            **more}


def answer(*items):
    return {"response": {"data": [copy.deepcopy(item) for item in items]}}


def test_order_counts_unless_the_step_says_otherwise():
    assert not compare.differences(step(), answer(ITEM, OTHER, LAST), NAMES)
    assert compare.differences(step(), answer(OTHER, ITEM, LAST), NAMES)
    assert not compare.differences(step(grouped={"data": "id"}), answer(OTHER, ITEM, LAST), NAMES)
    assert compare.differences(step(grouped={"data": "id"}), answer(LAST, ITEM, OTHER), NAMES)
    assert not compare.differences(step(unordered=["data"]), answer(LAST, ITEM, OTHER), NAMES)


def test_a_missing_a_repeated_and_a_changed_item_are_differences():
    loose = step(unordered=["data"])
    changed = copy.deepcopy(ITEM) | {"version": {"version": {"nodeA": 2}}}
    assert compare.differences(loose, answer(ITEM, OTHER), NAMES)
    assert compare.differences(loose, answer(ITEM, OTHER, LAST, LAST), NAMES)
    assert compare.differences(loose, answer(changed, OTHER, LAST), NAMES)


def test_an_absent_message_is_not_an_empty_one():
    bare = {"id": "y", "val": "3"}
    assert compare.differences(step(), answer(ITEM, OTHER, bare), NAMES)


def test_errors_by_code_and_by_text_where_one_is_given():
    wanted = {"step": 1, "node": "nodeA", "call": "Read",
              "error": {"code": 2, "message": "at ${nodeA}"}}
    got = lambda code, message: {"error": {"code": code, "message": message}}
    assert not compare.differences(wanted, got(2, "at 127.0.0.1:5000"), NAMES)
    assert compare.differences(wanted, got(2, "at ${nodeA}"), NAMES)
    assert compare.differences(wanted, got(13, "at 127.0.0.1:5000"), NAMES)
    assert compare.differences(wanted, answer(ITEM), NAMES)
    assert compare.differences(step(), got(2, "no"), NAMES)
    del wanted["error"]["message"]
    assert not compare.differences(wanted, got(2, "anything"), NAMES)


def test_alternatives_and_patterns():
    either = step(alternatives=[{"response": {"data": [ITEM, LAST]}}])
    assert not compare.differences(either, answer(ITEM, LAST), NAMES)
    assert compare.differences(either, answer(OTHER, LAST), NAMES)
    made = {"call": "Append", "response": {"id": "7"}, "match": {"id": "^[0-9]+$"}}
    assert not compare.differences(made, {"response": {"id": "99"}}, NAMES)
    assert compare.differences(made, {"response": {"id": "x9"}}, NAMES)


def test_parallel_steps_are_a_multiset_per_node():
    steps = [step(), step(response={"data": [LAST]})]
    assert not compare.match_parallel(steps, [answer(LAST), answer(ITEM, OTHER, LAST)], NAMES)
    assert compare.match_parallel(steps, [answer(LAST), answer(LAST)], NAMES)


def test_bytes_differ_only_by_what_may_differ():
    fields = wire.CLIENT["Update"][1]
    one = wire.encode(fields, {"version": {"version": {"nodeA": 1, "nodeB": 2}}})
    entries = [one[2:13], one[13:]]
    swapped = one[:2] + entries[1] + entries[0]
    assert swapped != one and wire.shape(fields, swapped) == wire.shape(fields, one)
    assert wire.shape(fields, one[:-1] + b"\x03") != wire.shape(fields, one)
    recorded = {"call": "Update", "raw_response": one.hex()}
    assert not compare.raw_differences(recorded, swapped, {}, NAMES)
    assert compare.raw_differences(recorded, one[:2] + entries[0] + entries[0], {}, NAMES)


def test_recorded_hosts_are_replaced_in_bytes():
    fields = wire.CLIENT["GetReplica"][1]
    recorded = wire.encode(fields, {"nodeId": "nodeA", "host": "10.0.0.1:1"})
    got = wire.encode(fields, {"nodeId": "nodeA", "host": NAMES["nodeA"]})
    step_ = {"call": "GetReplica", "raw_response": recorded.hex()}
    assert not compare.raw_differences(step_, got, {"nodeA": "10.0.0.1:1"}, NAMES)
    assert compare.raw_differences(step_, got, {}, NAMES)


def test_numbers_of_64_bits_and_zeros_survive():
    clock = {"version": {"q": 2**64 - 1, "zero": 0}}
    assert wire.decode(wire.MESSAGES["Version"],
                       wire.encode(wire.MESSAGES["Version"], clock)) == clock
