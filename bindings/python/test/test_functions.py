#!/usr/bin/python3
"""The experiments' functions in Python: what they answer, in every runtime, on a folder and on two
FReD nodes."""
import pathlib
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parent.parent.parent
BUILD = pathlib.Path(sys.argv.pop(1)).resolve()
sys.path.append(str(SOURCE / "testing" / "support"))
import experiment_checks  # noqa: E402
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

    def test_every_function_in_every_runtime(self):
        for name, check in experiment_checks.CHECKS.items():
            for runtime in RUNTIMES:
                with self.subTest(check=check.__name__, runtime=runtime):
                    check(self, self.serve(name, runtime))


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
