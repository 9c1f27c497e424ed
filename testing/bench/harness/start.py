"""Subject 4: from nothing, or from no worker, to an answer."""
import json
from statistics import median

from .bench import RUNTIMES, column
from .loads import run_client
from .report import Aim, ratios
from .servers import free_port, nginx_command

TITLE = "Cold start"
TIMES = 5


def drive(bench, mode, command, port=None):
    """Medians over a few times of one round, in us."""
    ports = [] if port is None else [port]
    output = run_client([bench.peer("start"), mode, TIMES, *ports, *command], None, 60)
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


def run_wake(bench):
    measures = {"warm": ("1", bench.runtime_command("prefork", workers="1")),
                "zero": ("0-2", bench.runtime_command("prefork", workers="0-2"))}
    results = bench.alternate("4. request with zero workers", {
        name: lambda command=command: drive(bench, "wake", command, 0)
        for name, (_, command) in measures.items()})
    bench.report.start_group("enoki-prefork, request to answer with zero workers (-w 0-2)")
    zero, warm = column(results["zero"], "us"), column(results["warm"], "us")
    added = [(a - b) / 1e3 for a, b in zip(zero, warm)]
    note = (f"{median(zero):.0f} us; with a worker {median(warm):.0f} us; "
            f"the call after it {median(column(results['zero'], 'again_us')):.0f} us")
    bench.report.add("above a waiting worker's first answer", added, " ms", Aim("<=", 0.2), note)


def run_fork(bench):
    libraries = [bench.build / "libenoki" / "libenoki.so.0", bench.function("echo")]
    with bench.start_runtime("process") as process, bench.start_inline() as inline:
        results = bench.alternate("4. one fork of enoki-process", {
            "bare": lambda: drive(bench, "fork", libraries),
            "process": lambda: bench.load.measure(process, connections=1, ms=400),
            "inline": lambda: bench.load.measure(inline, connections=1, ms=400)})
    calls, base = column(results["process"], "mean_us"), column(results["inline"], "mean_us")
    bare = column(results["bare"], "us")
    added = [(a - b) / 1e3 for a, b in zip(calls, base)]
    bench.report.start_group("enoki-process, one call after the other: a fork each")
    note = (f"mean call {median(calls):.0f} us, in-loop {median(base):.0f} us;"
            f" a bare fork with the same libraries {median(bare):.0f} us")
    bench.report.add("above the in-loop echo", added, " ms", Aim("<=", 0.2), note)


def run(bench):
    for what, part in (("exec", run_programs), ("first answer", run_servers),
                       ("zero workers", run_wake), ("fork", run_fork)):
        with bench.guard(what):
            part(bench)
