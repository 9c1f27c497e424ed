#!/usr/bin/python3
"""The package as pip builds and installs it, from an installed libenoki, without a network."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(sys.argv.pop(1)).resolve()
SCRIPT = """
import enoki, inspect, kv, sys
print(*(inspect.signature(getattr(enoki.State, name)) for name in ("scan", "update")))
with enoki.State(sys.argv[1], "k") as state:
    state.update("x", "1")
    print(enoki.__version__, state.read("x").texts(), kv.RpcError.__name__, enoki.__file__)
"""


def run(*command, **more):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          timeout=200, stdin=subprocess.DEVNULL, **more)


class Wheel(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(
            tempfile.TemporaryDirectory(prefix="enoki-wheel-")))
        self.source = self.folder / "source"
        shutil.copytree(HERE.parent, self.source,
                        ignore=shutil.ignore_patterns("build", "*.egg-info", "__pycache__"))
        self.environment = {**os.environ, "PKG_CONFIG_PATH": f"{self.folder}/prefix/lib/pkgconfig",
                            "PYTHONPATH": ""}

    def pip(self, *words):
        done = run("/usr/bin/python3", "-m", "pip", "--disable-pip-version-check", *words,
                   "--no-index", env=self.environment, cwd=self.folder)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_a_wheel_is_built_from_the_sdist_installed_and_used(self):
        done = run("cmake", "--install", BUILD, "--prefix", self.folder / "prefix")
        self.assertEqual(done.returncode, 0, done.stderr)
        done = run("/usr/bin/python3", "setup.py", "-q", "sdist", "-d", self.folder / "sdists",
                   cwd=self.source, env=self.environment)
        self.assertEqual(done.returncode, 0, done.stderr)
        shutil.rmtree(self.source)
        self.pip("wheel", "--no-build-isolation", "--no-deps", "-w", "wheels",
                 self.folder / "sdists" / "enoki-0.1.0.tar.gz")
        wheels = list((self.folder / "wheels").glob("enoki-0.1.0-*.whl"))
        self.assertEqual(len(wheels), 1)
        self.pip("install", "--target", "installed", wheels[0])
        done = run("/usr/bin/python3", "-c", SCRIPT, f"embedded:{self.folder}/state",
                   env={**os.environ, "PYTHONPATH": str(self.folder / "installed")},
                   cwd=self.folder)
        self.assertEqual(done.stdout, "(self, /, start=None, count=1000000) "
                                      "(self, /, id, value, *, expect=Ellipsis)\n"
                                      f"0.1.0 ['1'] RpcError {self.folder}/installed/enoki/"
                                      "__init__.py\n", done.stderr)

    def test_without_libenoki_it_says_what_is_missing(self):
        done = run("/usr/bin/python3", "setup.py", "--version", cwd=self.source,
                   env={**self.environment, "PKG_CONFIG_LIBDIR": "/nonexistent"})
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("libenoki is not found: install it", done.stderr)


if __name__ == "__main__":
    unittest.main()
