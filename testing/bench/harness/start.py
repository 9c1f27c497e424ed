"""Subject 4: from nothing, or from no worker, to an answer."""
import json
from statistics import median

from .bench import RUNTIMES, column
from .loads import run_client
from .report import Aim, ratios
from .servers import free_port, nginx_command

TITLE = "Cold start"
TIMES = 5
PAUSE_MS = 20  # as peers/start.c pauses before it wakes a server


def drive(bench, mode, command, number=None):
    """Medians over a few times of one round, in us; number is a port, or for fork a pause."""
    numbers = [] if number is None else [number]
    output = run_client([bench.peer("start"), mode, TIMES, *numbers, *command], None, 60)
    return {name: median(values) for name, values in json.loads(output).items()}


def run_programs(bench):
    results = bench.alternate("4. exec to exit", {
        "main(){}": lambda: drive(bench, "exec", [bench.peer("empty")]),
        **{runtime: lambda runtime=runtime: drive(bench, "exec",
                                                  [bench.runtime(runtime), "--version"])
           for runtime in RUNTIMES}})
    bench.report.start_group("exec to exit, against int main(){}")
    base = column(results["main(){}"], "us")
    for runtime in RUNTIMES:
        mine = column(results[runtime], "us")
        note = f"{median(mine):.0f} us against {median(base):.0f} us"
        bench.report.add(f"enoki-{runtime} --version", ratios(mine, base), "x", Aim("<=", 2.5),
                         note)


def run_servers(bench):
    port = free_port()
    nginx = nginx_command(bench.new_path("nginx"), port, 1)
    measures = {"main(){}": lambda: drive(bench, "exec", [bench.peer("empty")]),
                "nginx": lambda: drive(bench, "serve", nginx, port)}
    for runtime in RUNTIMES:
        command = bench.runtime_command(runtime)
        measures[runtime] = lambda command=command: drive(bench, "serve", command, 0)
    results = bench.alternate("4. exec to the first answer", measures)
    bench.report.start_group("exec of enoki-run to its first answer")
    nginx_us, empty_us = column(results["nginx"], "us"), column(results["main(){}"], "us")
    for runtime in RUNTIMES:
        mine = column(results[runtime], "us")
        note = (f"{median(ratios(mine, empty_us)):.1f}x int main(){{}}, "
                f"{median(ratios(mine, nginx_us)):.2f}x nginx "
                f"({median(nginx_us) / 1e3:.2f} ms)")
        bench.report.add(f"enoki-run -r {runtime}", [value / 1e3 for value in mine], " ms",
                         Aim("<=", 1.5), note, {"ours": mine, "nginx": nginx_us})


def bare_fork(bench, pause_ms):
    return drive(bench, "fork", [bench.build / "libenoki" / "libenoki.so.0",
                                 bench.function("echo")], pause_ms)


def run_wake(bench):
    warm = bench.runtime_command("prefork", workers="1")
    zero = bench.runtime_command("prefork", workers="0-2")
    results = bench.alternate("4. request with zero workers", {
        "bare": lambda: bare_fork(bench, PAUSE_MS),
        "warm": lambda: drive(bench, "wake", warm, 0),
        "zero": lambda: drive(bench, "wake", zero, 0)})
    bench.report.start_group("enoki-prefork, request to answer with zero workers (-w 0-2)")
    took = {name: column(entries, "us") for name, entries in results.items()}
    added = [(a - b) / 1e3 for a, b in zip(took["zero"], took["warm"])]
    note = (f"{median(took['zero']):.0f} us; with a worker {median(took['warm']):.0f} us; a bare "
            f"fork after the same pause {median(took['bare']):.0f} us")
    bench.report.add("above a waiting worker's first answer", added, " ms", Aim("<=", 0.2), note,
                     took)


def run_fork(bench):
    with bench.start_runtime("process") as process, bench.start_inline() as inline:
        results = bench.alternate("4. one fork of enoki-process", {
            "bare": lambda: bare_fork(bench, 0),
            "process": lambda: bench.load.measure(process, connections=1, ms=400),
            "inline": lambda: bench.load.measure(inline, connections=1, ms=400)})
    calls, base = column(results["process"], "mean_us"), column(results["inline"], "mean_us")
    bare = column(results["bare"], "us")
    added = [(a - b) / 1e3 for a, b in zip(calls, base)]
    bench.report.start_group("enoki-process, one call after the other: a fork each")
    note = (f"mean call {median(calls):.0f} us, in-loop {median(base):.0f} us; a bare fork with "
            f"the same libraries {median(bare):.0f} us")
    bench.report.add("above the in-loop echo", added, " ms", Aim("<=", 0.2), note)


def run(bench):
    for what, part in (("exec", run_programs), ("first answer", run_servers),
                       ("zero workers", run_wake), ("fork", run_fork)):
        with bench.guard(what):
            part(bench)
