"""enoki.invoke: in a function by way of its runtime, elsewhere over HTTP."""
import builtins
import os

from _enoki import Error, TimeoutError, UnavailableError, invoke as _invoke, is_function

NODE = "127.0.0.1:8000"


class Answer:
    """What a function answered: status, headers (pairs of texts), body (bytes)."""
    __slots__ = ("status", "headers", "body")

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def __repr__(self):
        return f"Answer(status={self.status}, body={self.body[:60]!r})"

    @property
    def ok(self):
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    @property
    def text(self):
        """The body as UTF-8; what is not is replaced."""
        return self.body.decode(errors="replace")

    def json(self):
        """The body as JSON. ValueError"""
        import json  # here and below: every worker pays for what is imported above
        return json.loads(self.body)

    def header(self, name, default=None):
        """The first header of that name, in any case."""
        name = name.lower()
        return next((value for key, value in self.headers if key.lower() == name), default)


def _over_http(node, name, body, method, path, query, headers, timeout, is_async):
    import http.client
    import time
    import urllib.parse

    end = time.monotonic() + timeout
    connection = http.client.HTTPConnection(node, timeout=timeout)
    target = f"/{urllib.parse.quote(name, safe='')}{path}" + (f"?{query}" if query else "")
    about = ("X-tinyFaaS-Async", "true") if is_async else ("X-Enoki-Timeout", str(int(timeout * 1000)))
    try:
        connection.putrequest(method, target)
        for key, value in [*headers, about, ("Content-Length", str(len(body)))]:
            connection.putheader(key, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        made = Answer(answer.status, answer.getheaders(), answer.read())
    except OSError as error:
        kind = TimeoutError if isinstance(error, builtins.TimeoutError) else UnavailableError
        raise kind(f"function '{name}' at {node}: {error}") from None
    except http.client.HTTPException as error:
        raise Error(f"function '{name}' at {node}: {error!r}") from None
    finally:
        connection.close()
    # The node keeps the same time, and may be the first to say that it is over.
    if made.status == 504 and time.monotonic() >= end:
        raise TimeoutError(f"function '{name}' at {node} did not answer in time")
    return made


def invoke(name, body=b"", *, headers=None, timeout=None, async_=False, method="POST", path="",
           query="", node=None):
    """Calls the function `name` and returns its Answer, whatever its status.

    body      bytes, or text, which is sent as UTF-8
    headers   a dict, or pairs; "Content-Type" is one of them
    timeout   seconds, within what is left of the call that this is made in; None: all of that
    async_    do not wait until it has run: the Answer is 202 once it is accepted
    path      what follows /NAME, query what follows '?'; both percent-encoded
    node      "HOST:PORT" to call over HTTP; None: in a function, by way of its runtime, else the
              node that ENOKI_NODE names, else 127.0.0.1:8000

    In a function the name is one of the same node or a configured remote; deadline, request id and
    trace go along, and Python's lock is given up while it waits. NotFoundError, TimeoutError,
    LimitError (functions that call each other in a ring), UnavailableError, Error.
    """
    if isinstance(body, str):
        body = body.encode()
    pairs = list(headers.items() if hasattr(headers, "items") else headers or ())
    if node is None and is_function():
        timeout_ms = 0 if timeout is None else max(1, int(timeout * 1000))
        return Answer(*_invoke(name, body, method, path, query, pairs, timeout_ms, bool(async_)))
    return _over_http(node or os.environ.get("ENOKI_NODE", NODE), name, bytes(body), method, path,
                      query, pairs, 60 if timeout is None else timeout, async_)
