"""Subject 3: reads and updates of the embedded store against LMDB alone."""
import json
import shutil
from statistics import median

from .bench import column
from .loads import run_client
from .report import Aim, ratios

TITLE = "Embedded state: operations per second against bare LMDB doing the same transaction"
SIZES = ((10, "10 B", 1000), (1000, "1 KB", 1000), (100000, "100 KB", 100))
GROUP = Aim(">=", 1.0)


def drive(bench, side, folder, durability, what, processes, size, keys, milliseconds):
    output = run_client([bench.peer(f"state-{side}"), folder, durability, what, processes, size,
                         keys, milliseconds], None, 60)
    return json.loads(output) if what != "fill" else None


def compare(bench, folders, what, durability, processes, size, aim=None):
    milliseconds = 100 if bench.quick else 250
    value, label, keys = size
    name = f"{label}, {processes} process{'es' if processes > 1 else ''}"
    # The durability of a read makes no difference; both stores are opened as updates are.
    results = bench.alternate(f"3. {what} {durability}, {name}", {
        side: lambda side=side: drive(bench, side, folders[side], durability, what, processes,
                                      value, keys, milliseconds)
        for side in ("enoki", "lmdb")})
    ours, theirs = results["enoki"], results["lmdb"]
    note = (f"{median(column(ours, 'per_second')):9.0f}/s against "
            f"{median(column(theirs, 'per_second')):9.0f}/s, CPU "
            f"{median(column(ours, 'cpu_us')):.2f} us against "
            f"{median(column(theirs, 'cpu_us')):.2f} us")
    bench.report.add(name, ratios(column(ours, "per_second"), column(theirs, "per_second")), "x",
                     aim, note, {"ours": ours, "theirs": theirs})


def make_stores(bench):
    """A filled store of either side per size, so that no line finds what another one left."""
    stores = {}
    for size in SIZES:
        folders = {side: bench.new_path(f"store-{side}") for side in ("enoki", "lmdb")}
        for side, folder in folders.items():
            bench.progress(f"3. filling {size[1]}: {side}")
            drive(bench, side, folder, "process", "fill", 1, size[0], size[2], 1)
        stores[size] = folders
    return stores


def run(bench):
    stores = {}
    with bench.guard("stores"):
        stores = make_stores(bench)
    for what, durability, title in (
            ("read", "process", "read"),
            ("update", "process", "update that survives a process's death (LMDB: NOSYNC)"),
            ("update", "sync", "update that survives power loss (LMDB: its default)")):
        bench.report.start_group(title)
        for size, folders in stores.items():
            for processes in (1, 8):
                is_group = durability == "sync" and processes > 1
                with bench.guard(f"{title}, {size[1]}, {processes}"):
                    compare(bench, folders, what, durability, processes, size,
                            GROUP if is_group else None)
        if durability == "sync" and stores and not bench.quick:
            with bench.guard(f"{title}, 64 processes"):
                compare(bench, stores[SIZES[1]], what, durability, 64, SIZES[1], Aim(">=", 5))
    for folders in stores.values():
        for folder in folders.values():
            shutil.rmtree(folder, ignore_errors=True)
