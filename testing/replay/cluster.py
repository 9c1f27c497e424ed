"""cluster.py - FReD nodes to replay against, and calls to them as bytes.

A Double starts fred-double with material from `enoki certs`; Nodes are nodes that run already.
"""
import pathlib
import re
import subprocess
import tempfile
import threading
from concurrent import futures

import grpc

import wire

USERS = ("alice", "bob", "carol", "dave", "alexandra", "trigger")
LIMITS = [("grpc.max_receive_message_length", 64 << 20),
          ("grpc.max_send_message_length", 64 << 20),
          ("grpc.initial_reconnect_backoff_ms", 50), ("grpc.max_reconnect_backoff_ms", 500)]


def make_certificates(enoki, folder, names):
    """A CA and a certificate for 127.0.0.1 per name."""
    run = [enoki, "certs", "-d", str(folder)]
    subprocess.run([*run, "init"], check=True, stdout=subprocess.DEVNULL)
    for name in names:
        subprocess.run([*run, "issue", name, "--san", "127.0.0.1", "--san", "localhost"],
                       check=True, stdout=subprocess.DEVNULL)


class Nodes:
    """Nodes by name, with certificates in one folder. control is a command's words, or None."""

    def __init__(self, addresses, certificates, ca, control=None):
        self.addresses, self.certificates, self.ca = addresses, pathlib.Path(certificates), ca
        self.control_words = control
        self._channels, self._lock = {}, threading.Lock()

    def control(self, *words):
        done = subprocess.run([*self.control_words, *words], capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"control {' '.join(words)}: {done.stdout}{done.stderr}")
        if words[0] in ("restart", "fresh"):
            self.forget(words[1])

    def _channel(self, node, user):
        with self._lock:
            if (node, user) not in self._channels:
                read = lambda name: (self.certificates / name).read_bytes()
                identity = grpc.ssl_channel_credentials(
                    pathlib.Path(self.ca).read_bytes(), read(user + ".key"), read(user + ".crt"))
                self._channels[node, user] = grpc.secure_channel(self.addresses[node], identity,
                                                                 LIMITS)
            return self._channels[node, user]

    def forget(self, node=None):
        """Ends connections: to a node that was started again, or all."""
        with self._lock:
            for key in [key for key in self._channels if node in (None, key[0])]:
                self._channels.pop(key).close()

    def call(self, node, user, path, request, limit_s=30):
        """The answer's bytes, or (code, message)."""
        call = self._channel(node, user).unary_unary(path)
        try:
            return call(request, timeout=limit_s, wait_for_ready=True), None
        except grpc.RpcError as error:
            return None, (error.code().value[0], error.details())


class Double(Nodes):
    """Own nodes in one process, gone with close()."""

    def __init__(self, program, certificates, replication="sync", names=("nodeA", "nodeB")):
        self._folder = tempfile.TemporaryDirectory(prefix="replay-")
        socket = self._folder.name + "/control"
        ca = pathlib.Path(certificates) / "ca.crt"
        command = [program, "--ca", str(ca), "--certs", str(certificates), "--replication",
                   replication, "--control", socket]
        for name in names:
            command += ["--node", f"{name}=127.0.0.1:0"]
        self._process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        self.log, addresses, lines = "", {}, ""
        while len(addresses) < len(names):
            line = self._process.stderr.readline()
            lines += line
            if not line:
                raise RuntimeError(f"fred-double did not start; it wrote:\n{lines}")
            if found := re.match(r"ready: (\w+)=(\S+)", line):
                addresses[found[1]] = found[2]
        # Read to the end, or a full pipe would stop it.
        threading.Thread(target=self._drain, daemon=True).start()
        super().__init__(addresses, certificates, ca, [program, "control", socket])
        self.socket = socket

    def _drain(self):
        for line in self._process.stderr:
            self.log += line

    def control(self, *words):
        try:
            super().control(*words)
        except RuntimeError as error:
            raise RuntimeError(f"{error}; fred-double: exit status {self._process.poll()}, "
                               f"it wrote: {self.log}") from None

    def close(self):
        self.forget()
        self._process.terminate()
        self._process.wait()
        self._folder.cleanup()


class Triggers:
    """Trigger servers on ports of their own that keep what they are called with."""

    def __init__(self, certificates, ca, names):
        self.addresses, self._events, self._changed = {}, [], threading.Condition()
        read = lambda name: (pathlib.Path(certificates) / name).read_bytes()
        identity = grpc.ssl_server_credentials([(read("trigger.key"), read("trigger.crt"))],
                                               pathlib.Path(ca).read_bytes(),
                                               require_client_auth=True)
        self._servers = []
        for name in names:
            server = grpc.server(futures.ThreadPoolExecutor(4))
            calls = {call: grpc.unary_unary_rpc_method_handler(self._handler(name, call))
                     for call in wire.TRIGGER_CALLS}
            server.add_generic_rpc_handlers(
                (grpc.method_handlers_generic_handler(wire.TRIGGER_SERVICE, calls),))
            self.addresses[name] = f"127.0.0.1:{server.add_secure_port('127.0.0.1:0', identity)}"
            server.start()
            self._servers.append(server)

    def _handler(self, name, call):
        def handle(request, _context):
            event = {"trigger": call, "server": name,
                     "request": wire.decode(wire.TRIGGER_CALLS[call], request)}
            with self._changed:
                self._events.append(event)
                self._changed.notify_all()
            return b""
        return handle

    def take(self, count, limit_s=2):
        """What came since the last time; waits until so many are there."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._events) >= count, limit_s)
            events, self._events = self._events, []
            return events

    def close(self):
        for server in self._servers:
            server.stop(0)
