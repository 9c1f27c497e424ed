"""quickstart.py BUILD - the moving average on a year of readings, in all three runtimes.

Twelve sensors, one per month of the year, send their readings at the same time, each over a
connection of its own and waiting for every answer before it sends the next reading. Every answer is
compared with the mean computed here. Called by infra/quickstart.
"""
import collections
import csv
import ctypes
import math
import os
import pathlib
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "testing" / "support"))
import running  # noqa: E402

WINDOW = 10
RUNTIMES = ("thread", "prefork", "process")
PICTURE = "enoki-quickstart.png"
# Above this, a write that waits for the disk is too slow for a minute's demonstration.
SLOW_DISK_S = 0.003
STALLED_S = 20

Reading = collections.namedtuple("Reading", "date value text")


def load_sensors():
    """The readings of each month: what sensors 1 to 12 send."""
    sensors = [[] for _ in range(12)]
    with open(ROOT / "testing" / "data" / "seattle-temps.csv", newline="") as file:
        for row in csv.DictReader(file):
            month = int(row["date"][5:7])
            sensors[month - 1].append(Reading(row["date"], float(row["temp"]), row["temp"]))
    return sensors


def expected_means(readings):
    """What the function has to answer, computed another way: exact sum, then one division."""
    means, window = [], collections.deque(maxlen=WINDOW)
    for reading in readings:
        window.append(reading.value)
        means.append(math.fsum(window) / len(window))
    return means


