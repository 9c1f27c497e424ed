"""real_fred.py - two real FReD nodes and their etcd, for the tests that otherwise use the double.

    with real_fred.RealCluster(enoki, "sync") as cluster:
        cluster.addresses, cluster.certificates

Needs ENOKI_FREDNODE and ENOKI_ETCD, the two binaries (why() says so while they are missing). Material
comes from `enoki certs`. There is no control over the link between the nodes: scenarios that hold or
cut it are left out."""
import os
import pathlib
import socket
import subprocess
import tempfile
import time

NODES = ("nodeA", "nodeB")
USERS = ("alice", "bob", "carol", "dave", "alexandra", "trigger", "etcd")


class Failed(Exception):
    """The cluster did not come up."""


def why():
    """None if a real cluster can be started, else the reason why not."""
    for name in ("ENOKI_FREDNODE", "ENOKI_ETCD"):
        path = os.environ.get(name)
        if not path:
            return f"{name} does not name a binary"
        if not os.access(path, os.X_OK):
            return f"{name}: '{path}' cannot be executed"
    return None


def _free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def _wait_for(port, process, log, limit_s=30):
    until = time.monotonic() + limit_s
    while time.monotonic() < until and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise Failed(f"nothing listens on port {port}; it wrote:\n{log.read_text(errors='replace')}")


class RealCluster:
    def __init__(self, enoki, replication="sync"):
        self._enoki, self._replication = enoki, replication
        self._processes = []

    def __enter__(self):
        self._folder = tempfile.TemporaryDirectory(prefix="real-fred-")
        self.root = pathlib.Path(self._folder.name)
        self.certificates = self.root / "certs"
        self.ca = self.certificates / "ca.crt"
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in reversed(self._processes):
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._folder.cleanup()

    def _run(self, name, command, port):
        log = self.root / f"{name}.log"
        with open(log, "wb") as file:
            # These variables would override the flags.
            environment = {key: value for key, value in os.environ.items()
                           if key in ("PATH", "HOME", "LANG", "TMPDIR")}
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file,
                                       env=environment)
        self._processes.append(process)
        _wait_for(port, process, log)

    def _start(self):
        run = [self._enoki, "certs", "-d", str(self.certificates)]
        # FReD's own material is RSA; what it accepts beyond that is not tried here.
        subprocess.run([*run, "--rsa=2048", "init"], check=True, stdout=subprocess.DEVNULL)
        for name in (*NODES, *USERS):
            subprocess.run([*run, "--rsa=2048", "issue", name, "--san", "127.0.0.1", "--san",
                            "localhost"], check=True, stdout=subprocess.DEVNULL)
        etcd, etcd_peer, *ports = _free_ports(2 + 2 * len(NODES))
        self._start_etcd(etcd, etcd_peer)
        self.addresses = {}
        for index, node in enumerate(NODES):
            self._start_node(node, etcd, *ports[2 * index:2 * index + 2])
            self.addresses[node] = f"127.0.0.1:{ports[2 * index]}"

    def _pem(self, name, ending):
        return str(self.certificates / f"{name}.{ending}")

    def _start_etcd(self, port, peer_port):
        client, peer = f"https://127.0.0.1:{port}", f"http://127.0.0.1:{peer_port}"
        self._run("etcd", [
            os.environ["ENOKI_ETCD"], "--name", "s-1", "--data-dir", str(self.root / "etcd"),
            "--listen-client-urls", client, "--advertise-client-urls", client,
            "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
            "--initial-cluster", f"s-1={peer}", "--initial-cluster-token", "tkn",
            "--initial-cluster-state", "new", "--cert-file", self._pem("etcd", "crt"),
            "--key-file", self._pem("etcd", "key"), "--client-cert-auth",
            "--trusted-ca-file", str(self.ca)], port)

    def _start_node(self, node, etcd, port, peer_port):
        crt, key, ca = self._pem(node, "crt"), self._pem(node, "key"), str(self.ca)
        flags = {"nodeID": node, "host": f"127.0.0.1:{port}", "cert": crt, "key": key,
                 "ca-file": ca, "peer-host": f"127.0.0.1:{peer_port}", "peer-cert": crt,
                 "peer-key": key, "peer-ca": ca, "adaptor": "badgerdb",
                 "badgerdb-path": str(self.root / node), "nase-host": f"127.0.0.1:{etcd}",
                 "nase-cert": crt, "nase-key": key, "nase-ca": ca, "trigger-cert": crt,
                 "trigger-key": key, "trigger-ca": ca, "log-level": "warn", "handler": "dev"}
        command = [os.environ["ENOKI_FREDNODE"]]
        for name, value in flags.items():
            command += [f"--{name}", value]
        if self._replication == "async":
            command.append("--peer-async-replication")
        self._run(node, command, port)
