#!/usr/bin/python3
"""The example at the top of each public header is the text of a program here, and it works."""
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
INCLUDE = HERE.parent.parent / "libenoki" / "include" / "enoki"
BUILD = pathlib.Path(sys.argv.pop(1)).resolve()
PROGRAMS = BUILD / "testing" / "headers"
sys.path.append(str(HERE.parent / "support"))
import running  # noqa: E402


def example(header):
    """The first indented block of a header's comment, without the remarks beside the code."""
    comment = header.read_text().split("*/")[0]
    block = re.search(r"^ \*   .*\n(?: \*(?:   .*)?\n)*", comment, re.M)
    lines = [line[2:].strip() for line in block.group().splitlines()] if block else []
    return [re.sub(r"\s{3,}.*", "", line) for line in lines if line]


class Headers(unittest.TestCase):
    def run_program(self, name, files=()):
        with tempfile.TemporaryDirectory(prefix="enoki-headers-") as folder:
            for file, text in files:
                (pathlib.Path(folder) / file).write_text(text)
            return subprocess.run([PROGRAMS / f"header_{name}"], cwd=folder, capture_output=True,
                                  stdin=subprocess.DEVNULL, text=True, timeout=60)

    def serves(self, command):
        with tempfile.TemporaryDirectory(prefix="enoki-headers-") as folder:
            with running.server(command, cwd=folder) as url:
                self.assertEqual(running.call(url, b"hello"), (200, b"hello"))

    def test_every_header_shows_the_text_of_its_program(self):
        for header in INCLUDE.glob("*.h"):
            with self.subTest(header=header.name):
                if header.name == "enoki.h":  # all the others, nothing of its own
                    continue
                shown = example(header)
                self.assertTrue(shown, "no example")
                program = (HERE / header.with_suffix(".c").name).read_text().splitlines()
                self.assertIn("\n".join(shown), "\n".join(p.strip() for p in program if p.strip()))

    def test_base_prints_the_version(self):
        self.assertRegex(self.run_program("base").stdout, r"^libenoki \d+\.\d+\.\d+\n$")

    def test_error_prints_what_is_wrong_with_which_value(self):
        done = self.run_program("error")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stderr, "'x'")

    def test_state_prints_what_it_stored(self):
        done = self.run_program("state")
        self.assertEqual((done.returncode, done.stdout), (0, "hello\n"), done.stderr)

    def test_config_counts_functions_and_names_file_and_line_of_a_mistake(self):
        good = 'functions = ( { name = "echo"; code = "echo.so"; } );\n'
        self.assertEqual(self.run_program("config", [("node.conf", good), ("echo.so", "")]).stdout,
                         "1 functions\n")
        bad = good.replace("code", "worker")
        self.assertRegex(self.run_program("config", [("node.conf", bad)]).stderr,
                         r"node\.conf:1: .*worker")

    def test_keygroup_says_whose_they_are(self):
        self.assertIn("keygroups with replicas are FReD's", self.run_program("keygroup").stderr)

    def test_tls_issues_and_loads(self):
        done = self.run_program("tls")
        self.assertEqual((done.returncode, done.stdout), (0, "alice\n"), done.stderr)

    def test_function_answers(self):
        self.serves([BUILD / "cmd" / "enoki-run", "-n", "fn", PROGRAMS / "header_function.so"])

    def test_invoke_answers_what_the_called_function_does(self):
        echo = [BUILD / "cmd" / "enoki-run", "-n", "echo", PROGRAMS / "header_function.so"]
        with tempfile.TemporaryDirectory(prefix="enoki-headers-") as folder:
            with running.server(echo, cwd=folder) as url:
                self.serves([BUILD / "cmd" / "enoki-run", "--remote", f"echo={url}", "-n", "fn",
                             PROGRAMS / "header_invoke.so"])

    def test_runtime_and_invocation_answer(self):
        self.serves([PROGRAMS / "header_runtime", "-n", "fn", PROGRAMS / "header_function.so"])


unittest.main(verbosity=2)
