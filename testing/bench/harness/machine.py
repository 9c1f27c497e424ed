"""machine.py - what this machine is, has and lacks; builds what is measured."""
import os
import pathlib
import platform
import re
import shutil
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
TARGETS = ("bench", "enoki-run", "enoki-confine", "enoki-thread", "enoki-prefork", "enoki-process",
           "function_echo", "function_movingaverage", "function_hang", "function_forward")


class Missing(Exception):
    """The bench cannot start; the text says what to do."""


def install_packages():
    """What infra/packages.txt lists for the build and for the bench; nothing if all is there."""
    if shutil.which("dpkg-query"):
        run_or_fail([ROOT / "infra" / "install-packages", "bench"])
    path = os.environ.get("PATH", "") + ":/usr/sbin"
    missing = [name for name in ("wrk", "nginx") if not shutil.which(name, path=path)]
    if missing:
        raise Missing(f"{' and '.join(missing)} missing; infra/packages.txt lists what is needed")


def cpu_stolen(since=None):
    """(CPU ticks of all kinds, stolen ones) now; with an earlier pair the share stolen since."""
    fields = [int(field) for field in
              pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    now = (sum(fields), fields[7])
    if since is None:
        return now
    return 100 * (now[1] - since[1]) / max(now[0] - since[0], 1)


def build(progress):
    """The build folder: ENOKI_BUILD as it is, else a Release build made now in build-bench/."""
    if os.environ.get("ENOKI_BUILD"):
        folder = pathlib.Path(os.environ["ENOKI_BUILD"]).resolve()
        warn_if_slow(folder)
    else:
        folder = ROOT / "build-bench"
        generator = ["-G", "Ninja"] if shutil.which("ninja") and not (
            folder / "CMakeCache.txt").exists() else []
        progress("building in build-bench/")
        run_or_fail(["cmake", "-B", folder, "-S", ROOT, "-DCMAKE_BUILD_TYPE=Release",
                     "-DENOKI_BENCH=ON", "-DENOKI_TESTS=ON", *generator])
        run_or_fail(["cmake", "--build", folder, "--parallel", str(os.cpu_count()), "--target",
                     *TARGETS])
    for name in ("cmd/enoki-run", "testing/functions/echo.so", "testing/bench/bench-load"):
        if not (folder / name).exists():
            raise Missing(f"'{folder / name}' is not there: build all of {folder} first")
    return folder


def warn_if_slow(folder):
    """Figures of an unoptimised or instrumented build mean nothing."""
    try:
        cache = (folder / "CMakeCache.txt").read_text()
    except OSError:
        raise Missing(f"ENOKI_BUILD is '{folder}', which is no build folder") from None
    kind = re.search(r"^CMAKE_BUILD_TYPE:\w+=(.*)$", cache, re.M)
    if not kind or kind.group(1) not in ("Release", "RelWithDebInfo"):
        print(f"note: '{folder}' is no Release build; its figures mean nothing")
    if re.search(r"^ENOKI_SANITIZE:\w+=.+$", cache, re.M):
        print(f"note: '{folder}' has sanitizers; its figures mean nothing")


def run_or_fail(command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True,
                          check=False)
    if done.returncode != 0:
        text = (done.stdout + done.stderr).strip()
        raise Missing(f"{' '.join(str(part) for part in command[:4])} failed:\n{text[-3000:]}")


def describe(folder):
    """What the figures were taken on; goes on top of the report."""
    model = re.search(r"^model name\s*:\s*(.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.M)
    commit = subprocess.run(["git", "-C", str(ROOT), "describe", "--always", "--dirty"],
                            capture_output=True, text=True, check=False).stdout.strip()
    return {"date": time.strftime("%Y-%m-%d %H:%M"), "commit": commit or "unknown",
            "kernel": platform.release(), "cpu": model.group(1) if model else platform.machine(),
            "cores": len(os.sched_getaffinity(0)), "build": str(folder),
            "load": " ".join(f"{load:.1f}" for load in os.getloadavg())}


class Cores:
    """Who runs where: one view pins server and client apart, the other lets both roam."""

    def __init__(self):
        self.all = sorted(os.sched_getaffinity(0))
        self.server = {self.all[0]}
        self.client = {self.all[-1]}
        self.apart = len(self.all) > 1
