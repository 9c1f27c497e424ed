"""befaas - what the eight functions share: the envelope of their messages, and calls and state that
leave a line in the log.

A message is {"data": ..., "xpair": ..., "xcontext": ...}: xcontext names the whole trace, xpair one
call or access in it. A function's execution has the xpair that it was called with. Other functions
are called where ENDPOINT_NAME says, else by enoki.invoke."""
import datetime
import json
import os
import urllib.request
import uuid

import kv


def _now():
    return datetime.datetime.now(datetime.timezone.utc).isoformat()


class Execution:
    """One call of a function."""

    def __init__(self, name, message):
        self.name, self.pair, self.context = name, message["xpair"], message["xcontext"]

    def log(self, event, pair=None):
        print(f"BEFAAS;{_now()};{self.name};{pair or self.pair};{self.pair};{self.context};{event}",
              flush=True)

    def debug(self, thing):
        print(f"DEBUG;{_now()};{self.name};{thing!r}", flush=True)

    def call(self, function, data, is_async=False):
        """Calls another function; what it replied, None if it is not waited for. What goes wrong is
        logged, and fails a call that is waited for."""
        pair = str(uuid.uuid4())
        message = json.dumps({"data": data, "xpair": pair, "xcontext": self.context}).encode()
        self.log(f"start-call-{function}", pair)
        try:
            answer = _send(function, message, is_async)
        except Exception as error:
            self.debug(error)
            if not is_async:
                raise
        finally:
            self.log(f"end-call-{function}", pair)
        return None if is_async else json.loads(answer)["data"]

    def dbget(self, key):
        """What is stored there, None if nothing is or it cannot be read."""
        pair = str(uuid.uuid4())
        self.log("start-db-get", pair)
        try:
            return json.loads(kv.read(key)[0])
        except Exception as error:
            self.debug(error)
            return None
        finally:
            self.log("end-db-get", pair)

    def dbset(self, key, value):
        pair = str(uuid.uuid4())
        self.log("start-db-set", pair)
        try:
            kv.update(key, json.dumps(value))
        except Exception as error:
            self.debug(error)
        finally:
            self.log("end-db-set", pair)


def _send(function, message, is_async):
    url = os.environ.get(f"ENDPOINT_{function.upper()}")
    if url is None:
        import enoki  # not there on other platforms, which set endpoints

        answer = enoki.invoke(function, message, headers={"Content-Type": "application/json"},
                              async_=is_async)
        if not answer.ok:
            raise RuntimeError(f"{function} answered {answer.status}: {answer.text}")
        return answer.body
    headers = {"Content-Type": "application/json"}
    if is_async:
        headers["X-tinyFaaS-Async"] = "True"
    with urllib.request.urlopen(urllib.request.Request(url, message, headers)) as answer:
        return answer.read()


def function(name, run):
    """The fn of a package: run gets the data of a message and the Execution, and returns the data of
    the reply, None for {}."""
    name = os.environ.get("FUNCTION_NAME", name)

    def fn(i):
        message = json.loads(i)
        execution = Execution(name, message)
        execution.log("start")
        try:
            data = run(message["data"], execution)
        finally:
            execution.log("end")
        return json.dumps({"data": data or {}, "xpair": execution.pair,
                           "xcontext": execution.context})

    return fn
