#!/usr/bin/python3
"""enoki.invoke: functions in Python that call others, and programs that call functions."""
import contextlib
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import textwrap
import threading
import unittest

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parent.parent.parent
BUILD = pathlib.Path(sys.argv.pop(1)).resolve()
MODULES = BUILD / "libenoki" / "enoki" / "python"
LIBRARIES = BUILD / "testing" / "functions"
sys.path.append(str(SOURCE / "testing" / "support"))
import holding  # noqa: E402
import running  # noqa: E402

RUNTIMES = ["thread", "prefork", "process"]
# Runs what it is sent, and answers with what it says is the answer.
RUNS = """
    import enoki, os, threading, time

    def fn(i):
        found = dict(globals())
        exec(i, found)
        return repr(found["answer"])
    """


class Node:
    """enoki-run -c with functions in Python, one per runtime, and two in C."""

    def __init__(self, folder):
        self.folder = folder
        folder.chmod(0o755)  # as root every function runs as a user of its own
        package = folder / "runs"
        package.mkdir()
        (package / "fn.py").write_text(textwrap.dedent(RUNS))
        functions = [f'{{ name = "{name}"; language = "python"; code = "runs"; runtime = "{name}"; '
                     "workers = 4; }" for name in RUNTIMES]
        functions += [f'{{ name = "{name}"; code = "{LIBRARIES}/{name}.so"; workers = 4; }}'
                      for name in ("echo", "forward", "hang")]
        (folder / "node.conf").write_text(
            'listen = { http = "127.0.0.1:0"; };\nstate = { durability = "process"; };\n'
            "functions = (\n" + ",\n".join(functions) + "\n);\n")
        self.process = subprocess.Popen([BUILD / "cmd" / "enoki-run", "-c", folder / "node.conf"],
                                        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.text, self._settled = "", threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if not self._settled.wait(60):
            self.close()
            raise running.Failed("not all got ready; it wrote:\n" + self.text)

    def _read(self):
        names = set(RUNTIMES) | {"echo", "forward", "hang"}
        for line in self.process.stderr:
            self.text += line
            if match := re.match(r"ready: http://([^/]+)/(\w+)$", line):
                self.address = match[1]
                names.discard(match[2])
            if not names:
                self._settled.set()

    def close(self):
        self.process.terminate()
        self.process.wait(60)
        self._reader.join(5)
        self.process.stderr.close()


class Invoke(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = cls.enterClassContext(tempfile.TemporaryDirectory(prefix="enoki-invoke-"))
        cls.node = cls.enterClassContext(contextlib.closing(Node(pathlib.Path(folder))))

    def run_in(self, function, code, **headers):
        status, body = running.call(f"http://{self.node.address}/{function}",
                                    textwrap.dedent(code).encode(), **headers)
        self.assertEqual(status, 200, body)
        return body.decode()

    def test_every_runtime_calls_others_and_python_calls_python(self):
        for runtime in RUNTIMES:
            with self.subTest(runtime=runtime):
                self.assertEqual(self.run_in(runtime, """
                    first = enoki.invoke("echo", b"\\0bytes")
                    second = enoki.invoke("prefork", "answer = 6 * 7")
                    answer = (first.status, first.body, second.text, second.ok, second.json())
                    """), repr((200, b"\0bytes", "42", True, 42)))

    def test_headers_method_path_and_query_go_along(self):
        seen = self.run_in("prefork", """
            got = enoki.invoke("forward", headers={"Content-Type": "text/x", "X-One": "1"},
                               method="PUT", path="/", query="a=b")
            answer = (got.header("content-type"), got.text)
            """, traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
        for line in ("Content-Type: text/x", "X-One: 1", "X-Enoki-Depth: 1",
                     "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-"):
            self.assertIn(line, seen)

    def test_an_asynchronous_call_is_accepted(self):
        hold = holding.Hold(self.node.folder)
        self.assertEqual(self.run_in("prefork", f"""
            got = enoki.invoke("hang", {hold.body!r}, async_=True)
            answer = (got.status, got.body)
            """), repr((202, b"")))
        hold.wait().release()

    def test_what_is_wrong_is_an_exception(self):
        for code, kind, words in (
                ("enoki.invoke('nobody')", "NotFoundError", "nobody"),
                ("enoki.invoke('no body')", "InvalidError", "letters and digits"),
                ("enoki.invoke('hang', b'hang', timeout=0.2)", "TimeoutError", "in time"),
                ("enoki.invoke('echo', path='x')", "InvalidError", "'/'"),
                ("enoki.invoke('echo', headers={'Host': 'x'})", "InvalidError", "Host"),
                ("enoki.invoke('echo', 3)", "TypeError", ""),
                ("open('/nowhere')", "FileNotFoundError", "nowhere")):
            with self.subTest(code=code):
                told = self.run_in("prefork", f"""
                    try:
                        {code}
                        answer = "nothing"
                    except Exception as error:
                        answer = (type(error).__name__, str(error))
                    """)
                self.assertTrue(told.startswith(f"('{kind}'"), told)
                self.assertIn(words, told)

    def test_python_goes_on_while_a_call_waits(self):
        hold = holding.Hold(self.node.folder)
        self.assertEqual(self.run_in("prefork", f"""
            waits = threading.Thread(target=enoki.invoke, args=("hang", {hold.body!r}))
            waits.start()
            while not any(name.startswith("in-") for name in os.listdir("{hold.folder}")):
                pass  # it is there without us, and we go on
            open("{hold.folder}/go", "w").close()
            waits.join()
            answer = "went on"
            """), "'went on'")

    def test_threads_of_a_function_call_at_the_same_time(self):
        self.assertEqual(self.run_in("thread", """
            found = []
            threads = [threading.Thread(target=lambda i=i: found.append(
                enoki.invoke("echo", str(i)).text)) for i in range(8)]
            [one.start() for one in threads]
            [one.join() for one in threads]
            answer = sorted(map(int, found)) == list(range(8))
            """), "True")

    def test_a_program_calls_over_http(self):
        script = textwrap.dedent("""
            import enoki, os
            got = enoki.invoke("echo", "hello", timeout=20)
            print(got.status, got.text, enoki.invoke("forward", query="x", async_=True).status)
            print(enoki.invoke("nobody", node=os.environ["ENOKI_NODE"]).status)
            for node, call in (("127.0.0.1:1", "echo"), (os.environ["ENOKI_NODE"], "hang")):
                try:
                    enoki.invoke(call, "hang", node=node, timeout=0.3)
                except enoki.Error as error:
                    print(type(error).__name__, node in str(error))
            """)
        done = subprocess.run(["/usr/bin/python3", "-c", script], capture_output=True, text=True,
                              timeout=60, env={**os.environ, "PYTHONPATH": str(MODULES),
                                               "ENOKI_NODE": self.node.address})
        if "ASan runtime does not come first" in done.stderr:
            self.skipTest("a sanitized module cannot be imported by a Python that is not")
        self.assertEqual(done.stdout, "200 hello 202\n404\nUnavailableError True\n"
                                      "TimeoutError True\n", done.stderr)


if __name__ == "__main__":
    unittest.main()
