"""Subject 12: HTTP through the front door against nginx proxying to an nginx."""
import contextlib
import pathlib
from statistics import median

from .bench import column
from .loads import Wrk
from .report import ratios, spread
from .servers import free_port, nginx_command

TITLE = "Front door: HTTP to a function behind it, against nginx proxy_pass"
CONNECTIONS = (1, 10, 100)
SIZES = ((0, "0 B"), (1000, "1 KB"), (100000, "100 KB"))
SECONDS = 1
WORKERS = 2
RUNTIMES = ("prefork", "thread")
COLUMNS = ("by calls/s, median (min-max)", "target (stretch)")

CONF = """listen = {{ http = "127.0.0.1:0"; }};
state = {{ path = "{state}"; }};
isolation = {{ users = "shared"; }}; // the folder is its owner's only
functions = ( {{ name = "echo"; code = "{code}"; runtime = "{runtime}"; workers = {workers}; }} );
"""
# A static file, as an echo would be more than nginx can do; its POST becomes a GET.
UPSTREAM = """
daemon off; worker_processes {workers}; pid {folder}/pid; error_log stderr crit; {user}
events {{ worker_connections 1024; }}
http {{
    access_log off; client_max_body_size 16m; keepalive_requests 1000000000; sendfile on;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi; default_type text/plain;
    server {{ listen unix:{folder}/socket; root {folder}; error_page 405 =200 $uri; }}
}}
"""
PROXY = """
daemon off; worker_processes 1; pid {folder}/pid; error_log stderr crit; {user}
events {{ worker_connections 1024; }}
http {{
    access_log off; client_max_body_size 16m; keepalive_requests 1000000000;
    client_body_buffer_size 256k; proxy_buffers 8 32k;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi; default_type text/plain;
    upstream function {{ server unix:{upstream}/socket; keepalive 128; }}
    server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://function;
        proxy_http_version 1.1; proxy_set_header Connection ""; }} }}
}}
"""


class Both:
    """nginx and the nginx behind it: their costs are one."""

    def __init__(self, front, back):
        self.front, self.back, self.name, self.url = front, back, "nginx", front.url

    def cpu_ns(self):
        return self.front.cpu_ns() + self.back.cpu_ns()

    def tail(self):
        return self.front.tail() + self.back.tail()


def start_nginx(bench, stack, size, cpus):
    upstream, port = bench.new_path("upstream"), free_port()
    command = nginx_command(upstream, port, WORKERS, UPSTREAM)
    (pathlib.Path(upstream) / "echo").write_bytes(b"x" * size)
    back = stack.enter_context(bench.start_waiting("nginx upstream", command, cpus,
                                                   pathlib.Path(upstream) / "socket"))
    command = nginx_command(bench.new_path("proxy"), port, 1, PROXY, upstream=upstream)
    return Both(stack.enter_context(bench.start("nginx", command, cpus, port)), back)


def start_door(bench, stack, runtime, cpus):
    file = bench.new_path("node.conf")
    file.write_text(CONF.format(state=bench.new_path("state"), code=bench.function("echo"),
                                runtime=runtime, workers=WORKERS))
    return stack.enter_context(bench.start(runtime, [bench.runtime("run"), "-c", file], cpus))


def compare(bench, results, label):
    for runtime in RUNTIMES:
        mine, other = results[runtime], results["nginx"]
        note = (f"{median(column(mine, 'rps')):7.0f}/s  {median(column(mine, 'cpu_us')):6.1f} us CPU"
                f" against {median(column(other, 'cpu_us')):6.1f}, by CPU "
                f"{spread(ratios(column(other, 'cpu_us'), column(mine, 'cpu_us')), 'x')}; p50 / p99"
                f" {median(column(mine, 'p50_us')):.0f} / {median(column(mine, 'p99_us')):.0f} us"
                f" against {median(column(other, 'p50_us')):.0f} /"
                f" {median(column(other, 'p99_us')):.0f}")
        bench.report.add(f"{runtime} / nginx, {label}",
                         ratios(column(mine, "rps"), column(other, "rps")), "x", None, note,
                         {"ours": mine, "theirs": other})


def run(bench):
    cores = bench.cores
    for size, text in SIZES[1:2] if bench.quick else SIZES:
        with bench.guard(text), contextlib.ExitStack() as stack:
            servers = {"nginx": start_nginx(bench, stack, size, cores.server)}
            for runtime in RUNTIMES:
                servers[runtime] = start_door(bench, stack, runtime, cores.server)
            wrk = Wrk(bench.folder, "x", size)
            bench.report.start_group(f"{text} there and back, {WORKERS} workers; servers on one "
                                     "core, wrk on another", COLUMNS)
            for count in CONNECTIONS:
                results = bench.alternate(f"12. front door, {text}, {count} connections", {
                    name: lambda name=name: wrk.measure(servers[name], count, SECONDS, cores.client)
                    for name in servers})
                compare(bench, results, f"{count} connection{'s' if count > 1 else ''}")
