"""middleware.py - the middleware's steps, done by the library's session (middleware.c).

Here is only what ALExANDRA does around it: which node is asked, and calls that it passes on. Its texts
are its own: what they mean is compared, and a node's words within them."""
import json
import os
import subprocess
import time

import compare
import wire

SESSION_CALLS = ("Read", "Update", "Delete", "Scan", "Keys", "Notify")
# Calls that go to a node as they are; firstNodeId aside.
PASSED_ON = ("CreateKeygroup", "DeleteKeygroup", "AddReplica", "RemoveReplica", "AddUser",
             "RemoveUser", "AddTrigger", "RemoveTrigger", "Append")
# Those that always go to the lighthouse.
AT_LIGHTHOUSE = ("AddUser", "RemoveUser", "AddTrigger", "RemoveTrigger")
# What an error of the middleware itself means.
MEANINGS = (("seen version ", "stale"), ("add failed because your version ", "older"))


class Middleware:
    """One middleware's process: its session is its own."""

    def __init__(self, build, nodes, entry):
        self.nodes, self.user = nodes, entry["user"]
        self.lighthouse, self.chosen = entry["lighthouse"], {}
        command = [f"{build}/testing/replay/replay_middleware", str(nodes.certificates), self.user]
        command += [f"{name}={address}" for name, address in nodes.addresses.items()]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=os.environ | {"ENOKI_MODULE_PATH": f"{build}/libenoki"})

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def _pass_on(self, node, call, request):
        fields = wire.CLIENT[call]
        request = {name: request[name] for _, name, _ in fields[0] if name in request}
        answer, error = self.nodes.call(node, self.user, wire.CLIENT_PATH + call,
                                        wire.encode(fields[0], request))
        return (None, error[1]) if error else (wire.decode(fields[1], answer), None)

    def _node(self, keygroup):
        """The chosen node; else a member, the lighthouse before others."""
        if keygroup in self.chosen:
            return self.chosen[keygroup]
        info, _ = self._pass_on(self.lighthouse, "GetKeygroupInfo", {"keygroup": keygroup})
        members = [one["nodeId"] for one in info["replica"]] if info else []
        return self.lighthouse if self.lighthouse in members or not members else members[0]

    def play(self, step, names):
        """The differences, as lines."""
        call, request = step["call"], compare.expand(step["request"], names)
        if call == "ChooseReplica":
            if "response" in step:
                self.chosen[request["keygroup"]] = request["nodeId"]
            return []
        if call in PASSED_ON:
            return self._manage(step, names, call, request)
        if call not in SESSION_CALLS or request.get("minExpiry"):
            return []
        self.process.stdin.write(json.dumps(
            {"call": call, "node": self._node(request["keygroup"]), "request": request}) + "\n")
        self.process.stdin.flush()
        got = json.loads(self.process.stdout.readline() or '{"outcome": "died", "message": ""}')
        if got["outcome"] != "ok":
            return self._errors(step, names, got["message"], got["outcome"])
        return self._errors(step, names, None, "ok") or self._items(step, names, got)

    def _manage(self, step, names, call, request):
        node = request.get("firstNodeId") or self._node(request["keygroup"])
        if call in AT_LIGHTHOUSE:
            node = self.lighthouse
        if call == "Append":
            request["id"] = time.time_ns()
        if node not in self.nodes.addresses:
            return []
        answer, error = self._pass_on(node, call, request)
        for name, field in step.get("capture", {}).items():
            names[name] = (answer or {}).get(field, "")
        return self._errors(step, names, error, "refused")

    @staticmethod
    def _errors(step, names, error, outcome):
        wanted = compare.expand(step.get("error", {}), names).get("message")
        if wanted is None:
            return [f"expected success, got {outcome}: {error}"] if error is not None else []
        meaning = next((to for text, to in MEANINGS if wanted.startswith(text)), "refused")
        words = wanted.rsplit(" desc = ", 1)[-1]
        if error is None or meaning != outcome:
            return [f"expected {meaning} ({wanted}), got {outcome}: {error}"]
        return [] if meaning != "refused" or words in error else [
            f"expected the words {words!r}, got {error!r}"]

    @staticmethod
    def _items(step, names, got):
        wanted = compare.expand(step["response"], names)
        field = next((name for name in ("items", "data", "keys") if name in wanted), None)
        if field is None:
            return []
        given = {field: got["items"]}
        if field == "items":
            given = {field: [{"id": "", **one} for one in got["items"]]}
        return compare.differences(step, {"response": given}, names)