class Sensor:
    """One keep-alive connection that sends one sensor's readings, one after the other."""

    def __init__(self, number, readings, address, path):
        self.readings, self.expected = readings, expected_means(readings)
        host = "%s:%d" % address
        self.requests = [
            (f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: text/plain\r\n"
             f"Content-Length: {len(body)}\r\n\r\n{body}").encode()
            for body in (f"{number}-{reading.text}" for reading in readings)]
        self.socket = socket.create_connection(address, timeout=STALLED_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.answers, self.latencies, self.errors = [], [], []
        self.received = b""

    def send_next(self):
        """Sends the next reading; False if there is none left."""
        at = len(self.latencies)
        if at == len(self.requests):
            return False
        self.sent = time.perf_counter()
        self.socket.sendall(self.requests[at])
        return True

    def receive(self):
        """Takes what has arrived; True if that completes an answer."""
        piece = self.socket.recv(65536)
        self.received += piece
        head, separator, body = self.received.partition(b"\r\n\r\n")
        if not piece:
            raise running.Failed("the connection was closed in the middle of an answer")
        if not separator:
            return False
        at = head.lower().index(b"\r\ncontent-length:") + len("\r\ncontent-length:")
        if len(body) < int(head[at:].split(b"\r\n", 1)[0]):
            return False
        self.latencies.append(time.perf_counter() - self.sent)
        self.received = b""
        self.check(head, body.decode(errors="replace"))
        return True

    def check(self, head, body):
        at = len(self.answers)
        try:
            mean = float(body)
        except ValueError:
            mean = math.nan
        self.answers.append(mean)
        if not head.startswith(b"HTTP/1.1 200 ") or mean != self.expected[at]:
            status = head.split(b"\r\n", 1)[0].decode(errors="replace")
            self.errors.append(f"{self.readings[at].date}: expected {self.expected[at]}, "
                               f"got '{body[:80]}' ({status})")


class Progress:
    """A bar on a terminal; elsewhere nothing until done() prints its line."""

    def __init__(self, name, total):
        self.name, self.total, self.shown, self.bar = name, total, 0.0, sys.stdout.isatty()

    def update(self, done):
        now = time.monotonic()
        if self.bar and now - self.shown > 0.1:
            self.shown = now
            width = 40 * done // self.total
            print(f"\r  {self.name:<8} [{'#' * width}{'.' * (40 - width)}] "
                  f"{100 * done // self.total:3d} %", end="", flush=True)

    def done(self, text):
        print(("\r\033[K" if self.bar else "") + f"  {self.name:<8} {text}", flush=True)


def stream(sensors, progress):
    """Lets all sensors send until the last has its last answer; the seconds that took."""
    started, done = time.perf_counter(), 0
    with selectors.DefaultSelector() as selector:
        for sensor in sensors:
            selector.register(sensor.socket, selectors.EVENT_READ, sensor)
            sensor.send_next()
        while selector.get_map():
            events = selector.select(STALLED_S)
            if not events:
                raise running.Failed(f"no answer for {STALLED_S} s")
            for key, _ in events:
                if key.data.receive():
                    done += 1
                    if not key.data.send_next():
                        selector.unregister(key.fileobj)
            progress.update(done)
    return time.perf_counter() - started


def die_with_parent():
    """In the server, before it starts: even if this script is killed, it does not stay behind."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def run_runtime(build, runtime, readings, uri):
    command = [build / "cmd" / "enoki-run", "-r", runtime, "-s", uri, "-e", f"WINDOW={WINDOW}",
               build / "testing" / "functions" / "movingaverage.so"]
    server = running.Server(command, preexec_fn=die_with_parent)
    sensors = []
    try:
        target = urllib.parse.urlsplit(server.wait_ready())
        for number, part in enumerate(readings, 1):
            sensors.append(Sensor(number, part, (target.hostname, target.port), target.path))
        progress = Progress(runtime, sum(map(len, readings)))
        seconds = stream(sensors, progress)
        for sensor in sensors:
            sensor.socket.close()
        server.stop()
    finally:
        for sensor in sensors:
            sensor.socket.close()
        server.close()
    errors = [error for sensor in sensors for error in sensor.errors]
    latencies = sorted(value for sensor in sensors for value in sensor.latencies)
    progress.done(f"{len(latencies)} answers in {seconds:.1f} s, {len(errors)} wrong")
    return sensors, latencies, errors, seconds


def choose_durability(folder):
    """sync, unless the disk takes so long that the demonstration would."""
    with tempfile.TemporaryFile(dir=folder) as file:
        started = time.perf_counter()
        for _ in range(10):
            file.write(b"x" * 4096)
            file.flush()
            os.fdatasync(file.fileno())
        seconds = (time.perf_counter() - started) / 10
    if seconds <= SLOW_DISK_S:
        return "sync", f"every answered reading is on disk ({seconds * 1000:.1f} ms a write)"
    return "process", (f"no wait for the disk, which takes {seconds * 1000:.0f} ms a write here; "
                       "answered readings survive a crash of the processes, not of the power")


def draw(folder, sensors, latencies):
    with open(folder / "readings", "w") as file:
        for sensor in sensors:
            for reading, mean in zip(sensor.readings, sensor.answers):
                file.write(f"{reading.date}\t{reading.text}\t{mean}\n")
            file.write("\n")  # each sensor has a line of its own
    for runtime, values in latencies.items():
        with open(folder / runtime, "w") as file:
            for at, value in enumerate(values, 1):
                file.write(f"{value * 1000}\t{100 * at / len(values)}\n")
    subprocess.run(["gnuplot", "-e", f"folder='{folder}'; picture='{folder}/{PICTURE}'",
                    ROOT / "infra" / "quickstart.gnuplot"], check=True, stdin=subprocess.DEVNULL)
    shutil.move(folder / PICTURE, PICTURE)


def table(results):
    line = "  {:<8} {:>9} {:>7} {:>9} {:>9} {:>11}".format
    print("\n" + line("runtime", "requests", "errors", "p50 (ms)", "p99 (ms)", "requests/s"))
    for runtime, (_, values, errors, seconds) in results.items():
        p50, p99 = (values[int(len(values) * share)] * 1000 for share in (0.5, 0.99))
        print(line(runtime, len(values), len(errors), f"{p50:.2f}", f"{p99:.2f}",
                   f"{len(values) / seconds:.0f}"))


def next_steps(build):
    build = os.path.relpath(build)
    print(f"""
Try next:
  {build}/cmd/enoki-run {build}/testing/functions/movingaverage.so &
  curl -d 39.4 http://127.0.0.1:8000/movingaverage
  {build}/cmd/enoki state scan tinyFaaSmovingaverage nosensorr0000 100
  {os.path.relpath(ROOT)}/testing/run --quick        all tests, and do they pass here?
  {os.path.relpath(ROOT)}/README.md                  a function of your own in 30 lines""")


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    # An end by signal runs the clean-up like any other.
    for number in signal.SIGTERM, signal.SIGHUP:
        signal.signal(number, lambda *_: sys.exit(1))
    readings = load_sensors()
    results = {}
    with tempfile.TemporaryDirectory(prefix="enoki-quickstart-") as name:
        folder = pathlib.Path(name)
        durability, meaning = choose_durability(folder)
        print(f"{sum(map(len, readings))} hourly readings of one year, from {len(readings)} "
              f"sensors at once, mean of the last {WINDOW} each.\n"
              f"State: embedded, durability = {durability}: {meaning}.", flush=True)
        for runtime in RUNTIMES:
            uri = f"embedded:{folder}/state-{runtime}?durability={durability}"
            results[runtime] = run_runtime(build, runtime, readings, uri)
        table(results)
        draw(folder, results[RUNTIMES[0]][0],
             {runtime: result[1] for runtime, result in results.items()})
    print("  Times as the client sees them, which is a Python program on the same cores."
          f"\n\nPicture: {os.path.abspath(PICTURE)}")
    errors = [(runtime, error) for runtime, result in results.items() for error in result[2]]
    for runtime, error in errors[:10]:
        print(f"wrong: {runtime}: {error}", file=sys.stderr)
    if not errors:
        next_steps(build)
    return bool(errors)


try:
    sys.exit(main())
except KeyboardInterrupt:
    sys.exit("\nStopped.")
except (running.Failed, OSError, subprocess.CalledProcessError) as problem:
    sys.exit(f"\nThe quickstart failed: {problem}")
