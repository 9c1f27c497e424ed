"""The eight BeFaaS functions: what each answers, stores and calls, in every runtime, on a folder and
on FReD; and all of them as a chain on one node, by its log, read as the experiment reads it."""
import base64
import collections
import concurrent.futures
import datetime
import http.server
import io
import json
import sys
import threading
import time
import uuid
import zipfile

import pytest
from conftest import BUILD, HERE

sys.path.append(str(HERE.parent / "support"))
import fred_cluster  # noqa: E402

FUNCTIONS = HERE.parent.parent / "bindings" / "python" / "functions" / "befaas"
NAMES = sorted(folder.name for folder in FUNCTIONS.iterdir() if folder.is_dir())
LIMIT_S = 60
CAR = {"plate": "OD DI 98231", "direction": 4, "speed": 10}
WEATHER = {"temperature": 3.5, "humidity": 80.0, "wind": 30.0, "rain": True}


def picture(red):
    return base64.b64encode(bytes(54) + bytes([red]) + bytes(100)).decode()


def message(data, context=None):
    return json.dumps({"data": data, "xpair": str(uuid.uuid4()),
                       "xcontext": context or str(uuid.uuid4())}).encode()


class Others(http.server.ThreadingHTTPServer):
    """All eight, elsewhere: keeps what they are asked, and answers nothing."""
    daemon_threads = True

    def __init__(self):
        self.asked = []
        super().__init__(("127.0.0.1", 0), Asked)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def take(self):
        asked, self.asked = self.asked, []
        return asked


