"""loads.py - the two clients: wrk, and bench-load, which knows its connections."""
import json
import subprocess

from .servers import Failed, pinned

WRK_REPORT = """
wrk.method = "POST"
wrk.body = string.rep("%s", %d)
wrk.headers["Content-Type"] = "text/plain"
done = function(summary, latency, requests)
    local e = summary.errors
    io.write(string.format('\\nJSON {"requests": %%d, "us": %%d, "errors": %%d, "p50_us": %%d, ' ..
        '"p99_us": %%d}\\n',
        summary.requests, summary.duration, e.connect + e.read + e.write + e.status + e.timeout,
        latency:percentile(50), latency:percentile(99)))
end
"""


def run_client(command, cpus, limit_s):
    try:
        done = subprocess.run([str(part) for part in command], preexec_fn=pinned(cpus),
                              capture_output=True, text=True, timeout=limit_s, check=False)
    except subprocess.TimeoutExpired:
        raise Failed(f"{command[0]} did not end within {limit_s} s") from None
    if done.returncode != 0:
        raise Failed(f"{command[0]}: {(done.stderr or done.stdout).strip()[-300:]}")
    return done.stdout


def with_cpu(server, measure):
    """Adds what a call cost the server: cpu_us, over all of its processes."""
    before = server.cpu_ns()
    result = measure()
    if result["calls"] == 0 or result["errors"] > 0:
        raise Failed(f"{server.name}: {result['calls']} answers, {result['errors']} errors: "
                     f"{server.tail()}")
    result["cpu_us"] = (server.cpu_ns() - before) / 1e3 / result["calls"]
    return result


class Wrk:
    """wrk sending one body of text with one thread."""

    def __init__(self, folder, text="hello", repeat=1):
        self.script = folder / f"wrk-{len(text) * repeat}.lua"
        self.script.write_text(WRK_REPORT % (text, repeat))

    def measure(self, server, connections, seconds, cpus=None):
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s",
                   self.script, server.url]

        def run():
            output = run_client(command, cpus, seconds + 20)
            found = json.loads(output.split("\nJSON ", 1)[1].split("\n", 1)[0])
            return {"calls": found["requests"], "errors": found["errors"],
                    "rps": found["requests"] * 1e6 / found["us"], "p50_us": found["p50_us"],
                    "p99_us": found["p99_us"]}

        return with_cpu(server, run)


class Load:
    """bench-load: closed or, with rate, open; see peers/load.c."""

    def __init__(self, program):
        self.program = program

    def measure(self, server, cpus=None, **options):
        """options by name: connections, ms, rate, body, slow_percent, slow_body, seed."""
        flags = {"connections": "-c", "ms": "-d", "rate": "-r", "body": "-b", "slow_percent": "-p",
                 "slow_body": "-s", "seed": "-S"}
        command = [self.program]
        for name, value in options.items():
            command += [flags[name], str(value)]
        command += [server.port, server.path]
        limit_s = options.get("ms", 1000) / 1000 + 20
        return with_cpu(server, lambda: json.loads(run_client(command, cpus, limit_s)))
