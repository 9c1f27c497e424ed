"""replication - one shared value: writers set it, readers ask for it (experiment "replication").

Input   a value, which is stored; nothing: a question
Output  nothing for a write; for a question the value, or "No value yet" """
import kv


def fn(i):
    if i:
        kv.update("counter", i)
        return None
    try:
        return kv.read("counter")[0]
    except Exception:  # nobody wrote it, or it has not got here
        return "No value yet"
