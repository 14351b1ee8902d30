"""Reads docker-compose.yml with the standard library alone.

Only the part of YAML that our file is written in: block mappings, block lists of scalars or mappings, flow lists,
quoted and plain scalars, comments, anchors on mappings and `<<` merges. Anything else is an error that names the line,
never a guess.
"""

import re
from dataclasses import dataclass
from typing import Any

KEY = re.compile(r"""^("[^"]*"|[\w.<$-]+):(?:\s+(.*))?$""")
FLOW_ITEM = re.compile(r"""\s*("[^"]*"|[^,"\[\]{}]+?)\s*(?:,|$)""")


class Unsupported(ValueError):
    """A line that is not in the part of YAML understood here."""


@dataclass
class Line:
    number: int
    indent: int
    text: str


def parse(source: str) -> Any:
    """The document as dicts, lists and scalars; merges are resolved."""
    reader = _Reader(_lines(source))
    value = reader.block(0)
    if reader.rest:
        raise Unsupported(f"line {reader.rest[0].number}: unexpected indentation")
    return value


def _lines(source: str) -> list[Line]:
    lines = []
    for number, raw in enumerate(source.splitlines(), 1):
        text = re.sub(r"(^|\s)#.*$", "", raw).rstrip() if '"' not in raw else raw.rstrip()
        if "\t" in text:
            raise Unsupported(f"line {number}: a tab")
        if text.strip() and not text.lstrip().startswith("#"):
            lines.append(Line(number, len(text) - len(text.lstrip()), text.strip()))
    return lines


class _Reader:
    def __init__(self, lines: list[Line]):
        self.rest = lines
        self.anchors: dict[str, dict[str, Any]] = {}

    def block(self, indent: int) -> Any:
        return self.items(indent) if self.rest[0].text.startswith("- ") else self.mapping(indent)

    def items(self, indent: int) -> list[Any]:
        found = []
        while self.rest and self.rest[0].indent == indent and self.rest[0].text.startswith("- "):
            line = self.rest[0]
            text = line.text[2:].strip()
            if KEY.match(text):
                self.rest[0] = Line(line.number, indent + 2, text)
                found.append(self.mapping(indent + 2))
            else:
                self.rest.pop(0)
                found.append(_scalar(text, line))
        return found

    def mapping(self, indent: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        while self.rest and self.rest[0].indent == indent:
            line = self.rest.pop(0)
            matched = KEY.match(line.text)
            if not matched:
                raise Unsupported(f"line {line.number}: not a key: {line.text}")
            key, text = matched[1].strip('"'), matched[2] or ""
            if key == "<<":
                merged = self.alias(text, line)
            elif key in found:
                raise Unsupported(f"line {line.number}: {key} a second time")
            else:
                found[key] = self.value(text, line)
        return merged | found

    def alias(self, text: str, line: Line) -> dict[str, Any]:
        if text[:1] != "*" or text[1:] not in self.anchors:
            raise Unsupported(f"line {line.number}: no such anchor: {text}")
        return self.anchors[text[1:]]

    def value(self, text: str, line: Line) -> Any:
        if text and not text.startswith("&"):
            return _scalar(text, line)
        nested = None
        if self.rest and self.rest[0].indent > line.indent:
            nested = self.block(self.rest[0].indent)
        if text:
            self.anchors[text[1:]] = nested
        return nested


def _scalar(text: str, line: Line) -> Any:
    if text.startswith("["):
        return _flow(text, line)
    if text[:1] in "{|>!&*'":
        raise Unsupported(f"line {line.number}: {text}")
    if text.startswith('"'):
        if not re.fullmatch(r'"[^"\\]*"', text):
            raise Unsupported(f"line {line.number}: {text}")
        return text[1:-1]
    if text in ("true", "false"):
        return text == "true"
    return int(text) if re.fullmatch(r"\d+", text) else text


def _flow(text: str, line: Line) -> list[Any]:
    if not text.endswith("]"):
        raise Unsupported(f"line {line.number}: a list that goes on: {text}")
    inside, found, at = text[1:-1], [], 0
    while at < len(inside):
        matched = FLOW_ITEM.match(inside, at)
        if not matched:
            raise Unsupported(f"line {line.number}: {text}")
        found.append(_scalar(matched[1], line))
        at = matched.end()
    return found
