"""enoki invoke over every protocol, and what an answer or none looks like."""
import re

from conftest import enoki

LISTEN = 'listen = { http = "127.0.0.1:0"; coap = "127.0.0.1:0"; management = "127.0.0.1:0"; };'
ECHO = '{ name = "echo"; code = "$LIB/echo.so"; }'


def test_http(start, tmp_path):
    node = start(f'{ECHO}, {{ name = "failing"; code = "$LIB/failing.so"; }}', LISTEN)
    node.wait_ready("echo", "failing")
    (tmp_path / "body").write_bytes(b"from a file")
    for words, text, out in ((("-d", "text"), "", "text"), ((), "", ""),
                             (("-d", f"@{tmp_path}/body"), "", "from a file"),
                             (("-d", "@-"), "piped", "piped"), (("-X", "PUT", "-d", "x"), "", "x"),
                             (("-H", "A: b", "-d", "x"), "", "x"), (("-X", "HEAD"), "", "")):
        done = enoki(node, "invoke", "echo", *words, text=text)
        assert (done.status, done.out, done.err) == (0, out, ""), (words, done)
    done = enoki(node, "invoke", "failing")
    assert done.status == 1 and re.match("enoki: 'failing' answered 500: ", done.err), done
    done = enoki(node, "invoke", "echo", "-d", "x", "--timing")
    assert done.out == "x" and re.match(r"200; connected after .* ms; 1 bytes", done.err), done
    done = enoki(node, "invoke", "echo", "--async", "-t")
    assert done.status == 0 and done.err.startswith("202;"), done
    base = "http://127.0.0.1:%d" % node.http[1]
    assert enoki(None, "invoke", "echo", "-d", "x", "--url", base).out == "x"


def test_coap(start, tmp_path):
    node = start(ECHO, LISTEN).wait_ready("echo").wait_for("ready: coap://")
    assert enoki(node, "invoke", "echo", "-p", "coap", "-d", "x").out == "x"
    (tmp_path / "long").write_text("0123456789" * 20000)
    done = enoki(node, "invoke", "echo", "-p", "coap", "-d", f"@{tmp_path}/long", "-X", "PUT")
    assert done.out == "0123456789" * 20000, done.err
    for words, status, text in ((("none",), 1, "'none' answered 4.04"),
                                (("echo", "-H", "A: b"), 2, "has no headers"),
                                (("echo", "-X", "HEAD"), 2, "has no method 'HEAD'"),
                                (("echo", "-r", "2", "-c", "2"), 2, "one after the other"),
                                (("echo", "--url", "coap://127.0.0.1:1"), 1, "nothing answers at")):
        done = enoki(node, "invoke", "-p", "coap", *words)
        assert done.status == status and text in done.err and done.out == "", (words, done)
    done = enoki(node, "invoke", "echo", "-p", "coap", "-d", "x", "--repeat", "20")
    assert done.status == 0 and done.out.startswith("20 calls, 0 failed, "), done


def test_coap_gets_a_long_answer_that_takes_long(start):
    """It comes apart from the acknowledgement, block by block."""
    node = start('{ name = "huge"; code = "$LIB/huge.so"; }', LISTEN)
    node.wait_ready("huge").wait_for("ready: coap://")
    done = enoki(node, "invoke", "huge", "-p", "coap", "-d", "50000 2500")
    assert done.out == "x" * 50000, done.err
    assert node.describe("huge")["calls"] == 1


def test_coap_with_a_shared_key(start, tmp_path):
    key, wrong = tmp_path / "key", tmp_path / "wrong"
    for path, text in ((key, "alice:" + "5a" * 16), (wrong, "alice:" + "5b" * 16)):
        path.write_text(text + "\n")
        path.chmod(0o600)
    node = start(ECHO, LISTEN.replace("coap =", f'coap_psk = "{key}"; coap ='))
    node.wait_ready("echo").wait_for("ready: coaps://")
    (tmp_path / "long").write_text("0123456789" * 1000)
    for body in ("x", f"@{tmp_path}/long"):
        done = enoki(node, "invoke", "echo", "-p", "coap", "--psk", key, "-d", body)
        assert done.status == 0 and len(done.out) in (1, 10000), done
    (tmp_path / "none").write_text("no key")
    for words, status, text in (((), 2, "wants a shared key"),
                                (("--psk", tmp_path / "none"), 2, "IDENTITY:HEXKEY"),
                                (("--psk", tmp_path / "missing"), 2, "No such file"),
                                (("--psk", wrong, "--timeout", "2"), 1, "answer")):
        done = enoki(node, "invoke", "echo", "-p", "coap", "-d", "x", *words)
        assert done.status == status and text in done.err and done.out == "", (words, done)


