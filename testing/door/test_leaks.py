"""100,000 calls through the front door leave nothing behind: no descriptor, no memory, no process."""
import http.client
import pathlib
import threading

CALLS, CONNECTIONS, WARM_UP = 100000, 8, 10000
NAMES = ("t", "p")


def family(pid):
    """A process and its descendants."""
    found = [pid]
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += family(int(child))
    return found


def measure(node):
    """Descriptors and resident memory of each, and how many there are."""
    pids = family(node.process.pid)
    files = {pid: len(list(pathlib.Path(f"/proc/{pid}/fd").iterdir())) for pid in pids}
    memory = {pid: int(pathlib.Path(f"/proc/{pid}/status").read_text()
                       .split("VmRSS:")[1].split()[0]) for pid in pids}
    return len(pids), sum(files.values()), sum(memory.values())


def drive(node, calls):
    wrong = []

    def work(names):
        connection = http.client.HTTPConnection(*node.http, timeout=60)
        for i in range(calls // CONNECTIONS):
            connection.request("POST", "/" + names[i % len(names)], b"hello")
            answer = connection.getresponse()
            if (answer.status, answer.read()) != (200, b"hello"):
                wrong.append(answer.status)
        connection.close()

    threads = [threading.Thread(target=work, args=(NAMES,)) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_nothing_leaks(start):
    node = start('{ name = "t"; code = "$LIB/echo.so"; runtime = "thread"; workers = 4; },'
                 '{ name = "p"; code = "$LIB/echo.so"; workers = 2; }').wait_ready("t", "p")
    drive(node, WARM_UP)
    processes, files, memory = measure(node)
    drive(node, CALLS)
    after = measure(node)
    assert after[0] == processes
    assert after[1] <= files + 2
    assert after[2] <= memory + 4096, f"{after[2] - memory} KiB more"
    assert sum(node.describe(name)["calls"] for name in ("t", "p")) == CALLS + WARM_UP
    node.stop()
