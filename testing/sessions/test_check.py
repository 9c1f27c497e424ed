"""The checker: good histories pass, each kind of broken one is found and called by its name."""
import check

CLOCK = [0]


def op(session, kind, *, id_="x", value=None, made=None, got=(), rc="OK", at=None, removed=False):
    """A call one time unit long, after all before it; at=(start, end) says otherwise."""
    if at is None:
        CLOCK[0] += 10
        at = (CLOCK[0], CLOCK[0] + 5)
    events = [{"e": "op", "session": session, "tid": session, "op": kind, "keygroup": "k",
               "id": id_, "t0": at[0], "t1": at[1], "rc": rc, "value": value,
               "got": [list(one) for one in got]}]
    if made is not None:
        events.append({"e": "made", "tid": session, "t": at[1] - 1, "keygroup": "k", "id": id_,
                       "clock": made, "removed": kind == "remove" or removed})
    return events


def final(clock, id_="x", removed=False):
    return [{"e": "final", "keygroup": "k", "id": id_, "clock": clock, "removed": removed}]


def judge(*events):
    return {broken.rule for broken in check.check([one for part in events for one in part])}


A1, A2, A3, B1 = {"A": 1}, {"A": 2}, {"A": 3}, {"B": 1}
AB = {"A": 1, "B": 1}


def test_a_plain_session_is_good():
    assert judge(op("s", "update", value="1", made=A1), op("s", "read", got=[("x", "1", A1)]),
                 op("s", "update", value="2", made=A2), op("s", "read", got=[("x", "2", A2)]),
                 final(A2)) == set()


def test_siblings_that_a_later_write_covers_are_good():
    assert judge(op("s", "update", value="1", made=A1), op("t", "update", value="2", made=B1),
                 op("s", "read", got=[("x", "1", A1), ("x", "2", B1)]),
                 op("s", "update", value="3", made={"A": 2, "B": 1}),
                 op("t", "read", got=[("x", "3", {"A": 2, "B": 1})]),
                 final({"A": 2, "B": 1})) == set()


def test_another_session_may_see_old_values():
    assert judge(op("s", "update", value="1", made=A1), op("s", "update", value="2", made=A2),
                 op("t", "read", got=[("x", "1", A1)]), final(A2)) == set()


def test_calls_that_overlap_promise_nothing():
    assert judge(op("s", "update", value="1", made=A1, at=(1, 9)),
                 op("s", "read", rc="ENOTFOUND", at=(5, 12)), final(A1)) == set()


def test_a_refused_stale_read_is_good():
    assert judge(op("s", "update", value="1", made=A1), op("s", "read", rc="ESTALE"),
                 final(A1)) == set()


def test_a_removed_item_is_not_found():
    assert judge(op("s", "update", value="1", made=A1), op("t", "remove", made=A2),
                 op("s", "read", rc="ENOTFOUND"), final(A2, removed=True)) == set()


def test_own_write_not_seen():
    assert judge(op("s", "update", value="1", made=A1), op("s", "update", value="2", made=A2),
                 op("s", "read", got=[("x", "1", A1)]), final(A2)) == {"read-your-writes"}


def test_own_write_not_found():
    assert judge(op("s", "update", value="1", made=A1), op("s", "read", rc="ENOTFOUND"),
                 final(A1)) == {"read-your-writes"}


def test_own_sibling_missing():
    assert judge(op("s", "update", value="1", made=A1), op("t", "update", value="2", made=B1),
                 op("s", "read", got=[("x", "2", B1)]), final(AB)) == {"read-your-writes"}


def test_own_removal_undone():
    assert judge(op("t", "update", value="1", made=A1), op("s", "remove", made=A2),
                 op("u", "update", value="2", made=B1), op("s", "read", got=[("x", "2", B1)]),
                 final({"A": 2, "B": 1})) == set(), "a sibling of one's own tombstone may show"
    assert judge(op("t", "read", got=[("x", "1", A2)]), op("t", "read", got=[("x", "0", A1)]),
                 op("u", "update", value="1", made=A2), op("u", "update", value="0", at=(1, 2)),
                 final(A2)) == {"monotonic-reads"}


def test_a_read_goes_back():
    assert judge(op("w", "update", value="1", made=A1), op("w", "update", value="2", made=A2),
                 op("s", "read", got=[("x", "2", A2)]), op("s", "read", got=[("x", "1", A1)]),
                 final(A2)) == {"monotonic-reads"}


