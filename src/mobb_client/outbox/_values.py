"""Frozen values as JSON, and back by their type hints: what a store keeps of a message is never looked into there.

ASCII only, so that no setting of a caller's connection can change what is read.
"""

from __future__ import annotations

import dataclasses
import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Hashable, Mapping
from datetime import datetime, timedelta
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Final, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints
from uuid import UUID

_T = TypeVar("_T")
_Read = Callable[[Any], Any]


def to_json(value: object) -> str:
    """Return a value as JSON text; parts that have their default are left out."""
    return _ENCODE(value)


def from_json(kind: type[_T], text: str | bytes) -> _T:
    """Return the value of a kind that `to_json` wrote; a part that is not there has its default."""
    made: _T = _reader(cast("Hashable", kind))(json.loads(text))
    return made


def _plain(value: object) -> object:
    """Return in what JSON has a value that it does not: dataclasses by name, moments as text, octets in base64."""
    match value:
        case datetime() | UUID():
            return str(value)
        case timedelta():
            return value.days, value.seconds, value.microseconds
        case bytes():
            return b64encode(value).decode()
        case Mapping():
            return dict(value)
    return {
        field.name: part
        for field in dataclasses.fields(value)  # type: ignore[arg-type] # whatever is left is a dataclass, or raises
        if (part := getattr(value, field.name)) != field.default
    }


_ENCODE: Final = json.JSONEncoder(separators=(",", ":"), default=_plain).encode
"""Made once: to make an encoder takes longer than to write a small value."""


@cache
def _reader(kind: Hashable) -> _Read:
    """Return what reads a value of a kind."""
    if dataclasses.is_dataclass(kind):
        return _dataclass_reader(kind)
    origin, args = get_origin(kind), get_args(kind)
    if origin in {Union, UnionType}:
        some = [arg for arg in args if arg is not NoneType]
        read = _reader(some[0]) if len(some) == 1 else _as_it_is  # text or a number: JSON has both
        return lambda given: None if given is None else read(given)
    if origin is tuple:
        read = _reader(args[0])
        return lambda given: tuple(map(read, given))
    if origin is Literal or kind in {str, int, bool} or (isinstance(origin, type) and issubclass(origin, Mapping)):
        return _as_it_is
    return _leaf_reader(kind)


def _as_it_is(given: Any) -> Any:
    return given


def _leaf_reader(kind: Any) -> _Read:
    readers: dict[Any, _Read] = {
        datetime: datetime.fromisoformat,
        timedelta: lambda given: timedelta(*given),
        bytes: b64decode,
    }
    if kind in readers:
        return readers[kind]
    if isinstance(kind, type) and issubclass(kind, UUID | Enum):
        return kind
    raise TypeError(f"no way to keep a {kind}")


def _dataclass_reader(kind: Any) -> _Read:
    hints = get_type_hints(kind)
    readers = {field.name: _reader(hints[field.name]) for field in dataclasses.fields(kind)}

    def read(given: Mapping[str, Any]) -> object:
        return kind(**{name: readers[name](part) for name, part in given.items()})

    return read
