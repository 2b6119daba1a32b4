"""A CPA with one thing wrong in it, once for each element."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator

from lxml import etree

from mobb_client.ebms.cpa.reader import CPPA

Change = Callable[[etree._Element], None]


def _without(element: etree._Element) -> None:
    parent = element.getparent()
    assert parent is not None
    parent.remove(element)


def _doubled(element: etree._Element) -> None:
    element.addnext(copy.deepcopy(element))


def _emptied(element: etree._Element) -> None:
    for child in list(element):
        element.remove(child)
    element.text = ""


def _bare(element: etree._Element) -> None:
    element.attrib.clear()


def _nonsense(element: etree._Element) -> None:
    element.text = "\u00eb" * 40
    for name in element.attrib:
        element.set(name, "\u0661")


def _strange(element: etree._Element) -> None:
    element.tag = f"{{{CPPA}}}Strange"


CHANGES: list[Change] = [_without, _doubled, _emptied, _bare, _nonsense, _strange]


def spoilt(data: bytes, change: Change) -> Iterator[bytes]:
    """Give a document once for each element below its root, with that element changed."""
    count = sum(1 for _ in etree.fromstring(data).iter()) - 1
    for number in range(1, count + 1):
        root = etree.fromstring(data)
        change(list(root.iter())[number])
        yield etree.tostring(root)
