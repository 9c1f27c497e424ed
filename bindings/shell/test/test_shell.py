#!/usr/bin/python3
"""Functions that are programs: what tinyFaaS's kind "binary" promises, in every runtime."""
import concurrent.futures
import os
import pathlib
import select
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(sys.argv.pop(1)).resolve()
sys.path.append(str(HERE.parent.parent.parent / "testing" / "support"))
import running  # noqa: E402

RUNTIMES = ["thread", "prefork", "process"]


class Shell(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="enoki-shell-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def package(self, text, mode=0o755):
        folder = self.folder / "demo"
        folder.mkdir(exist_ok=True)
        (folder / "fn.sh").write_text("#!/bin/sh\n" + text)
        (folder / "fn.sh").chmod(mode)
        return folder

    def serve(self, text, *options, runtime="prefork", mode=0o755):
        return self.enterContext(running.server(
            [BUILD / "cmd" / "enoki-run", "-r", runtime, "-s", f"embedded:{self.folder}/state",
             *options, self.package(text, mode)]))

    def test_the_body_is_its_input_and_all_that_it_writes_the_reply(self):
        for runtime in RUNTIMES:
            with self.subTest(runtime=runtime):
                url = self.serve("cat; echo to stderr >&2; echo again\n", runtime=runtime)
                self.assertEqual(running.call(url, b"in\0put\n"),
                                 (200, b"in\0put\nto stderr\nagain\n"))

    def test_a_status_that_is_not_0_is_500_with_the_output_and_the_status(self):
        url = self.serve("read word; echo $word; [ $word = kill ] && kill -9 $$; exit $word\n")
        self.assertEqual(running.call(url, b"3\n"), (500, b"3\nexit status 3\n"))
        self.assertEqual(running.call(url, b"kill\n"), (500, b"kill\nsignal: Killed\n"))
        self.assertEqual(running.call(url, b"0\n"), (200, b"0\n"))

    def test_large_bodies_pass_both_ways_at_the_same_time(self):
        body = bytes(range(256)) * 4000
        for runtime in RUNTIMES:
            with self.subTest(runtime=runtime):
                url = self.serve("exec cat\n", runtime=runtime)
                with concurrent.futures.ThreadPoolExecutor(4) as pool:
                    for answer in pool.map(lambda _: running.call(url, body), range(8)):
                        self.assertEqual(answer, (200, body))

    def test_signals_are_its_own(self):
        for runtime in RUNTIMES:
            with self.subTest(runtime=runtime):
                url = self.serve("""
                    sleep 1000 & kill $!; wait $! 2>/dev/null; echo $?
                    trap 'echo trapped' TERM; kill $$
                    trap 'echo interrupted' INT; kill -INT $$
                    """, runtime=runtime)
                self.assertEqual(running.call(url, b""), (200, b"143\ntrapped\ninterrupted\n"))

    def test_input_that_is_not_read_is_no_error(self):
        url = self.serve("echo done\n")
        self.assertEqual(running.call(url, b"x" * 1000000), (200, b"done\n"))

    def test_it_runs_in_its_folder_with_the_functions_variables(self):
        url = self.serve("cat beside; echo $WORD; pwd\n", "-e", "WORD=given words")
        (self.folder / "demo" / "beside").write_text("a file\n")
        self.assertEqual(running.call(url, b""),
                         (200, f"a file\ngiven words\n{self.folder}/demo\n".encode()))

    def test_one_that_takes_too_long_is_killed_with_its_children(self):
        url = self.serve("sleep 1000 & echo $! > pid; wait\n", "--timeout", "1s")
        self.assertEqual(running.call(url, b"")[0], 504)
        pid = (self.folder / "demo" / "pid").read_text().strip()
        try:
            end = os.pidfd_open(int(pid))
        except ProcessLookupError:
            return
        # It was killed before the answer; a busy machine may take a moment to end it.
        self.assertTrue(select.select([end], [], [], 60)[0])
        os.close(end)

    def test_too_much_output_is_an_error_and_the_next_call_is_answered(self):
        url = self.serve("read word; [ $word = much ] && exec cat /dev/zero; echo well\n")
        status, text = running.call(url, b"much\n")
        self.assertEqual(status, 500)
        self.assertIn(b"wrote more than", text)
        self.assertEqual(running.call(url, b"little\n"), (200, b"well\n"))

    def test_a_file_that_lost_its_mode_gets_it_back(self):
        url = self.serve("echo well\n", mode=0o644)
        self.assertEqual(running.call(url, b""), (200, b"well\n"))

    def test_a_program_without_interpreter_is_refused(self):
        folder = self.package("")
        for text, words in [("echo\n", "let its first line be '#!/bin/sh'"),
                            ("", "let its first line be '#!/bin/sh'"),
                            ("#!/no/such/interpreter -x\n", "'#!/no/such/interpreter', which is no"),
                            ("#!/bin/sh\r\necho\r\n", "'#!/bin/sh', ends as lines do on Windows")]:
            (folder / "fn.sh").write_bytes(text.encode())
            with self.assertRaises(running.Failed) as failed:
                server = running.Server([str(BUILD / "cmd" / "enoki-run"), str(folder)])
                self.addCleanup(server.close)
                server.wait_ready()
            self.assertIn(words, str(failed.exception))

    def test_a_program_that_is_none_says_so(self):
        folder = self.package("")
        (folder / "fn.sh").write_bytes(b"\x7fELF\0 and no more")
        url = self.enterContext(running.server([BUILD / "cmd" / "enoki-run", folder]))
        status, text = running.call(url, b"")
        self.assertEqual(status, 500)
        self.assertIn(b"Exec format error", text)


if __name__ == "__main__":
    unittest.main()
