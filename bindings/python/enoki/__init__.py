"""Enoki's state in Python, and calls of functions, inside functions and outside.

    import enoki

    def fn(input):                          # in fn.py, which Enoki runs
        state = enoki.state()
        state.modify("visits", lambda found: str(int(found[0].value) + 1) if found else "1")
        return enoki.invoke("page", state.read("visits")[0].value).body

    with enoki.State("embedded:./enoki-state", "tinyFaaSdemo") as state:    # in a script
        for item in state.scan():
            print(item.id, item.value)

An item has one or more concurrent versions, and a read returns all of them. Values are bytes; where
one is given, text is taken too, as UTF-8. What goes wrong raises a subclass of Error.
"""
from _enoki import (ConflictError, DeniedError, Error, InvalidError, Item, Items, KindError, LimitError,
                    NotFoundError, StaleError, State, TimeoutError, UnavailableError, UncertainError,
                    __version__, function_state, log as _log, remaining_ms)
from enoki._invoke import Answer, invoke

__all__ = ["Answer", "ConflictError", "DeniedError", "Error", "InvalidError", "Item", "Items", "KindError",
           "LimitError", "NotFoundError", "StaleError", "State", "TimeoutError", "UnavailableError",
           "UncertainError", "invoke", "log", "remaining_ms", "state", "__version__"]

_LEVELS = {"error": 0, "warning": 1, "info": 2, "debug": 3}


def state():
    """The state of the function that runs here; RuntimeError outside one."""
    return function_state()


def log(message, level="info"):
    """Writes one line to the runtime's log: level is error, warning, info or debug."""
    _log(_LEVELS[level], str(message))
