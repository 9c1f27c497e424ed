"""bench.py - what every subject gets: programs, temporary folders, rounds, progress, the report."""
import contextlib
import itertools
import sys
import time

from .loads import Load
from .machine import Cores
from .servers import Failed, Server, free_port, nginx_command

RUNTIMES = ("thread", "prefork", "process")


class Bench:
    def __init__(self, build, folder, report, rounds, quick):
        self.build, self.folder, self.report = build, folder, report
        self.rounds, self.quick = rounds, quick
        self.cores = Cores()
        self.load = Load(self.peer("load"))
        self.begin = time.monotonic()
        self._names = itertools.count()
        self._is_terminal = sys.stderr.isatty()
        self._last = None

    # --- programs and files ---

    def peer(self, name):
        return self.build / "testing" / "bench" / f"bench-{name}"

    def function(self, name):
        return self.build / "testing" / "functions" / f"{name}.so"

    def runtime(self, name):
        return self.build / "cmd" / f"enoki-{name}"

    def new_path(self, name):
        return self.folder / f"{next(self._names):03}-{name}"

    def runtime_command(self, runtime, function="echo", workers=None, durability="sync"):
        count = [] if workers is None else ["-w", workers]
        state = self.new_path("state")
        return [self.runtime("run"), "-r", runtime, *count, "-l", "http=127.0.0.1:0", "-s",
                f"embedded:{state}?durability={durability}", self.function(function)]

    # --- servers ---

    def start(self, name, command, cpus=None, port=None):
        return Server(name, command, self.new_path("log"), cpus, port)

    def start_waiting(self, name, command, cpus, path):
        """One that listens on a Unix socket at path."""
        return Server(name, command, self.new_path("log"), cpus, None, path)

    def start_runtime(self, runtime, cpus=None, name=None, **options):
        return self.start(name or runtime, self.runtime_command(runtime, **options), cpus)

    def start_inline(self, cpus=None):
        return self.start("inline", [self.peer("inline"), "-l", "http=127.0.0.1:0", "-s",
                                     f"embedded:{self.new_path('state')}", self.function("echo")],
                          cpus)

    def start_nginx(self, workers, cpus=None):
        port = free_port()
        command = nginx_command(self.new_path("nginx"), port, workers)
        return self.start("nginx", command, cpus, port)

    def start_evhttp(self, workers, kind="plain", cpus=None):
        name = "evhttp" if kind == "plain" else "evhttp tuned"
        return self.start(name, [self.peer("evhttp"), workers, kind], cpus)

    # --- measuring ---

    def alternate(self, label, measures):
        """Runs every function of {name: function} once a round, all in turn; {name: [results]}."""
        results = {name: [] for name in measures}
        for turn in range(self.rounds):
            for name, measure in measures.items():
                self.progress(f"{label}, round {turn + 1}/{self.rounds}: {name}")
                results[name].append(measure())
        return results

    @contextlib.contextmanager
    def guard(self, what):
        """A failure inside costs these lines of the report only."""
        try:
            yield
        except Failed as failure:
            self.report.fail(what, failure)

    def progress(self, text):
        """On a terminal one line that overwrites itself; else a line per thing measured."""
        minutes, seconds = divmod(int(time.monotonic() - self.begin), 60)
        line = f"[{minutes}:{seconds:02}] {text}"
        if self._is_terminal:
            sys.stderr.write(f"\r\x1b[K{line[:100]}")
        else:
            label = text.split(", round")[0]
            if label != self._last:
                sys.stderr.write(line.split(", round")[0] + "\n")
            self._last = label
        sys.stderr.flush()

    def clear_progress(self):
        if self._is_terminal:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def column(results, key):
    return [result[key] for result in results]
