"""Nodes to try, each with material of its own, and clients that speak with no code of ours."""
import os
import pathlib
import sys

import grpc
import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("ENOKI_BUILD", ROOT / "build"))
sys.path.insert(0, str(ROOT / "testing/replay"))
import cluster
import wire

PROGRAM = BUILD / "testing/support/fred-double"
ENOKI = BUILD / "cmd/enoki"
UNAVAILABLE, DEADLINE, UNKNOWN = 14, 4, 2


class Client:
    """One connection of one user to one node."""

    def __init__(self, address, certificates, user="alice", ca=None, limits=()):
        read = lambda path: pathlib.Path(path).read_bytes()
        folder = pathlib.Path(certificates)
        identity = (read(folder / f"{user}.key"), read(folder / f"{user}.crt")) if user else ()
        # A pool of its own: else clients of one user would share a connection.
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.initial_reconnect_backoff_ms", 20),
                   ("grpc.max_reconnect_backoff_ms", 100), ("grpc.enable_retries", 0), *limits]
        self.channel = grpc.secure_channel(
            address, grpc.ssl_channel_credentials(read(ca or folder / "ca.crt"), *identity),
            options)

    def begin(self, call, limit_s=20, compression=None, **request):
        fields = wire.CLIENT[call][0]
        return self.channel.unary_unary("/mcc.fred.client.Client/" + call).future(
            wire.encode(fields, request), timeout=limit_s, wait_for_ready=False,
            compression=compression)

    @staticmethod
    def end(call, future):
        """What it answered, or (code, message)."""
        try:
            return wire.decode(wire.CLIENT[call][1], future.result())
        except grpc.RpcError as error:
            return error.code().value[0], error.details()

    def call(self, call, limit_s=20, compression=None, **request):
        return self.end(call, self.begin(call, limit_s, compression, **request))

    def update(self, value, limit_s=20, id="x"):
        return self.call("Update", limit_s, keygroup="kg", id=id, data=value)

    def read(self, limit_s=20, id="x"):
        """The values, or (code, message)."""
        found = self.call("Read", limit_s, keygroup="kg", id=id)
        return found if isinstance(found, tuple) else [item["val"] for item in found["data"]]


class Cluster(cluster.Double):
    def __init__(self, certificates, *more):
        super().__init__(str(PROGRAM), certificates, *more)
        self.clients = []

    def client(self, node="nodeA", user="alice", **more):
        self.clients.append(Client(self.addresses[node], self.certificates, user, **more))
        return self.clients[-1]

    def stop(self):
        """Its exit status after SIGTERM."""
        self._process.terminate()
        return self._process.wait(60)

    def close(self):
        for client in self.clients:
            client.channel.close()
        status = self.stop()
        super().close()
        assert status == 0, self.log


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certs")
    cluster.make_certificates(str(ENOKI), folder, ["nodeA", "nodeB", "alice", "bob"])
    return folder


@pytest.fixture
def nodes(certificates):
    """Two nodes, synchronous, with the keygroup kg of alice on both."""
    started = Cluster(certificates)
    admin = started.client()
    assert admin.call("CreateKeygroup", keygroup="kg", mutable=True) == {}
    assert admin.call("AddReplica", keygroup="kg", nodeId="nodeB") == {}
    assert admin.update("first") == {"version": {"version": {"nodeA": 1}}}
    yield started
    started.close()
