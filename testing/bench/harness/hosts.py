"""Subject 11: functions in Python and Node.js behind the front door, against the same ones behind
servers of their languages; what a worker more costs, and the first call of one."""
import contextlib
import time
import urllib.request
from statistics import median

from . import python
from .bench import column
from .report import ratios
from .servers import Failed, free_port

TITLE = "Python and Node.js behind the front door, against servers of their languages"
PEERS = python.PEERS.parent
NODE_ECHO = PEERS / "node" / "echo"
COLD_CALLS = 15


def start_door(bench, folder, runtime="prefork", workers=python.WORKERS, more=""):
    """A front door with the one function."""
    path = bench.new_path("door")
    language = "nodejs" if (folder / "package.json").exists() else "python"
    path.mkdir()
    (path / "node.conf").write_text(f"""
        listen = {{ http = "127.0.0.1:0"; }};
        isolation = {{ users = "shared"; }};
        state = {{ path = "state"; durability = "process"; }};
        functions = ( {{ name = "fn"; language = "{language}"; code = "{folder}"; runtime = "{runtime}";
                         workers = {workers}; {more} }} );
        """)
    return bench.start(f"{runtime} behind the door",
                       [bench.runtime("run"), "-c", path / "node.conf"])


def start_node(bench, processes):
    port = free_port()
    name = "node http" if processes == 1 else f"node cluster of {processes}"
    return bench.start(name, ["/usr/bin/env", "node", PEERS / "node" / "serve.js", port, NODE_ECHO,
                              processes], port=port)


def note_of(results, server):
    _, pss, processes = server.memory_kb()
    return (f"{median(column(results, 'rps')):.0f}/s, p50 {median(column(results, 'p50_us')):.0f} us, "
            f"p99 {median(column(results, 'p99_us')):.0f} us, "
            f"{median(column(results, 'cpu_us')):.0f} us CPU, {pss / 1024:.1f} MiB in {processes} "
            "processes")


def compare(bench, name, body, ours, peers):
    """Everyone at the same time ready, measured in turn."""
    milliseconds = 500 if bench.quick else 1500
    with contextlib.ExitStack() as stack:
        servers = {key: stack.enter_context(start()) for key, start in {**ours, **peers}.items()}
        results = bench.alternate(f"11. {name}", {
            key: lambda server=server: bench.load.measure(server, ms=milliseconds, connections=8,
                                                          body=body)
            for key, server in servers.items()})
        bench.report.start_group(f"{name}: calls/s with {python.WORKERS} workers, 8 connections")
        for mine in ours:
            note = note_of(results[mine], servers[mine])
            for peer in peers:
                bench.report.add(f"{mine} against {peer}",
                                 ratios(column(results[mine], "rps"), column(results[peer], "rps")),
                                 "x", None, f"{note}; {peer}: {note_of(results[peer], servers[peer])}",
                                 {"ours": results[mine], "theirs": results[peer]})
                note = ""


def call(url, body):
    begin = time.perf_counter()
    with urllib.request.urlopen(urllib.request.Request(url, body), timeout=60) as answer:
        answer.read()
    return (time.perf_counter() - begin) * 1e3


def weigh(bench, name, folder, body):
    """PSS of a worker more, which has had calls."""
    pss = {}
    for workers in (2, 6):
        with start_door(bench, folder, workers=workers) as server:
            bench.load.measure(server, ms=500, connections=32, body=body)
            pss[workers] = server.memory_kb()[1]
    each = (pss[6] - pss[2]) / 4 / 1024
    bench.report.add(f"{name}: PSS of one worker more", [each], " MiB", None, "", {"pss_kb": pss})


def wake(bench, name, folder, body):
    """A call that finds no worker, against one that finds it waiting."""
    elastic = start_door(bench, folder, workers='{ min = 0; max = 1; idle = "100ms"; }')
    with elastic as cold, start_door(bench, folder, workers=1) as warm:
        values = {"cold": [], "warm": []}
        call(warm.url, body)
        for _ in range(COLD_CALLS):
            wait_for_none(cold)
            values["cold"].append(call(cold.url, body))
            values["warm"].append(call(warm.url, body))
    bench.report.add(f"{name}: first call of a new worker, median",
                     [median(values["cold"]) - median(values["warm"])], " ms more", None,
                     f"cold {median(values['cold']):.1f} ms, warm {median(values['warm']):.2f} ms",
                     values)


def wait_for_none(server):
    """Until the tree is the smallest it can be: no worker, and so no program of one."""
    limit, least = time.monotonic() + 20, 3  # the door, the runtime, its zygote
    while len(server.tree()) > least:
        if time.monotonic() > limit:
            raise Failed(f"a worker does not end: {len(server.tree())} processes")
        time.sleep(0.01)


def run(bench):
    for name, folder, body in python.SUBJECTS:
        with bench.guard(name):
            compare(bench, f"Python {name}", body,
                    {"prefork behind the door": lambda f=folder: start_door(bench, f)},
                    {"ThreadingHTTPServer": lambda f=folder: python.start_threading(bench, f),
                     "gunicorn": lambda f=folder: python.start_gunicorn(bench, f)})
    with bench.guard("Node.js echo"):
        compare(bench, "Node.js echo", "hello",
                {"prefork behind the door": lambda: start_door(bench, NODE_ECHO),
                 "thread behind the door": lambda: start_door(bench, NODE_ECHO, "thread", 8),
                 "prefork alone": lambda: python.start_enoki(bench, "prefork", NODE_ECHO)},
                {"node http": lambda: start_node(bench, 1),
                 "node cluster": lambda: start_node(bench, python.WORKERS)})
    bench.report.start_group("a worker more, and its first call")
    for name, folder in (("Python", python.SUBJECTS[0][1]), ("Node.js", NODE_ECHO)):
        with bench.guard(f"{name}: memory"):
            weigh(bench, name, folder, "hello")
        with bench.guard(f"{name}: first call"):
            wake(bench, name, folder, b"hello")
