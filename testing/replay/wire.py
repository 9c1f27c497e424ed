"""wire.py - FReD's messages as bytes, written from the specification alone: what the replayer sends
and expects shares no code with the library or with the double.

A message is a list of fields (number, name, type). Types: text, bool, int64, uint64, role, map (node
to counter), or the name of another message; a list in brackets repeats it.
"""
import struct

ROLES = ["ReadKeygroup", "WriteKeygroup", "ConfigureReplica", "ConfigureTrigger",
         "ConfigureKeygroups"]

KEYGROUP = [(1, "keygroup", "text")]
KEYGROUP_ID = KEYGROUP + [(2, "id", "text")]
PAGE = KEYGROUP_ID + [(3, "count", "uint64")]
ITEMS = [(1, "data", ["Item"])]
VERSIONED = [(1, "version", "Version")]
USER = [(1, "user", "text"), (2, "keygroup", "text"), (3, "role", "role")]
REPLICA = [(1, "nodeId", "text"), (2, "host", "text")]
TRIGGER = [(1, "id", "text"), (2, "host", "text")]

MESSAGES = {
    "Empty": [],
    "Version": [(1, "version", "map")],
    "Item": [(1, "id", "text"), (2, "val", "text"), (3, "version", "Version")],
    "Key": [(1, "id", "text"), (2, "version", "Version")],
    "KeygroupReplica": [(1, "nodeId", "text"), (2, "expiry", "int64"), (3, "host", "text")],
    "Replica": REPLICA,
    "Trigger": TRIGGER,
}

# call: (fields of the request, fields of the answer)
CLIENT = {
    "CreateKeygroup": (KEYGROUP + [(2, "mutable", "bool"), (3, "expiry", "int64")], []),
    "DeleteKeygroup": (KEYGROUP, []),
    "Read": (KEYGROUP_ID + [(3, "versions", ["Version"])], ITEMS),
    "Scan": (PAGE, ITEMS),
    "Keys": (PAGE, [(1, "keys", ["Key"])]),
    "Update": (KEYGROUP_ID + [(3, "data", "text"), (4, "versions", ["Version"])], VERSIONED),
    "Delete": (KEYGROUP_ID + [(3, "versions", ["Version"])], VERSIONED),
    "Append": (KEYGROUP + [(2, "id", "uint64"), (3, "data", "text")], [(1, "id", "text")]),
    "AddReplica": (KEYGROUP + [(2, "nodeId", "text"), (3, "expiry", "int64")], []),
    "RemoveReplica": (KEYGROUP + [(2, "nodeId", "text")], []),
    "GetKeygroupInfo": (KEYGROUP, [(1, "mutable", "bool"), (2, "replica", ["KeygroupReplica"])]),
    "GetReplica": ([(1, "nodeId", "text")], REPLICA),
    "GetAllReplica": ([], [(1, "replicas", ["Replica"])]),
    "GetKeygroupTriggers": (KEYGROUP, [(1, "triggers", ["Trigger"])]),
    "AddTrigger": (KEYGROUP + [(2, "triggerId", "text"), (3, "triggerHost", "text")], []),
    "RemoveTrigger": (KEYGROUP + [(2, "triggerId", "text")], []),
    "AddUser": (USER, []),
    "RemoveUser": (USER, []),
}
TRIGGER_CALLS = {
    "PutItemTrigger": KEYGROUP_ID + [(3, "val", "text")],
    "DeleteItemTrigger": KEYGROUP_ID,
}
CLIENT_PATH = "/mcc.fred.client.Client/"
TRIGGER_SERVICE = "mcc.fred.trigger.TriggerNode"


class Malformed(ValueError):
    """These bytes are no such message."""


def _varint(number):
    out = bytearray()
    number &= (1 << 64) - 1
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def _chunk(number, content):
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _scalar(number, kind, value):
    if kind == "text":
        return _chunk(number, value.encode()) if value else b""
    if kind == "role" and isinstance(value, str):
        value = ROLES.index(value)
    return _varint(number << 3) + _varint(int(value)) if value else b""


def _clock(number, clock):
    return b"".join(_chunk(number, _chunk(1, node.encode()) + _varint(2 << 3) + _varint(counter))
                    for node, counter in sorted(clock.items()))


