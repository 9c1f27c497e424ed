"""Subject 15: a function that calls another one on its node, against a state call by the relay."""
import contextlib
import http.client
import json
import time
from statistics import median

from .bench import RUNTIMES
from .loads import run_client
from .report import Aim, ratios
from .servers import Failed

TITLE = "Function chains: a call of another function, against a read through the relay"
AIM = Aim("<=", 2.0)


def start_node(bench):
    """A function that calls in a loop, and in every runtime one that is called."""
    folder = bench.new_path("node")
    folder.mkdir()
    functions = [f'{{ name = "{name}"; runtime = "{name}"; workers = 2; '
                 f'code = "{bench.function("echo")}"; }}' for name in RUNTIMES]
    functions += [f'{{ name = "from{name}"; runtime = "{name}"; workers = 2; '
                  f'code = "{bench.function("forward")}"; }}' for name in ("thread", "prefork")]
    (folder / "node.conf").write_text(
        'listen = { http = "127.0.0.1:0"; };\nstate = { durability = "process"; };\n'
        'isolation = { users = "shared"; };\nfunctions = (\n' + ",\n".join(functions) + "\n);\n")
    return bench.start("node", [bench.runtime("run"), "-c", folder / "node.conf"])


class Caller:
    """One client of the node."""

    def __init__(self, node):
        self.connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=60)

    def ask(self, path):
        begin = time.perf_counter()
        self.connection.request("POST", path, b"hello")
        answer = self.connection.getresponse()
        body = answer.read()
        if (answer.status, body) != (200, b"hello"):
            raise Failed(f"{path} answers {answer.status}: {body[:200]}")
        return time.perf_counter() - begin

    def await_ready(self, path):
        limit = time.monotonic() + 20
        while True:
            try:
                return self.ask(path)
            except Failed:
                if time.monotonic() > limit:
                    raise
                time.sleep(0.01)

    def cost_us(self, caller, called, times):
        """Of a call within a loop of them: what the loop's own call costs is taken off."""
        path = f"/{caller}/{called}?times="
        alone = median(self.ask(path + "1") for _ in range(20))
        return (self.ask(path + str(times + 1)) - alone) / times * 1e6


def measure(bench, client, caller, called, times):
    folder = bench.new_path("relay")
    folder.mkdir()
    milliseconds = 200 if bench.quick else 500
    results = bench.alternate(f"15. {caller} to {called}", {
        "call": lambda: client.cost_us(caller, called, times),
        "relay": lambda: json.loads(run_client([bench.peer("relay"), folder, milliseconds], None,
                                               60))["mean_us"]})
    note = f"{median(results['call']):.1f} us against {median(results['relay']):.1f} us"
    name = f"{caller.removeprefix('from')} calls {called}"
    # A process for every call is another bargain: the fork is most of it.
    bench.report.add(name, ratios(results["call"], results["relay"]), "x",
                     AIM if called != "process" else None, note,
                     {"ours": results["call"], "theirs": results["relay"]})


def run(bench):
    with contextlib.ExitStack() as stack:
        with bench.guard("node"):
            client = Caller(stack.enter_context(start_node(bench)))
            for name in RUNTIMES:
                client.await_ready(f"/fromprefork/{name}")
                client.await_ready(f"/fromthread/{name}")
            bench.report.start_group("time of one call, in a loop")
            times = 1000 if bench.quick else 5000
            for caller in ("fromthread", "fromprefork"):
                for called in RUNTIMES:
                    with bench.guard(f"{caller}, {called}"):
                        measure(bench, client, caller, called,
                                times if called != "process" else times // 10)
