"""Subject 5: memory of idle runtimes, and of one worker more."""
from statistics import median

from .bench import RUNTIMES
from .report import Aim, ratios

TITLE = "Memory, sum of all processes (PSS counts shared pages once)"
# Workers that are compared, and what one more may cost.
WORKERS = {"thread": (4, 68, Aim("<=", 20, 11.5)), "prefork": (2, 10, Aim("<=", 150, 81)),
           "process": (2, 10, Aim("<=", 150, 81))}
ROUNDS = 3


def weigh(bench, start):
    """Memory when it is ready, and idle again after calls that had all workers busy at once."""
    with start() as server:
        fresh = server.memory_kb()
        bench.load.measure(server, connections=100, ms=200, body="sleep 5")
        return fresh, server.memory_kb()


def weigh_in_turn(bench, label, start):
    result = []
    for turn in range(ROUNDS):
        bench.progress(f"5. memory of {label}, round {turn + 1}/{ROUNDS}")
        result.append(weigh(bench, start))
    return result


def run_idle(bench):
    cores = len(bench.cores.all)
    bench.report.start_group(f"idle with a worker per core (thread: 64), PSS against nginx with "
                             f"{cores}")
    nginx = weigh_in_turn(bench, "nginx", lambda: bench.start_nginx(cores))
    for runtime in RUNTIMES:
        with bench.guard(runtime):
            mine = weigh_in_turn(bench, runtime,
                                 lambda: bench.start_runtime(runtime, function="hang"))
            for index, when in enumerate(("fresh", "after a load")):
                rss, pss, count = mine[-1][index]
                ours = [entry[index][1] for entry in mine]
                theirs = [entry[index][1] for entry in nginx]
                bench.report.add(
                    f"{runtime}, {when}", ratios(ours, theirs), "x", None,
                    f"RSS {rss} kB, PSS {pss} kB, {count} processes; "
                    f"nginx PSS {nginx[-1][index][1]} kB", {"ours": mine, "nginx": nginx})


def run_worker(bench):
    bench.report.start_group("one worker more, PSS")
    for runtime, (few, many, aim) in WORKERS.items():
        with bench.guard(runtime):
            entries = {count: weigh_in_turn(
                bench, f"{runtime} with {count} workers",
                lambda count=count: bench.start_runtime(runtime, function="hang",
                                                        workers=count))
                for count in (few, many)}
            for index, when in enumerate(("fresh", "after a load")):
                each = [[(more[index][column] - less[index][column]) / (many - few)
                         for less, more in zip(entries[few], entries[many])] for column in (0, 1)]
                bench.report.add(f"{runtime}, {when}", each[1], " kB", aim,
                                 f"RSS {median(each[0]):.0f} kB each",
                                 {"few": entries[few], "many": entries[many]})


def run(bench):
    with bench.guard("idle"):
        run_idle(bench)
    run_worker(bench)