def test_a_scan_goes_back():
    assert judge(op("w", "update", value="1", made=A1), op("w", "update", value="2", made=A2),
                 op("s", "read", got=[("x", "2", A2)]),
                 op("s", "scan", id_="start", got=[("x", "1", A1)]),
                 final(A2)) == {"monotonic-reads"}


def test_a_scan_that_leaves_an_id_out_says_nothing_about_it():
    assert judge(op("w", "update", value="1", made=A1), op("s", "read", got=[("x", "1", A1)]),
                 op("s", "scan", id_="start", got=[]), final(A1)) == set()


def test_second_write_does_not_follow_the_first():
    assert judge(op("s", "update", value="1", made=A1), op("s", "update", value="2", made=B1),
                 final(AB)) == {"monotonic-writes"}


def test_a_version_twice():
    assert judge(op("s", "update", value="1", made=A1), op("s", "update", value="2", made=A1),
                 final(A1)) == {"monotonic-writes"}


def test_a_write_does_not_follow_what_was_read():
    assert judge(op("w", "update", value="1", made=A1), op("s", "read", got=[("x", "1", A1)]),
                 op("s", "update", value="2", made=B1), final(AB)) == {"writes-follow-reads"}




def test_an_acknowledged_write_is_gone():
    assert judge(op("s", "update", value="1", made=A1), final(B1)) == {"lost-write"}
    assert judge(op("s", "update", value="1", made=A1)) == {"lost-write"}


def test_an_acknowledged_removal_is_gone():
    assert judge(op("t", "update", value="1", made=A1), op("s", "remove", made=A2),
                 final(A1)) == {"lost-write"}


def test_a_write_that_failed_may_be_gone_or_there():
    lost = op("s", "update", value="1", rc="ETIMEOUT")
    assert judge(lost) == set()
    assert judge(op("s", "update", value="1", rc="EUNCERTAIN"),
                 op("s", "read", got=[("x", "1", A1)]), final(A1)) == set()


def test_a_write_whose_answer_was_lost_is_known_by_its_value():
    assert judge(op("s", "update", value="1"), op("t", "read", got=[("x", "1", A1)]),
                 final(B1)) == {"lost-write"}


def test_a_value_that_nobody_wrote():
    assert judge(op("s", "read", got=[("x", "strange", A1)]), final(A1)) == {"made-up-value"}
    assert judge(op("s", "update", id_="y", value="1", made=A1), final(A1, id_="y"),
                 op("s", "read", got=[("x", "1", A1)]), final(A1)) == {"made-up-value"}


def test_an_entry_of_zero_counts():
    assert check.covers({"A": 1, "B": 0}, A1) and not check.covers(A1, {"A": 1, "B": 0})


def test_a_write_from_before_a_crash_counts():
    begin = [{"e": "begin", "session": "s", "tid": "s", "op": "update", "keygroup": "k", "id": "x",
              "t0": 1, "value": "1"}]
    assert judge(begin, op("t", "read", got=[("x", "1", A1)]), final(A1)) == set()


def test_a_modify_does_not_follow_what_its_callback_saw():
    assert judge(op("w", "update", value="1", made=A1), op("s", "modify", value="2", made=A2,
                                                          got=[("x", "1", A1)]),
                 op("s", "modify", value="3", made=A3, got=[("x", "2", A2)]), final(A3)) == set()
    assert judge(op("w", "update", value="1", made=A1),
                 op("s", "modify", value="2", made=B1, got=[("x", "1", A1)]),
                 final(AB)) == {"writes-follow-reads"}


def test_a_removal_whose_answer_was_lost_is_known_by_what_nodes_show():
    key = [{"e": "key", "tid": "s", "t": 1, "keygroup": "k", "id": "x", "clock": A2,
            "removed": False}]
    gone = (op("s", "update", value="1", made=A1), op("t", "remove", rc="ETIMEOUT"),
            op("s", "read", rc="ENOTFOUND"), op("u", "update", value="3", made=A3), final(A3))
    assert judge(*gone, key) == set()
    assert judge(*gone) == {"read-your-writes"}
    seen = op("u", "read", got=[("x", "2", A2)])
    assert judge(*gone, key, op("v", "update", value="2", rc="ETIMEOUT"), seen) == {
        "read-your-writes"}, "a version that had a value is no tombstone"
