"""The experiments' functions in Python, deployed by a plain upload on a node whose state is a folder
or FReD: what they answer, in every runtime."""
import pathlib
import sys
import unittest

import pytest

import conftest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.append(str(ROOT / "testing" / "support"))
import experiment_checks  # noqa: E402
import fred_cluster  # noqa: E402

LISTEN = 'listen = { http = "127.0.0.1:0"; management = "127.0.0.1:0"; };'
FRED = """
state = { backend = "fred"; nodes = ( "%s" ); tls = "certs"; user = "alice"; admin = "admin"; };
isolation = { users = "shared"; };
"""


@pytest.fixture(params=["embedded", "fred"])
def more(request, tmp_path):
    """What the node's file says beside its functions."""
    if request.param == "embedded":
        yield LISTEN
        return
    with fred_cluster.Cluster(conftest.BUILD, tmp_path) as cluster:
        yield LISTEN + FRED % cluster.addresses["nodeA"]


@pytest.mark.parametrize("runtime", ["thread", "prefork", "process"])
def test_an_uploaded_function_answers_as_in_the_experiments(start, more, runtime):
    node, test = start("", more), unittest.TestCase()
    for name, check in experiment_checks.CHECKS.items():
        text = node.upload_by_script(ROOT / "bindings" / "python" / "functions" / name, name,
                                     "python3-kv", 2, runtime)
        assert text.endswith(f"/{name}\n"), text

        def call(text="", name=name):
            status, answer = node.call(name, text.encode())
            return status, answer.decode()

        check(test, call)
    assert node.names() == sorted(experiment_checks.CHECKS)
