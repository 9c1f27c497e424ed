#!/usr/bin/python3
"""What every host must do, whatever its language: the same calls to the same function, in all three
runtimes. A new host is a row of HOSTS, or, before it is one, the folder of a function that is given:

    test_hosts.py BUILD_OR_PREFIX [FOLDER] [TEST ...]

The function answers its input, but for these inputs: do:fail fails with "bad luck", do:crash ends
its process, do:loop never ends, do:log writes a line, do:header answers the header X-Some, do:count
adds one to what its state holds and answers the sum."""
import concurrent.futures
import http.client
import pathlib
import sys
import tempfile
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(sys.argv.pop(1)).resolve()
RUN = next(path for path in (BUILD / "cmd" / "enoki-run", BUILD / "bin" / "enoki-run")
           if path.exists())
sys.path.append(str(HERE.parent.parent / "testing" / "support"))
import running  # noqa: E402

RUNTIMES = ["thread", "prefork", "process"]

PYTHON = """
import enoki, os, sys

def one_more(found):
    return str(int(found[0].value) + 1) if found else "1"

def fn(i, headers):
    if i == "do:fail":
        raise Exception("bad luck")
    if i == "do:crash":
        os.abort()
    while i == "do:loop":
        pass
    if i == "do:log":
        print("logged by the function")
    if i == "do:header":
        return headers["X-Some"]
    if i == "do:count":
        enoki.state().modify("n", one_more)
        return enoki.state().read("n").texts()[0]
    return i
"""

NODE = """
const kv = require('kv');
module.exports = async (req, res) => {
    if (req.body === 'do:fail') throw new Error('bad luck');
    if (req.body === 'do:crash') process.abort();
    while (req.body === 'do:loop');
    if (req.body === 'do:log') console.log('logged by the function');
    if (req.body === 'do:header') return res.send(req.headers['x-some']);
    if (req.body === 'do:count') {
        await kv.modify('n', ([sum]) => String(Number(sum ?? 0) + 1));
        return res.send((await kv.read('n'))[0]);
    }
    res.send(req.rawBody);
};
"""

SHELL = """#!/bin/sh
cat > body.$$
case $(head -c 9 body.$$ | tr -d '\\0') in
do:fail) echo bad luck; exit 1;;
do:crash) kill -KILL $$;;
do:loop) while :; do :; done;;
esac
cat body.$$
rm body.$$
"""


class Host:
    """A language's function, and what its host cannot do or does otherwise."""

    def __init__(self, files=None, code=None, lacks=(), crash=(502,), runs_inside=False):
        self.files, self.code, self.lacks, self.crash = files or {}, code, lacks, crash
        self.runs_inside = runs_inside  # a crash in enoki-thread takes the runtime along

    def make(self, folder):
        if self.code:
            return self.code
        for name, text in self.files.items():
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)
        return folder


HOSTS = {
    "cpp": Host(code=BUILD / "bindings" / "cpp" / "conform.so", runs_inside=True),
    "python": Host({"fn.py": PYTHON}, lacks=["bytes"], runs_inside=True),
    "nodejs": Host({"package.json": '{"name": "fn"}', "index.js": NODE}),
    "shell": Host({"fn.sh": SHELL}, lacks=["log", "header", "count", "cpu"], crash=(500,)),
    "host": Host(code=HERE / "minimal"),
}
if len(sys.argv) > 1 and pathlib.Path(sys.argv[1]).exists():
    HOSTS = {"given": Host(code=pathlib.Path(sys.argv.pop(1)).resolve())}


