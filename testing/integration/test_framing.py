"""Whatever could be read in two ways is refused, and nothing behind it is run."""
import pytest

from client import Closed, connect, request

HOST = "Host: a\r\n"
CHUNKED = "POST /echo HTTP/1.1\r\n" + HOST + "Transfer-Encoding: chunked\r\n\r\n"


def post(headers, body="", version="1.1", host=HOST):
    return f"POST /echo HTTP/{version}\r\n{host}{headers}\r\n{body}"


REFUSED = {
    "a duplicate Content-Length": (400, post("Content-Length: 3\r\nContent-Length: 3\r\n", "abc")),
    "differing Content-Lengths": (400, post("Content-Length: 3\r\nContent-Length: 4\r\n", "abcd")),
    "a list of Content-Lengths": (400, post("Content-Length: 3, 3\r\n", "abc")),
    "a positive sign": (400, post("Content-Length: +3\r\n", "abc")),
    "a negative sign": (400, post("Content-Length: -3\r\n", "abc")),
    "a hexadecimal Content-Length": (400, post("Content-Length: 0x3\r\n", "abc")),
    "an empty Content-Length": (400, post("Content-Length:\r\n")),
    "a Content-Length beyond every number": (413, post(f"Content-Length: {10 ** 30}\r\n")),
    "space before the colon": (400, post("Content-Length : 3\r\n", "abc")),
    "a tab before the colon": (400, post("X\t: 3\r\n")),
    "a Transfer-Encoding before chunked": (400, post("Transfer-Encoding: gzip, chunked\r\n",
                                                     "0\r\n\r\n")),
    "a Transfer-Encoding behind chunked": (400, post("Transfer-Encoding: chunked, gzip\r\n")),
    "an unknown Transfer-Encoding": (400, post("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n")),
    "Transfer-Encoding twice": (400, post("Transfer-Encoding: chunked\r\n" * 2, "0\r\n\r\n")),
    "Content-Length before Transfer-Encoding": (
        400, post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")),
    "Transfer-Encoding before Content-Length": (
        400, post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n")),
    "Transfer-Encoding in HTTP 1.0": (
        400, post("Transfer-Encoding: chunked\r\n", "0\r\n\r\n", version="1.0")),
    "a folded header": (400, post("X: a\r\n b\r\n")),
    "a folded first header": (400, "GET /echo HTTP/1.1\r\n Host: a\r\n\r\n"),
    "NUL in a value": (400, post("X: a\0b\r\n")),
    "NUL in a name": (400, post("X\0: b\r\n")),
    "NUL in the target": (400, "GET /echo\0 HTTP/1.1\r\n" + HOST + "\r\n"),
    "a control character in a value": (400, post("X: a\x01b\r\n")),
    "a bare CR in a value": (400, post("X: a\rContent-Length: 3\r\n")),
    "a line that ends in LF": (400, post("X: a\nY: b\r\n")),
    "a request line that ends in LF": (400, "GET /echo HTTP/1.1\n" + HOST + "\r\n"),
    "a header that ends in LF LF": (400, "GET /echo HTTP/1.1\nHost: a\n\n"),
    "no Host": (400, post("", host="")),
    "two Hosts": (400, post("Host: b\r\n")),
    "a Host with a space": (400, post("", host="Host: a b\r\n")),
    "HTTP 1.2": (400, post("", version="1.2")),
    "HTTP 0.9": (400, post("", version="0.9")),
    "no version": (400, "GET /echo\r\n" + HOST + "\r\n"),
    "a version in small letters": (400, "GET /echo http/1.1\r\n" + HOST + "\r\n"),
    "HTTP 2": (505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "a method that is no token": (400, "GE(T /echo HTTP/1.1\r\n" + HOST + "\r\n"),
    "a request line that starts with space": (400, " GET /echo HTTP/1.1\r\n" + HOST + "\r\n"),
    "two spaces in the request line": (400, "GET  /echo HTTP/1.1\r\n" + HOST + "\r\n"),
    "a relative target": (400, "GET echo HTTP/1.1\r\n" + HOST + "\r\n"),
    "a fragment": (400, "GET /echo#x HTTP/1.1\r\n" + HOST + "\r\n"),
    "a broken percent encoding": (400, "GET /echo%4 HTTP/1.1\r\n" + HOST + "\r\n"),
    "the asterisk with GET": (400, "GET * HTTP/1.1\r\n" + HOST + "\r\n"),
    "a header without a colon": (400, post("nonsense\r\n")),
    "a header without a name": (400, post(": x\r\n")),
    "an unknown expectation": (417, post("Expect: coffee\r\nContent-Length: 1\r\n", "x")),
    "a chunk size that is none": (400, CHUNKED + "x\r\nabc\r\n0\r\n\r\n"),
    "a chunk size with a sign": (400, CHUNKED + "+3\r\nabc\r\n0\r\n\r\n"),
    "a chunk size with 0x": (400, CHUNKED + "0x3\r\nabc\r\n0\r\n\r\n"),
    "a chunk size that overflows": (400, CHUNKED + "10000000000000003\r\nabc\r\n0\r\n\r\n"),
    "a chunk that is longer": (400, CHUNKED + "3\r\nabcd\r\n0\r\n\r\n"),
    "a chunk that is shorter": (400, CHUNKED + "3\r\nab\r\n0\r\n\r\n"),
    "a chunk line that ends in LF": (400, CHUNKED + "3\nabc\r\n0\r\n\r\n"),
    "an endless chunk extension": (400, CHUNKED + "3;" + "a" * 1000 + "\r\nabc\r\n0\r\n\r\n"),
    "a bad trailer": (400, CHUNKED + "0\r\nX : y\r\n\r\n"),
    "endless trailers": (431, CHUNKED + "0\r\nX: " + "y" * 40000 + "\r\n\r\n"),
    "a header above the limit": (431, post("X: " + "y" * 40000 + "\r\n")),
    "a request line above the limit": (431, "GET /" + "y" * 40000),
    "more headers than allowed": (431, post("X: y\r\n" * 200)),
    "a body above the limit": (413, post("Content-Length: 4194305\r\n")),
    "a chunked body above the limit": (413, CHUNKED + "400001\r\n"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_is_refused_and_the_connection_closed(shared, what):
    status, text = REFUSED[what]
    with connect(shared("echo")) as connection:
        connection.send(request("/echo", b"before") + text.encode("latin-1") +
                        request("/echo", b"smuggled"))
        assert connection.read().body == b"before"
        reply = connection.read()
        assert reply.status == status
        assert reply.header("Connection") == "close"
        assert reply.body.strip(), "a reason is given"
        assert connection.is_ended()


@pytest.mark.parametrize("what", ["a duplicate Content-Length", "no Host", "HTTP 2",
                                  "a body above the limit"])
def test_is_refused_on_a_fresh_connection_sent_byte_by_byte(shared, what):
    status, text = REFUSED[what]
    with connect(shared("echo")) as connection:
        try:
            for byte in text.encode("latin-1"):
                connection.send(bytes([byte]))
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused before its end
        assert connection.read().status == status
        assert connection.is_ended()


def test_a_get_with_a_body_is_one_request(shared):
    inner = request("/echo", b"inner")
    with connect(shared("echo")) as connection:
        connection.send(request("/echo", inner, "GET") + request("/echo", b"next"))
        assert connection.read().body == inner
        assert connection.read().body == b"next"


def test_a_refused_client_that_goes_on_sending_still_reads_why(shared):
    with connect(shared("echo")) as connection:
        connection.send(post("Content-Length: 50000000\r\n").encode())
        try:
            for _ in range(100):
                connection.send(b"x" * 100000)
        except (BrokenPipeError, ConnectionResetError):
            pass
        try:
            assert connection.read().status == 413
        except Closed as end:
            raise AssertionError("the answer was lost") from end