class Asked(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        is_async = self.headers["X-tinyFaaS-Async"] is not None
        self.server.asked.append((self.path[1:], is_async, asked["data"]))
        body = b"" if is_async else json.dumps({**asked, "data": {}}).encode()
        self.send_response(202 if is_async else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def others():
    server = Others()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(params=["embedded", "fred"])
def state(request, tmp_path):
    """The text of a file's key `state`."""
    if request.param == "embedded":
        yield 'state = { durability = "process"; };'
        return
    (tmp_path / "fred").mkdir()
    with fred_cluster.Cluster(BUILD, tmp_path / "fred") as cluster:
        certs = cluster.uri().split("tls=")[1].split("&")[0]
        address = cluster.uri().split("//")[1].split("?")[0]
        yield (f'state = {{ backend = "fred"; nodes = ( "{address}" ); tls = "{certs}"; '
               'user = "alice"; admin = "admin"; };\nisolation = { users = "shared"; };')


class One:
    """Each function by itself."""

    def __init__(self, node, others):
        self.node, self.others = node, others

    def ask(self, name, data):
        """The data of its reply, and whom it called."""
        asked = message(data)
        status, body = self.node.call(name, asked, Content_Type="application/json")
        assert status == 200, body
        reply = json.loads(body)
        assert {key: reply[key] for key in ("xpair", "xcontext")} == {
            key: json.loads(asked)[key] for key in ("xpair", "xcontext")}
        return reply["data"], self.others.take()

    def refuses(self, name, data):
        assert self.node.call(name, message(data))[0] == 500
        assert self.others.take() == []


@pytest.mark.parametrize("runtime", ["thread", "prefork", "process"])
def test_each_function_by_itself(start, state, others, runtime):
    port = others.server_address[1]
    remotes = ", ".join(f'"{name}=http://127.0.0.1:{port}/{name}"' for name in NAMES)
    node = start(",\n".join(
        f'{{ name = "{name}"; language = "python"; code = "{FUNCTIONS}/{name}"; workers = 1; '
        f'runtime = "{runtime}"; env = {{ LIGHT_SECONDS = "0.01"; }}; }}' for name in NAMES),
        f'listen = {{ http = "127.0.0.1:0"; management = "127.0.0.1:0"; }};\n{state}\n'
        f"remotes = ( {remotes} );")
    node.wait_ready(*NAMES)
    one = One(node, others)
    for check in (sensors, picture_and_statistics, plan, road_and_lights):
        check(one)


def sensors(one):
    assert one.ask("trafficsensorfilter", {"carDirection": CAR}) == (
        {}, [("movementplan", False, {"carDirection": CAR})])
    for wrong in ({"speed": 800}, {"speed": -21}, {"direction": 5}, {"direction": "1"},
                  {"plate": "OD DI 12345678"}, {"plate": "od DI 1"}):
        assert one.ask("trafficsensorfilter", {"carDirection": {**CAR, **wrong}}) == ({}, [])
    one.refuses("trafficsensorfilter", {})
    one.refuses("trafficsensorfilter", {"carDirection": {"plate": "OD DI 1"}})
    assert one.ask("weathersensorfilter", WEATHER) == ({}, [("roadcondition", True, WEATHER)])
    assert one.ask("weathersensorfilter", {**WEATHER, "rain": False}) == ({}, [])
    for name, wrong in (("temperature", -274), ("temperature", 0), ("humidity", 101), ("wind", -1),
                        ("wind", "9"), ("rain", 1)):
        assert one.ask("weathersensorfilter", {**WEATHER, name: wrong}) == (
            {"error": f"Invalid {name}."}, [])


def picture_and_statistics(one):
    for red in (14, 0):
        reply, asked = one.ask("objectrecognition", {"image": picture(red)})
        assert ("ambulance" in [seen["type"] for seen in reply["objects"]]) == (red > 0)
        assert len(reply["objects"]) <= 11 + (red > 0)
        assert asked == [(name, is_async, reply) for name, is_async in (
            ("trafficstatistics", True), ("emergencydetection", False), ("movementplan", False))]
    assert one.ask("objectrecognition", {"image": 3}) == ({"error": "Wrong payload."}, [])
    one.refuses("objectrecognition", {"image": base64.b64encode(bytes(54)).decode()})
    objects = [{"type": kind} for kind in ("car", "lunatic", "car", "police")]
    assert one.ask("trafficstatistics", {"objects": objects}) == (
        {"car": 2, "lunatic": 1, "police": 1}, [])
    assert one.ask("trafficstatistics", {}) == ({"error": "Wrong payload."}, [])
    for seen, emergency in ((objects, {"active": True, "type": "police"}),
                            ([], {"active": False, "type": None})):
        assert one.ask("emergencydetection", {"objects": seen}) == (
            {"emergency": emergency}, [("lightphasecalculation", True, {"emergency": emergency})])


def plan(one):
    cars = [{**CAR, "speed": speed} for speed in range(14)]
    for count, car in enumerate(cars, 1):
        assert one.ask("movementplan", {"carDirection": car}) == ({}, [
            ("lightphasecalculation", True, {"plan": cars[:count][::-1][:12]})])
    again = [cars[5], *(car for car in cars[:1:-1] if car != cars[5])]
    assert one.ask("movementplan", {"carDirection": cars[5]})[1][0][2] == {"plan": again}
    assert one.ask("movementplan", {"objects": [{}, {}]})[1][0][2] == {"plan": again[:2]}


def road_and_lights(one):
    assert one.ask("roadcondition", WEATHER) == ({}, [
        ("lightphasecalculation", False, {"condition": 5})])
    assert one.ask("roadcondition", {"temperature": 4, "humidity": 75, "wind": 16, "rain": False}) == (
        {}, [("lightphasecalculation", False, {"condition": 1})])
    one.refuses("roadcondition", {})
    lights = "lightphasecalculation"
    assert one.ask(lights, {}) == ({"lights": None, "blink": None}, [])
    for asked, shown in (({"condition": 3}, ["red"]), ({"plan": [CAR]}, ["green"]),
                         ({"plan": [{**CAR, "speed": 51}]}, ["red"])):
        assert one.ask(lights, asked) == ({}, [])
        assert one.ask(lights, {"plan": []}) == ({"lights": shown, "blink": False}, [])
    assert one.ask(lights, {"emergency": {"active": None}}) == ({}, [])
    assert one.ask(lights, {})[0]["lights"] == ["red"]
    assert one.ask(lights, {"emergency": {"active": False, "type": None}}) == ({}, [])
    assert one.ask(lights, {"plan": [CAR]}) == ({}, [])
    assert one.ask(lights, {}) == ({"lights": ["yellow"], "blink": True}, [])


# --- the chain -----------------------------------------------------------------------------------


def package(name):
    """Its files in a ZIP, base64, as `zip -r - ./* | base64` makes it."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in (FUNCTIONS / name).iterdir():
            if file.is_file():
                archive.writestr(file.name, file.read_bytes())
    return base64.b64encode(made.getvalue()).decode()


Execution = collections.namedtuple("Execution", "function context events")


def executions(log):
    """The BEFAAS lines of a log by execution: events of each, as pairs of event and seconds."""
    found = {}
    for line in log.splitlines():
        if not line or "\0" in line:
            continue
        function, handler, stream, _, content = line.split(" ", 4)
        assert function.startswith("function=") and handler.startswith("handler="), line
        if stream != "stream=stdout" or not content.startswith("BEFAAS;"):
            continue
        _, stamp, name, pair, execution, context, event = content.split(";")
        assert function == f"function={name}" and stamp.endswith("+00:00")
        one = found.setdefault((name, execution), Execution(name, context, {}))
        assert one.context == context
        one.events.setdefault((event, pair), []).append(
            datetime.datetime.fromisoformat(stamp).timestamp())
    return found


def durations(one, pair):
    """(total, proc, calls by function) of an execution."""
    total = one.events["end", pair][0] - one.events["start", pair][0]
    spent, calls = 0, collections.Counter()
    for (event, part), (begin,) in one.events.items():
        if event.startswith("start-"):
            (end,) = one.events["end-" + event.removeprefix("start-"), part]
            spent += end - begin
            if event.startswith("start-call-"):
                calls[event.removeprefix("start-call-")] += 1
    return total, total - spent, calls


GRAPH = {
    "trafficsensorfilter": {"movementplan"},
    "weathersensorfilter": {"roadcondition"},
    "objectrecognition": {"trafficstatistics", "emergencydetection", "movementplan"},
    "emergencydetection": {"lightphasecalculation"},
    "movementplan": {"lightphasecalculation"},
    "roadcondition": {"lightphasecalculation"},
    "trafficstatistics": set(), "lightphasecalculation": set(),
}
# What one request to each of the three makes of executions.
EXPECTED = {
    "trafficsensorfilter": {"trafficsensorfilter", "movementplan", "lightphasecalculation"},
    "weathersensorfilter": {"weathersensorfilter", "roadcondition", "lightphasecalculation"},
    "objectrecognition": {"objectrecognition", "trafficstatistics", "emergencydetection",
                          "movementplan", "lightphasecalculation"},
}


def is_whole(one, pair):
    return {("start", pair), ("end", pair)} <= set(one.events)


def wait_for_all(node, wanted):
    """The executions of the log, once as many are there and have ended."""
    deadline = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline:
        found = executions(node.manage("GET", "/logs")[1].decode())
        if len(found) >= wanted and all(is_whole(one, pair) for (_, pair), one in found.items()):
            return found
        time.sleep(0.1)
    raise AssertionError(f"{len(found)} executions of {wanted}:\n" + node.text)


@pytest.mark.parametrize("way", ["invoke", "endpoints"])
def test_the_eight_as_a_chain(start, way):
    node = start('{ name = "echo"; code = "$LIB/echo.so"; }',
                 'listen = { http = "127.0.0.1:0"; management = "127.0.0.1:0"; };\n'
                 'state = { durability = "process"; };').wait_ready("echo")
    for name in NAMES:
        envs = [f"FUNCTION_NAME={name}", "LIGHT_SECONDS=0.01"]
        if way == "endpoints":
            address = "http://{}:{}".format(*node.http)
            envs += [f"ENDPOINT_{other.upper()}={address}/{other}" for other in NAMES]
        status, text = node.upload(name, "python3-kv", package(name), envs=envs)
        assert status == 200, text
    inputs = {"trafficsensorfilter": {"carDirection": CAR}, "weathersensorfilter": WEATHER,
              "objectrecognition": {"image": picture(14)}}
    requests = [(name, str(uuid.uuid4())) for name in inputs for _ in range(5)]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for status, body in pool.map(lambda one: node.call(
                one[0], message(inputs[one[0]], one[1]), Content_Type="application/json"), requests):
            assert status == 200, body
    # Five of each; the lights are told twice of a picture.
    found = wait_for_all(node, 5 * (3 + 3 + 6))
    check_graph(found, dict((context, name) for name, context in requests))


def check_graph(found, asked):
    assert len(found) == 60
    seen = collections.defaultdict(set)
    for (name, pair), one in found.items():
        total, proc, calls = durations(one, pair)
        assert total >= proc >= 0
        assert set(calls) == GRAPH[name] and set(calls.values()) <= {1}
        assert sum(1 for event, _ in one.events if event.startswith("start-db-")) > 0 or name not in (
            "movementplan", "lightphasecalculation", "trafficstatistics")
        seen[one.context].add(name)
        for event, part in one.events:
            if event.startswith("start-call-"):  # the called one's execution has the call's pair
                assert found[event.removeprefix("start-call-"), part].context == one.context
    assert dict(seen) == {context: EXPECTED[name] for context, name in asked.items()}
