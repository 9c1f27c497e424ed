"""servers.py - starts what is measured, finds its processes, counts their CPU time and memory."""
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

READY_S = 15
STOP_S = 10
TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")


class Failed(Exception):
    """Something could not be started or measured; the text says what and why."""


def pinned(cpus):
    """A preexec_fn that keeps a program on these cores; None leaves it free."""
    return (lambda: os.sched_setaffinity(0, cpus)) if cpus else None


def clean_environment():
    """Without what would change a runtime's settings."""
    return {name: value for name, value in os.environ.items() if not name.startswith("ENOKI_")}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def read_tasks(pid, name):
    """/proc/PID/task/*/NAME of what still exists: workers come and go while we look."""
    folder = pathlib.Path(f"/proc/{pid}/task")
    try:
        tasks = os.listdir(folder)
    except OSError:
        return []
    texts = []
    for task in tasks:
        try:
            texts.append((folder / task / name).read_text())
        except OSError:
            pass
    return texts


class Server:
    """A program that serves POST url until it is stopped; a context manager."""

    def __init__(self, name, command, log, cpus=None, port=None, path=None):
        """port None: the program says where it is with a line `ready: URL`, unless it listens on a
        Unix socket at path."""
        self.name, self.log = name, pathlib.Path(log)
        self.url = f"http://127.0.0.1:{port}/echo" if port else None
        self.unix = path
        with open(self.log, "wb") as output:
            self.process = subprocess.Popen(
                [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=output,
                stderr=output, preexec_fn=pinned(cpus), env=clean_environment(),
                start_new_session=True)
        try:
            self._await_ready()
        except BaseException:
            self.stop()
            raise

    def _await_ready(self):
        limit = time.monotonic() + READY_S
        while time.monotonic() < limit:
            if self.process.poll() is not None:
                raise Failed(f"{self.name} ended at once: {self.tail()}")
            if self.unix is not None and self.unix.exists():
                return
            if self.url is None and self.unix is None:
                found = re.search(rb"ready: (http://\S+)\n", self.log.read_bytes())
                self.url = found.group(1).decode() if found else None
            if self.url and self._accepts():
                return
            time.sleep(0.002)
        raise Failed(f"{self.name} was not ready within {READY_S} s: {self.tail()}")

    def _accepts(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            return False

    def tail(self):
        return self.log.read_text(errors="replace")[-500:].strip() or "it wrote nothing"

    @property
    def port(self):
        return int(re.match(r"http://[^:/]+:(\d+)", self.url).group(1))

    @property
    def path(self):
        return re.match(r"http://[^/]+(/.*)", self.url).group(1)

    def tree(self):
        """Its process and all below it."""
        found, todo = [], [self.process.pid]
        while todo:
            pid = todo.pop()
            found.append(pid)
            for children in read_tasks(pid, "children"):
                todo += [int(child) for child in children.split()]
        return found

    def cpu_ns(self):
        """CPU time so far of the whole tree, and of what has ended in it."""
        total = 0
        for pid in self.tree():
            total += sum(int(text.split()[0]) for text in read_tasks(pid, "schedstat") if text)
            try:
                stat = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
                total += (int(stat[13]) + int(stat[14])) * TICK_NS
            except (OSError, IndexError):
                pass
        return total

    def memory_kb(self, pids=None):
        """(RSS, PSS) of the whole tree, or of these, in kB, and the number of processes."""
        rss = pss = count = 0
        for pid in self.tree() if pids is None else pids:
            try:
                text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
            except OSError:
                continue
            rss += int(re.search(r"^Rss:\s+(\d+)", text, re.M).group(1))
            pss += int(re.search(r"^Pss:\s+(\d+)", text, re.M).group(1))
            count += 1
        return rss, pss, count

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                pass
        # Its session is its own: whatever it left behind goes too.
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


NGINX = """
daemon off; worker_processes {workers}; pid {folder}/pid; error_log stderr crit; {user}
events {{ worker_connections 1024; }}
http {{
    access_log off; client_max_body_size 16m; keepalive_requests 1000000000;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi; default_type text/plain;
    server {{ listen 127.0.0.1:{port}; location / {{ return 200 "hello"; }} }}
}}
"""


def nginx_command(folder, port, workers, text=NGINX, **more):
    """The command line of an nginx, with everything it writes in folder; it answers 200 hello unless
    the configuration's text is another."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    user = "user root;" if os.geteuid() == 0 else ""
    config = folder / "nginx.conf"
    config.write_text(text.format(folder=folder, port=port, workers=workers, user=user, **more))
    return ["/usr/sbin/nginx", "-p", folder, "-e", "stderr", "-c", config]
