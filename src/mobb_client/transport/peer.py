"""Whose certificate came with a request: what the web server says itself, or a proxy in front of it that proves itself.

TLS is ended by the web server or by a proxy; either has checked the certificate against its own anchors. Here only is
decided whose word counts. Source: `digikoppeling-ebms2` b.4, h-55; RFC 9440; B52.
"""

from __future__ import annotations

import binascii
import hmac
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final
from urllib.parse import unquote

from mobb_client.errors import ConfigurationError, Finding
from mobb_client.pki import Certificate

log = logging.getLogger(__name__)

MIN_SECRET: Final = 16
_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9-]+")
_BLOCK: Final = re.compile(r"-----BEGIN CERTIFICATE-----([^-]*)-----END CERTIFICATE-----")

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """What is known of who made a request, before anything of it is believed.

    Args:
        headers: the request's headers by lower-case name; anybody can have written them.
        address: the other end of the connection, empty when there is none (a Unix socket).
        certificate: in PEM or DER, what the web server found in its own TLS handshake; None without one.
    """

    headers: Mapping[str, str] = field(repr=False)
    address: str = ""
    certificate: bytes | None = None


PeerFrom = Callable[[Caller], Certificate | None]
"""Decides whose certificate came with a request; None means that nobody proved to be anybody."""


def from_server(caller: Caller) -> Certificate | None:
    """Return the certificate of the web server's own TLS handshake; headers are never believed."""
    return None if caller.certificate is None else _made(caller.certificate, "server")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class FromProxy:
    """Reads the certificate that a proxy puts in a header, when the proxy proves that it was the proxy.

    All proofs that are configured must hold; without one anybody could write the header. The proxy must *set* the
    headers, so that one from outside is replaced; a header that stands there twice is not believed. The value may be
    PEM in %-encoding (nginx ``$ssl_client_escaped_cert``), base64 of the DER (HAProxy ``%[ssl_c_der,base64]``), PEM on
    one line (Apache), or the ``Client-Cert`` of RFC 9440.

    Args:
        header: the name of the header with the certificate.
        secret: a header that only the proxy knows, as (name, value); the value has 16 characters or more.
        networks: the addresses that the proxy calls from, such as ``10.1.2.3`` or ``10.0.0.0/8``. The web server must
            give the address of the connection itself, not one out of X-Forwarded-For.
        verified: a header that must have a certain value, as (name, value), for a proxy that lets certificates through
            which it could not verify: ``("X-SSL-Client-Verify", "SUCCESS")``.

    Raises:
        ConfigurationError: no proof is configured, the secret is too short, or a name or network is no such thing.
    """

    header: str = "Client-Cert"
    secret: tuple[str, str] | None = None
    networks: Sequence[str] = ()
    verified: tuple[str, str] | None = None
    _allowed: tuple[Network, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Check the settings."""
        if not (self.secret or self.networks) or (self.secret and len(self.secret[1]) < MIN_SECRET):
            raise ConfigurationError(Finding("proxy.proof", "proxy", "no proof, or a short one"))
        for pair in ((self.header,), self.secret, self.verified):
            if pair and not _HEADER_NAME.fullmatch(pair[0]):
                raise ConfigurationError(Finding("proxy.value", "proxy", f"a name of {len(pair[0])} characters"))
        object.__setattr__(self, "_allowed", tuple(_network(one) for one in self.networks))

    @property
    def secret_headers(self) -> frozenset[str]:
        """The header, in lower case, whose value goes no further than here."""
        return frozenset({self.secret[0].lower()} if self.secret else ())

    def __call__(self, caller: Caller) -> Certificate | None:
        """Return the certificate in the header, or None when there is none or the proof does not hold."""
        value = caller.headers.get(self.header.lower(), "").strip()
        if not value:
            return None
        if not self._is_proved(caller) or "," in value:  # a comma: twice, or a chain; neither is one certificate
            log.warning("transport.peer-not-believed", extra={"header": self.header, "address": caller.address})
            return None
        return _read(unquote(value), self.header)

    def _is_proved(self, caller: Caller) -> bool:
        return (
            _has(caller.headers, self.secret)
            and _has(caller.headers, self.verified)
            and (not self._allowed or _is_within(caller.address, self._allowed))
        )

    def __repr__(self) -> str:
        """Return the settings without the secret."""
        proofs = [*(("secret",) if self.secret else ()), *map(str, self._allowed)]
        return f"FromProxy({self.header!r}, proved by {', '.join(proofs)})"


def _has(headers: Mapping[str, str], wanted: tuple[str, str] | None) -> bool:
    """Tell whether a header has a value, in the time that any value takes; nothing wanted is always there."""
    if wanted is None:
        return True
    key, value = wanted
    return hmac.compare_digest(headers.get(key.lower(), "").encode(), value.encode())


def _network(text: str) -> Network:
    try:
        return ip_network(text)
    except ValueError:
        raise ConfigurationError(Finding("proxy.value", "networks", "no network")) from None


def _is_within(text: str, networks: Sequence[Network]) -> bool:
    try:
        address = ip_address(text)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return any(address in network for network in networks)


def _read(text: str, header: str) -> Certificate | None:
    """Return the certificate in PEM or base64, with or without the colons of RFC 9440; None when it is none."""
    blocks = _BLOCK.findall(text)
    encoded = blocks[0] if len(blocks) == 1 else text.removeprefix(":").removesuffix(":")
    try:
        der = binascii.a2b_base64("".join(encoded.split()), strict_mode=True)
    except ValueError:
        der = b""
    return _made(der, header)


def _made(data: bytes, where: str) -> Certificate | None:
    try:
        return Certificate.from_pem(data)
    except ConfigurationError:
        log.warning("transport.peer-unreadable", extra={"where": where, "size": len(data)})
        return None
