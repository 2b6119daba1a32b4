"""Namespaces, prefixes and fixed words of the wire. Source: `digikoppeling-ebms2` (Namespaces, Constants)."""

from __future__ import annotations

from typing import Final

from lxml import etree

SOAP: Final = "http://schemas.xmlsoap.org/soap/envelope/"
EB: Final = "http://www.oasis-open.org/committees/ebxml-msg/schema/msg-header-2_0.xsd"
XLINK: Final = "http://www.w3.org/1999/xlink"
DS: Final = "http://www.w3.org/2000/09/xmldsig#"
CPA: Final = "http://www.oasis-open.org/committees/ebxml-cppa/schema/cpp-cpa-2_0.xsd"
XML: Final = "http://www.w3.org/XML/1998/namespace"
BVS: Final = "http://schemas.rdw.nl/GEB/BerichtVerwerkService/Types/2009/01"
BER: Final = "http://schemas.rdw.nl/GEB/BerichtenProsessor/Bericht/Types/2009/01"
RES: Final = "http://schemas.rdw.nl/GEB/BerichtVerwerkService/BerichtResultaat/Types/2009/01"

NS: Final = {
    "soap": SOAP,
    "eb": EB,
    "xlink": XLINK,
    "ds": DS,
    "c": CPA,
    "xml": XML,
    "bvs": BVS,
    "ber": BER,
}
_PREFIX: Final = {namespace: prefix for prefix, namespace in NS.items()}

MSH_SERVICE: Final = "urn:oasis:names:tc:ebxml-msg:service"
ERROR_CONTEXT: Final = f"{MSH_SERVICE}:errors"
TO_PARTY_MSH: Final = "urn:oasis:names:tc:ebxml-msg:actor:toPartyMSH"
NEXT_MSH: Final = "urn:oasis:names:tc:ebxml-msg:actor:nextMSH"
NEXT: Final = "http://schemas.xmlsoap.org/soap/actor/next"
SIGNALS: Final = ("Acknowledgment", "MessageError", "Ping", "Pong", "StatusRequest", "StatusResponse")

C14N: Final = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
ENVELOPED: Final = f"{DS}enveloped-signature"
XPATH: Final = "http://www.w3.org/TR/1999/REC-xpath-19991116"
XPATH_TEXT: Final = (
    f'not(ancestor-or-self::node()[@soap:actor="{NEXT_MSH}"]|ancestor-or-self::node()[@soap:actor="{NEXT}"])'
)

BSN_DIGITS: Final = 9
NIL: Final = "00000000-0000-0000-0000-000000000000"


def tag(short: str) -> str:
    """Return ``{namespace}local`` for ``prefix:local``."""
    prefix, _, local = short.partition(":")
    return f"{{{NS[prefix]}}}{local}"


def short(name: object) -> str:
    """Return ``prefix:local`` for a name of a namespace known here, ``?:local`` for any other; ``?`` for no element."""
    if not isinstance(name, str):
        return "?"
    called = etree.QName(name)
    return f"{_PREFIX.get(called.namespace or '', '?')}:{called.localname}"


def children(element: etree._Element) -> str:
    """Return the names of an element's children, each followed by a blank: what a content model is matched against."""
    return "".join(f"{short(child.tag)} " for child in element)
