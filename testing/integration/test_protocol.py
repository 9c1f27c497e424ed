"""HTTP/1.1 as a client sees it when it behaves."""
import email.utils
import random
import re
import time

import pytest

from client import call, connect, request, together


def lines(reply):
    return reply.body.decode("latin-1").split("\n")


def test_a_connection_serves_many_requests(shared):
    with connect(shared("echo")) as connection:
        for number in range(300):
            assert connection.call(b"%d" % number).body == b"%d" % number


def test_pipelined_requests_are_answered_in_order(shared):
    with connect(shared("echo")) as connection:
        connection.send(b"".join(request("/echo", b"%d" % number) for number in range(200)))
        for number in range(200):
            assert connection.read().body == b"%d" % number


def test_requests_may_come_in_any_pieces(shared):
    randomly = random.Random(3)
    bodies = [bytes(randomly.randrange(256) for _ in range(randomly.choice([0, 1, 10, 3000])))
              for _ in range(30)]
    data = b"".join(request("/echo", body) for body in bodies)
    with connect(shared("echo")) as connection:
        while data:
            size = randomly.choice([1, 3, 50, 2000])
            connection.send(data[:size])
            data = data[size:]
        for body in bodies:
            assert connection.read().body == body


def test_a_request_may_come_byte_by_byte_and_another_follow(shared):
    with connect(shared("echo")) as connection:
        for byte in request("/echo", b"slowly", headers=["X-One: 1"]):
            connection.send(bytes([byte]))
        assert connection.read().body == b"slowly"
        assert connection.call(b"next").body == b"next"


def test_chunked_bodies_arrive_whole(shared):
    head = b"PUT /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    with connect(shared("echo")) as connection:
        connection.send(head + b"3\r\nabc\r\n0A;x=\"y\"\r\n0123456789\r\n0\r\nTrailer: z\r\n\r\n" +
                        head + b"0\r\n\r\n" + head + b"1\r\nx\r\n" * 3000 + b"0\r\n\r\n")
        assert connection.read().body == b"abc0123456789"
        assert connection.read().body == b""
        assert connection.read().body == b"x" * 3000


def test_expect_100_continue_asks_before_the_body(shared):
    with connect(shared("echo")) as connection:
        for body in (b"one", b"two"):
            connection.send(request("/echo", body, headers=["Expect: 100-continue"])[:-len(body)])
            assert connection.read_head() == (100, [])
            connection.send(body)
            assert connection.read().body == body


def test_a_body_that_came_along_is_not_asked_for(shared):
    with connect(shared("echo")) as connection:
        assert connection.call(b"here", headers=["Expect: 100-continue"]).status == 200


def test_a_body_that_is_too_large_is_not_asked_for(shared):
    with connect(shared("echo")) as connection:
        connection.send(b"PUT /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                        b"Content-Length: 99999999\r\n\r\n")
        assert connection.read_head()[0] == 413


def test_head_gets_the_head_only(shared):
    with connect(shared("echo")) as connection:
        reply = connection.call(b"12345", "HEAD")
        assert (reply.status, reply.header("Content-Length")) == (200, "5")
        assert connection.call(b"next").body == b"next"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE",
                                    "BREW", "x!#$%&'*+-.^_`|~9"])
def test_any_method_reaches_the_function(shared, method):
    reply = call(shared("headers"), b"body", method)
    assert reply.status == 200
    assert lines(reply)[0] == f"method {method}"


def test_http_1_0_is_answered_and_closed(shared):
    with connect(shared("echo")) as connection:
        connection.send(b"POST /echo HTTP/1.0\r\nConnection: keep-alive\r\n"
                        b"Content-Length: 2\r\n\r\nhi")
        reply = connection.read()
        assert (reply.status, reply.body, reply.header("Connection")) == (200, b"hi", "close")
        assert connection.is_ended()


@pytest.mark.parametrize("value", ["close", "CLOSE", "foo, Close", "close , keep-alive"])
def test_connection_close_is_honoured_in_any_case_and_in_a_list(shared, value):
    with connect(shared("echo")) as connection:
        reply = connection.call(b"bye", headers=[f"Connection: {value}"])
        assert (reply.body, reply.header("Connection")) == (b"bye", "close")
        assert connection.is_ended()


def test_requests_behind_connection_close_are_not_answered(shared):
    with connect(shared("echo")) as connection:
        connection.send(request("/echo", b"last", headers=["Connection: close"]) +
                        request("/echo", b"too late"))
        assert connection.read().body == b"last"
        assert connection.is_ended()


def test_query_and_sub_path_reach_the_function(shared):
    reply = call(shared("headers"), path="/headers/a/b%20c?x=1&y=[2]&z")
    assert lines(reply)[1:3] == ["path /a/b%20c", "query x=1&y=[2]&z"]
    reply = call(shared("headers"), path="/headers?")
    assert lines(reply)[1:3] == ["path ", "query "]
    reply = call(shared("headers"), path="/headers/")
    assert lines(reply)[1:3] == ["path /", "query "]


def test_an_absolute_target_is_the_same_as_its_path(shared):
    reply = call(shared("headers"), path="http://example.org:80/headers/x?y")
    assert lines(reply)[1:3] == ["path /x", "query y"]


