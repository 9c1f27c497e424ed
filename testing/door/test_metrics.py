"""/metrics as Prometheus reads it: the text format's rules, and that the numbers are right."""
import re

from conftest import package
from test_scaling import until

SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\["\\n])*",?)*)\})?'
                    r' (-?(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?|Inf)|NaN)$')
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
KINDS = {"counter", "gauge", "histogram"}


def parse(text):
    """{name: {labels: value}}; every rule of the format that a reader relies on is checked."""
    assert text.endswith("\n") and "\r" not in text
    kinds, helped, found, current = {}, set(), {}, None
    for line in text.splitlines():
        if line.startswith("# HELP "):
            name = line.split(" ", 3)[2]
            assert name not in helped, f"{name} is helped twice"
            helped.add(name)
            current = name
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name == current and name not in kinds and kind in KINDS
            kinds[name] = kind
        else:
            match = SAMPLE.match(line)
            assert match, f"no sample: {line!r}"
            name, labels, value = match.groups()
            family = name if name in kinds else re.sub(r"_(bucket|sum|count)$", "", name)
            assert family == current, f"{name} stands apart from its family"
            assert kinds[family] == "histogram" or family == name
            key = frozenset(LABEL.findall(labels or ""))
            assert key not in found.setdefault(name, {}), f"twice: {line}"
            found[name][key] = float(value)
    for name, kind in kinds.items():
        assert kind != "counter" or name.endswith("_total"), name
    return found


def value(found, name, **labels):
    return found.get(name, {}).get(frozenset(labels.items()), 0)


def check_histograms(found):
    for key, total in found["enoki_call_seconds_count"].items():
        buckets = [(float(dict(labels)["le"]), n) for labels, n in
                   found["enoki_call_seconds_bucket"].items() if key < labels]
        buckets.sort()
        assert [n for _, n in buckets] == sorted(n for _, n in buckets), "buckets grow"
        assert buckets[-1] == (float("inf"), total)
        assert found["enoki_call_seconds_sum"][key] >= 0


KEEP = ("import kv\n"
        "def fn(i):\n"
        "    kv.update('a', 'x')\n"
        "    kv.read('a')\n"
        "    try:\n"
        "        kv.read('missing')\n"
        "    except Exception:\n"
        "        pass\n"
        "    return 'ok'\n")


def read(node):
    status, text = node.manage("GET", "/metrics")
    assert status == 200
    found = parse(text.decode())
    check_histograms(found)
    return found


def test_it_is_what_prometheus_reads_and_right(start):
    node = start('{ name = "echo"; code = "$LIB/echo.so"; },\n'
                 '{ name = "failing"; code = "$LIB/failing.so"; }').wait_ready("echo", "failing")
    found = read(node)
    assert value(found, "enoki_calls_total", function="echo") == 0
    for _ in range(3):
        node.call("echo", b"x")
    node.call("failing", b"x")
    assert node.upload("kept", "python3-kv", package(fn__py=KEEP))[0] == 200
    assert node.upload("bad", "python3", package(fn__py="import nothing"))[0] == 500
    assert node.call("kept") == (200, b"ok") and node.call("kept") == (200, b"ok")
    # Memory is counted for a few milliseconds at a request: what is not reached comes with the next.
    until(lambda: value(read(node), "enoki_memory_bytes", function="kept") > 1 << 20, "no memory")
    found = read(node)
    assert value(found, "enoki_calls_total", function="echo") == 3
    assert value(found, "enoki_call_seconds_count", function="echo") == 3
    assert value(found, "enoki_call_errors_total", function="failing") == 1
    assert value(found, "enoki_ready", function="kept") == 1
    assert value(found, "enoki_uploads_total", result="ok") == 1
    assert value(found, "enoki_uploads_total", result="failed") == 1
    for operation, calls in (("update", 2), ("read", 4)):
        labels = {"function": "kept", "backend": "embedded", "operation": operation}
        assert value(found, "enoki_state_operations_total", **labels) == calls
        assert value(found, "enoki_state_errors_total", **labels) == 0


def test_state_is_counted_whoever_runs_the_call_and_over_restarts(start):
    runtimes = ("thread", "prefork", "process")
    node = start(",\n".join(f'{{ name = "m{r}"; code = "$LIB/movingaverage.so"; runtime = "{r}"; '
                            'workers = 2; }' for r in runtimes))
    node.wait_ready(*(f"m{r}" for r in runtimes))
    for runtime in runtimes:
        for i in range(6):
            assert node.call(f"m{runtime}", f"{i % 2 + 1}-{i}.5".encode())[0] == 200

    def operations():
        found = read(node)
        return {runtime: sum(n for key, n in found["enoki_state_operations_total"].items()
                             if ("function", f"m{runtime}") in key) for runtime in runtimes}

    before = operations()
    assert len(set(before.values())) == 1 and before["thread"] >= 12
    node.write(",\n".join(f'{{ name = "m{r}"; code = "$LIB/movingaverage.so"; runtime = "{r}"; '
                          'workers = 1; }' for r in runtimes))
    node.reload()
    for runtime in runtimes:
        node.wait_for(f"/m{runtime}\n", 2)
    assert operations() == before  # those of runtimes that are gone, or still going, stay