def test_https_and_grpc_over_tls(start, tmp_path):
    for ca, name in (("ours", "node"), ("theirs", "other")):
        assert enoki(None, "certs", "-d", tmp_path / ca, "init").status == 0
        assert enoki(None, "certs", "-d", tmp_path / ca, "issue", name,
                     "--san", "127.0.0.1").status == 0
    (tmp_path / "token").write_text("0123456789abcdef")
    (tmp_path / "token").chmod(0o600)
    node = start(ECHO, 'listen = { http = "127.0.0.1:0"; grpc = "127.0.0.1:0"; management = '
                       f'"0.0.0.0:0"; tls = {{ certificate = "{tmp_path}/ours/node.crt"; '
                       f'key = "{tmp_path}/ours/node.key"; }}; }};\n'
                       f'deploy = {{ token = "{tmp_path}/token"; }};')
    node.wait_for("ready: management https://").wait_for("/echo\n", 2)
    port = re.search(r"management https://\S+:(\d+)/", node.text).group(1)
    url = ("-m", f"https://127.0.0.1:{port}", "--token-file", tmp_path / "token")
    trusted = (*url, "--ca", tmp_path / "ours" / "ca.crt")
    assert enoki(None, "list", *trusted).status == 0
    for protocol in ("http", "grpc"):
        done = enoki(None, "invoke", "echo", "-d", "x", "-p", protocol, *trusted)
        assert (done.status, done.out) == (0, "x"), done
    for words in (url, (*url, "--ca", tmp_path / "theirs" / "ca.crt")):
        done = enoki(None, "list", *words)
        assert done.status == 1 and "see --ca" in done.err, done


def test_grpc(start, tmp_path):
    listen = LISTEN.replace("coap", "grpc")
    node = start(f'{ECHO}, {{ name = "failing"; code = "$LIB/failing.so"; }},'
                 '{ name = "headers"; code = "$LIB/headers.so"; }', listen)
    node.wait_ready("echo", "failing", "headers").wait_for("ready: grpc://")
    (tmp_path / "long").write_text("zwölf " * 200000)
    for words, out in ((("-d", "x"), "x"), ((), ""),
                       (("-d", f"@{tmp_path}/long"), "zwölf " * 200000)):
        done = enoki(node, "invoke", "echo", "-p", "grpc", *words)
        assert (done.status, done.err, done.out == out) == (0, "", True), (words, done.err)
    done = enoki(node, "invoke", "headers", "-p", "grpc", "-H", "lab: edge", "-d", "lab")
    assert done.status == 0 and "edge" in done.out, done
    for words, text in ((("none",), "'none' answered NOT_FOUND: "),
                        (("failing",), "'failing' answered "),
                        (("echo", "--url", "grpc://127.0.0.1:1"), "nothing answers at grpc://")):
        done = enoki(node, "invoke", "-p", "grpc", *words)
        assert done.status == 1 and text in done.err and done.out == "", (words, done)
    done = enoki(node, "invoke", "echo", "-p", "grpc", "-d", "x", "-r", "50", "-c", "4", "-t")
    assert done.status == 0 and done.out.startswith("50 calls, 0 failed, "), done
    other = "grpc://127.0.0.1:%d" % node.http[1]  # which speaks HTTP/1.1
    assert enoki(None, "invoke", "echo", "--url", other).status == 1


def test_many_calls_and_what_cannot_be_called(start, tmp_path):
    node = start(f'{ECHO}, {{ name = "hang"; code = "$LIB/hang.so"; }}')
    node.wait_ready("echo", "hang")
    done = enoki(node, "invoke", "echo", "-d", "x", "--repeat", "500", "--concurrency", "5")
    assert re.match(r"500 calls, 0 failed, \d+ ms: \d+ calls/s\nms: p50 ", done.out), done
    assert node.describe("echo")["calls"] == 500
    done = enoki(node, "invoke", "none", "--repeat", "3")
    assert done.status == 1 and "3 of 3 calls failed, the first with: 404" in done.err
    for words, status, text in (
            (("none",), 1, "'none' answered 404"),
            (("echo", "-p", "grpc"), 1, "does not listen for grpc"),
            (("echo", "-p", "smtp"), 2, "allowed: http, grpc, coap"),
            (("echo", "-u", "ftp://x"), 2, "allowed: http://"),
            (("echo", "-u", "http://127.0.0.1:1"), 1, "nothing answers at http://127.0.0.1:1"),
            (("echo", "-d", f"@{tmp_path}/none"), 2, "No such file"),
            (("echo", "-X", "GET / HTTP/1.0"), 2, "capital letters"),
            (("echo", "-H", "no colon"), 2, "allowed: NAME: VALUE"),
            (("echo", "more"), 2, "given with -d"), ((), 2, "NAME"), (("a/b",), 2, "no name"),
            (("echo", "--repeat", "0"), 2, "allowed: 1 to"),
            (("hang", "--timeout", "1", "-d", "sleep 5000"), 1, "did not answer in time")):
        done = enoki(node, "invoke", *words)
        assert done.status == status and text in done.err and done.out == "", (words, done)
