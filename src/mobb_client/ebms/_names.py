"""Namespaces and prefixes of the wire, in one place. The prefixes are stable: partners came to need them (B13)."""

from __future__ import annotations

from functools import cache
from typing import Final

SOAP: Final = "http://schemas.xmlsoap.org/soap/envelope/"
EB: Final = "http://www.oasis-open.org/committees/ebxml-msg/schema/msg-header-2_0.xsd"
XLINK: Final = "http://www.w3.org/1999/xlink"
DS: Final = "http://www.w3.org/2000/09/xmldsig#"
XENC: Final = "http://www.w3.org/2001/04/xmlenc#"
EXC_C14N: Final = "http://www.w3.org/2001/10/xml-exc-c14n#"
XML: Final = "http://www.w3.org/XML/1998/namespace"

NS: Final[dict[str, str]] = {"soap": SOAP, "eb": EB, "xlink": XLINK, "ds": DS}


@cache
def name(prefixed: str) -> str:
    """Return ``{namespace}local`` for ``prefix:local``."""
    prefix, _, local = prefixed.partition(":")
    return f"{{{NS[prefix]}}}{local}"
