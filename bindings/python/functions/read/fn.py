"""read - reads one item per process; writes it where it is missing (experiment "scale").

Input   PROCESS-BYTES
Output  "read", or "write" when the item had to be made: BYTES times 'a' under data<PROCESS>"""
import re

import kv


def fn(i):
    match = re.fullmatch(r"([A-Za-z0-9]{1,100})-([1-9][0-9]{0,6})", i or "")
    if match is None:
        raise ValueError("send PROCESS-BYTES: up to 100 letters and digits, and a number above 0")
    key = "data" + match[1]
    try:
        kv.read(key)
        return "read"
    except Exception:  # there is none yet
        kv.update(key, "a" * int(match[2]))
        return "write"
