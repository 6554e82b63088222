"""Whether a file is whole UBJSON. XGBoost reads a cut one without end, and takes all memory for it."""

import struct

_SIZES = {"i": 1, "U": 1, "C": 1, "I": 2, "l": 4, "d": 4, "L": 8, "D": 8, "T": 0, "F": 0, "Z": 0, "N": 0}
_INTEGERS = {"i": ">b", "U": ">B", "I": ">h", "l": ">i", "L": ">q"}
_MOST_DEEP = 64


class BrokenError(ValueError):
    """Where the text ends too early, or goes on, or is no UBJSON."""


class _Walk:
    """Skips values without building them; a typed array is one step, so a model of megabytes takes milliseconds."""

    def __init__(self, raw: bytes) -> None:
        self._raw, self.at = raw, 0

    def take(self, count: int) -> bytes:
        if count < 0 or self.at + count > len(self._raw):
            raise BrokenError(f"it ends at byte {len(self._raw)}, in the middle of a value")
        self.at += count
        return self._raw[self.at - count : self.at]

    def marker(self) -> str:
        return self.take(1).decode("latin-1")

    def peek(self) -> str:
        return self._raw[self.at : self.at + 1].decode("latin-1")

    def integer(self) -> int:
        kind = self.marker()
        if kind not in _INTEGERS:
            raise BrokenError(f"byte {self.at - 1} is {kind!r}, not a length")
        return int(struct.unpack(_INTEGERS[kind], self.take(_SIZES[kind]))[0])

    def value(self, kind: str, depth: int) -> None:
        if depth > _MOST_DEEP:
            raise BrokenError(f"it is more than {_MOST_DEEP} levels deep")
        if kind in _SIZES:
            self.take(_SIZES[kind])
        elif kind in "SH":
            self.take(self.integer())
        elif kind == "{":
            self._container("}", depth, keyed=True)
        elif kind == "[":
            self._container("]", depth, keyed=False)
        else:
            raise BrokenError(f"byte {self.at - 1} is {kind!r}, not a value")

    def _container(self, end: str, depth: int, *, keyed: bool) -> None:
        kind, count = "", -1
        if self.peek() == "$":
            self.take(1)
            kind = self.marker()
        if self.peek() == "#":
            self.take(1)
            count = self.integer()
        if kind in _SIZES and count >= 0 and not keyed:
            self.take(_SIZES[kind] * count)
            return
        while count != 0:
            if count < 0 and self.peek() == end:
                self.take(1)
                return
            if keyed:
                self.take(self.integer())
            self.value(kind or self.marker(), depth + 1)
            count -= count > 0


def check(raw: bytes) -> None:
    """Raise BrokenError unless `raw` is one whole object."""
    walk = _Walk(raw)
    if walk.marker() != "{":
        raise BrokenError("it is not an object")
    walk.value("{", 0)
    if walk.at != len(raw):
        raise BrokenError(f"it goes on after byte {walk.at}, where the object ends")