def encode(fields, message):
    """The canonical bytes: fields by number, defaults left out, but never of a map's entry."""
    unknown = set(message) - {name for _, name, _ in fields}
    if unknown:
        raise Malformed(f"no such field: {sorted(unknown)}")
    out = b""
    for number, name, kind in fields:
        if name not in message:
            continue
        value = message[name]
        if isinstance(kind, list):
            out += b"".join(_chunk(number, encode(MESSAGES[kind[0]], one)) for one in value)
        elif kind == "map":
            out += _clock(number, value)
        elif kind in MESSAGES:
            out += _chunk(number, encode(MESSAGES[kind], value))
        else:
            out += _scalar(number, kind, value)
    return out


def _read_varint(data, at):
    number = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise Malformed(f"a number that does not end at byte {at}")
        number |= (data[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 128:
            return number & (1 << 64) - 1, at


def parts(data):
    """(field number, wire type, content) of every field in its order; numbers as their bytes."""
    at = 0
    while at < len(data):
        tag, at = _read_varint(data, at)
        number, kind = tag >> 3, tag & 7
        start = at
        if kind == 0:
            _, at = _read_varint(data, at)
        elif kind == 1:
            at += 8
        elif kind == 5:
            at += 4
        elif kind == 2:
            length, start = _read_varint(data, at)
            at = start + length
        else:
            raise Malformed(f"wire type {kind} at byte {start}")
        if at > len(data) or number == 0:
            raise Malformed(f"field {number} at byte {start} of {len(data)}")
        yield number, kind, data[start:at]


def _value(kind, content):
    if kind == "text":
        return content.decode()
    number = _read_varint(content, 0)[0]
    if kind == "bool":
        return number != 0
    if kind in ("int64", "role"):
        number = struct.unpack("<q", struct.pack("<Q", number))[0]
    if kind == "role":
        return ROLES[number] if 0 <= number < len(ROLES) else number
    return number


def _entry(content):
    key, counter = "", 0
    for number, _, inner in parts(content):
        if number == 1:
            key = inner.decode()
        elif number == 2:
            counter = _value("uint64", inner)
    return key, counter


def decode(fields, data):
    """The message with every scalar, list and map; a message within only if it is there."""
    blank = {"text": "", "bool": False, "int64": 0, "uint64": 0, "role": ROLES[0]}
    out = {}
    for _, name, kind in fields:
        if isinstance(kind, list):
            out[name] = []
        elif kind == "map":
            out[name] = {}
        elif kind in blank:
            out[name] = blank[kind]
    known = {number: (name, kind) for number, name, kind in fields}
    for number, _, content in parts(data):
        if number not in known:
            continue
        name, kind = known[number]
        if isinstance(kind, list):
            out[name].append(decode(MESSAGES[kind[0]], content))
        elif kind == "map":
            key, counter = _entry(content)
            out[name][key] = counter
        elif kind in MESSAGES:
            out[name] = decode(MESSAGES[kind], content)
        else:
            out[name] = _value(kind, content)
    return out


def shape(fields, data, loose=(), skip=(), swap=None):
    """The bytes as they are, as a structure, but for what may differ: the order of a map's entries
    and of the fields in loose, the fields in skip, and texts that swap replaces."""
    known = {number: (name, kind) for number, name, kind in fields}
    out = []
    for number, wire, content in parts(data):
        name, kind = known.get(number, ("", "text"))
        if name in skip:
            continue
        if isinstance(kind, list) or kind in MESSAGES:
            inner = MESSAGES[kind[0] if isinstance(kind, list) else kind]
            content = shape(inner, content, swap=swap)
        elif kind == "text" and swap:
            content = swap.get(content, content)
        out.append((number, wire, content, kind == "map" or name in loose))
    # A stable sort that moves only what may move: neighbours of one field.
    run = 0
    for end in range(1, len(out) + 1):
        if end == len(out) or out[end][0] != out[run][0]:
            if out[run][3]:
                out[run:end] = sorted(out[run:end], key=repr)
            run = end
    return [entry[:3] for entry in out]
