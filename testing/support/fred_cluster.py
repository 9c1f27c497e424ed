"""fred_cluster.py - FReD nodes for a test: fred-double on free ports, with `enoki certs` material.

    with fred_cluster.Cluster(build, folder, nodes=2) as cluster:
        cluster.uri("nodeA", "alice", admin="admin")
        cluster.control("hold")
"""
import pathlib
import re
import subprocess
import tempfile

USERS = ("admin", "alice", "bob")


class Cluster:
    def __init__(self, build, folder, nodes=2, replication="sync"):
        self.build, self.folder = pathlib.Path(build), pathlib.Path(folder)
        self.certs = self.folder / "certs"
        # A socket's path is short; a test's folder need not be.
        self.short = tempfile.TemporaryDirectory(prefix="fred-")
        self.socket = pathlib.Path(self.short.name) / "control"
        self.names = ["nodeA", "nodeB", "nodeC"][:nodes]
        self.double = self.build / "testing" / "support" / "fred-double"
        self.certificates("init")
        for name in (*self.names, *USERS):
            self.issue(name)
        command = [self.double, "--ca", self.certs / "ca.crt", "--certs", self.certs,
                   "--control", self.socket, "--replication", replication]
        for name in self.names:
            command += ["--node", f"{name}=127.0.0.1:0"]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, text=True,
                                        stderr=subprocess.PIPE)
        self.addresses = {}
        for line in self.process.stderr:
            if match := re.match(r"ready: (\w+)=(\S+)", line):
                self.addresses[match.group(1)] = match.group(2)
            if len(self.addresses) == nodes:
                break
        assert len(self.addresses) == nodes, "fred-double did not start"

    def certificates(self, *words, folder=None):
        return subprocess.run([self.build / "cmd" / "enoki", "certs", "-d", folder or self.certs,
                               *words], check=True, capture_output=True, text=True)

    def issue(self, name, *words, folder=None):
        self.certificates("issue", name, "--san", "127.0.0.1", *words, folder=folder)

    def uri(self, node="nodeA", user="alice", certs=None, **options):
        text = f"fred://{self.addresses[node]}?tls={certs or self.certs}&user={user}"
        return text + "".join(f"&{key}={value}" for key, value in options.items())

    def control(self, *words):
        done = subprocess.run([self.double, "control", self.socket, *words], text=True,
                              capture_output=True)
        assert done.returncode == 0, done.stderr

    def close(self):
        self.process.terminate()
        self.process.communicate(timeout=30)
        self.short.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()
