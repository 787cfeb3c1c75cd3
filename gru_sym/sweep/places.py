r"""places: where in a TOML text each key and each item stands, which ``tomllib`` does not tell.

>>> found = places("[axes]\ngain = [1.0,\n        2.0]")
>>> found["axes", "gain"], found["axes", "gain", 1]
(Place(line=2, column=1), Place(line=3, column=9))
"""

import re
import tomllib
from bisect import bisect_right
from collections import Counter
from typing import TypeAlias

from gru_sym.errors import Place

__all__ = ["Path", "places"]

Path: TypeAlias = tuple[str | int, ...]
"""The keys, and the numbers of items, on the way to a value."""

_TOKEN = re.compile(
    r"""
    (?P<space>[ \t]+|\#[^\n]*)
    |(?P<newline>\n)
    |(?P<text>\"{3}(?:[^\\]|\\.)*?\"{3,5}|'{3}.*?'{3,5}|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')
    |(?P<sign>[][{}=,.])
    |(?P<bare>[^][{}=,.\s"'\#]+)
    """,
    re.VERBOSE | re.DOTALL,
)


def places(text: str) -> dict[Path, Place]:
    """The place of each key, and of each item of an array.

    Args:
        text: valid TOML. A carriage return before a newline counts as a column of its own.
    """
    return _Reader(text).read()


class _Reader:
    """Goes through the tokens once; what is in them has been checked by ``tomllib``."""

    def __init__(self, text: str) -> None:
        text = text.replace("\r\n", " \n")
        self.tokens = [
            (str(match.lastgroup), match[0], match.start())
            for match in _TOKEN.finditer(text)
            if match.lastgroup != "space"
        ]
        self.lines = [0, *(match.end() for match in re.finditer("\n", text))]
        self.at = 0
        self.found: dict[Path, Place] = {}
        self.several: Counter[Path] = Counter()

    def read(self) -> dict[Path, Place]:
        """All statements, each below the header before it."""
        table: Path = ()
        while self._skip_newlines():
            if self._sign() != "[":
                self._pair(table)
                continue
            place = self._place()
            several = self._take("[") and self._take("[")
            table = self._keys()
            while self._take("]"):
                pass
            if several:  # of an array of tables each is an item
                self.several[table] += 1
                table = (*table, self.several[table] - 1)
            self.found.setdefault(table, place)
        return self.found

    def _pair(self, table: Path) -> None:
        place = self._place()
        path = (*table, *self._keys())
        for length in range(len(table) + 1, len(path) + 1):
            self.found.setdefault(path[:length], place)
        self._take("=")
        self._value(path)

    def _keys(self) -> Path:
        keys = []
        while self._sign() not in {"=", "]"}:
            if not self._take("."):
                kind, word, _ = self.tokens[self.at]
                keys.append(tomllib.loads(f"key = {word}")["key"] if kind == "text" else word)
                self.at += 1
        return tuple(keys)

    def _value(self, path: Path) -> None:
        if self._take("["):
            number = 0
            while self._skip_newlines() and not self._take("]"):
                self.found[(*path, number)] = self._place()
                self._value((*path, number))
                self._skip_newlines()
                self._take(",")
                number += 1
        elif self._take("{"):
            while self._skip_newlines() and not self._take("}"):
                self._pair(path)
                self._skip_newlines()
                self._take(",")
        else:
            while self.at < len(self.tokens) and not self._ends():
                self.at += 1

    def _ends(self) -> bool:
        return self.tokens[self.at][0] == "newline" or self._sign() in {",", "]", "}"}

    def _skip_newlines(self) -> bool:
        """Whether anything is left after them."""
        while self.at < len(self.tokens) and self.tokens[self.at][0] == "newline":
            self.at += 1
        return self.at < len(self.tokens)

    def _sign(self) -> str:
        kind, word, _ = self.tokens[self.at]
        return word if kind == "sign" else ""

    def _take(self, sign: str) -> bool:
        if self.at < len(self.tokens) and self._sign() == sign:
            self.at += 1
            return True
        return False

    def _place(self) -> Place:
        offset = self.tokens[self.at][2]
        line = bisect_right(self.lines, offset)
        return Place(line, offset - self.lines[line - 1] + 1)
