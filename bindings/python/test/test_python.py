#!/usr/bin/python3
"""Functions in Python, and Python outside functions: what their authors and callers get."""
import contextlib
import http.client
import os
import subprocess
import tempfile
import textwrap
import unittest
import urllib.request

from case import BUILD, MODULES, RUNTIMES, SANITIZED, Case, running


class Calls(Case):
    def test_a_function_counts_with_kv_in_every_runtime(self):
        for runtime in RUNTIMES:
            with self.subTest(runtime=runtime):
                url = self.serve("""
                    import kv

                    def fn(i):
                        try:
                            count = int(kv.read(i)[0])
                        except Exception:
                            count = 0
                        kv.update(i, str(count + 1))
                        return f"{i}: {count + 1}"
                    """, "--keygroup", "counts" + runtime, runtime=runtime)
                self.assertEqual([running.call(url, b"ada") for _ in range(3)],
                                 [(200, b"ada: 1"), (200, b"ada: 2"), (200, b"ada: 3")])

    def test_both_forms_and_every_kind_of_result(self):
        url = self.serve("""
            async def later():
                pass

            def fn(i):
                if i == "later":
                    return later()
                return {"dict": {}, "text": "gr\\u00fc\\u00df", "bytes": b"\\xff\\x00", "none": None, "int": 7,
                        "empty": ""}.get(i, repr(i))
            """)
        for body, answer in [(b"text", "grüß".encode()), (b"bytes", b"\xff\0"), (b"none", b""),
                             (b"empty", b""), (b"", b"None"), (b"'x'", b'"\'x\'"'),
                             ("\U0001f600\0".encode(), "'\U0001f600\\x00'".encode())]:
            self.assertEqual(running.call(url, body), (200, answer), body)
        for body, words in [(b"int", "int, not str, bytes or None"),
                            (b"dict", "dict, not str, bytes or None: json.dumps()"),
                            (b"later", "coroutine, not str, bytes or None: let 'def fn'")]:
            status, answer = running.call(url, body)
            self.assertEqual(status, 500)
            self.assertIn("TypeError: fn returned " + words, answer.decode())
        status, answer = running.call(url, b"\xff")
        self.assertEqual(status, 400)
        self.assertIn(b"not UTF-8", answer)

    def test_two_parameters_get_the_headers_as_go_writes_them(self):
        for signature in ["input, headers", "input, headers=None", "*args"]:
            url = self.serve(f"""
                def fn({signature}):
                    headers = locals().get("headers") or args[1]
                    return headers["X-Some-Name"]
                """)
            request = urllib.request.Request(url, b"x", {"x-some-NAME": "there"})
            with urllib.request.urlopen(request, timeout=60) as answer:
                self.assertEqual(answer.read(), b"there", signature)
        url = self.serve("def fn(i, headers):\n    return headers['Lab']\n")
        host, port = url.split("/")[2].split(":")
        with contextlib.closing(http.client.HTTPConnection(host, int(port), timeout=60)) as twice:
            twice.putrequest("POST", "/demo")
            for value in ("first", "second"):
                twice.putheader("lab", value)
            twice.putheader("Content-Length", "0")
            twice.endheaders()
            self.assertEqual(twice.getresponse().read(), b"first")
        url = self.serve("def fn(i, times=2):\n    return i * times\n")
        self.assertEqual(running.call(url, b"ab"), (200, b"abab"))

    def test_exceptions_are_500_with_their_words_and_the_trace_is_in_the_log(self):
        for runtime in RUNTIMES:
            with self.subTest(runtime=runtime):
                server = self.start("""
                    import sys

                    def deep(n):
                        return deep(n + 1)

                    def fn(i):
                        if i == "exit":
                            sys.exit(3)
                        if i == "deep":
                            return deep(0)
                        raise Exception("bad luck") if i == "plain" else KeyError(i)
                    """, runtime=runtime)
                self.assertEqual(running.call(server.url, b"plain"), (500, b"bad luck"))
                self.assertEqual(running.call(server.url, b"k"), (500, b"KeyError: 'k'"))
                self.assertEqual(running.call(server.url, b"exit"), (500, b"SystemExit: 3"))
                status, answer = running.call(server.url, b"deep")
                self.assertEqual((status, answer[:15]), (500, b"RecursionError:"))
                server.stop()
                self.assertIn('Traceback (most recent call last):\n  File "'
                              f'{self.folder}/demo/fn.py", line ', server.text)
                self.assertIn("bad luck", server.text)

    def test_what_is_printed_reaches_the_log_before_the_answer_does(self):
        url = None
        with tempfile.TemporaryFile() as log:
            command = [BUILD / "cmd" / "enoki-run", "-s", self.state,
                       self.package("def fn(i):\n    print(i, end='')\n")]
            server = running.Server([str(word) for word in command], stdout=log)
            self.addCleanup(server.close)
            url = server.wait_ready()
            self.assertEqual(running.call(url, b"half a line"), (200, b""))
            log.seek(0)
            self.assertEqual(log.read(), b"half a line")

    def test_variables_are_in_the_environment_before_the_module_is_imported(self):
        url = self.serve("import os\nWORD = os.environ['WORD']\n\ndef fn(i):\n    return WORD\n",
                         "-e", "WORD=given")
        self.assertEqual(running.call(url, b""), (200, b"given"))

    def test_a_configuration_file_names_its_language(self):
        self.package("def fn(i):\n    return i\n")
        self.folder.chmod(0o755)  # behind a front door of root the function is another user
        config = self.folder / "node.conf"
        config.write_text('functions = ( { name = "demo"; language = "python"; } );\n')
        url = self.enterContext(running.server(
            [BUILD / "cmd" / "enoki-run", "-c", config, "-s", self.state]))
        self.assertEqual(running.call(url, b"x"), (200, b"x"))

    def test_files_beside_fn_are_imported(self):
        package = self.package("")
        (package / "helper.py").write_text("ANSWER = 'helped'\n")
        (package / ".python").mkdir()
        (package / ".python" / "wanted.py").write_text("ANSWER = 'installed'\n")
        url = self.serve("import helper, wanted\n\ndef fn(i):\n"
                         "    return helper.ANSWER + wanted.ANSWER\n")
        self.assertEqual(running.call(url, b""), (200, b"helpedinstalled"))


