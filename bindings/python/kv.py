"""The kv module of Enoki's Python functions: the same names, types and errors.

read() returns the values of all concurrent versions. What fails raises RpcError with code() and
details(), as the original's gRPC did; a removed item is left out of scan(), where the original gave
"". There is more in the module enoki."""
import enum

import enoki

__all__ = ["RpcError", "StatusCode", "delete", "read", "scan", "update"]


class StatusCode(enum.Enum):
    """Those of gRPC that the original's errors had."""
    UNKNOWN = (2, "unknown")
    DEADLINE_EXCEEDED = (4, "deadline exceeded")
    RESOURCE_EXHAUSTED = (8, "resource exhausted")
    UNAVAILABLE = (14, "unavailable")


class RpcError(Exception):
    """A call that failed."""

    def __init__(self, code, details):
        super().__init__(details)
        self._code, self._details = code, details

    def code(self):
        return self._code

    def details(self):
        return self._details


_CODES = {"ELIMIT": StatusCode.RESOURCE_EXHAUSTED, "ETIMEOUT": StatusCode.DEADLINE_EXCEEDED,
          "EUNAVAILABLE": StatusCode.UNAVAILABLE, "EDENIED": StatusCode.UNAVAILABLE}


_SCAN_MAX = 1000000  # a call's of ours; theirs has none


def _call(method, *arguments):
    try:
        return getattr(enoki.state(), method)(*arguments)
    except enoki.Error as error:
        raise RpcError(_CODES.get(error.name, StatusCode.UNKNOWN), str(error)) from None


def _text(what, value):
    if isinstance(value, bytes):
        value = value.decode()
    if not isinstance(value, str):
        raise TypeError(f"{what} is {type(value).__name__}, not str")
    value.encode()  # a lone surrogate is an error here, as it was
    return value


def read(key: str) -> list[str]:
    """The values of all concurrent versions, at least one; RpcError if there is no such item."""
    return _call("read", _text("key", key)).texts()


def scan(key: str, count: int) -> list[str]:
    """The values of at most count items from key on, which must have been written once."""
    if not isinstance(count, int):
        raise TypeError(f"count is {type(count).__name__}, not int")
    if count < 0:
        raise ValueError(f"count is {count}")
    if count == 0:
        raise RpcError(StatusCode.UNKNOWN, "count must be at least 1, got 0")
    return _call("scan", _text("key", key), min(count, _SCAN_MAX)).texts()


def update(key: str, value: str) -> None:
    """Writes over all versions that this side has seen."""
    _call("update", _text("key", key), _text("value", value))


def delete(key: str) -> None:
    """Removes an item; RpcError if it was never written."""
    _call("remove", _text("key", key))
