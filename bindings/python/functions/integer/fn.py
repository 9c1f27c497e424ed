"""integer - counts the calls of everybody who is named to it.

Input   PROCESS, letters and digits, or PROCESS-ANYTHING, or nothing (one counter for all)
Output  the number of calls so far, this one included

With kv alone two calls at the same time may count as one: enoki.state().modify() would not."""
import re

import kv


def fn(i):
    match = re.fullmatch(r"([A-Za-z0-9]{1,100})(-.*)?", i or "all", re.DOTALL)
    if match is None:
        raise ValueError("send PROCESS, up to 100 letters and digits, or PROCESS-ANYTHING")
    key = "count" + match[1]
    try:
        # Nodes that counted without seeing each other leave one value each.
        count = max(int(value) for value in kv.read(key))
    except Exception:  # there is none yet; the originals have no narrower type to name
        count = 0
    kv.update(key, str(count + 1))
    return str(count + 1)
