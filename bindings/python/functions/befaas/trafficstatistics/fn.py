"""trafficstatistics - counts what was seen, and keeps the counts under the second that it was seen in.

Data    objects
Reply   how many of each type; or error"""
import collections
import time

import befaas


def run(data, execution):
    if not isinstance(data.get("objects"), list):
        return {"error": "Wrong payload."}
    counts = collections.Counter(one["type"] for one in data["objects"])
    execution.dbset(f"trafficstatistics{int(time.time())}", counts)
    return counts


fn = befaas.function("trafficstatistics", run)
