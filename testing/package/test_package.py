#!/usr/bin/python3
"""Installs the build, moves the prefix, and uses it as somebody who has nothing else would."""
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

TESTING = pathlib.Path(__file__).resolve().parent.parent
SOURCE = TESTING.parent
BUILD = pathlib.Path(sys.argv.pop(1)).resolve()
FUNCTION = TESTING / "headers" / "function.c"
HEADERS = [p.name for folder in ("libenoki", "bindings/cpp")
           for p in (SOURCE / folder / "include" / "enoki").iterdir()]
sys.path.append(str(TESTING / "support"))
import running  # noqa: E402

PROJECT = """
cmake_minimum_required(VERSION 3.25)
project(outside LANGUAGES C)
find_package(Enoki 0.1 REQUIRED)
add_library(fn MODULE fn.c)
target_link_libraries(fn PRIVATE Enoki::enoki)
set_target_properties(fn PROPERTIES PREFIX "")
"""


def run(*command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          stdin=subprocess.DEVNULL, **options)
    assert done.returncode == 0, f"{command}\n{done.stdout}"
    return done.stdout


class Package(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="enoki-package-")
        cls.work = pathlib.Path(cls.folder.name)
        cls.prefix = cls.work / "prefix"
        run("cmake", "--install", BUILD, "--prefix", cls.work / "first")
        # Nothing installed may know where it was installed to.
        (cls.work / "first").rename(cls.prefix)
        cls.environment = dict(os.environ, PKG_CONFIG_PATH=f"{cls.prefix}/lib/pkgconfig")

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def test_the_prefix_holds_exactly_what_is_promised(self):
        files = {str(p.relative_to(self.prefix)) for p in self.prefix.rglob("*") if not p.is_dir()}
        package = {f for f in files if f.startswith("lib/cmake/Enoki/")}
        python = {f for f in files if f.startswith("lib/enoki/python/")}
        node = {f for f in files if f.startswith("lib/enoki/nodejs/")}
        self.assertEqual({f.removeprefix("lib/enoki/nodejs/") for f in node},
                         {"host.js", "http.js", "frames.js", "modules/kv.js", "modules/kv.d.ts",
                          "modules/enoki.js", "modules/enoki.d.ts"})
        programs = ["enoki-run", "enoki", "enoki-thread", "enoki-prefork", "enoki-process"]
        commands = run(self.prefix / "bin" / "enoki", "completion", "words", "--", "").splitlines()
        pages = programs + ["enoki-" + line.split()[0] for line in commands]
        self.assertEqual(
            files - package - python - node,
            {"bin/" + name for name in [*programs, "enoki-confine"]} | {f"share/man/man1/{name}.1" for name in pages}
            | {"share/bash-completion/completions/enoki", "share/zsh/site-functions/_enoki"}
            | {"include/enoki/" + name for name in HEADERS}
            | {"lib/libenoki.so", "lib/libenoki.so.0", "lib/libenoki.so.0.1.0",
               "lib/enoki/coap.so", "lib/enoki/grpc.so", "lib/enoki/remote.so", "lib/enoki/rpc.so",
               "lib/enoki/tls.so",
               "lib/enoki/python3.so", "lib/enoki/shell.so", "lib/enoki/external.so",
               "lib/enoki/nodejs.so", "lib/pkgconfig/enoki.pc"})
        self.assertEqual(
            {re.sub(r"_enoki\..*", "_enoki.so", f.removeprefix("lib/enoki/python/")) for f in python},
            {"_enoki.so", "kv.py", "enoki/__init__.py", "enoki/__init__.pyi", "enoki/_host.py", "enoki/_invoke.py",
             "enoki/py.typed"})
        self.assertIn("lib/cmake/Enoki/EnokiConfig.cmake", package)

    def serves(self, function):
        state = "embedded:" + tempfile.mkdtemp(dir=self.work)
        program = self.prefix / "bin" / "enoki-run"
        with running.server([program, "-s", state, function], cwd=self.work) as url:
            self.assertEqual(running.call(url, b"hello"), (200, b"hello"))

    def test_a_folder_with_python_or_a_program_runs_wherever_the_prefix_is(self):
        for name, files in [
                ("py", [("fn.py", "def fn(i):\n    return i\n")]),
                ("sh", [("fn.sh", "#!/bin/sh\ncat\n")]),
                ("js", [("package.json", '{"name": "fn"}'),
                        ("index.js", "module.exports = (req, res) => res.send(req.body);\n")])]:
            folder = self.work / name
            folder.mkdir()
            for file, text in files:
                (folder / file).write_text(text)
            self.serves(folder)

    def test_one_compiler_command_with_pkg_config_makes_a_function_that_runs(self):
        flags = run("pkg-config", "--cflags", "--libs", "enoki", env=self.environment).split()
        run("cc", "-shared", "-fPIC", FUNCTION, *flags, "-o", self.work / "fn.so")
        self.serves(self.work / "fn.so")

    def test_a_cmake_project_finds_enoki_and_makes_a_function_that_runs(self):
        project = self.work / "project"
        project.mkdir()
        (project / "CMakeLists.txt").write_text(PROJECT)
        (project / "fn.c").write_text(FUNCTION.read_text())
        run("cmake", "-S", project, "-B", project / "b", f"-DCMAKE_PREFIX_PATH={self.prefix}")
        run("cmake", "--build", project / "b")
        self.serves(project / "b" / "fn.so")

    def test_the_function_in_the_readme_answers_as_the_readme_says(self):
        readme = (SOURCE / "README.md").read_text()
        (self.work / "visits.c").write_text(re.search(r"```c\n(.*?)```", readme, re.S).group(1))
        run("sh", "-c", re.search(r"^cc .*", readme, re.M).group(), cwd=self.work,
            env=self.environment)
        program = self.prefix / "bin" / "enoki-run"
        with running.server([program, "visits.so"], cwd=self.work) as url:
            for body, answer in re.findall(r"^curl -d (\w+) .*:8000/visits +# (.*)", readme, re.M):
                self.assertEqual(running.call(url, body.encode()), (200, answer.encode() + b"\n"))
            command, value = re.search(r"^(enoki state get .*?) +# (.*)", readme, re.M).groups()
            self.assertEqual(run("sh", "-c", f"{self.prefix}/bin/{command}", cwd=self.work).strip(),
                             value)

    def test_what_is_loaded_on_first_use_is_found_where_it_was_moved_to(self):
        enoki = self.prefix / "bin" / "enoki"
        run(enoki, "certs", "-d", self.work / "certs", "init")
        run(enoki, "certs", "-d", self.work / "certs", "issue", "alice", "--san", "127.0.0.1")
        uri = f"fred://127.0.0.1:1?tls={self.work}/certs&user=alice&start=2000"
        done = subprocess.run([enoki, "state", "get", "demo", "x", "-s", uri], text=True,
                              capture_output=True, stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, 1)
        # On a busy machine the time may be over first.
        self.assertRegex(done.stderr, "FReD node 127.0.0.1:1: (failed to connect|no connection in)")

    def test_programs_are_started_by_name_from_wherever_one_is(self):
        path = {**self.environment, "PATH": f"{self.prefix}/bin:{os.environ['PATH']}"}
        folder = self.work / "elsewhere"
        folder.mkdir()
        (folder / "fn.sh").write_text("#!/bin/sh\ncat\n")
        with running.server(["enoki-run", "-n", "cat", "-l", "coap=127.0.0.1:0", "-l",
                             "grpc=127.0.0.1:0", folder], cwd=folder, env=path) as url:
            self.assertEqual(running.call(url, b"hello"), (200, b"hello"))

    def test_the_library_shows_no_symbol_but_enoki(self):
        table = run("nm", "-D", "--defined-only", self.prefix / "lib" / "libenoki.so.0")
        names = [line.split()[2].split("@")[0] for line in table.splitlines()]
        self.assertGreater(len(names), 50)
        self.assertEqual([n for n in names if not n.startswith("enoki_") and n != "ENOKI_0"], [])

    def test_every_header_compiles_alone_in_every_language(self):
        for name in HEADERS:
            languages = [("c", "c11"), ("c", "c17"), ("c++", "c++17"), ("c++", "c++20")]
            for language, standard in languages[2 if name.endswith("pp") else 0:]:
                with self.subTest(header=name, standard=standard):
                    run("cc", "-x", language, f"-std={standard}", "-Wall", "-Wextra",
                        "-Wpedantic", "-Werror", "-fsyntax-only", f"-I{self.prefix}/include",
                        self.prefix / "include" / "enoki" / name)


unittest.main(verbosity=2)
