"""Subject 9: Python functions, against the same ones behind Python's own server and gunicorn."""
import contextlib
import os
import pathlib
from statistics import median

from .bench import RUNTIMES, column
from .report import ratios
from .servers import free_port

TITLE = "Python: echo and the moving average, against ThreadingHTTPServer and gunicorn"
PEERS = pathlib.Path(__file__).resolve().parent.parent / "peers" / "python"
FUNCTIONS = PEERS.parents[3] / "bindings" / "python" / "functions"
WORKERS = os.cpu_count()
SUBJECTS = (("echo", PEERS / "echo", "hello"),
            ("movingaverage", FUNCTIONS / "movingaverage", "%c-%v"))


def peer_environment(bench, folder):
    """What the peers' commands begin with."""
    return ["/usr/bin/env", f"PYTHONPATH={bench.build / 'libenoki' / 'enoki' / 'python'}:{PEERS}",
            f"SERVE_FOLDER={folder}",
            f"SERVE_STATE=embedded:{bench.new_path('state')}?durability=process"]


def start_threading(bench, folder):
    port = free_port()
    state = f"embedded:{bench.new_path('state')}?durability=process"
    return bench.start("ThreadingHTTPServer", [*peer_environment(bench, folder), "/usr/bin/python3",
                                               PEERS / "serve.py", port, folder, state], port=port)


def start_gunicorn(bench, folder):
    """Threads, because its plain workers close every connection."""
    port = free_port()
    return bench.start("gunicorn", [*peer_environment(bench, folder), "/usr/bin/gunicorn", "-b",
                                    f"127.0.0.1:{port}", "-w", WORKERS, "-k", "gthread",
                                    "--threads", "8", "--log-level", "error", "serve:application"],
                       port=port)


def start_enoki(bench, runtime, folder):
    state = f"embedded:{bench.new_path('state')}?durability=process"
    return bench.start(runtime, [bench.runtime("run"), "-r", runtime, "-w", WORKERS, "-l",
                                 "http=127.0.0.1:0", "-s", state, folder])


def measure(bench, name, folder, body):
    milliseconds = 500 if bench.quick else 1500
    peers = ("ThreadingHTTPServer", "gunicorn")
    with contextlib.ExitStack() as stack:
        servers = {"ThreadingHTTPServer": stack.enter_context(start_threading(bench, folder)),
                   "gunicorn": stack.enter_context(start_gunicorn(bench, folder))}
        for runtime in RUNTIMES:
            servers[runtime] = stack.enter_context(start_enoki(bench, runtime, folder))
        results = bench.alternate(f"9. {name}", {
            key: lambda server=server: bench.load.measure(server, ms=milliseconds, connections=8,
                                                          body=body)
            for key, server in servers.items()})
        memory = {key: server.memory_kb() for key, server in servers.items()}
    bench.report.start_group(f"{name}: calls/s with {WORKERS} workers and 8 connections")
    for key in (*RUNTIMES, "gunicorn"):
        mine = results[key]
        pss, processes = memory[key][1], memory[key][2]
        note = (f"{median(column(mine, 'rps')):.0f}/s, "
                f"p50 {median(column(mine, 'p50_us')):.0f} us, "
                f"p99 {median(column(mine, 'p99_us')):.0f} us, "
                f"{median(column(mine, 'cpu_us')):.0f} us CPU, {pss / 1024:.1f} MiB in "
                f"{processes} processes")
        for peer in peers:
            if peer != key:
                bench.report.add(f"{key} against {peer}",
                                 ratios(column(mine, "rps"), column(results[peer], "rps")), "x",
                                 None, note, {"ours": mine, "theirs": results[peer]})
                note = ""


def run(bench):
    for name, folder, body in SUBJECTS:
        with bench.guard(name):
            measure(bench, name, folder, body)
