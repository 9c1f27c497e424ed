#!/usr/bin/python3
"""The experiments' functions in Python: what they answer, in every runtime, on a folder and on two
FReD nodes."""
import collections
import pathlib
import random
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parent.parent.parent
BUILD = pathlib.Path(sys.argv.pop(1)).resolve()
sys.path.append(str(SOURCE / "testing" / "support"))
import fred_cluster  # noqa: E402
import running  # noqa: E402

RUNTIMES = ["thread", "prefork", "process"]


class Contract:
    """What holds on every backend; self.uri is a node's."""

    def serve(self, name, runtime, uri=None):
        url = self.enterContext(running.server(
            [BUILD / "cmd" / "enoki-run", "-r", runtime, "-s", uri or self.uri, "--keygroup",
             name + runtime, HERE.parent / "functions" / name]))
        return lambda text="": tuple(
            part.decode() if isinstance(part, bytes) else part
            for part in running.call(url, text.encode()))

    def in_every_runtime(self, name):
        for runtime in RUNTIMES:
            with self.subTest(runtime=runtime):
                yield self.serve(name, runtime)

    def refuses(self, call, inputs, form):
        for text in inputs:
            status, answer = call(text)
            self.assertEqual(status, 500)
            self.assertIn(form, answer)

    def test_integer_counts_each_process_by_itself(self):
        for call in self.in_every_runtime("integer"):
            self.assertEqual([call("7-10") for _ in range(3)], [(200, "1"), (200, "2"), (200, "3")])
            self.assertEqual([call("8"), call(), call()], [(200, "1"), (200, "1"), (200, "2")])
            self.refuses(call, ["a b", "-1"], "send PROCESS")

    def test_read_writes_what_is_missing_and_reads_it_from_then_on(self):
        for call in self.in_every_runtime("read"):
            self.assertEqual([call("1-1000")[1] for _ in range(3)], ["write", "read", "read"])
            self.refuses(call, ["", "1", "1-0", "1-x", "-5"], "PROCESS-BYTES")

    def test_write_stores_a_new_item_with_every_call(self):
        for call in self.in_every_runtime("write"):
            keys = [call("1-100000")[1] for _ in range(3)]
            self.assertEqual(len(set(keys)), 3)
            for key in keys:
                self.assertRegex(key, "^[0-9a-f]{32}$")

    def test_movingaverage_is_the_mean_of_the_last_ten_of_that_process_alone(self):
        for call in self.in_every_runtime("movingaverage"):
            windows = collections.defaultdict(lambda: collections.deque(maxlen=10))
            source = random.Random(7)
            for _ in range(60):
                process, value = source.choice([1, 2, 10, 11]), round(source.uniform(-40, 110), 1)
                windows[process].append(value)
                status, answer = call(f"{process}-{value}")
                self.assertEqual(status, 200)
                self.assertAlmostEqual(float(answer),
                                       sum(windows[process]) / len(windows[process]))
            self.refuses(call, ["", "5", "x-5", "1-nan", "1000-5"], "PROCESS-VALUE")

    def test_replication_hands_out_the_whole_value_that_was_stored_last(self):
        for call in self.in_every_runtime("replication"):
            self.assertEqual(call(), (200, "No value yet"))
            self.assertEqual(call("0123456789abcdef"), (200, ""))
            self.assertEqual(call(), (200, "0123456789abcdef"))


class Embedded(Contract, unittest.TestCase):
    def setUp(self):
        folder = self.enterContext(tempfile.TemporaryDirectory(prefix="enoki-functions-"))
        self.uri = f"embedded:{folder}/state?durability=process"


class Fred(Contract, unittest.TestCase):
    def setUp(self):
        folder = self.enterContext(tempfile.TemporaryDirectory(prefix="enoki-functions-"))
        self.cluster = self.enterContext(fred_cluster.Cluster(BUILD, pathlib.Path(folder)))
        self.sessions = f"{folder}/sessions-"
        self.uri = self.cluster.uri(session=self.sessions + "a")

    def test_what_is_written_at_one_node_is_read_at_the_other(self):
        writer = self.serve("replication", "prefork")
        reader = self.serve("replication", "prefork",
                            self.cluster.uri("nodeB", session=self.sessions + "b"))
        self.assertEqual(writer("from nodeA"), (200, ""))
        self.assertEqual(reader(), (200, "from nodeA"))


if __name__ == "__main__":
    unittest.main()
