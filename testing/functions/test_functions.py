#!/usr/bin/python3
"""What a caller of the example functions gets, over HTTP and with the embedded state."""
import collections
import concurrent.futures
import math
import pathlib
import random
import subprocess
import sys
import tempfile
import unittest

TESTING = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(sys.argv.pop(1)).resolve()
sys.path.append(str(TESTING / "support"))
import running  # noqa: E402


class Functions(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="enoki-functions-")
        self.addCleanup(folder.cleanup)
        self.state = f"embedded:{folder.name}/state?durability=process"

    def serve(self, name, *options):
        """Starts the function; returns what calls it and hands out status and text."""
        server = running.server([BUILD / "cmd" / "enoki-run", "-r", "thread", "-s", self.state,
                                 *options, BUILD / "testing" / "functions" / f"{name}.so"])
        url = self.enterContext(server)

        def call(body=None):
            status, answer = running.call(url, body if body is None else body.encode())
            return status, answer.decode()
        return call

    def stored(self, keygroup, item):
        command = [BUILD / "cmd" / "enoki", "state", "get", keygroup, item, "-s", self.state]
        return subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL,
                              text=True).stdout.strip()

    def refuses(self, call, inputs, form):
        for text in inputs:
            with self.subTest(input=text):
                status, answer = call(text)
                self.assertEqual(status, 400)
                self.assertIn(form, answer)

    def test_movingaverage_takes_a_value_or_a_sensor_and_a_value(self):
        call = self.serve("movingaverage", "-e", "WINDOW=1")
        for text, mean in [("39.4", "39.4"), ("-5", "-5"), ("3--5", "-5"), ("999-0.125", "0.125"),
                           ("007-50", "50"), ("1000", "1000"), ("0-1000000", "1000000")]:
            with self.subTest(input=text):
                self.assertEqual(call(text), (200, mean))
        self.refuses(call, ["", "-", "abc", "5-", "--5", "5 ", " 5", "1e5", "0x10", "nan", "5.",
                            "3-5-6", "3-+5", "1000-5", "x-5", "1" * 400], "SENSOR-VALUE")

    def test_movingaverage_is_the_mean_of_the_last_ten_of_that_sensor_alone(self):
        call = self.serve("movingaverage")
        windows = collections.defaultdict(lambda: collections.deque(maxlen=10))
        source = random.Random(7)
        # Neighbours in key order, so that a scan which leaves its own keys would show.
        for _ in range(150):
            sensor = source.choice(["", "1-", "2-", "10-", "11-"])
            value = round(source.uniform(-40, 110), 1)
            windows[sensor].append(value)
            status, answer = call(f"{sensor}{value}")
            self.assertEqual(status, 200)
            self.assertEqual(answer.removesuffix(".0"), answer)
            self.assertEqual(float(answer), math.fsum(windows[sensor]) / len(windows[sensor]))

    def test_movingaverage_loses_no_reading_of_concurrent_calls(self):
        call = self.serve("movingaverage")
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: call("5-2"), range(100)))
        self.assertEqual(set(answers), {(200, "2")})
        self.assertEqual(self.stored("tinyFaaSmovingaverage", "sensor005next"), "100")

    def test_movingaverage_refuses_a_window_that_is_none(self):
        with self.assertRaises(running.Failed) as failed:
            with running.server([BUILD / "cmd" / "enoki-run", "-s", self.state, "-e", "WINDOW=0",
                                 BUILD / "testing" / "functions" / "movingaverage.so"]):
                pass
        self.assertIn("WINDOW is '0'", str(failed.exception))

    def test_integer_counts_exactly_under_concurrency(self):
        call = self.serve("integer")
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: call("7-10"), range(100)))
        self.assertEqual(sorted(int(text) for _, text in answers), list(range(1, 101)))
        self.assertEqual(call("8"), (200, "1"))
        self.assertEqual(call(), (200, "1"))
        self.refuses(call, ["a b", "a_b"], "PROCESS")

    def test_read_writes_what_is_missing_and_reads_it_from_then_on(self):
        call = self.serve("read")
        self.assertEqual([call("1-1000")[1] for _ in range(3)], ["write", "read", "read"])
        self.assertEqual(self.stored("tinyFaaSread", "data1"), "a" * 1000)
        self.refuses(call, ["", "1", "1-", "1-0", "1-x", "1-3000001", "-5"], "PROCESS-BYTES")

    def test_write_stores_a_new_item_with_every_call(self):
        call = self.serve("write")
        ids = [call("1-1000000")[1] for _ in range(3)]
        self.assertEqual(len(set(ids)), 3)
        for item in ids:
            self.assertRegex(item, "^[0-9a-f]{32}$")
            self.assertEqual(self.stored("tinyFaaSwrite", item), "a" * 1000000)

    def test_replication_hands_out_the_whole_value_that_was_stored_last(self):
        call = self.serve("replication")
        self.assertEqual(call(), (200, "No value yet"))
        self.assertEqual(call("0123456789abcdef"), (200, ""))
        self.assertEqual(call(), (200, "0123456789abcdef"))

    def test_echo_answers_what_it_was_sent(self):
        call = self.serve("echo")
        self.assertEqual(call("Hello World!"), (200, "Hello World!"))


unittest.main(verbosity=2)
