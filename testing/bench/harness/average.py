"""Subject 6: the moving average end to end, relative to echo: what four state operations cost."""
import contextlib
import json
from statistics import median

from .bench import RUNTIMES, column
from .loads import run_client
from .report import ratios

TITLE = "movingaverage end to end: four state operations a call, 10 connections"
BODY = "%c-%v"


def bare_call(bench, folder, durability):
    """us for two updates of bare LMDB: what the disk alone makes of one call's writes."""
    output = run_client([bench.peer("state-lmdb"), folder, durability, "update", 1, 20, 100, 200],
                        None, 60)
    return {"us": 2e6 / json.loads(output)["per_second"]}


def measure(bench, durability):
    milliseconds = 300 if bench.quick else 800
    folder = bench.new_path("lmdb")
    with contextlib.ExitStack() as stack:
        measures = {"lmdb": lambda: bare_call(bench, folder, durability)}
        for runtime in RUNTIMES:
            echo = stack.enter_context(bench.start_runtime(runtime, name=f"{runtime} echo"))
            average = stack.enter_context(bench.start_runtime(
                runtime, function="movingaverage", durability=durability))
            measures[echo.name] = lambda server=echo: bench.load.measure(server, ms=milliseconds)
            measures[runtime] = lambda server=average: bench.load.measure(
                server, ms=milliseconds, body=BODY)
        results = bench.alternate(f"6. movingaverage, {durability}", measures)
    bench.report.start_group(f"durability={durability}, calls/s against echo's")
    bare = median(column(results["lmdb"], "us"))
    for runtime in RUNTIMES:
        mine, echo = results[runtime], results[f"{runtime} echo"]
        rps = median(column(mine, "rps"))
        state = median(1e6 / a["rps"] - 1e6 / b["rps"] for a, b in zip(mine, echo))
        note = (f"{rps:.0f}/s, p50 {median(column(mine, 'p50_us')):.0f} us, "
                f"p99 {median(column(mine, 'p99_us')):.0f} us, "
                f"{median(column(mine, 'cpu_us')):.1f} us CPU; state takes {state:.1f} us "
                f"a call, two bare LMDB updates {bare:.1f} us")
        bench.report.add(runtime, ratios(column(mine, "rps"), column(echo, "rps")), "x", None, note,
                         {"ours": mine, "echo": echo, "lmdb": results["lmdb"]})


def run(bench):
    for durability in ("process", "sync"):
        with bench.guard(durability):
            measure(bench, durability)
