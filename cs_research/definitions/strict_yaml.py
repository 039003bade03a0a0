"""YAML that means what it says: no tags, no aliases, no repeated or unknown keys, no silent coercion.

YAML 1.1 reads `NO` as false and `012` as ten. Here a plain scalar is a number, `true`, `false`, `null` or
text; every other spelling that YAML 1.1 would turn into something else must be quoted.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from cs_research.errors import Refused

Model = TypeVar("Model", bound=BaseModel)
Lines = dict[tuple, int]

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_DECIMAL = re.compile(r"[-+]?(0|[1-9][0-9]*)?\.[0-9]+|[-+]?(0|[1-9][0-9]*)\.[0-9]*")
_WORDS = {"true": True, "false": False, "null": None, "": None}
_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_RESOLVER = yaml.resolver.Resolver()
MAX_BYTES, DEEPEST = 1_000_000, 50
_FAST = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # in C, where it is there


def load(path: Path, model: type[Model]) -> Model:
    """Read one definition file into its frozen model.

    Raises Refused with file, line, key and what was expected.
    """
    data, lines = read_yaml(path)
    return validated(data, model, path, lines)


def validated(data: Any, model: type[Model], path: Path, lines: Lines) -> Model:
    """Turn plain data into the model; the first fault is told with its file, line and key."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        # A misspelt key is at fault, not the one that is missing because of it.
        first = min(error.errors(), key=lambda fault: fault["type"] != "extra_forbidden")
        loc = _named_in(first, data)
        where = next((lines[loc[:n]] for n in range(len(loc), -1, -1) if loc[:n] in lines), 1)
        key = ".".join(str(part) for part in loc) or "the file"
        raise refusal(path, where, f"key '{key}': {_expected(first)}") from None


def _named_in(fault: dict, data: Any) -> tuple:
    """Where a fault lies: within its block at the value or the key that its message quotes first, if one is there."""
    loc, quoted = fault["loc"], re.search(r"'([^']+)'", fault["msg"])
    if quoted is None or fault["type"] != "value_error":
        return loc
    name, inside = quoted[1], [(at, value) for at, value in _scalars(data) if at[:len(loc)] == loc]
    keys = (at[:at.index(name, len(loc)) + 1] for at, _ in inside if name in at[len(loc):])
    return next((at for at, value in inside if value == name and at != ("kind",)), next(keys, loc))


def _scalars(block: Any, at: tuple = ()) -> Iterator[tuple[tuple, Any]]:
    inside = block.items() if isinstance(block, dict) else enumerate(block) if isinstance(block, tuple) else ()
    for key, value in inside:
        yield from _scalars(value, (*at, key))
    if not (inside and block):
        yield at, block


def refusal(path: Path, line: int, fault: str) -> Refused:
    """The one form in which a bad definition file is refused (code F_CONFIG)."""
    return Refused(f"F_CONFIG {path}:{line}: {fault}", "correct the file and run again")


def read_yaml(path: Path) -> tuple[Any, Lines]:
    """Read a file into plain data, with the line of every key.

    Returns (data, lines): lines maps the path of keys, such as ("indicators", 0, "cuts"), to its line.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise Refused(f"F_CONFIG {path}: cannot be read ({error.strerror})", "check the path") from None
    if len(raw) > MAX_BYTES:
        raise refusal(path, 1, f"larger than {MAX_BYTES:,} bytes")
    try:
        text = raw.decode("utf-8-sig")
        try:
            node = _composed(text, path, _FAST)
        except yaml.YAMLError:  # which the other tells more exactly
            node = _composed(text, path, yaml.SafeLoader)
    except UnicodeDecodeError as error:
        raise refusal(path, raw[: error.start].count(b"\n") + 1, "expected UTF-8 text") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "not YAML"
        raise refusal(path, mark.line + 1 if mark else 1, problem) from None
    if node is None:
        raise refusal(path, 1, "the file is empty")
    lines: Lines = {(): 1}
    return _plain(node, (), lines, path), lines


def _composed(text: str, path: Path, loader: type) -> yaml.Node | None:
    """The nodes of a text without aliases, anchors and tags, which are refused."""
    depth = 0
    for event in yaml.parse(text, Loader=loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise refusal(path, event.start_mark.line + 1, f"nested more than {DEEPEST} deep")
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise refusal(path, event.start_mark.line + 1, "anchors and aliases are not allowed")
        if getattr(event, "tag", None):
            raise refusal(path, event.start_mark.line + 1, f"the tag {event.tag} is not allowed")
    return yaml.compose(text, Loader=loader)


def _plain(node: yaml.Node, at: tuple, lines: Lines, path: Path) -> Any:
    if isinstance(node, yaml.MappingNode):
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = _key(key_node, path)
            if key in result:
                raise refusal(path, key_node.start_mark.line + 1, f"key '{key}' stands twice")
            lines[(*at, key)] = key_node.start_mark.line + 1
            result[key] = _plain(value_node, (*at, key), lines, path)
        return result
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            lines[(*at, index)] = item.start_mark.line + 1
        return tuple(_plain(item, (*at, index), lines, path) for index, item in enumerate(node.value))
    return _scalar(node, at, path)


def _key(node: yaml.Node, path: Path) -> str:
    if not isinstance(node, yaml.ScalarNode):
        raise refusal(path, node.start_mark.line + 1, "a key must be plain text")
    if not node.style and not isinstance(_value(node), str):
        raise refusal(path, node.start_mark.line + 1, f"key {node.value} must be quoted text")
    return node.value


def _scalar(node: yaml.ScalarNode, at: tuple, path: Path) -> Any:
    value = node.value if node.style else _value(node)
    if value is _AMBIGUOUS:
        key = ".".join(map(str, at))
        raise refusal(path, node.start_mark.line + 1,
                      f"key '{key}': {node.value} can be read in two ways, quote it or write a plain number")
    return value


_AMBIGUOUS = object()


def _value(node: yaml.ScalarNode) -> Any:
    """A plain scalar's one meaning, or _AMBIGUOUS where YAML 1.1 and a reader would differ."""
    text = node.value
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        return float(text)
    read_by_yaml = _RESOLVER.resolve(yaml.ScalarNode, text, (True, False))
    if read_by_yaml == "tag:yaml.org,2002:str" or _ISO_DATE.fullmatch(text):
        return text
    return _AMBIGUOUS


_WORDED = {"extra_forbidden": "is not a key of this kind of file", "missing": "is missing",
           "tuple_type": "expected a list in [ ]", "dict_type": "expected keys with values",
           "string_type": "expected text; put a number or a date into quotes"}


def _expected(fault: dict) -> str:
    if fault["type"] in _WORDED:
        return _WORDED[fault["type"]]
    message = fault["msg"].removeprefix("Value error, ")
    given = fault.get("input")
    shown = f", found {given!r}" if isinstance(given, str | int | float | bool) or given is None else ""
    return f"{message[:1].lower()}{message[1:]}{shown}"