class Hosts(unittest.TestCase):
    """Every test runs for all hosts in all runtimes, some of them at the same time."""

    def each(self, check, *options):
        def one(name, runtime):
            with tempfile.TemporaryDirectory(prefix="enoki-hosts-") as folder:
                path = pathlib.Path(folder) / "demo"
                path.mkdir()
                log = open(f"{folder}/log", "wb")
                server = running.Server(
                    [str(word) for word in (
                        RUN, "-n", "demo", "-r", runtime, "-w", "2", "-s",
                        f"embedded:{folder}/state?durability=process", *options,
                        HOSTS[name].make(path))], stdout=log)
                try:
                    server.wait_ready()
                    server.log = pathlib.Path(folder) / "log"
                    return check(HOSTS[name], runtime, server)
                finally:
                    server.close()
                    log.close()

        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            for (name, runtime), done in {
                    (name, runtime): pool.submit(one, name, runtime)
                    for name in HOSTS for runtime in RUNTIMES}.items():
                with self.subTest(host=name, runtime=runtime):
                    done.result()

    def test_bodies_pass_both_ways(self):
        def check(host, runtime, server):
            bodies = [b"", b"one line", "grüß\n".encode() * 3, b"0123456789abcde\n" * 190000]
            if "bytes" not in host.lacks:
                bodies += [bytes(range(256)), b"\xff\0" * 1500000]
            for body in bodies:
                status, answer = running.call(server.url, body)
                self.assertEqual((status, len(answer)), (200, len(body)))
                self.assertTrue(answer == body)

        self.each(check)

    def test_headers_output_and_failures(self):
        def check(host, runtime, server):
            if "header" not in host.lacks:
                self.assertEqual(running.call(server.url, b"do:header", **{"X-Some": "there"}),
                                 (200, b"there"))
            if "log" not in host.lacks:
                self.assertEqual(running.call(server.url, b"do:log")[0], 200)
                self.assertEqual(server.log.read_text(), "logged by the function\n")
            status, text = running.call(server.url, b"do:fail")
            self.assertEqual(status, 500)
            self.assertIn(b"bad luck", text)
            self.assertEqual(running.call(server.url, b"x"), (200, b"x"))

        self.each(check)

    def test_state_is_kept_between_calls(self):
        def check(host, runtime, server):
            if "count" not in host.lacks:
                answers = [running.call(server.url, b"do:count") for _ in range(3)]
                self.assertEqual(answers, [(200, b"1"), (200, b"2"), (200, b"3")])

        self.each(check)

    def test_a_crash_costs_its_own_call(self):
        def check(host, runtime, server):
            try:
                self.assertIn(running.call(server.url, b"do:crash")[0], host.crash)
            except (OSError, http.client.HTTPException):
                # The runtime was the function's process, and no front door is there.
                self.assertTrue(host.runs_inside and runtime == "thread")
            self.assertEqual(self.call_again(server), (200, b"x"))

        self.each(check)

    def test_a_call_that_never_ends_is_given_up(self):
        def check(host, runtime, server):
            self.assertEqual(running.call(server.url, b"do:loop")[0], 504)
            self.assertEqual(self.call_again(server), (200, b"x"))

        self.each(check, "--timeout", "1s")

    def test_a_call_that_computes_for_too_long_is_given_up(self):
        def check(host, runtime, server):
            if runtime == "thread" and "cpu" in host.lacks:
                return
            status, text = running.call(server.url, b"do:loop")
            self.assertEqual((status, b"limit: cpu" in text), (504, True), text)
            for _ in range(1000):
                if "limit=cpu" in server.text:
                    break
                time.sleep(0.01)
            self.assertIn("limit=cpu", server.text)
            self.assertEqual(self.call_again(server), (200, b"x"))

        self.each(check, "--cpu", "300ms", "--timeout", "60s")

    @staticmethod
    def call_again(server):
        """A runtime that was started anew may still refuse or reset the first connection; a program
        may take longer to start, on a busy machine, than a call is given."""
        answer = None
        for _ in range(20):
            try:
                answer = running.call(server.url, b"x")
                if answer[0] != 504:
                    break
            except (OSError, http.client.HTTPException):
                pass
        return answer


if __name__ == "__main__":
    unittest.main()