class WrongPackages(Case):
    def test_each_is_refused_with_what_to_do(self):
        for text, words in [
                ("x = 1\n", "fn.py has no function fn"),
                ("def fn(i)\n    pass\n", "SyntaxError: expected ':'"),
                ("import nosuchmodule\n", "No module named 'nosuchmodule'; name it in requirements.txt"),
                ("1 / 0\n", "ZeroDivisionError: division by zero"),
                ("import kv\nkv.read('x')\n", "RpcError: there is no item 'x'"),
                ("import sys\nsys.exit('over')\n", "SystemExit: over"),
                ("def fn():\n    pass\n", "fn() cannot be called: it takes one parameter"),
                ("def fn(a, b, c):\n    pass\n", "fn(a, b, c) cannot be called")]:
            for runtime in RUNTIMES:
                with self.subTest(words=words, runtime=runtime):
                    self.assertIn(words, self.refused(text, runtime))

    def test_the_trace_of_an_import_begins_in_the_package(self):
        said = self.refused("import helper\n")
        self.assertNotIn("importlib", said)
        (self.package("") / "helper.py").write_text("open('data.txt')\n")
        said = self.refused("import helper\n")
        self.assertIn(f'(most recent call last):\n  File "{self.folder}/demo/fn.py", line 1', said)
        self.assertNotIn("beside fn.py", said)
        (self.package("") / "data.txt").write_text("")
        self.assertIn("it is beside fn.py: the working directory is", self.refused("import helper\n"))

    def test_a_folder_without_fn_is_named(self):
        empty = self.folder / "empty"
        empty.mkdir()
        done = subprocess.run([BUILD / "cmd" / "enoki-run", empty], capture_output=True, text=True,
                              timeout=60)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("there is no fn.py (Python), package.json (Node.js)", done.stderr)


class Kv(Case):
    def test_errors_are_those_of_the_original(self):
        url = self.serve("""
            import kv

            def fn(i):
                try:
                    kv.update("a", "1")
                    kv.update("b", "x\\0\\U0001f600".encode())
                    result = eval(i)
                except kv.RpcError as error:
                    return f"RpcError {error.code().name} {error.details()}"
                except Exception as error:
                    return type(error).__name__
                return repr(result)
            """)
        for code, answer in [
                ("kv.read('a')", "['1']"), ("kv.read(b'b')", "['x\\x00\\U0001f600']".encode().decode(
                    "unicode_escape").replace("\0", "\\x00")),
                ("kv.scan('a', 5)", None), ("kv.scan('b', 10 ** 9)", "['x"), ("kv.delete('a')", "None"),
                ("kv.read('nothing')", "RpcError UNKNOWN there is no item 'nothing'"),
                ("kv.delete('never')", "RpcError UNKNOWN"),
                ("kv.scan('never', 1)", "RpcError UNKNOWN"),
                ("kv.scan('a', 0)", "RpcError UNKNOWN count must be at least 1, got 0"),
                ("kv.scan('a', -1)", "ValueError"), ("kv.scan('a', 'x')", "TypeError"),
                ("kv.update('a b', '1')", "RpcError UNKNOWN"),
                ("kv.update('a', '')", "RpcError UNKNOWN"),
                ("kv.update('a', 'x' * 5000000)", "RpcError RESOURCE_EXHAUSTED"),
                ("kv.update('a', 7)", "TypeError"), ("kv.update(None, 'x')", "TypeError"),
                ("kv.update('a', '\\ud800')", "UnicodeEncodeError"),
                ("kv.update('a', b'\\xff')", "UnicodeDecodeError")]:
            with self.subTest(code=code):
                status, text = running.call(url, code.encode())
                self.assertEqual(status, 200)
                if answer is not None:
                    self.assertTrue(text.decode().startswith(answer), text)