def test_headers_and_content_type_reach_the_function(shared):
    reply = call(shared("headers"), b"data", headers=["Content-Type: a/b; c=d", "X-One: 1",
                                                      "x-TWO:   two words  ", "X-One: again"])
    assert lines(reply)[3] == "content-type a/b; c=d"
    for line in ("header X-One: 1", "header x-TWO: two words", "header X-One: again", "body data"):
        assert line in lines(reply)


def test_status_headers_and_content_type_of_the_reply_are_the_functions(shared):
    reply = call(shared("headers"), headers=["X-Reply-Status: 418", "X-Reply-Header: X-A: b c",
                                             "X-Reply-Header: content-type: x/y"])
    assert reply.status == 418
    assert (reply.header("X-A"), reply.header("Content-Type")) == ("b c", "x/y")


def test_a_204_has_neither_body_nor_length(shared):
    with connect(shared("headers")) as connection:
        reply = connection.call(headers=["X-Reply-Status: 204"])
        assert reply.status == 204 and reply.header("Content-Length") is None
        assert connection.call(headers=["X-Reply-Status: 200"]).status == 200


def test_a_header_that_would_break_the_reply_is_an_error_of_the_function(shared):
    reply = call(shared("headers"), headers=["X-Reply-Header: Content-Length: 3"])
    assert reply.status == 500
    assert b"Content-Length" in reply.body


@pytest.mark.parametrize("body,kind", [
    (b"plain", "text/plain; charset=utf-8"),
    ("äö€𝄞".encode(), "text/plain; charset=utf-8"),
    (b"\xff\xfe\x00", "application/octet-stream"),
    (b"\xed\xa0\x80", "application/octet-stream"),
    (b"", None),
])
def test_the_content_type_follows_the_body(shared, body, kind):
    reply = call(shared("echo"), body)
    assert (reply.body, reply.header("Content-Type")) == (body, kind)
    assert reply.header("Content-Length") == str(len(body))


def test_every_reply_has_the_date(shared):
    date = call(shared("echo")).header("Date")
    assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", date)
    assert abs(email.utils.parsedate_to_datetime(date).timestamp() - time.time()) < 60


@pytest.mark.parametrize("path", ["/nosuch", "/", "/echox", "/ech", "/Echo", "/x/echo"])
def test_an_unknown_function_is_404_and_the_connection_goes_on(shared, path):
    with connect(shared("echo")) as connection:
        assert connection.call(b"x", path=path).status == 404
        assert connection.call(b"x").status == 200


def test_a_percent_encoded_name_is_the_same_name(shared):
    assert call(shared("echo"), b"x", path="/%65cho").body == b"x"


def test_health_says_ok(shared):
    with connect(shared("echo")) as connection:
        reply = connection.call(path="/health")
        assert (reply.status, reply.body) == (200, b"OK")
        assert connection.call(path="/health", method="HEAD").status == 200
        assert connection.call(b"x").status == 200


def test_a_failing_function_gives_500_with_its_message(shared):
    with connect(shared("failing")) as connection:
        reply = connection.call(b"the sensor is gone")
        assert reply.status == 500 and b"the sensor is gone" in reply.body
        assert connection.call(b"again").status == 500


@pytest.mark.parametrize("size", [16384, 16385, 100_000, 1 << 20, 4 << 20])
def test_large_bodies_come_back_whole(shared, size):
    body = random.Random(size).randbytes(size)
    with connect(shared("echo")) as connection:
        for _ in range(3):
            assert connection.call(body).body == body
        assert connection.call(b"small").body == b"small"


def test_a_large_chunked_body_comes_back_whole(shared):
    body = random.Random(5).randbytes(1 << 20)
    with connect(shared("echo")) as connection:
        connection.send(b"PUT /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        for at in range(0, len(body), 50_000):
            part = body[at:at + 50_000]
            connection.send(b"%x\r\n%s\r\n" % (len(part), part))
        connection.send(b"0\r\n\r\n")
        assert connection.read().body == body


def test_pipelined_large_bodies_keep_their_order(shared):
    bodies = [bytes([65 + number]) * 300_000 for number in range(6)]
    url = shared("echo")
    with connect(url) as connection:
        def write(_):
            connection.send(b"".join(request("/echo", body) for body in bodies))

        def read(_):
            return [connection.read().body for _ in bodies]

        assert together(2, lambda number: (write, read)[number](number))[1] == bodies


def test_a_huge_reply_arrives_and_one_above_the_limit_is_500(shared):
    with connect(shared("huge")) as connection:
        assert connection.call(b"10000000").body == b"x" * 10_000_000
        reply = connection.call(b"16777217")
        assert reply.status == 500
        assert connection.call(b"3").body == b"xxx"


def test_a_client_that_has_said_all_it_wants_still_gets_its_answer(shared):
    with connect(shared("echo")) as connection:
        connection.send(request("/echo", b"last"))
        connection.socket.shutdown(1)
        assert connection.read().body == b"last"
        assert connection.is_ended()


def test_many_connections_at_once_all_get_their_own_answers(shared):
    url = shared("echo")

    def client(number):
        with connect(url) as connection:
            for turn in range(5):
                body = b"%d-%d" % (number, turn)
                assert connection.call(body).body == body

    together(150, client)


def test_options_asterisk_asks_whether_the_server_is_there(shared):
    assert call(shared("echo"), method="OPTIONS", path="*").status == 200
