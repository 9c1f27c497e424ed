"""movingaverage - the mean of a process's last ten readings (experiment "simple").

Input   PROCESS-VALUE: PROCESS a number from 0 to 999, VALUE a decimal number
Output  the mean, this reading included

Four operations a call, as in the experiment: the place of the next reading is read, the window is
scanned, the reading and the next place are written. The keys of a process have one length, so that no
other's sort between them."""
import re

import kv

WINDOW = 10


def fn(i):
    match = re.fullmatch(r"([0-9]{1,3})-(-?[0-9]+(?:\.[0-9]+)?)", i or "")
    if match is None:
        raise ValueError("send PROCESS-VALUE: a number from 0 to 999, and a decimal number")
    prefix, value = f"process{int(match[1]):03}", float(match[2])
    try:
        count = max(int(one) for one in kv.read(prefix + "next"))
        first = min(count, WINDOW)
        window = dict(one.split() for one in kv.scan(prefix + "r0", first))
    except Exception:  # the first reading of this process
        count, window = 0, {}
    window[str(count % WINDOW)] = repr(value)
    kv.update(f"{prefix}r{count % WINDOW}", f"{count % WINDOW} {value!r}")
    kv.update(prefix + "next", str(count + 1))
    return repr(sum(map(float, window.values())) / len(window)).removesuffix(".0")