@unittest.skipIf(SANITIZED, "the system's Python has no sanitizer's library in it")
class Outside(Case):
    """The module in a plain Python."""

    def run_script(self, text):
        done = subprocess.run(["/usr/bin/python3", "-c", textwrap.dedent(text), self.state],
                              env=os.environ | {"PYTHONPATH": str(MODULES)}, capture_output=True,
                              text=True, timeout=120)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def test_a_script_reads_what_a_function_wrote(self):
        url = self.serve("import kv\n\ndef fn(i):\n    kv.update('x', i)\n")
        self.assertEqual(running.call(url, b"from the function")[0], 200)
        self.assertEqual(self.run_script("""
            import sys, enoki
            with enoki.State(sys.argv[1], "tinyFaaSdemo") as state:
                print(state.read("x").texts(), state.keys(), state.keygroup)
            print(state.keygroup)
            """), "['from the function'] ['x'] tinyFaaSdemo\nNone\n")

    def test_conditional_writes_see_who_was_faster(self):
        self.assertEqual(self.run_script("""
            import sys, enoki
            state = enoki.State(sys.argv[1], "k")
            state.update("x", b"\\xff1", expect=None)
            seen = state.read("x")
            print(seen[0].value, seen[0].version, len(seen), seen.is_stale, [i.id for i in seen])
            state.update("x", "2", expect=seen)
            for write in (lambda: state.update("x", "3", expect=seen),
                          lambda: state.update("x", "3", expect=None),
                          lambda: state.remove("x", expect=seen)):
                try:
                    write()
                except enoki.ConflictError as error:
                    print(error.name, error.status)
            state.remove("x", expect=state.read("x"))
            try:
                state.read("x")
            except enoki.NotFoundError as error:
                print(isinstance(error, enoki.Error))
            """), "b'\\xff1' {'local': 1} 1 False ['x']\n" + 3 * "ECONFLICT -14\n" + "True\n")

    def test_modify_keeps_removes_and_passes_exceptions_on(self):
        self.assertEqual(self.run_script("""
            import sys, enoki
            state = enoki.State(sys.argv[1], "k")
            state.modify("x", lambda found: "1" if not found else None)
            state.modify("x", lambda found: None)
            print(state.read("x").values())
            try:
                state.modify("x", lambda found: 1 / 0)
            except ZeroDivisionError as error:
                print(error)
            try:
                state.modify("x", lambda found: 7)
            except TypeError as error:
                print(error)
            state.modify("x", lambda found: False)
            print(state.keys())
            """), "[b'1']\ndivision by zero\na value is str or bytes, not int\n[]\n")

    def test_threads_work_at_the_same_time(self):
        self.assertEqual(self.run_script("""
            import sys, threading, enoki
            state = enoki.State(sys.argv[1], "k")
            def add():
                for _ in range(200):
                    state.modify("n", lambda f: str(int(f[0].value) + 1) if f else "1")
            threads = [threading.Thread(target=add) for _ in range(8)]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            print(state.read("n").texts())
            """), "['1600']\n")

    def test_an_append_only_keygroup(self):
        self.assertEqual(self.run_script("""
            import sys, enoki
            log = enoki.State(sys.argv[1], "log", append_only=True)
            ids = [log.append(word) for word in ("a", b"b", "c")]
            print(log.scan(ids[1]).texts(), log.keys(count=1) == ids[:1])
            try:
                log.update("x", "1")
            except enoki.KindError as error:
                print(error.name)
            """), "['b', 'c'] True\nEKIND\n")

    def test_wrong_use_is_an_exception(self):
        self.assertEqual(self.run_script("""
            import enoki, kv, sys
            state = enoki.State(sys.argv[1], "k")
            for wrong in (lambda: enoki.state(), lambda: kv.read("x"), lambda: state.read("a b"),
                          lambda: state.read(7), lambda: state.update("x", "1", expect=[]),
                          lambda: state.scan(count=-1), lambda: enoki.State("nonsense:", "k"),
                          lambda: enoki.Items(), lambda: (state.close(), state.read("x"))):
                try:
                    wrong()
                except Exception as error:
                    print(type(error).__name__, end=" ")
            """), "RuntimeError RuntimeError InvalidError TypeError TypeError ValueError InvalidError "
                  "TypeError ValueError ")


if __name__ == "__main__":
    unittest.main()
