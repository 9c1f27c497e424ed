"""write - writes a new item with every call (experiment "scale").

Input   PROCESS-BYTES
Output  the new item's key, 32 hexadecimal digits; its value is BYTES times 'a'"""
import re
import uuid

import kv


def fn(i):
    match = re.fullmatch(r"[A-Za-z0-9]{1,100}-([1-9][0-9]{0,6})", i or "")
    if match is None:
        raise ValueError("send PROCESS-BYTES: up to 100 letters and digits, and a number above 0")
    key = uuid.uuid4().hex
    kv.update(key, "a" * int(match[1]))
    return key
