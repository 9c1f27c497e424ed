"""Packages from URLs: off unless configured, and bounded."""
import base64
import http.server
import threading

import pytest

from conftest import package

FN = package(repo_main__x="", **{"repo/a/fn__py": "def fn(i):\n    return 'a'\n",
                                 "repo/b/fn__py": "def fn(i):\n    return 'b'\n"})


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        package = base64.b64decode(FN)
        if self.path.startswith("/to/"):
            self.send_response(302)
            self.send_header("Location", self.path[3:])
            self.end_headers()
        elif self.path == "/loop":
            self.send_response(302)
            self.send_header("Location", "/loop")
            self.end_headers()
        elif self.path == "/out":
            self.send_response(302)
            self.send_header("Location", f"http://localhost:{self.server.server_port}/fn.zip")
            self.end_headers()
        elif self.path == "/fn.zip":
            self.send_response(200)
            self.send_header("Content-Length", str(len(package)))
            self.end_headers()
            self.wfile.write(package)
        elif self.path == "/huge":
            self.send_response(200)
            self.send_header("Content-Length", str(1 << 40))
            self.end_headers()
        else:
            self.send_error(404)

    def log_message(self, *_):
        pass


@pytest.fixture
def web():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


LISTEN = 'listen = { http = "127.0.0.1:0"; management = "127.0.0.1:0"; };'


def upload(node, url, name="f", subfolder="repo/a"):
    return node.manage("POST", "/uploadURL", {"name": name, "env": "python3", "threads": 1,
                                              "url": url, "subfolder_path": subfolder})


def test_a_package_comes_from_a_url(start, web):
    node = start(more=LISTEN + f'deploy = {{ urls = ( "{web}/" ); }};')
    status, text = upload(node, f"{web}/fn.zip")
    assert (status, text) == (200, f"http://:{node_port(node)}/f\n".encode())
    assert node.call("f") == (200, b"a")
    assert upload(node, f"{web}/to/fn.zip", subfolder="repo/b/")[0] == 200
    assert node.call("f") == (200, b"b")
    for url, why in ((f"{web}/none", b"status 404"), (f"{web}/loop", b"redirects too often"),
                     (f"{web}/out", b"deploy.urls"), (f"{web}/huge", b"longer than 256 MiB"),
                     ("file:///etc/passwd", b"deploy.urls"), ("http://127.0.0.1:1/", b"deploy.urls")):
        status, text = upload(node, url)
        assert status == 500 and why in text, (url, text)
    for subfolder in ("repo/none", "../repo", "repo/a/fn.py"):
        status, text = upload(node, f"{web}/fn.zip", subfolder=subfolder)
        assert status == 500 and b"subfolder_path" in text, text
    assert node.call("f") == (200, b"b")
    assert list((node.folder / "enoki-functions" / ".staging").iterdir()) == []


def node_port(node):
    node.wait_for("/f\n")
    return node.http[1]


def test_it_is_off_unless_configured(start, web):
    node = start()
    status, text = upload(node, f"{web}/fn.zip")
    assert status == 500 and b"deploy.urls" in text
    assert node.manage("POST", "/uploadURL", {"name": "f", "env": "python3"})[0] == 500
    assert node.manage("GET", "/uploadURL")[0] == 400
