"""client.py - HTTP/1.1 as bytes on a socket, so that a test sees and says exactly what it means."""
import contextlib
import pathlib
import socket
import threading
import time
import urllib.parse

# A test that waits this long has failed, whatever machine and sanitizer it runs on.
PATIENCE_S = 60


class Closed(Exception):
    """The server ended the connection where a reply was expected."""


class Reply:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def header(self, name):
        """The value of a header that is there at most once, or None."""
        found = [value for key, value in self.headers if key.lower() == name.lower()]
        assert len(found) <= 1, (name, found)
        return found[0] if found else None

    def __repr__(self):
        return f"{self.status} {self.headers} {self.body[:200]}"


class Connection:
    def __init__(self, url):
        where = urllib.parse.urlsplit(url)
        self.path = where.path
        self.socket = socket.create_connection((where.hostname, where.port), PATIENCE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def _more(self):
        try:
            data = self.socket.recv(262144)
        except ConnectionResetError:
            raise Closed("reset, after " + repr(self.buffer[:200])) from None
        if not data:
            raise Closed("after " + repr(self.buffer[:200]))
        self.buffer += data

    def read_head(self):
        while b"\r\n\r\n" not in self.buffer:
            self._more()
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        first, *lines = head.decode("latin-1").split("\r\n")
        version, status, _ = first.split(" ", 2)
        assert version == "HTTP/1.1", first
        return int(status), [tuple(line.split(": ", 1)) for line in lines]

    def read(self, no_body=False):
        """The next reply; no_body: the request was HEAD."""
        status, headers = self.read_head()
        reply = Reply(status, headers, b"")
        if no_body or status in (204, 304) or status < 200:
            return reply
        length = int(reply.header("Content-Length"))
        parts, have = [self.buffer], len(self.buffer)
        while have < length:
            self.buffer = b""
            self._more()
            parts.append(self.buffer)
            have += len(self.buffer)
        data = b"".join(parts)
        reply.body, self.buffer = data[:length], data[length:]
        return reply

    def is_ended(self):
        """True if the server ends the connection without another byte."""
        try:
            self._more()
        except Closed:
            return not self.buffer
        return False

    def is_cut(self):
        """True once the server has closed its end, whatever is still on the way."""
        ends = [f"0100007F:{port:04X}" for port in (self.socket.getpeername()[1],
                                                    self.socket.getsockname()[1])]
        for line in pathlib.Path("/proc/net/tcp").read_text().splitlines():
            fields = line.split()
            if fields[1:3] == ends:
                return fields[9] == "0"  # no process has it
        return True

    def call(self, body=None, method=None, path=None, headers=()):
        self.send(request(path or self.path, body, method, headers))
        return self.read(no_body=method == "HEAD")


def request(path, body=None, method=None, headers=()):
    """The bytes of a request: POST with a body, GET without."""
    method = method or ("GET" if body is None else "POST")
    lines = [f"{method} {path} HTTP/1.1", "Host: test", *headers]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines + ["", ""]).encode("latin-1") + (body or b"")


@contextlib.contextmanager
def connect(url):
    connection = Connection(url)
    try:
        yield connection
    finally:
        connection.close()


def call(url, body=None, method=None, path=None, headers=()):
    """One request on a connection of its own."""
    with connect(url) as connection:
        return connection.call(body, method, path, headers)


def together(count, job):
    """Runs job(0) ... job(count - 1) at the same time; their results in order, or their error."""
    results = [None] * count

    def run(number):
        try:
            results[number] = job(number)
        except Exception as error:  # pylint: disable=broad-except
            results[number] = error

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
        assert not thread.is_alive(), "a client hangs"
    for result in results:
        if isinstance(result, Exception):
            raise result
    return results


def until(condition, what, limit_s=PATIENCE_S):
    """Waits for something that the server does by itself."""
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end, f"after {limit_s} s still not: {what}"
        time.sleep(0.01)
