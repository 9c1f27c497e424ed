#!/usr/bin/python3
"""run.py - random sessions against three nodes that fail, and what check.py says of them.

  run.py [--build DIR] [--schedules N] [--seed S] [--keep DIR]

Schedules run in batches of ten on one fred-double, which suffers random faults meanwhile. A schedule
is a keygroup on three nodes with three sessions: two in memory, used by two threads each, one on disk
whose process is killed and started again. A batch that fails is named by its seed:
`run.py --seed S --schedules 10` makes the same calls, values and faults again. When threads and faults
meet is the kernel's choice: repeat it until it fails again."""
import argparse
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent import futures

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "replay"))
import check
import cluster
import wire

NODES = ("nodeA", "nodeB", "nodeC")
IDS = ("k0", "k1", "k2")
BATCH, AT_ONCE, CALLS = 10, 4, 25
LIMIT_S = 120


class Failed(Exception):
    """A client did not do as it should, whatever its history says."""


class Batch:
    """Ten schedules on one double."""

    def __init__(self, options, certificates, folder, seed):
        self.options, self.certificates, self.seed = options, certificates, seed
        self.folder = pathlib.Path(folder) / f"batch-{seed}"
        self.folder.mkdir()
        self.history = self.folder / "history.jsonl"
        self.random = random.Random(seed)
        self.count = min(BATCH, options.schedules)
        replication = "async" if seed % 2 else "sync"
        self.double = cluster.Double(f"{options.build}/testing/support/fred-double", certificates,
                                     replication, NODES)

    def keygroups(self):
        return [f"s{self.seed}x{index}" for index in range(self.count)]

    def _admin(self, node, call, **request):
        answer, error = self.double.call(node, "alice", wire.CLIENT_PATH + call,
                                         wire.encode(wire.CLIENT[call][0], request))
        return None if error else wire.decode(wire.CLIENT[call][1], answer)

    def _create(self):
        for keygroup in self.keygroups():
            self._admin("nodeA", "CreateKeygroup", keygroup=keygroup, mutable=True, expiry=0)
            for node in NODES[1:]:
                self._admin("nodeA", "AddReplica", keygroup=keygroup, nodeId=node, expiry=0)

    def _uri(self, first, more=""):
        order = NODES[first:] + NODES[:first]
        hosts = ",".join(self.double.addresses[node] for node in order)
        return f"fred://{hosts}?tls={self.certificates}&user=alice&timeout=1500{more}"

    def _start(self, life, sessions):
        words = [word for session in sessions for word in map(str, session)]
        environment = os.environ | {
            "ENOKI_MODULE_PATH": f"{self.options.build}/testing/sessions",
            "SESSIONS_HISTORY": str(self.history)}
        process = subprocess.Popen(
            [f"{self.options.build}/testing/sessions/sessions_client", str(self.history),
             str(life), str(self.seed), str(CALLS), *words],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=environment)
        os.set_blocking(process.stdout.fileno(), False)
        return process

    @staticmethod
    def _is_ready(process):
        """It has opened all handles."""
        try:
            return bool(os.read(process.stdout.fileno(), 100))
        except BlockingIOError:
            return False

    def _memory(self):
        return [(f"{keygroup}m{first}", keygroup, 2, self._uri(first))
                for keygroup in self.keygroups() for first in (0, 1)]

    def _kept(self):
        return [(f"{keygroup}d", keygroup, 1, self._uri(2, f"&session={self.folder}/sessions"))
                for keygroup in self.keygroups()]

    def _fault(self):
        """A fault, and what ends it."""
        node = self.random.choice(NODES)
        call = self.random.choice(["Update", "Delete", "Read", "*"])
        count = str(self.random.randint(1, 6))
        return self.random.choice([
            (["hold"], ["release"]), (["cut"], ["join"]),
            (["lag", str(self.random.randint(5, 60))], ["lag", "0"]),
            (["stop", node], ["start", node]),
            (["fault", node, call, "lost", "x", count], None),
            (["fault", node, call, "reset", "x", count], None),
            (["fault", node, call, "delay", str(self.random.randint(10, 200)), "x", count], None),
            (["fault", node, call, "error", "14:unavailable", "x", count], None)])

    def _suffer(self, steady, kept):
        """Faults until the clients are done; the kept sessions' process is killed twice."""
        kills, until, is_ready = 2, time.monotonic() + LIMIT_S, True
        while steady.poll() is None or kept.poll() is None:
            if time.monotonic() > until:
                raise Failed(f"the clients still ran after {LIMIT_S} s")
            begin, end = self._fault()
            self.double.control(*begin)
            time.sleep(self.random.uniform(0.02, 0.15))
            is_ready = is_ready or self._is_ready(kept)
            if kills and is_ready and kept.poll() is None and self.random.random() < 0.5:
                kills, is_ready = kills - 1, False
                kept.kill()
                kept.wait()
                kept = self._start(3 - kills, self._kept())
                kept.stdin.close()
            if end:
                self.double.control(*end)
            time.sleep(self.random.uniform(0, 0.05))
        return kept

    def _go_together(self, *both):
        waiting, until = list(both), time.monotonic() + LIMIT_S
        while waiting := [one for one in waiting if not self._is_ready(one)]:
            if time.monotonic() > until or any(one.poll() is not None for one in waiting):
                raise Failed("a client did not get ready: " + "".join(
                    one.stderr.read() for one in waiting if one.poll() is not None))
            time.sleep(0.01)
        for one in both:
            one.stdin.close()

    def _finish(self, process):
        errors = process.stderr.read()
        process.wait()
        if process.returncode != 0:
            raise Failed(f"a client ended with {process.returncode}: {errors.strip()}")

    def _finals(self):
        """What the nodes hold when messages that were held back have arrived."""
        self.double.control("fault", "clear")
        time.sleep(0.3)
        events = []
        for keygroup in self.keygroups():
            for node in NODES:
                for id_ in IDS:
                    found = self._admin(node, "Scan", keygroup=keygroup, id=id_, count=50)
                    events += [{"e": "final", "keygroup": keygroup, "id": id_,
                                "clock": item["version"]["version"], "removed": not item["val"]}
                               for item in (found or {"data": []})["data"] if item["id"] == id_]
        return events

    def play(self):
        """What went wrong, as lines, and the number of calls."""
        processes = []
        try:
            self._create()
            steady = self._start(0, self._memory())
            kept = self._start(1, self._kept())
            processes += [steady, kept]
            self._go_together(steady, kept)
            kept = self._suffer(steady, kept)
            processes.append(kept)
            self._finish(steady)
            self._finish(kept)
            events = [json.loads(line) for line in self.history.read_text().splitlines()]
            finals = self._finals()
            with open(self.history, "a", encoding="utf-8") as file:
                file.writelines(json.dumps(event) + "\n" for event in finals)
            found = check.check(events + finals)
            counts = [event for event in events if event["e"] == "op"]
            return [f"{one.rule}: {one.keygroup}/{one.id}, session {one.session}: {one.why}"
                    for one in found], counts
        except (Failed, RuntimeError, json.JSONDecodeError) as error:
            return [f"{type(error).__name__}: {error}"], []
        finally:
            for process in processes:
                process.kill()
                process.wait()
                for pipe in (process.stdin, process.stdout, process.stderr):
                    pipe.close()
            self.double.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=str(HERE.parent.parent / "build"))
    parser.add_argument("--schedules", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1, help="of the first batch")
    parser.add_argument("--keep", help="where histories of failed batches are copied to")
    options = parser.parse_args()
    bad, results = 0, {}
    with tempfile.TemporaryDirectory(prefix="sessions-") as folder, \
            futures.ThreadPoolExecutor(AT_ONCE) as pool:
        certificates = f"{folder}/certs"
        cluster.make_certificates(f"{options.build}/cmd/enoki", certificates,
                                  (*NODES, "alice"))
        seeds = list(range(options.seed, options.seed + -(-options.schedules // BATCH)))
        # A double ends with the thread that started it: this one starts them all.
        for first in range(0, len(seeds), AT_ONCE):
            batches = [Batch(options, certificates, folder, seed)
                       for seed in seeds[first:first + AT_ONCE]]
            for batch, (found, calls) in zip(batches, pool.map(Batch.play, batches)):
                for call in calls:
                    results[call["rc"]] = results.get(call["rc"], 0) + 1
                if found:
                    bad += 1
                    print(f"seed {batch.seed}: {len(found)} (again: run.py --seed {batch.seed} "
                          f"--schedules {batch.count})")
                    print("".join(f"    {line}\n" for line in found[:10]), end="")
                    if options.keep:
                        shutil.copy(batch.history, f"{options.keep}/seed-{batch.seed}.jsonl")
                shutil.rmtree(batch.folder)
    print(f"{options.schedules} schedules in {len(seeds)} batches, {sum(results.values())} calls "
          f"({', '.join(f'{rc} {n}' for rc, n in sorted(results.items()))}), "
          f"{bad} batches failed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
