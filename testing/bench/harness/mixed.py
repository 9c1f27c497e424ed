"""Subject 7: slow calls beside quick ones, fairness, functions that block."""
import contextlib
from statistics import median

from .bench import RUNTIMES, column
from .report import Aim, ratios

TITLE = "Mixed load and fairness"
WORKERS = 8
OPEN = {"connections": 10, "rate": 200, "body": "quick"}
SLOW = {"slow_percent": 5, "slow_body": "sleep 50"}
BLOCKING_WORKERS = 16
BLOCKING_S = 0.0022


def run_slow(bench):
    milliseconds = 1000 if bench.quick else 3000
    for runtime in RUNTIMES:
        with bench.guard(runtime), bench.start_runtime(runtime, function="hang",
                                                       workers=WORKERS) as server:
            # A seed per round: both sides see the same arrivals, every round others.
            seeds = {"alone": iter(range(1, 1000)), "slow": iter(range(1, 1000))}
            results = bench.alternate(f"7. open loop, {runtime}", {
                "alone": lambda: bench.load.measure(server, ms=milliseconds,
                                                    seed=next(seeds["alone"]), **OPEN),
                "slow": lambda: bench.load.measure(server, ms=milliseconds,
                                                   seed=next(seeds["slow"]), **OPEN, **SLOW)})
        alone, slow = results["alone"], results["slow"]
        note = (f"p99 {median(column(slow, 'p99_us')):.0f} us against "
                f"{median(column(alone, 'p99_us')):.0f} us, p50 "
                f"{median(column(slow, 'p50_us')):.0f} us against "
                f"{median(column(alone, 'p50_us')):.0f} us")
        bench.report.add(runtime, ratios(column(slow, "p99_us"), column(alone, "p99_us")), "x",
                         Aim("<=", 2.0), note, {"slow": slow, "alone": alone})


def run_fairness(bench):
    milliseconds = 500 if bench.quick else 2000
    with contextlib.ExitStack() as stack:
        servers = {runtime: stack.enter_context(bench.start_runtime(runtime, workers=WORKERS))
                   for runtime in RUNTIMES}
        results = bench.alternate("7. fairness, closed loop", {
            name: lambda server=server: bench.load.measure(server, connections=10, ms=milliseconds)
            for name, server in servers.items()})
    for runtime in RUNTIMES:
        mine = results[runtime]
        shares = [entry["least"] / max(entry["most"], 1) for entry in mine]
        bench.report.add(runtime, shares, "", Aim(">=", 0.8, 0.95),
                         f"{median(column(mine, 'rps')):.0f}/s", {"ours": mine})


def run_blocking(bench):
    most = BLOCKING_WORKERS / BLOCKING_S
    with contextlib.ExitStack() as stack:
        servers = {runtime: stack.enter_context(bench.start_runtime(
            runtime, function="hang", workers=BLOCKING_WORKERS)) for runtime in RUNTIMES}
        results = bench.alternate("7. a function that blocks 2 ms", {
            name: lambda server=server: bench.load.measure(server, connections=100, ms=800,
                                                           body="sleep 2")
            for name, server in servers.items()})
    for runtime in RUNTIMES:
        mine = results[runtime]
        aim = None if runtime == "process" else Aim(">=", 0.95)
        bench.report.add(runtime, [entry["rps"] / most for entry in mine], "x", aim,
                         f"{median(column(mine, 'rps')):.0f}/s", {"ours": mine})


def run(bench):
    bench.report.start_group("open loop, 200 calls/s, 10 connections, 8 workers: p99 of quick "
                             "calls with 5 % of 50 ms, against none")
    run_slow(bench)
    bench.report.start_group("closed loop, 10 connections, 8 workers: least / most calls of a "
                             "connection")
    with bench.guard("fairness"):
        run_fairness(bench)
    bench.report.start_group("a function that blocks 2 ms, 16 workers, 100 connections: calls/s "
                             "against 16 / 2.2 ms")
    with bench.guard("blocking"):
        run_blocking(bench)
