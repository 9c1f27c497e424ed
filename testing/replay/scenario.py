"""scenario.py - one recorded scenario, played step by step."""
import json
import pathlib
import threading
import time

import compare
import wire
from cluster import Triggers

READS = ("Read", "Scan", "Keys", "GetKeygroupInfo")
# How long a read after asynchronous replication may still differ.
SETTLE_S = 2


class Scenario:
    """What a file says."""

    def __init__(self, path):
        lines = [json.loads(line) for line in pathlib.Path(path).read_text().splitlines()]
        self.header, self.steps, self.triggers = lines[0], [], {}
        self.name = self.header["scenario"]
        for line in lines[1:]:
            if "trigger" in line:
                self.triggers.setdefault(line["after"], []).append(line)
            else:
                self.steps.append(line)

    def needs(self, *what):
        return any(one in self.header.get("requires", []) for one in what)

    def touches_all(self):
        """It stops, or slows down, what others use too."""
        return self.needs("hold", "cut", "restart")


def play(scenario, nodes, *, wait_scale=1.0, middlewares=None, raw=True):
    """The differences, as lines; none if everything was as recorded."""
    player = _Player(scenario, nodes, wait_scale, middlewares or {}, raw)
    try:
        return player.run()
    finally:
        player.close()


class _Player:
    def __init__(self, scenario, nodes, wait_scale, middlewares, raw):
        self._scenario, self._nodes, self._scale, self._raw = scenario, nodes, wait_scale, raw
        self._middlewares = middlewares
        self._names = dict(nodes.addresses)
        self._triggers = None
        if scenario.header.get("triggers"):
            self._triggers = Triggers(nodes.certificates, nodes.ca, scenario.header["triggers"])
            self._names |= self._triggers.addresses
        self._is_async = scenario.header["replication"] == "async"

    def close(self):
        if self._triggers:
            self._triggers.close()

    def run(self):
        found, steps, at = [], self._scenario.steps, 0
        while at < len(steps):
            last = at + 1
            if "parallel" in steps[at]:
                while last < len(steps) and steps[last].get("parallel") == steps[at]["parallel"]:
                    last += 1
            found += self._play(steps[at:last])
            at = last
        return found

    def _play(self, steps):
        step = steps[0]
        self._wait(step)
        if "control" in step:
            self._nodes.control(step["control"], *([step["node"]] if "node" in step else []))
            return []
        if len(steps) > 1:
            found = compare.match_parallel(steps, self._together(steps), self._names)
        else:
            found = self._single(step)
        found += self._called_triggers(steps[-1]["step"])
        return [f"step {step['step']}, {step['call']} at {step['node']}: {line}" for line in found]

    def _wait(self, step):
        if "wait_ms" in step:
            scale = 1.0 if step["wait_for"] == "expiry" else self._scale
            time.sleep(step["wait_ms"] * scale / 1000)

    def _single(self, step):
        until = time.monotonic() + SETTLE_S
        while True:
            found = self._once(step)
            may_come = self._is_async and step["call"] in READS and time.monotonic() < until
            if not found or not may_come:
                return found
            time.sleep(0.05)

    def _once(self, step):
        if step.get("service") == "middleware":
            return self._middlewares[step["node"]].play(step, self._names)
        got, answer = self._call(step)
        found = compare.differences(step, got, self._names)
        if not found and self._raw:
            found = compare.raw_differences(step, answer,
                                            self._scenario.header.get("recorded_hosts", {}),
                                            self._names)
        for name, field in step.get("capture", {}).items():
            self._names[name] = got.get("response", {}).get(field, "")
        return found

    def _call(self, step):
        request_fields, answer_fields = wire.CLIENT[step["call"]]
        if step.get("raw_only"):
            request = bytes.fromhex(step["raw_request"])
        else:
            request = wire.encode(request_fields, compare.expand(step["request"], self._names))
        answer, error = self._nodes.call(
            step["node"], step["user"], step.get("path", wire.CLIENT_PATH + step["call"]), request,
            step.get("deadline_ms", 30000) / 1000)
        if error:
            return {"error": {"code": error[0], "message": error[1]}}, None
        return {"response": wire.decode(answer_fields, answer)}, answer

    def _together(self, steps):
        results = [None] * len(steps)
        start = threading.Barrier(len(steps))

        def one(index):
            start.wait()
            results[index] = self._call(steps[index])[0]

        threads = [threading.Thread(target=one, args=[index]) for index in range(len(steps))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return results

    def _called_triggers(self, number):
        if not self._triggers:
            return []
        strip = ("trigger", "server", "request")
        want = [{name: line[name] for name in strip}
                for line in self._scenario.triggers.get(number, [])]
        order = lambda event: json.dumps(event, sort_keys=True)
        want = sorted(compare.expand(want, self._names), key=order)
        got = sorted(self._triggers.take(len(want)), key=order)
        return [] if want == got else [f"trigger calls: expected {compare.text(want)}, "
                                       f"got {compare.text(got)}"]
