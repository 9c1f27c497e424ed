"""Subject 1: echo through each runtime against nginx, evhttp and an in-loop echo."""
import contextlib
from statistics import median

from .bench import RUNTIMES, column
from .loads import Wrk
from .report import Aim, ratios, spread

TITLE = "Echo: calls per second and CPU per call"
CONNECTIONS = (1, 10, 100)
SECONDS = 1
COLUMNS = ("by calls/s, median (min-max)", "target (stretch)")

# {(ours, theirs): {connections: aim}}, by calls per second. From the prototypes: an in-loop echo
# reaches 0.85 of nginx, the thread runtime 0.80 (all cores: 0.85) of that, both 1.6 of evhttp.
ONE_CORE = {
    ("inline", "nginx"): {10: Aim(">=", 0.85, 1.0), 100: Aim(">=", 0.85, 1.0)},
    ("inline", "evhttp"): {10: Aim(">=", 1.6), 100: Aim(">=", 1.6)},
    ("thread", "inline"): {c: Aim(">=", 0.80, 0.91) for c in CONNECTIONS},
    ("thread", "nginx"): {10: Aim(">=", 0.68, 0.85), 100: Aim(">=", 0.68, 0.85)},
    ("thread", "evhttp"): {10: Aim(">=", 1.28, 1.6), 100: Aim(">=", 1.28, 1.6)},
    ("prefork", "inline"): {c: Aim(">=", 0.38, 0.80) for c in CONNECTIONS},
    ("prefork", "nginx"): {},
    ("prefork", "evhttp"): {},
    ("process", "inline"): {1: Aim(">=", 0.21), 10: Aim(">=", 0.08), 100: Aim(">=", 0.08)},
    ("process", "nginx"): {},
    ("process", "evhttp"): {},
}
ALL_CORES = {
    ("thread", "nginx"): {10: Aim(">=", 0.72, 0.85), 100: Aim(">=", 0.72, 0.85)},
    ("thread", "evhttp"): {},
    ("prefork", "nginx"): {},
    ("prefork", "evhttp"): {},
    ("process", "nginx"): {},
    ("process", "evhttp"): {},
}
KILOBYTE = {
    ("inline", "nginx"): {10: Aim(">=", 0.9, 1.05)},
    ("thread", "nginx"): {10: Aim(">=", 0.72, 0.9)},
    ("prefork", "nginx"): {},
    ("process", "nginx"): {},
    ("thread", "evhttp"): {},
    ("prefork", "evhttp"): {},
}
LARGE = {
    ("inline", "evhttp tuned"): {10: Aim(">=", 1.6, 2.0)},
    ("thread", "evhttp tuned"): {10: Aim(">=", 1.28, 1.6)},
    ("prefork", "evhttp tuned"): {},
    ("prefork", "inline"): {10: Aim(">=", 0.55, 0.64)},
    ("process", "evhttp tuned"): {},
}


def start_all(bench, stack, workers, cpus, with_inline):
    """As many workers as cores; enoki-thread with its default of 64, as many of which run."""
    servers = [bench.start_nginx(workers, cpus), bench.start_evhttp(workers, "plain", cpus)]
    if with_inline:
        servers += [bench.start_inline(cpus), bench.start_evhttp(workers, "tuned", cpus)]
    for runtime in RUNTIMES:
        servers.append(bench.start_runtime(runtime, cpus,
                                           workers=None if runtime == "thread" else workers))
    for server in servers:
        stack.enter_context(server)
    return {server.name: server for server in servers}


def compare(bench, wanted, results, connections):
    label = f"{connections} connection{'s' if connections > 1 else ''}"
    for (ours, theirs), aims in wanted.items():
        mine, other = results[ours], results[theirs]
        per_core = spread(ratios(column(other, "cpu_us"), column(mine, "cpu_us")), "x")
        note = (f"{median(column(mine, 'rps')):7.0f}/s  {median(column(mine, 'cpu_us')):6.2f} us "
                f"CPU  by CPU {per_core}")
        bench.report.add(f"{ours} / {theirs}, {label}",
                         ratios(column(mine, "rps"), column(other, "rps")), "x",
                         aims.get(connections), note, {"ours": mine, "theirs": other})


def measure(bench, servers, wanted, wrk, view, connections, client):
    names = [name for name in servers if any(name in pair for pair in wanted)]
    results = bench.alternate(f"1. echo, {view}, {connections} connections", {
        name: lambda name=name: wrk.measure(servers[name], connections, SECONDS, client)
        for name in names})
    compare(bench, wanted, results, connections)


def run(bench):
    counts = (1, 10) if bench.quick else CONNECTIONS
    hello = Wrk(bench.folder)
    cores = bench.cores
    with bench.guard("one core"), contextlib.ExitStack() as stack:
        servers = start_all(bench, stack, 1, cores.server, True)
        bench.report.start_group("one core: server on one, wrk on another, 5 bytes", COLUMNS)
        for count in counts:
            measure(bench, servers, ONE_CORE, hello, "one core", count, cores.client)
        bench.report.start_group("the same with a body of 1 KB (nginx discards it)", COLUMNS)
        measure(bench, servers, KILOBYTE, Wrk(bench.folder, "x", 1000), "1 KB", 10, cores.client)
        bench.report.start_group("the same with a body of 100 KB (nginx discards it)", COLUMNS)
        measure(bench, servers, LARGE, Wrk(bench.folder, "x", 100000), "100 KB", 10, cores.client)
    with bench.guard("all cores"), contextlib.ExitStack() as stack:
        servers = start_all(bench, stack, len(cores.all), None, False)
        bench.report.start_group("all cores: server and wrk share them, a worker per core", COLUMNS)
        for count in counts:
            measure(bench, servers, ALL_CORES, hello, "all cores", count, None)
