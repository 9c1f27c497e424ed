"""How a folder with fn.py becomes a function: used by the host (python3.so), not by functions."""
import contextlib
import errno
import faulthandler
import gc
import importlib
import inspect
import os
import pathlib
import sys
import threading
import traceback

from _enoki import was_asked_in_vain

REQUIREMENTS = ".python"  # what requirements.txt asks for is installed there at deployment


class LoadError(Exception):
    """Why the package is no function; its words are for the person who deploys it."""


def _explain(error):
    """The kind and the words of an exception, and where a syntax error is."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{type(error).__name__}: {error.msg} ({error.filename}, line {error.lineno})"
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _print_trace(error):
    """To the log, from where it is the function's: what is above is always the same."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename in _ABOVE:
        trace = trace.tb_next
    traceback.print_exception(type(error), error, trace)


_ABOVE = {__file__, importlib.__file__, "<frozen importlib._bootstrap>",
          "<frozen importlib._bootstrap_external>"}


class _NotHere(Exception):
    """The module uses its state while it is imported: workers have it, who starts them has not."""


def _import(directory):
    try:
        module = importlib.import_module("fn")
    except BaseException as error:  # SystemExit too: a module that ends Python ends nothing here
        if was_asked_in_vain():
            raise _NotHere from None
        _print_trace(error)
        hint = ""
        if isinstance(error, OSError) and os.path.exists(f"{directory}/{error.filename}"):
            hint = (f"; it is beside fn.py: the working directory is {os.getcwd()}, "
                    "os.path.dirname(__file__) that of fn.py")
        if isinstance(error, ModuleNotFoundError):
            hint = ("; name it in requirements.txt, which an upload installs, or run "
                    f"'pip install --target {directory}/{REQUIREMENTS} ...'")
        raise LoadError(f"fn.py cannot be imported: {_explain(error)}{hint}") from None
    if pathlib.Path(module.__file__ or "").parent != pathlib.Path(directory):
        raise LoadError(f"'import fn' found {module.__file__}, not the fn.py of {directory}")
    function = getattr(module, "fn", None)
    if not callable(function):
        raise LoadError("fn.py has no function fn: write 'def fn(input):'")
    return function


def _takes_headers(function):
    """fn(input) is Enoki's form, fn(input, headers) tinyFaaS's. A second parameter with a default is
    the headers only if it is called so."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # written in C: no telling
        return False
    places = [one for one in parameters
              if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    needed = [one for one in places if one.default is one.empty]
    if any(one.kind == one.VAR_POSITIONAL for one in parameters):
        return len(needed) < 2 or len(needed) == 2
    if not places or len(needed) > 2:
        raise LoadError(f"fn{inspect.signature(function)} cannot be called: it takes one parameter, "
                        "the input, or two, the input and the headers")
    return len(needed) == 2 or len(places) > 1 and places[1].name == "headers"


def _forget(names, directory):
    """Lets modules of the package be imported once more, but not those with parts in C: many of
    them cannot be, and what they share is not the function's."""
    files = {name: str(getattr(sys.modules.get(name), "__file__", "")) for name in names}
    in_c = {name.partition(".")[0] for name, file in files.items() if file.endswith(".so")}
    for name, file in files.items():
        if file.startswith(f"{directory}/") and name.partition(".")[0] not in in_c:
            del sys.modules[name]


class Handler:
    """Answers calls with fn."""

    def __init__(self, directory):
        self._directory, self._pid, self._lock = directory, os.getpid(), threading.Lock()
        before = set(sys.modules)
        was_asked_in_vain()
        try:
            self._set(_import(directory))
            self._needs_worker = was_asked_in_vain()  # it went on without
        except _NotHere:
            self._needs_worker = True
        # Threads do not survive the fork that makes a worker: who starts some is imported there.
        self._anew = None
        if self._needs_worker or threading.active_count() > 1:
            self._anew = set(sys.modules) - before

    def _set(self, function):
        self._function, self._with_headers = function, _takes_headers(function)

    def start_worker(self):
        is_fork = os.getpid() != self._pid
        with self._lock:  # of several threads the first imports
            if self._anew is not None and (is_fork or self._needs_worker):
                _forget(self._anew, self._directory)
                self._set(_import(self._directory))
                self._anew = None
        # Python's random sees to itself. All workers would have the same numbers.
        if is_fork and "numpy.random" in sys.modules:
            sys.modules["numpy.random"].seed()

    def end_worker(self):
        _flush()

    def __call__(self, body, headers):
        try:
            text = body.decode() if body else None
        except UnicodeDecodeError as error:
            return 400, f"the body is not UTF-8, which Python functions take: {error}"
        try:
            if self._with_headers:
                named = {}
                for name, value in headers:  # of several of one name the first, as in tinyFaaS
                    named.setdefault(_canonical(name), value)
                result = self._function(text, named)
            else:
                result = self._function(text)
            if isinstance(result, str):
                result = result.encode()
            elif result is None:
                result = b""
            elif not isinstance(result, bytes):
                raise TypeError(f"fn returned {type(result).__name__}, not str, bytes or None"
                                + _advice(result))
            return 200, result
        except MemoryError as error:  # the host knows whether that is a limit's doing
            _print_trace(error)
            raise
        except BaseException as error:  # SystemExit too: one call must not end the worker
            _print_trace(error)
            if getattr(error, "errno", None) == errno.EMFILE:  # likewise
                raise RuntimeError(_explain(error)) from error
            text = str(error) if type(error) is Exception and str(error) else _explain(error)
            return 500, text.encode(errors="replace")
        finally:
            _flush()


def _advice(result):
    if inspect.iscoroutine(result):
        result.close()
        return ": let 'def fn' return asyncio.run(...) of what is 'async def'"
    if isinstance(result, (dict, list)):
        return ": json.dumps() makes text of it"
    return ""


def _canonical(name):
    """As Go writes header names, which is what tinyFaaS's functions look for."""
    return "-".join(part.capitalize() for part in name.split("-"))


def _flush():
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()


def _show_files(directory):
    """A working directory that was made for this function shows the package's files too: functions
    open what lies beside them by its name alone, and write where they are."""
    if not os.environ.get("TMPDIR") == os.environ.get("HOME") == os.getcwd() != directory:
        return
    for entry in os.scandir(directory):
        with contextlib.suppress(OSError):
            if os.path.islink(entry.name):
                os.unlink(entry.name)  # of the version before
            os.symlink(entry.path, entry.name)


def load(directory, name):
    """A Handler for the fn.py of that folder. LoadError"""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True, errors="backslashreplace")
    faulthandler.enable(2, all_threads=False)  # a crash in native code tells where it was called
    sys.argv = [f"{directory}/fn.py"]
    sys.path[1:1] = [directory, f"{directory}/{REQUIREMENTS}"]
    threading.main_thread().name = name
    _show_files(directory)
    handler = Handler(directory)
    # What is there now stays: a collection in a worker would copy pages that all could share.
    gc.collect()
    gc.freeze()
    return handler


__all__ = ["Handler", "LoadError", "load"]
