"""Subject 2: what each runtime adds to a call over an echo in the same server's event loop."""
import contextlib
from statistics import median

from .bench import RUNTIMES, column
from .report import Aim

TITLE = "Latency that a runtime adds to one call at a time"
# A hop between processes on one core, across cores; for enoki-process a fork.
AIMS = {
    "server on one core": {"thread": Aim("<=", 15, 3), "prefork": Aim("<=", 15, 3),
                           "process": Aim("<=", 200)},
    "all cores": {"thread": Aim("<=", 60, 3), "prefork": Aim("<=", 60, 3),
                  "process": Aim("<=", 200)},
}


def measure(bench, view, server_cpus, client_cpus):
    milliseconds = 300 if bench.quick else 800
    with contextlib.ExitStack() as stack:
        servers = {"inline": stack.enter_context(bench.start_inline(server_cpus))}
        for runtime in RUNTIMES:
            servers[runtime] = stack.enter_context(bench.start_runtime(runtime, server_cpus))
        bench.report.start_group(f"{view}: p50 above the in-loop echo's, 1 connection")
        results = bench.alternate(f"2. latency, {view}", {
            name: lambda server=server: bench.load.measure(server, client_cpus, connections=1,
                                                           ms=milliseconds)
            for name, server in servers.items()})
    base = column(results["inline"], "p50_us")
    for runtime in RUNTIMES:
        p50 = column(results[runtime], "p50_us")
        added = [mine - inline for mine, inline in zip(p50, base)]
        note = f"p50 {median(p50):.1f} us, in-loop {median(base):.1f} us"
        bench.report.add(runtime, added, " us", AIMS[view][runtime], note,
                         {"ours": results[runtime], "theirs": results["inline"]})


def run(bench):
    cores = bench.cores
    for view, server, client in (("server on one core", cores.server, cores.client),
                                 ("all cores", None, None)):
        with bench.guard(view):
            measure(bench, view, server, client)
