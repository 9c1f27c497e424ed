#!/usr/bin/python3
"""check.py - judges a history: did every session keep its promises, was no acknowledged write lost?
It knows vector clocks and real time, and nothing of the library.

A history is JSON Lines, in any order:

  {"e": "op", "session": S, "tid": T, "op": "read|update|remove|modify|scan", "keygroup": K, "id": I,
   "t0": NS, "t1": NS, "rc": "OK" or a code, "value": what it wrote, "got": [[ID, VALUE, CLOCK]...]}
       a call that returned; got is what it was shown (modify: what its callback saw last)
  {"e": "begin", ...}   a call that was made; without an op of the same tid and t0 it never returned
  {"e": "made", "tid": T, "t": NS, "keygroup": K, "id": I, "clock": CLOCK, "removed": bool}
       a node's answer to a write
  {"e": "tombstone", ...}   the same of a removal that a node showed, whoever made it
  {"e": "key", ...}         of a version that a node showed without its value: a tombstone, if nobody
                            ever knew a value of it
  {"e": "final", "keygroup": K, "id": I, "clock": CLOCK, "removed": bool}
       what some node held when all was over

What one call knew is what calls of its session had returned before it began; calls of a session that
overlap promise each other nothing. Everything is per keygroup and id."""
import collections
import json
import sys

WRITES = ("update", "remove", "modify")

Broken = collections.namedtuple("Broken", "rule keygroup id session why")


def covers(newer, older):
    """newer has seen all of older (FReD's order: an entry that is there counts, zero too)."""
    return all(node in newer and newer[node] >= counter for node, counter in older.items())


def link(events):
    """Gives every write that succeeded the clock that a node made for it, if one was seen."""
    made = collections.defaultdict(list)
    clocks = {}
    for event in events:
        if event["e"] == "made":
            made[event["tid"]].append(event)
        for _, value, clock in event.get("got", []):
            clocks.setdefault((event["keygroup"], value), clock)
    for event in events:
        if event["e"] != "op" or event["op"] not in WRITES or event["rc"] != "OK":
            continue
        own = [one for one in made[event["tid"]] if event["t0"] <= one["t"] <= event["t1"]
               and (one["keygroup"], one["id"]) == (event["keygroup"], event["id"])]
        if event["op"] == "modify" and not event.get("value") and not own:
            continue
        event["made"] = own[-1]["clock"] if own else clocks.get(
            (event["keygroup"], event.get("value")))


class _Item:
    """One id: its events in order, and the tombstones that were ever made of it."""

    def __init__(self):
        self.ops, self.tombstones, self.finals, self.written = [], [], [], set()


def _live(events):
    """All versions that are known to have had a value."""
    live = set()
    for event in events:
        if event["e"] in ("made", "final") and not event["removed"]:
            live.add((event["keygroup"], event["id"], _key(event["clock"])))
        for id_, _, clock in event.get("got", []):
            live.add((event["keygroup"], id_, _key(clock)))
    return live


def _key(clock):
    return tuple(sorted(clock.items()))


def _sort_out(events):
    items, live = collections.defaultdict(_Item), _live(events)
    for event in events:
        item = items[event["keygroup"], event["id"]]
        if event["e"] in ("made", "tombstone") and event["removed"]:
            item.tombstones.append(event["clock"])
        elif event["e"] == "key":
            if (event["keygroup"], event["id"], _key(event["clock"])) not in live:
                item.tombstones.append(event["clock"])
        elif event["e"] == "final":
            item.finals.append(event["clock"])
            if event["removed"]:
                item.tombstones.append(event["clock"])
        elif event["e"] in ("op", "begin") and event.get("value"):
            item.written.add(event["value"])
        if event["e"] == "op":
            item.ops.append(event)
            for id_ in {one[0] for one in event.get("got", [])} - {event["id"]}:
                items[event["keygroup"], id_].ops.append(event)
    return items


def _shown(op, id_):
    """The clocks of this id that a call was shown; None if it says nothing about it."""
    clocks = [one[2] for one in op.get("got", []) if one[0] == id_]
    if clocks:
        return clocks
    return [] if op["op"] == "read" and op["rc"] in ("OK", "ENOTFOUND") else None


def _check_call(op, before, id_, tombstones):
    """(rule, why) of each promise that this call breaks towards the session's calls before it."""
    shown = _shown(op, id_) if op["op"] not in WRITES else None
    made = op.get("made") if op["op"] in WRITES and op["id"] == id_ else None
    for clock in _shown(op, id_) or [] if made is not None else []:
        if not covers(made, clock):
            yield "writes-follow-reads", f"its callback saw {clock}, then it wrote {made}"
    for earlier in before:
        own = earlier.get("made") if earlier["op"] in WRITES and earlier["id"] == id_ else None
        read = _shown(earlier, id_) or []
        if shown is not None:
            for rule, clocks in (("read-your-writes", [own] if own else []),
                                 ("monotonic-reads", read)):
                for clock in clocks:
                    if not any(covers(one, clock) for one in shown + tombstones):
                        yield rule, f"had {clock}, was shown {shown}"
        if made is not None:
            if own and (not covers(made, own) or made == own):
                yield "monotonic-writes", f"wrote {own}, then {made}"
            for clock in read:
                if not covers(made, clock):
                    yield "writes-follow-reads", f"read {clock}, then wrote {made}"


def _check_sessions(keygroup, id_, item):
    sessions = collections.defaultdict(list)
    for op in item.ops:
        sessions[op["session"]].append(op)
    for session, ops in sessions.items():
        ops.sort(key=lambda op: op["t1"])
        for op in ops:
            before = [one for one in ops if one["t1"] < op["t0"]]
            for rule, why in _check_call(op, before, id_, item.tombstones):
                yield Broken(rule, keygroup, id_, session, why)
                break


def _check_item(keygroup, id_, item):
    yield from _check_sessions(keygroup, id_, item)
    for op in item.ops:
        if op["id"] == id_ and op.get("made") and not any(
                covers(final, op["made"]) for final in item.finals):
            yield Broken("lost-write", keygroup, id_, op["session"],
                         f"{op['op']} of {op.get('value')} made {op['made']}; "
                         f"there is {item.finals}")
        for _, value, _ in [one for one in op.get("got", []) if one[0] == id_]:
            if value not in item.written:
                yield Broken("made-up-value", keygroup, id_, op["session"],
                             f"was shown {value!r}, which nobody wrote there")


def check(events):
    """All broken promises of a history; events is changed (see link)."""
    link(events)
    return [broken for (keygroup, id_), item in sorted(_sort_out(events).items())
            for broken in _check_item(keygroup, id_, item)]


def main():
    if len(sys.argv) < 2:
        print("usage: check.py HISTORY...", file=sys.stderr)
        return 2
    events = []
    for name in sys.argv[1:]:
        with open(name, encoding="utf-8") as file:
            events += [json.loads(line) for line in file]
    found = check(events)
    for broken in found:
        print(f"{broken.rule}: {broken.keygroup}/{broken.id}, session {broken.session}: "
              f"{broken.why}")
    print(f"{sum(event['e'] == 'op' for event in events)} calls, {len(found)} broken promises")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
