"""Subject 10: gRPC and CoAP through the front door against servers of the same libraries."""
import contextlib
import json
import pathlib
import shutil
from statistics import median

from .bench import column
from .loads import run_client, with_cpu
from .report import ratios, spread
from .servers import Failed, Server, free_port

TITLE = "gRPC and CoAP through the front door"
COLUMNS = ("by calls/s, median (min-max)", "target (stretch)")
CALLERS = (1, 8, 64)
MS = 1000
BODY = "hello"


class Node(Server):
    """A front door with one function; its other addresses are in the log."""

    def address(self, scheme):
        for line in self.log.read_text().split("\n"):
            if line.startswith(f"ready: {scheme}://"):
                return line.split(":")[-1].split("/")[0]
        raise Failed(f"{self.name} tells no {scheme} address: {self.tail()}")


class CoapServer(Server):
    """libcoap's own; it says nothing, but its socket can be seen."""

    def __init__(self, program, log, cpus):
        self.udp = free_port()
        super().__init__("coap-server", [program, "-A", "127.0.0.1", "-p", self.udp], log, cpus, 1)

    def _accepts(self):
        wanted = f":{self.udp:04X} "
        return any(wanted in line for line in pathlib.Path("/proc/net/udp").read_text().split("\n"))


def start_node(bench, runtime, cpus):
    file = bench.new_path("node.conf")
    file.write_text(
        'listen = { http = "127.0.0.1:0"; grpc = "127.0.0.1:0"; coap = "127.0.0.1:0"; };\n'
        f'state = {{ path = "{bench.new_path("state")}"; }};\n'
        'isolation = { users = "shared"; };\n'
        f'functions = ( {{ name = "echo"; code = "{bench.function("echo")}"; '
        f'runtime = "{runtime}"; workers = {8 if runtime == "thread" else 2}; }} );\n')
    return Node(runtime, [bench.runtime("run"), "-c", file], bench.new_path("log"), cpus)


def load(server, command, cpus):
    return with_cpu(server, lambda: json.loads(run_client(command, cpus, MS / 1000 + 20)))


def compare(bench, label, peer, results, runtimes):
    for runtime in runtimes:
        mine, other = results[runtime], results[peer]
        per_core = spread(ratios(column(other, "cpu_us"), column(mine, "cpu_us")), "x")
        note = (f"{median(column(mine, 'rps')):7.0f}/s of {median(column(other, 'rps')):7.0f}  "
                f"p50 {median(column(mine, 'p50_us')):5.0f} us of "
                f"{median(column(other, 'p50_us')):5.0f}  "
                f"{median(column(mine, 'cpu_us')):5.1f} us CPU  by CPU {per_core}")
        bench.report.add(f"{runtime} / {peer}, {label}",
                         ratios(column(mine, "rps"), column(other, "rps")), "x", None, note,
                         {"ours": mine, "theirs": other})


def measure_grpc(bench, nodes, peer, callers):
    program = bench.peer("grpc-load")

    def asks(server, port):
        return lambda: load(server, [program, callers, MS, BODY, port], None)

    measures = {name: asks(node, node.address("grpc")) for name, node in nodes.items()}
    measures[peer.name] = asks(peer, peer.port)
    label = f"{callers} caller{'s' if callers > 1 else ''}"
    results = bench.alternate(f"gRPC, {label}", measures)
    compare(bench, label, peer.name, results, nodes)


def measure_coap(bench, nodes, peer, clients):
    program = bench.peer("coap-load")

    def asks(server, port, method, path, body):
        return lambda: load(server, [program, clients, MS, method, path, body, port], None)

    measures = {name: asks(node, node.address("coap"), 2, "echo", BODY)
                for name, node in nodes.items()}
    measures[peer.name] = asks(peer, peer.udp, 1, "", "")
    label = f"{clients} client{'s' if clients > 1 else ''}"
    results = bench.alternate(f"CoAP, {label}", measures)
    compare(bench, label, peer.name, results, nodes)


def run(bench):
    program = shutil.which("coap-server-notls") or shutil.which("coap-server")
    callers = CALLERS[1:2] if bench.quick else CALLERS
    with contextlib.ExitStack() as stack, bench.guard("gRPC and CoAP"):
        nodes = {name: stack.enter_context(start_node(bench, name, None))
                 for name in ("thread", "prefork")}
        peer = stack.enter_context(bench.start("grpc-core", [bench.peer("grpc-server"), BODY]))
        bench.report.start_group("gRPC unary, echo of 5 bytes, against a server of grpc-core alone",
                                 COLUMNS)
        for count in callers:
            with bench.guard(f"gRPC, {count} callers"):
                measure_grpc(bench, nodes, peer, count)
        if program is None:
            raise Failed("coap-server is not installed (libcoap3-bin)")
        peer = stack.enter_context(CoapServer(program, bench.new_path("log"), None))
        bench.report.start_group("CoAP, confirmable, against libcoap's coap-server (GET /)", COLUMNS)
        for count in callers:
            with bench.guard(f"CoAP, {count} clients"):
                measure_coap(bench, nodes, peer, count)
