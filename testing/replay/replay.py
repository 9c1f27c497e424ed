#!/usr/bin/python3
"""Replays what real FReD nodes answered (testing/data/fred-transcripts) and shows what differs.

  replay.py [OPTIONS] GROUP|SCENARIO...       against fred-double, which it starts
  replay.py --node nodeA=HOST:PORT ... GROUP|SCENARIO...   against nodes that run

GROUP is client-sync, client-async, quirks or middleware; * and ? are allowed in the name of a
scenario.
Exit status: 0 as recorded, 1 a difference, 2 usage."""
import argparse
import fnmatch
import pathlib
import shlex
import sys
import tempfile
import time
from concurrent import futures

import cluster
import middleware
import scenario

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
# What nodes in one process need of the pauses that were recorded with real ones; expiry takes its
# time in full.
DOUBLE_WAIT_SCALE = 0.34
# Accidents of the original that the double does not copy, and why.
LEFT_OUT = {"trigger-same-host": "calls a trigger once for each update and twice for a delete"}


def is_client(one, kind, replication=None):
    return (one.header["kind"] == kind and not one.needs("middleware", "peering")
            and replication in (None, one.header["replication"]))


GROUPS = {
    "client-sync": lambda one: is_client(one, "rule", "sync"),
    "client-async": lambda one: is_client(one, "rule", "async"),
    "quirks": lambda one: is_client(one, "quirk") and one.name not in LEFT_OUT,
    "middleware": lambda one: one.needs("middleware") and one.header["kind"] == "rule",
}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("what", nargs="+", metavar="GROUP|SCENARIO")
    add("--build", default=str(ROOT / "build"), help="where enoki and fred-double are")
    add("--data", default=str(ROOT / "testing/data/fred-transcripts"))
    add("--node", action="append", default=[], metavar="NAME=HOST:PORT")
    add("--certs", help="DIR with USER.crt, USER.key and ca.crt, for --node")
    add("--control", metavar="COMMAND", help="as fred-double control SOCKET, for --node")
    add("--replication", choices=["sync", "async"], help="of the nodes, for --node")
    add("--jobs", type=int, default=8, help="scenarios at the same time")
    return parser.parse_args()


def chosen(options):
    every = [scenario.Scenario(path) for path in sorted(pathlib.Path(options.data).glob("*.jsonl"))]
    return [one for one in every if any(
        GROUPS[what](one) if what in GROUPS else fnmatch.fnmatch(one.name, what)
        for what in options.what)]


def play_one(one, nodes, options, wait_scale):
    middlewares = {}
    try:
        for entry in one.header.get("middlewares", []):
            middlewares[entry["name"]] = middleware.Middleware(options.build, nodes, entry)
        return scenario.play(one, nodes, wait_scale=wait_scale, middlewares=middlewares)
    finally:
        for each in middlewares.values():
            each.close()


def report(one, found, seconds):
    print(f"{'DIFFERS' if found else 'ok':8}{one.name:28}{len(one.steps):5} steps {seconds:6.1f} s",
          flush=True)
    for line in found[:20]:
        print(f"        {line}")
    if len(found) > 20:
        print(f"        and {len(found) - 20} more")


def play_doubles(scenarios, options):
    """One double for all scenarios that leave the others alone, one each for those that do not."""
    program = f"{options.build}/testing/support/fred-double"
    doubles, jobs, bad = [], {}, 0
    with tempfile.TemporaryDirectory(prefix="replay-certs-") as folder, \
            futures.ThreadPoolExecutor(options.jobs) as pool:
        cluster.make_certificates(f"{options.build}/cmd/enoki", folder,
                                  ("nodeA", "nodeB", *cluster.USERS))
        # All from this thread: a double ends with the thread that started it.
        shared = {}
        for one in sorted(scenarios, key=lambda one: -sum(s.get("wait_ms", 0) for s in one.steps)):
            kind = one.header["replication"]
            if one.touches_all() or kind not in shared:
                double = cluster.Double(program, folder, kind)
                doubles.append(double)
                if not one.touches_all():
                    shared[kind] = double
            else:
                double = shared[kind]
            jobs[pool.submit(timed, one, double, options, DOUBLE_WAIT_SCALE)] = one
        for job in futures.as_completed(jobs):
            found, seconds = job.result()
            report(jobs[job], found, seconds)
            bad += bool(found)
        for double in doubles:
            double.close()
    return bad


def play_nodes(scenarios, options):
    """On the nodes that were named, one after the other; the recorded pauses in full."""
    bad = 0
    nodes = cluster.Nodes(dict(one.split("=", 1) for one in options.node), options.certs,
                          f"{options.certs}/ca.crt",
                          shlex.split(options.control) if options.control else None)
    for one in scenarios:
        why = None
        if one.header["replication"] != (options.replication or "sync"):
            why = f"needs {one.header['replication']} replication"
        elif nodes.control_words is None and one.touches_all():
            why = "needs --control"
        if why:
            print(f"skipped {one.name:28}{why}")
            continue
        found, seconds = timed(one, nodes, options, 1.0)
        report(one, found, seconds)
        bad += bool(found)
    nodes.forget()
    return bad


def timed(one, nodes, options, wait_scale):
    start = time.monotonic()
    try:
        found = play_one(one, nodes, options, wait_scale)
    except Exception as error:  # what went wrong in one scenario must not hide the others
        found = [f"{type(error).__name__}: {error}"]
    return found, time.monotonic() - start


def main():
    options = arguments()
    scenarios = chosen(options)
    if not scenarios:
        print("replay: no such scenario", file=sys.stderr)
        return 2
    if options.node and not options.certs:
        print("replay: --node needs --certs", file=sys.stderr)
        return 2
    bad = (play_nodes if options.node else play_doubles)(scenarios, options)
    print(f"{len(scenarios)} scenarios, {bad} differ")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
