"""Subject 8: state on FReD against a bare gRPC client that sends the same messages."""
import json
import re
import subprocess
from statistics import median

from .bench import column
from .loads import run_client
from .report import Aim, ratios

TITLE = "State on FReD (its double): 1 KB, against gRPC's C core alone with as many callers"
CALLERS = (1, 8, 32)
LATENCY = Aim("<=", 15)
THROUGHPUT = Aim(">=", 0.9)


class Double:
    """One node, with certificates from `enoki certs`."""

    def __init__(self, bench):
        self.folder = bench.new_path("fred")
        certs = [bench.build / "cmd" / "enoki", "certs", "-d", self.folder]
        subprocess.run([*certs, "init"], check=True, stdout=subprocess.DEVNULL)
        for name in ("nodeA", "alice"):
            subprocess.run([*certs, "issue", name, "--san", "127.0.0.1"], check=True,
                           stdout=subprocess.DEVNULL)
        self.process = subprocess.Popen(
            [bench.build / "testing" / "support" / "fred-double", "--ca", self.folder / "ca.crt",
             "--certs", self.folder, "--node", "nodeA=127.0.0.1:0"],
            stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        address = re.match(r"ready: nodeA=(\S+)", self.process.stderr.readline()).group(1)
        self.uri = f"fred://{address}?tls={self.folder}&user=alice"

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.process.terminate()
        self.process.wait()


def drive(bench, double, side, what, callers):
    milliseconds = 150 if bench.quick else 400
    return json.loads(run_client([bench.peer("fred"), side, double.uri, what, callers, 1000,
                                  milliseconds], None, 60))


def compare(bench, double, side, what, callers):
    results = bench.alternate(f"8. {what}, {side}, {callers}", {
        name: lambda name=name: drive(bench, double, name, what, callers)
        for name in (side, "grpc")})
    ours, theirs = results[side], results["grpc"]
    added = [a - b for a, b in zip(column(ours, "median_us"), column(theirs, "median_us"))]
    note = (f"{median(column(ours, 'median_us')):.0f} us against "
            f"{median(column(theirs, 'median_us')):.0f} us, "
            f"{median(column(ours, 'per_second')):.0f}/s against "
            f"{median(column(theirs, 'per_second')):.0f}/s")
    label = f"{what}, {callers} caller{'s' if callers > 1 else ''}"
    kept = {"ours": ours, "theirs": theirs}
    bench.report.add(f"{label}: added at the median", added, " us",
                     LATENCY if side == "enoki" else None, note, kept)
    bench.report.add(f"{label}: throughput", ratios(column(ours, "per_second"),
                                                    column(theirs, "per_second")), "x",
                     THROUGHPUT if side == "enoki" else None, "", kept)


def run(bench):
    with bench.guard("FReD"), Double(bench) as double:
        # The items are there before anybody reads them.
        drive(bench, double, "enoki", "update", max(CALLERS))
        for side, title in (("enoki", "direct: threads on one handle"),
                            ("relay", "relay: processes through their parent")):
            bench.report.start_group(title)
            for what in ("read", "update"):
                for callers in CALLERS:
                    with bench.guard(f"{title}, {what}, {callers}"):
                        compare(bench, double, side, what, callers)
    with bench.guard("session"):
        bench.report.start_group("session: in memory")
        figures = [json.loads(run_client([bench.peer("fred"), "session", 100000], None, 60))
                   for _ in range(bench.rounds)]
        bench.report.add("check that finds nothing new", column(figures, "check_ns"), " ns",
                         Aim("<=", 1000), "", {"ours": figures})
        bench.report.add("version that is learned", column(figures, "learn_ns"), " ns", None, "",
                         {"ours": figures})
        bench.report.add("100,000 seen items", [b / 1e6 for b in
                                                column(figures, "bytes_per_100000")], " MB", None,
                         "", {"ours": figures})
