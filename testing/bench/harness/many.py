"""Subject 14: what one more function costs a node: memory, start, and CPU while nobody calls."""
import time

from .servers import Failed

TITLE = "Functions of one node: what one more costs"
COUNTS = (1, 10, 100, 500)
KINDS = {
    "prefork, 1 worker": 'runtime = "prefork"; workers = 1;',
    "thread, 1 worker": 'runtime = "thread"; workers = 1;',
    "asleep": 'workers = 1; instances = { min = 0; max = 1; };',
}
READY_S = 120
IDLE_S = 4


def start(bench, kind, count):
    folder = bench.new_path("node")
    folder.mkdir()
    bench.folder.chmod(0o711)  # as root, each function has a user of its own
    functions = ",\n".join(f'{{ name = "f{i}"; code = "{bench.function("echo")}"; {kind} }}'
                           for i in range(count))
    (folder / "node.conf").write_text('listen = { http = "127.0.0.1:0"; };\n'
                                      f"functions = (\n{functions}\n);\n")
    return bench.start(f"node of {count}", [bench.runtime("run"), "-c", folder / "node.conf"])


def wait_ready(server, count, begin):
    while server.log.read_bytes().count(b"ready: http") < count:
        if server.process.poll() is not None or time.monotonic() - begin > READY_S:
            raise Failed(f"{server.name}: not all became ready: {server.tail()}")
        time.sleep(0.005)


def weigh(bench, kind, count):
    begin = time.monotonic()
    with start(bench, kind, count) as server:
        wait_ready(server, count, begin)
        ready_s = time.monotonic() - begin
        used_ns = server.cpu_ns()
        time.sleep(0.5)
        idle_ns = server.cpu_ns()
        time.sleep(IDLE_S)
        idle_ns = server.cpu_ns() - idle_ns
        rss, pss, processes = server.memory_kb()
        _, node_pss, _ = server.memory_kb([server.process.pid])
        begin = time.monotonic()
        server.stop()
        return {"rss_kb": rss, "pss_kb": pss, "node_pss_kb": node_pss, "processes": processes,
                "ready_ms": ready_s * 1e3, "start_cpu_ms": used_ns / 1e6,
                "stop_ms": (time.monotonic() - begin) * 1e3,
                "idle_percent": idle_ns / 1e7 / IDLE_S}


def run(bench):
    for name, kind in KINDS.items():
        bench.report.start_group(name)
        base = None
        for count in COUNTS:
            with bench.guard(f"{count} functions"):
                bench.progress(f"14. {name}, {count} functions")
                one = weigh(bench, kind, count)
                base = base or one
                each = (one["pss_kb"] - base["pss_kb"]) / max(count - 1, 1)
                note = (f"PSS {one['pss_kb']} kB, node alone {one['node_pss_kb']}, RSS "
                        f"{one['rss_kb']}; {one['processes']} processes; ready after "
                        f"{one['ready_ms']:.0f} ms, {one['start_cpu_ms'] / count:.1f} ms CPU each; "
                        f"stopped after {one['stop_ms']:.0f} ms; idle {one['idle_percent']:.2f} %")
                bench.report.add(f"{count} functions, PSS of one more", [each], " kB", None, note,
                                 {"all": one})
