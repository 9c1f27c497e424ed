"""holding.py - calls that take until the test lets them go, so that what happens meanwhile is proven
by order and not by a clock.

    hold = holding.Hold(folder)
    ... somebody calls the function hang with hold.body, three times ...
    hold.wait(3)    # they are inside it now, all at the same time
    ...
    hold.release()  # now, and not earlier, they are answered
"""
import itertools
import os
import pathlib
import time

LIMIT_S = 120
_numbers = itertools.count()


class Hold:
    """A folder that functions, which may have users of their own, can reach."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder) / f"hold{next(_numbers)}"
        self.folder.mkdir()
        self.folder.chmod(0o777)
        self.body = b"hold " + os.fsencode(self.folder)

    def inside(self):
        """How many calls have come in so far."""
        return len(list(self.folder.glob("in-*")))

    def wait(self, count=1):
        end = time.monotonic() + LIMIT_S
        while self.inside() < count:
            assert time.monotonic() < end, f"{self.inside()} of {count} calls began"
            time.sleep(0.005)
        return self

    def release(self):
        (self.folder / "go").touch()
