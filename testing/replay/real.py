#!/usr/bin/python3
"""real.py BUILD - replays what can be replayed on real nodes: see ../support/real_fred.py. Exit status
77: there are none."""
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
import real_fred


def main():
    if reason := real_fred.why():
        print(f"skipped: {reason}")
        return 77
    status = 0
    for replication in ("sync", "async"):
        with real_fred.RealCluster(f"{sys.argv[1]}/cmd/enoki", replication) as nodes:
            command = [sys.executable, str(HERE / "replay.py"), "--build", sys.argv[1], "--certs",
                       str(nodes.certificates), "--replication", replication]
            for name, address in nodes.addresses.items():
                command += ["--node", f"{name}={address}"]
            groups = [f"client-{replication}", "middleware"]
            status |= subprocess.run(command + groups, check=False).returncode
    return status


if __name__ == "__main__":
    sys.exit(main())
