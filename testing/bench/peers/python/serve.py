#!/usr/bin/python3
"""serve.py PORT FOLDER STATE - the peer of Python functions: FOLDER's fn.py behind ThreadingHTTPServer,
its kv on STATE in this process. As a module it is the same for gunicorn: serve:application, with
SERVE_FOLDER and SERVE_STATE."""
import functools
import http.server
import os
import sys


@functools.cache
def function(folder, uri):
    import enoki
    state = enoki.State(uri, "bench")
    enoki.state = lambda: state
    sys.path.insert(0, folder)
    import fn
    return fn.fn


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body in one write

    def do_POST(self):
        text = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        body = function(*sys.argv[2:])(text or None).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def application(environment, start_response):
    text = environment["wsgi.input"].read(int(environment.get("CONTENT_LENGTH") or 0)).decode()
    call = function(os.environ["SERVE_FOLDER"], os.environ["SERVE_STATE"])
    body = call(text or None).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


if __name__ == "__main__":
    http.server.ThreadingHTTPServer.request_queue_size = 1024
    http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
