"""Why a document breaks one of our schemas, in words and without any value of the document.

The library xmlschema finds the violations. Its messages, reprs, paths and log records quote what it read (perhaps a
BSN, or a name or prefix of a stranger's choice), so none of those leaves this module: a rule is told from the schema's
side, and a name is told only when the schema knows it.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import singledispatch
from pathlib import Path
from types import FunctionType
from typing import Final
from xml.etree.ElementTree import Element

import xmlschema
from lxml import etree
from xmlschema import XMLSchemaChildrenValidationError, XMLSchemaDecodeError, XMLSchemaValidationError
from xmlschema.validators import (
    XMLSchemaBase,
    XsdAnyAttribute,
    XsdAtomicBuiltin,
    XsdAttribute,
    XsdAttributeGroup,
    XsdElement,
    XsdEnumerationFacets,
    XsdGroup,
    XsdMaxLengthFacet,
    XsdMinLengthFacet,
    XsdPatternFacets,
)

UNSPOKEN: Final = "breaks the schema in a way for which there are no words"
TOO_LARGE: Final = "breaks the schema; the document is too large to be explained"
_TEXT_BETWEEN: Final = "has text between its elements"

_MOST_TOLD: Final = 20
_MOST_NODES: Final = 50_000  # a batch of 1000 letters with two attachments each has 23,005 elements
_MOST_CHARACTERS: Final = 20_000_000  # five times what 1000 letters of 4000 characters hold
_XS: Final = "http://www.w3.org/2001/XMLSchema"
_XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
_PREFIXES: Final = {_XSI: "xsi", "http://www.w3.org/XML/1998/namespace": "xml"}

_PLACE: Final = re.compile(r"Element '([^']*)'(?:, attribute '([^']*)')?: ")
_TYPE: Final = re.compile(r" is not a valid value of the atomic type '(xs:\w+)'\.\s*\Z")


@dataclass(frozen=True, slots=True)
class Names:
    """The names that a schema knows, and so the only ones that may be told.

    Args:
        shown: a name as xmlschema has it, to the name with our own prefix.
    """

    shown: Mapping[str, str]

    @classmethod
    def of(cls, schema: xmlschema.XMLSchema) -> Names:
        """Return what a schema and its imports name, under the prefixes of our own files."""
        parts = [part for found in schema.maps.namespaces.values() for part in found if part.target_namespace != _XS]
        prefixes = {uri: prefix for part in parts for prefix, uri in part.namespaces.items() if prefix} | _PREFIXES
        things = (thing.name for part in parts for thing in part.iter_components((XsdElement, XsdAttribute)))
        return cls({name: _prefixed(name, prefixes) for name in things if name})

    def step(self, tag: str) -> str:
        """Return a name for a path, in which a stranger is a ``*``."""
        return self.shown.get(tag, "*")

    def told(self, tag: str, stranger: str, *, among: Iterable[str | None]) -> str:
        """Return a name for a sentence; a right name in a wrong namespace is said to be that."""
        near = (name for name in among if name and _local(name) == _local(tag))
        return self.shown.get(tag) or next((f"{self.step(name)} in another namespace" for name in near), stranger)


@dataclass(frozen=True, slots=True)
class Judge:
    """A compiled schema that explains its refusals.

    Args:
        schema: the schema and all that it imports, from local files.
        names: the names that it knows.
    """

    schema: xmlschema.XMLSchema
    names: Names

    @classmethod
    def from_path(cls, path: Path) -> Judge:
        """Compile the schema in a file; takes up to 0.2 s."""
        schema = xmlschema.XMLSchema(str(path), allow="local", defuse="never")
        return cls(schema, Names.of(schema))

    def violations(self, root: etree._Element) -> tuple[tuple[str, str], ...]:
        """Return (path, rule) for the first twenty violations in the order of their discovery, and how many follow.

        Time and memory grow with the document and stop at 50,000 elements and attributes or 20 million characters.
        """
        if _too_large(root):
            return (("/", TOO_LARGE),)
        # octets and not lxml's elements: with those, thousands of wrong children would take quadratic time
        octets = etree.tostring(root, encoding="UTF-8", with_tail=False)
        found: list[tuple[str, str]] = []
        try:
            with _silence("xmlschema"):
                found.extend(self._explained(xmlschema.XMLResource(octets, defuse="never")))
        except Exception:  # noqa: BLE001 - a stranger's xsi:type makes it raise KeyError and more, with the value in it
            found.append(("/", UNSPOKEN))
        return _told(found)

    def refusals(self, log: etree._ListErrorLog) -> tuple[tuple[str, str], ...]:
        """Return (path, rule) for what libxml2 alone refuses, such as ``[`` in an xs:anyURI; the path says the line."""
        return _told(_logged(entry, self.names) for entry in log)

    def _explained(self, document: xmlschema.XMLResource) -> Iterator[tuple[str, str]]:
        paths = _paths(document.root, self.names)
        for error in self.schema.iter_errors(document, use_location_hints=False):
            refusal = _Refusal(error, document.root if error.elem is None else error.elem, self.names)
            yield paths[refusal.element] + refusal.attribute, _rule(error.validator, refusal)


def _told(found: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    once = tuple(dict.fromkeys(found))
    more = len(once) - _MOST_TOLD
    return once if more <= 0 else (*once[:_MOST_TOLD], ("/", f"and {more} more"))


def _logged(entry: etree._LogEntry, names: Names) -> tuple[str, str]:
    """Take from libxml2's message, which quotes the document, only names that the schema knows and a built-in type."""
    place, kind = _PLACE.match(entry.message), _TYPE.search(entry.message)
    element, attribute = place.groups() if place else ("", None)
    step = f"//{names.step(element)}" + (f"/@{names.step(attribute)}" if attribute else "")
    rule = f"must be an {kind[1]}" if kind else f"is refused by libxml2 ({entry.type_name})"
    return f"{step} (line {entry.line})", _TEXT_BETWEEN if entry.type_name == "SCHEMAV_CVC_COMPLEX_TYPE_2_3" else rule


@dataclass(frozen=True, slots=True)
class _Refusal:
    """One violation, of which `error` may not be shown."""

    error: XMLSchemaValidationError
    element: Element
    names: Names

    @property
    def attribute(self) -> str:
        """The step to the attribute that it is about, empty when it is about the element."""
        if not (self.error.reason or "").startswith("attribute ") or isinstance(self.error.validator, XsdAnyAttribute):
            return ""
        given = str(self.error.obj).split()
        found = (name for name, value in self.element.attrib.items() if value.split() == given)
        return f"/@{self.names.step(next(found, ''))}"


def _prefixed(name: str, prefixes: Mapping[str, str]) -> str:
    namespace, brace, local = name.removeprefix("{").partition("}")
    return f"{prefixes.get(namespace, '*')}:{local}" if brace else name


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _too_large(root: etree._Element) -> bool:
    """Whether explaining would take seconds: no document that we write or expect comes near."""
    nodes = characters = 0
    for element in root.iter():
        nodes += 1 + len(element.attrib)
        characters += len(element.text or "") + len(element.tail or "")
        if nodes > _MOST_NODES or characters > _MOST_CHARACTERS:
            return True
    return False


def _paths(root: Element, names: Names) -> dict[Element, str]:
    """Return the path of every element, in which a name that the schema does not know is a ``*``."""
    found = {root: f"/{names.step(root.tag)}"}
    for parent in root.iter():
        labels = [names.step(child.tag) for child in parent]
        total, seen = Counter(labels), Counter[str]()
        for position, (child, label) in enumerate(zip(parent, labels, strict=True), start=1):
            seen[label] += 1
            number = position if label == "*" else seen[label]
            alone = label != "*" and total[label] == 1
            found[child] = f"{found[parent]}/{label}" + ("" if alone else f"[{number}]")
    return found


@contextmanager
def _silence(name: str) -> Iterator[None]:
    """Drop what a logger is told meanwhile: at DEBUG it would tell values of the document."""
    logger = logging.getLogger(name)

    def nothing(_: logging.LogRecord) -> bool:
        return False

    logger.addFilter(nothing)
    try:
        yield
    finally:
        logger.removeFilter(nothing)


@singledispatch
def _rule(_: object, __: _Refusal) -> str:
    """Return the words for one kind of rule, by the part of the schema that refuses."""
    return UNSPOKEN


@_rule.register
def _(facet: XsdMinLengthFacet, refusal: _Refusal) -> str:
    return f"must be at least {_counted(facet.value, refusal)}"


@_rule.register
def _(facet: XsdMaxLengthFacet, refusal: _Refusal) -> str:
    return f"must be at most {_counted(facet.value, refusal)}"


@_rule.register
def _(facets: XsdPatternFacets, _: _Refusal) -> str:
    name = "" if facets.parent is None else facets.parent.local_name
    if facets.target_namespace == _XS:
        return f"must be an xs:{name}"
    return f"must be {f'a {name}, ' if name else ''}of the form {' or '.join(facets.regexps)}"


@_rule.register
def _(facets: XsdEnumerationFacets, _: _Refusal) -> str:
    return f"must be one of: {', '.join(map(str, facets.enumeration))}"


@_rule.register
def _(builtin: XsdAtomicBuiltin, refusal: _Refusal) -> str:
    doubled = builtin.local_name == "ID" and not isinstance(refusal.error, XMLSchemaDecodeError)
    return f"must be an xs:{builtin.local_name}{' that stands nowhere else' if doubled else ''}"


@_rule.register
def _(check: FunctionType, _: _Refusal) -> str:
    return f"must be an xs:{check.__name__.removesuffix('_validator')}"


@_rule.register
def _(attribute: XsdAttribute, _: _Refusal) -> str:
    return f"must be {attribute.fixed}"


@_rule.register
def _(group: XsdAttributeGroup, refusal: _Refusal) -> str:
    given = {str(name) for name in refusal.element.attrib}
    missing = [refusal.names.step(name) for name in group.iter_required() if name not in given]
    if missing:
        return f"misses the attribute {', '.join(missing)}"
    extra = {refusal.names.told(name, "an unknown one", among=group) for name in given if name not in group}
    strange = sorted(name for name in extra if not name.startswith("xsi:"))
    return f"has an attribute that is not allowed: {', '.join(strange)}"


@_rule.register
def _(wildcard: XsdAnyAttribute, refusal: _Refusal) -> str:
    name, _ = refusal.error.obj
    group = wildcard.parent if isinstance(wildcard.parent, XsdAttributeGroup) else ()
    return f"has an attribute that is not allowed: {refusal.names.told(name, 'an unknown one', among=group)}"


@_rule.register
def _(_: XsdGroup, refusal: _Refusal) -> str:
    if isinstance(refusal.error, XMLSchemaChildrenValidationError):
        return _children(refusal.error, refusal)
    return _TEXT_BETWEEN


@_rule.register
def _(_: XsdElement, refusal: _Refusal) -> str:
    if f"{{{_XSI}}}nil" in refusal.element.attrib:
        return "may not be xsi:nil, or not with this content"
    return "holds an element, where only text may stand" if len(refusal.element) else UNSPOKEN


@_rule.register
def _(_: XMLSchemaBase, __: _Refusal) -> str:
    return "is no root of this schema"


def _counted(limit: object, refusal: _Refusal) -> str:
    unit = "character" if isinstance(refusal.error.obj, str) else "octet"
    return f"{limit} {unit}{'' if limit == 1 else 's'}"


def _children(error: XMLSchemaChildrenValidationError, refusal: _Refusal) -> str:
    """Return which child is missing, too many or strange."""
    tag = error.invalid_tag
    known = refusal.names.shown
    found = "nothing more" if tag is None else refusal.names.told(tag, "an unknown element", among=known)
    wanted = [refusal.names.step(part.name) for part in error.expected or () if part.name]
    if wanted:
        return f"expected {' or '.join(wanted)}, found {found}"
    if tag == getattr(error.particle, "name", None) and error.index and refusal.element[error.index - 1].tag == tag:
        return f"{found} may stand here {_times(error.particle.max_occurs)}"
    return f"{found} may not stand here"


def _times(most: int | None) -> str:
    return "only once" if most == 1 else f"at most {most} times"
