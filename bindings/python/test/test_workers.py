#!/usr/bin/python3
"""Functions in Python and the processes and threads that run them."""
import concurrent.futures
import time
import unittest

from case import RUNTIMES, Case, running


class Workers(Case):
    def test_workers_share_one_import_and_no_random_numbers(self):
        url = self.serve(f"""
            import os, random, time
            with open({str(self.folder / "imports")!r}, "a") as file:
                file.write("x")

            def fn(i):
                time.sleep(0.05)
                return f"{{os.getpid()}} {{random.random()}}"
            """, "-w", "4")
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = [answer.decode().split() for status, answer in
                       pool.map(lambda _: running.call(url, b"x"), range(40))]
        self.assertGreater(len({pid for pid, _ in answers}), 1)
        self.assertEqual(len({number for _, number in answers}), 40)
        self.assertEqual((self.folder / "imports").read_text(), "x")

    def test_numpy_is_seeded_anew_in_each_worker(self):
        package = self.package("")
        (package / "numpy").mkdir()
        (package / "numpy" / "__init__.py").write_text("")
        (package / "numpy" / "random.py").write_text(
            "import os\nseeds = []\n\ndef seed():\n    seeds.append(os.getpid())\n")
        text = """
            import os
            from numpy.random import seeds

            def fn(i):
                return str(seeds == [os.getpid()])
            """
        for runtime in ["prefork", "process"]:
            with self.subTest(runtime=runtime):
                url = self.serve(text, runtime=runtime)
                self.assertEqual([running.call(url, b"") for _ in range(2)], [(200, b"True")] * 2)

    def test_hooks_of_forks_run_in_each_worker(self):
        for runtime in ["prefork", "process"]:
            with self.subTest(runtime=runtime):
                url = self.serve("""
                    import os
                    ran = []
                    os.register_at_fork(after_in_child=lambda: ran.append(os.getpid()))

                    def fn(i):
                        return str(ran == [os.getpid()])
                    """, runtime=runtime)
                for _ in range(3):
                    self.assertEqual(running.call(url, b"x"), (200, b"True"))

    def test_a_file_that_the_module_opened_is_shared(self):
        (self.folder / "lines").write_text("a\nb\nc\nd\n")
        url = self.serve(f"""
            import os
            FILE = os.open({str(self.folder / "lines")!r}, os.O_RDONLY)

            def fn(i):
                return os.read(FILE, 2)
            """, "-w", "2")
        self.assertEqual(sorted(running.call(url, b"x")[1] for _ in range(4)),
                         [b"a\n", b"b\n", b"c\n", b"d\n"])

    def test_a_module_that_starts_threads_is_imported_in_each_worker(self):
        url = self.serve("""
            import queue, threading
            asked, answered = queue.Queue(), queue.Queue()

            def work():
                while True:
                    answered.put(asked.get() + "!")

            threading.Thread(target=work, daemon=True).start()

            def fn(i):
                asked.put(i)
                return answered.get(timeout=20)
            """, "-w", "2")
        for _ in range(4):
            self.assertEqual(running.call(url, b"x"), (200, b"x!"))

    def test_of_those_only_python_is_imported_again(self):
        package = self.package("")
        (package / "mine.py").write_text("import os\nPID = os.getpid()\n")
        (package / "native").mkdir()
        (package / "native" / "__init__.py").write_text(
            "import os, sys\nfrom . import part\n"
            "sys.modules['native.part'].__file__ = __file__ + '.so'\nPID = os.getpid()\n")
        (package / "native" / "part.py").write_text("")
        url = self.serve("""
            import os, threading, time
            import mine, native
            threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()

            def fn(i):
                return str([mine.PID == os.getpid(), native.PID == os.getpid()])
            """, "-w", "1")
        self.assertEqual(running.call(url, b""), (200, b"[True, False]"))

    def test_a_module_may_use_its_state_while_it_is_imported(self):
        for runtime in RUNTIMES:
            with self.subTest(runtime=runtime):
                url = self.serve("""
                    import enoki, kv, os
                    try:
                        found = kv.read("starts")[0]
                    except Exception:
                        found = ""
                    STATE = enoki.state()
                    kv.update("starts", found + "x")

                    def fn(i):
                        return found + STATE.read("starts").texts()[0]
                    """, "-w", "1", "--keygroup", "starts" + runtime, runtime=runtime)
                # A process for every call imports for every call, and before it comes.
                answer = running.call(url, b"")
                self.assertEqual((answer[0], set(answer[1])), (200, {ord("x")}))

    def test_a_thread_that_a_call_leaves_behind_may_use_the_state(self):
        url = self.serve("""
            import threading
            import kv
            left = []

            def fn(i):
                if i == "start":
                    left.append(threading.Thread(target=kv.update, args=("late", "done")))
                    left[-1].start()
                    return "started"
                left[-1].join()
                return kv.read("late")[0]
            """, "-w", "1")
        self.assertEqual(running.call(url, b"start"), (200, b"started"))
        self.assertEqual(running.call(url, b"end"), (200, b"done"))

    def test_what_a_worker_keeps_for_its_thread_is_there_in_the_next_call(self):
        for runtime in ["thread", "prefork"]:
            with self.subTest(runtime=runtime):
                url = self.serve("""
                    import threading
                    mine = threading.local()

                    def fn(i):
                        mine.count = getattr(mine, "count", 0) + 1
                        return str(mine.count)
                    """, "-w", "1", runtime=runtime)
                self.assertEqual([running.call(url, b"") for _ in range(3)],
                                 [(200, b"1"), (200, b"2"), (200, b"3")])

    def test_a_crash_in_native_code_costs_its_own_call_only_and_is_in_the_log(self):
        server = self.start("""
            import os

            def crash():
                os.abort()

            def fn(i):
                if i == "crash":
                    crash()
                return "well"
            """, "-w", "2")
        url = server.url
        self.assertEqual(running.call(url, b"crash")[0], 502)
        while "in crash\n" not in server.text:  # read by a thread
            time.sleep(0.01)
        for _ in range(5):
            self.assertEqual(running.call(url, b"x"), (200, b"well"))

    def test_no_increment_of_many_workers_is_lost(self):
        for runtime in RUNTIMES:
            with self.subTest(runtime=runtime):
                url = self.serve("""
                    import enoki

                    def one_more(found):
                        return str(int(found[0].value) + 1) if found else "1"

                    def fn(i):
                        state = enoki.state()
                        if i == "add":
                            state.modify("sum", one_more)
                        return state.read("sum").texts()[0]
                    """, "--keygroup", "sum" + runtime, "-w", "4", runtime=runtime)
                with concurrent.futures.ThreadPoolExecutor(8) as pool:
                    done = list(pool.map(lambda _: running.call(url, b"add")[0], range(200)))
                self.assertEqual(done, [200] * 200)
                self.assertEqual(running.call(url, b"show"), (200, b"200"))

    def test_a_subprocess_of_a_function_works(self):
        for runtime in RUNTIMES:
            with self.subTest(runtime=runtime):
                url = self.serve("""
                    import os, subprocess

                    def fn(i):
                        pid = os.fork()
                        if pid == 0:
                            os._exit(7)
                        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                        text = subprocess.run(["cat"], input=i, text=True, capture_output=True)
                        return f"{status} {text.stdout}"
                    """, runtime=runtime)
                self.assertEqual(running.call(url, b"x"), (200, b"7 x"))

    def test_processes_of_a_function_end_by_a_signal_and_it_goes_on(self):
        for runtime in RUNTIMES:
            with self.subTest(runtime=runtime):
                server = self.start("""
                    import multiprocessing, os, signal, subprocess, time

                    def double(n):
                        return 2 * n

                    def rest():
                        time.sleep(1000)

                    def catch(ready):
                        signal.signal(signal.SIGTERM, lambda *_: os._exit(5))
                        ready.set()
                        while True:  # Python sees a signal between two sleeps, if not in one
                            time.sleep(0.01)

                    def ended(process):
                        process.terminate()
                        process.join()
                        return process.exitcode

                    def fn(i):
                        with multiprocessing.Pool(2) as pool:  # its end is a SIGTERM
                            told = [sum(pool.map(double, range(5)))]
                        process = multiprocessing.Process(target=rest)
                        process.start()
                        told.append(ended(process))
                        ready = multiprocessing.Event()
                        process = multiprocessing.Process(target=catch, args=(ready,))
                        process.start()
                        ready.wait()
                        told.append(ended(process))
                        program = subprocess.Popen(["sleep", "1000"])
                        program.terminate()
                        told.append(program.wait())
                        return repr(told)
                    """, "-w", "1", runtime=runtime)
                for _ in range(2):
                    self.assertEqual(running.call(server.url, b""), (200, b"[20, -15, 5, -15]"))
                self.assertNotIn("draining", server.text)


if __name__ == "__main__":
    unittest.main()
