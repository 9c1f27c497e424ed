"""case.py - a function in Python that is started from a test's text: what the tests here share."""
import os
import pathlib
import sys
import tempfile
import textwrap
import unittest

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(sys.argv.pop(1)).resolve()
MODULES = BUILD / "libenoki" / "enoki" / "python"
sys.path.append(str(HERE.parent.parent.parent / "testing" / "support"))
import running  # noqa: E402

RUNTIMES = ["thread", "prefork", "process"]
SANITIZED = os.environ.get("ENOKI_SANITIZE", "") != ""


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="enoki-python-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.state = f"embedded:{self.folder}/state?durability=process"

    def package(self, text, name="demo"):
        """A folder as people have it for Enoki: fn.py."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        (folder / "fn.py").write_text(textwrap.dedent(text))
        return folder

    def start(self, text, *options, runtime="prefork"):
        command = [BUILD / "cmd" / "enoki-run", "-r", runtime, "-s", self.state, *options,
                   self.package(text)]
        server = running.Server([str(word) for word in command])
        self.addCleanup(server.close)
        server.wait_ready()
        return server

    def serve(self, text, *options, runtime="prefork"):
        return self.start(text, *options, runtime=runtime).url

    def refused(self, text, runtime="prefork"):
        """What is said about a package that does not start."""
        with self.assertRaises(running.Failed) as failed:
            self.serve(text, runtime=runtime)
        return str(failed.exception)
