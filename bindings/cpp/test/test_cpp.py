#!/usr/bin/python3
"""Functions written in C++: what a caller gets, and that C++ and C read each other's items."""
import http.server
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parent.parent.parent
BUILD = pathlib.Path(sys.argv.pop(1)).resolve()
CPP = BUILD / "bindings" / "cpp"
sys.path.append(str(SOURCE / "testing" / "support"))
import running  # noqa: E402

SANITIZED = os.environ.get("ENOKI_SANITIZE", "") != ""
RUNTIMES = ["thread", "prefork", "process"]


class Cpp(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="enoki-cpp-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def serve(self, library, *options, runtime="thread"):
        state = f"embedded:{self.folder}/state?durability=process"
        return self.enterContext(running.server(
            [BUILD / "cmd" / "enoki-run", "-r", runtime, "-s", state, *options, library]))

    def test_the_classes_of_state_do_what_the_header_says(self):
        for program in ["cpp_state", "cpp_state_noexceptions"]:
            with self.subTest(program=program), tempfile.TemporaryDirectory() as folder:
                done = subprocess.run([CPP / program], cwd=folder, capture_output=True, text=True,
                                      stdin=subprocess.DEVNULL, timeout=60)
                self.assertEqual((done.returncode, done.stdout), (0, "ok\n"), done.stderr)

    def test_the_moving_average_is_that_of_the_one_in_c_in_every_runtime(self):
        in_c = self.serve(BUILD / "testing" / "functions" / "movingaverage.so", "--keygroup", "c")
        inputs = ["39.4", "-5", "7-50", "7-51", "7-52.5", "", "1000-5", "3--5", "5.", "1e5",
                  "0-1000000", "7-0.0001", "x"] + [f"7-{value}" for value in range(12)]
        expected = [running.call(in_c, text.encode()) for text in inputs]
        for runtime in RUNTIMES:
            with self.subTest(runtime=runtime):
                url = self.serve(CPP / "movingaverage.so", "--keygroup", "cpp" + runtime,
                                 runtime=runtime)
                self.assertEqual([running.call(url, text.encode()) for text in inputs], expected)

    def test_c_goes_on_where_cpp_stopped(self):
        url = self.serve(CPP / "movingaverage.so", "--keygroup", "shared")
        self.assertEqual(running.call(url, b"10"), (200, b"10"))
        url = self.serve(BUILD / "testing" / "functions" / "movingaverage.so", "--keygroup",
                         "shared")
        self.assertEqual(running.call(url, b"20"), (200, b"15"))

    def test_a_bad_window_stops_the_start_with_the_constructors_words(self):
        with self.assertRaises(running.Failed) as failed:
            self.serve(CPP / "movingaverage.so", "-e", "WINDOW=0", runtime="thread")
        self.assertIn("WINDOW is '0'", str(failed.exception))

    def test_a_call_shows_everything_and_what_is_thrown_becomes_500(self):
        for runtime in RUNTIMES:
            with self.subTest(runtime=runtime):
                url = self.serve(CPP / "probe.so", runtime=runtime)
                request = urllib.request.Request(url + "/sub?q=1", b"x", {"X-In": "yes"})
                with urllib.request.urlopen(request, timeout=60) as answer:
                    self.assertEqual((answer.status, answer.headers["X-Calls"]), (201, "1"))
                    self.assertEqual(answer.read(), b"POST /sub q=1 yes probe\n")
                for body, text in [(b"error", "thrown by hand"), (b"exception", "a plain except"),
                                   (b"other", "what is no exception")]:
                    status, answer = running.call(url, body)
                    self.assertEqual(status, 500)
                    self.assertIn(text, answer.decode())

    def test_a_function_calls_another_one(self):
        seen = []

        class Other(http.server.BaseHTTPRequestHandler):
            def do_PUT(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                seen.append((self.path, self.headers["X-One"], self.headers["Content-Type"]))
                self.send_response(203)
                self.send_header("X-Back", "yes")
                self.send_header("Content-Type", "text/back")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        with http.server.HTTPServer(("127.0.0.1", 0), Other) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            url = self.serve(CPP / "probe.so", "--remote",
                             f"other=http://127.0.0.1:{server.server_address[1]}/other")
            self.assertEqual(running.call(url, b"invoke"),
                             (203, b"passed on|text/back|yes|ENOTFOUND"))
            self.assertEqual(seen, [("/other/below", "1", "text/x-own")])
            server.shutdown()

    def compile(self, code, name, *flags):
        source = self.folder / f"{name}.cpp"
        source.write_text(code)
        done = subprocess.run(
            ["c++", "-std=c++17", "-Wall", "-Wextra", "-Werror", f"-I{HERE.parent}/include",
             f"-I{SOURCE}/libenoki/include", source, *flags, "-o", self.folder / name],
            capture_output=True, text=True, stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, 0, done.stderr)
        return self.folder / name

    def test_the_readme_shows_a_function_and_a_program_that_compile(self):
        function, program = re.findall(
            r"```cpp\n(.*?)```", (HERE.parent / "README.md").read_text(), re.S)
        visits = self.compile(function, "visits.so", "-shared", "-fPIC")
        if SANITIZED:
            return  # what is linked here has no sanitizer in it
        url = self.serve(visits, "--keygroup", "tinyFaaSvisits")
        self.assertEqual(running.call(url, b"ada"), (200, b"1\n"))
        (self.folder / "state").rename(self.folder / "enoki-state")
        done = subprocess.run(
            [self.compile(program, "list", f"-L{BUILD}/libenoki", "-lenoki",
                          f"-Wl,-rpath,{BUILD}/libenoki")],
            cwd=self.folder, capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stdout), (0, "ada: 1\n"), done.stderr)


unittest.main(verbosity=2)
