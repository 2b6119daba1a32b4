"""The secret half: a private key with its certificate. Key and passphrase are in no text that this module makes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import wraps
from pathlib import Path
from typing import Final, Literal, ParamSpec, TypeVar

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_private_key,
    load_pem_private_key,
)

from mobb_client.errors import ConfigurationError, Finding
from mobb_client.pki import _der, _pem
from mobb_client.pki.certificate import Certificate, read_all, read_file, with_chain

HashName = Literal["sha256", "sha384", "sha512"]

_HASHES: Final[dict[HashName, hashes.HashAlgorithm]] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
_JAVA_STORES: Final = (b"\xfe\xed\xfe\xed", b"\xce\xce\xce\xce")  # JKS, JCEKS
_KEY_BAG: Final = bytes.fromhex("060b2a864886f70d010c0a0102")  # an encrypted key in a PKCS #12 store

_WRONG: Final = Finding("key.passphrase-wrong", "key", "one that does not open it, or a damaged file")

_Given = ParamSpec("_Given")
_Made = TypeVar("_Made")


def _secretive(function: Callable[_Given, _Made]) -> Callable[_Given, _Made]:
    """Raise the function's ConfigurationError anew, from a frame that holds no key and no passphrase.

    Some tools print the local variables of a traceback; those of the frames where it went wrong are left out so. B55.
    """

    @wraps(function)
    def call(*args: _Given.args, **kwargs: _Given.kwargs) -> _Made:
        try:
            return function(*args, **kwargs)
        except ConfigurationError as refused:
            findings = refused.findings
        del args, kwargs
        raise ConfigurationError(*findings)

    return call


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Identity:
    """A private key and the certificate that belongs to it; shows only the certificate.

    Args:
        key: the private key, as cryptography holds it.
        certificate: its certificate, with the chain above it.

    Raises:
        ConfigurationError: the key does not belong to the certificate.
    """

    key: PrivateKeyTypes
    certificate: Certificate

    def __post_init__(self) -> None:
        """Check that key and certificate belong together."""
        if _public_der(self.key) != self.certificate.public_key_der:
            raise ConfigurationError(Finding("key.mismatch", "key", "a key of another certificate"))

    @classmethod
    @_secretive
    def from_pem(cls, key: bytes, certificate: bytes | None = None, passphrase: str | bytes | None = None) -> Identity:
        """Return the identity of a PEM key, and of a certificate file or of the certificates beside the key.

        Args:
            key: the key file's octets, plain or encrypted (PKCS #8, or the older form with a DEK-Info line).
            certificate: the certificate file's octets, with or without its chain, in any order.
            passphrase: of the key; ignored when the key is not encrypted.

        Raises:
            ConfigurationError: which of key, passphrase and certificate is at fault, each with its own code.

        Source: RFC 7468; B54, B55, B56.
        """
        private = _key_from_pem(key, _octets(passphrase))
        return _matched(private, read_all(key if certificate is None else certificate), alone=certificate is None)

    @classmethod
    @_secretive
    def from_pkcs12(cls, data: bytes, passphrase: str | bytes | None = None) -> Identity:
        """Return the identity of a PKCS #12 store, with the chain that the store holds.

        Raises:
            ConfigurationError: which of store, passphrase, key and certificate is at fault, each with its own code.

        Source: RFC 7292; B54, B55.
        """
        private, found = _opened_store(data, _octets(passphrase))
        return _matched(private, found, alone=True)

    @classmethod
    @_secretive
    def from_path(
        cls, key: str | Path, certificate: str | Path | None = None, passphrase: str | bytes | None = None
    ) -> Identity:
        """Return the identity of a key file, PEM or PKCS #12 by its content, and of a certificate file when apart.

        Raises:
            ConfigurationError: as `from_pem` and `from_pkcs12`, or a file cannot be read.
        """
        data = read_file(key, "key")
        beside = None if certificate is None else read_file(certificate, "certificate")
        if _pem.is_pem(data):
            return cls.from_pem(data, beside, passphrase)
        private, found = _opened_octets(data, _octets(passphrase))
        return _matched(private, found if beside is None else read_all(beside), alone=beside is None)

    @property
    def signature_size(self) -> int:
        """The size of its signatures in octets; a ConfigurationError when the key cannot sign."""
        return (self._signing_key().key_size + 7) // 8

    def sign(self, data: bytes, hash_name: HashName) -> bytes:
        """Return the RSASSA-PKCS1-v1_5 signature over `data`.

        Raises:
            ConfigurationError: the key is not an RSA key.

        Source: Digikoppeling Beveiligingsstandaarden SIGN001 to SIGN004; `digikoppeling-ebms2` d.5.
        """
        return self._signing_key().sign(data, PKCS1v15(), _HASHES[hash_name])

    def findings(
        self,
        *,
        at: datetime,
        own_certificate: Certificate | None = None,
        partner_certificate: Certificate | None = None,
        expected_oin: str | None = None,
        soon: timedelta = timedelta(days=60),
    ) -> tuple[Finding, ...]:
        """Return what forbids or endangers signing as the CPA says, at one aware moment.

        Args:
            at: the moment to judge the dates by.
            own_certificate: the signing certificate that the CPA names for us.
            partner_certificate: the one that it names for the other party, so that mixing up the two is called that.
            expected_oin: the OIN of our party, 20 digits.
            soon: how long before the end of validity the warning begins.

        Source: `digikoppeling-ebms2` d.5; B27, B35.
        """
        return (
            *self._key_findings(),
            *self._cpa_findings(own_certificate, partner_certificate),
            *self.certificate.findings(at=at, expected_oin=expected_oin, soon=soon),
        )

    def _key_findings(self) -> Iterable[Finding]:
        if not isinstance(self.key, RSAPrivateKey):
            yield _not_rsa(self.key)

    def _cpa_findings(self, own: Certificate | None, partner: Certificate | None) -> Iterable[Finding]:
        if self.certificate == partner and self.certificate != own:
            yield Finding(
                "certificate.of-partner", "certificate", f"SHA-256 fingerprint {self.certificate.fingerprint}"
            )
        elif own is not None and self.certificate != own:
            measure = f"{self.certificate.fingerprint} ({_difference(self.certificate, own)})"
            yield Finding("certificate.not-in-cpa", "certificate", measure, limit=own.fingerprint)

    def _signing_key(self) -> RSAPrivateKey:
        if not isinstance(self.key, RSAPrivateKey):
            raise ConfigurationError(_not_rsa(self.key))
        return self.key

    def __eq__(self, other: object) -> bool:
        """Compare by certificate, since each key belongs to its certificate."""
        return self.certificate == other.certificate if isinstance(other, Identity) else NotImplemented

    def __hash__(self) -> int:
        """Hash by certificate."""
        return hash(self.certificate)

    def __repr__(self) -> str:
        """Return the certificate only."""
        return f"Identity({self.certificate!r})"


def _matched(key: PrivateKeyTypes, found: Sequence[Certificate], *, alone: bool) -> Identity:
    """Return key and certificate together; `alone` says that they came out of one file."""
    mine = [one for one in found if one.public_key_der == _public_der(key)]
    if len(mine) == 1:
        return Identity(key, with_chain(mine[0], found))
    if mine:
        raise ConfigurationError(Finding("certificate.several", "certificate", f"{len(mine)} of this key"))
    if found:
        raise ConfigurationError(Finding("key.mismatch", "key", f"a key of none of {len(found)} certificates"))
    measure = "a key alone" if alone else "no certificate in the certificate file"
    raise ConfigurationError(Finding("certificate.missing", "certificate", measure))


def _key_from_pem(data: bytes, passphrase: bytes | None) -> PrivateKeyTypes:
    try:
        found = _pem.blocks(data)
    except ValueError as error:
        raise ConfigurationError(Finding("key.damaged", "key", str(error))) from None
    keys = [block for block in found if block.label in _pem.KEYS]
    if len(keys) != 1:
        measure = f"{len(keys)} keys and {len(found) - len(keys)} other PEM blocks"
        raise ConfigurationError(Finding("key.several" if keys else "key.missing", "key", measure))
    return _opened_key(load_pem_private_key, keys[0].rewritten(), passphrase, encrypted=keys[0].encrypted)


def _opened_key(
    load: Callable[[bytes, bytes | None], PrivateKeyTypes], data: bytes, passphrase: bytes | None, *, encrypted: bool
) -> PrivateKeyTypes:
    if encrypted and passphrase is None:
        raise ConfigurationError(Finding("key.passphrase-needed", "key", "none"))
    try:
        return load(data, passphrase if encrypted else None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        unknown = "unknown" in str(error).lower()  # cryptography has one class for a wrong passphrase and for this
    encrypted_badly = Finding("key.encryption", "key", "another one") if unknown else _WRONG
    raise ConfigurationError(encrypted_badly if encrypted else Finding("key.damaged", "key", "octets that are no key"))


def _opened_octets(data: bytes, passphrase: bytes | None) -> tuple[PrivateKeyTypes, list[Certificate]]:
    """Return what is in a file that is not PEM: a PKCS #12 store, or one key in DER."""
    if _der.is_store(data):
        return _opened_store(data, passphrase)
    if not data.startswith(b"\x30"):
        java = data.startswith(_JAVA_STORES)
        raise ConfigurationError(Finding("key.format", "key", "a Java key store (JKS)" if java else "something else"))
    return _opened_key(load_der_private_key, data, passphrase, encrypted=_der.is_encrypted_key(data)), []


def _opened_store(data: bytes, passphrase: bytes | None) -> tuple[PrivateKeyTypes, list[Certificate]]:
    from cryptography.hazmat.primitives.serialization import pkcs12  # noqa: PLC0415 - only for who has a store

    if not _der.is_store(data):
        raise ConfigurationError(Finding("key.format", "key", "no PKCS #12 store"))
    if not _der.is_whole(data):
        raise ConfigurationError(Finding("key.damaged", "key", "a PKCS #12 store without its end"))
    for attempt in dict.fromkeys((passphrase, None)):  # as with PEM, a passphrase too many does no harm
        try:
            private, first, others = pkcs12.load_key_and_certificates(data, attempt)
        except (ValueError, UnsupportedAlgorithm):
            continue
        found = [Certificate(one) for one in (first, *others) if one is not None]
        return _only_key(data, private, found), found
    raise ConfigurationError(_WRONG if passphrase else Finding("key.passphrase-needed", "key", "none"))


def _only_key(data: bytes, private: PrivateKeyTypes | None, found: Sequence[Certificate]) -> PrivateKeyTypes:
    if private is None:
        raise ConfigurationError(Finding("key.missing", "key", f"{len(found)} certificates and no key"))
    if (count := data.count(_KEY_BAG)) > 1:
        raise ConfigurationError(Finding("key.several", "key", f"{count} keys"))
    return private


def _octets(passphrase: str | bytes | None) -> bytes | None:
    """Return the passphrase as octets; an empty one is none."""
    return (passphrase.encode() if isinstance(passphrase, str) else passphrase) or None


def _public_der(key: PrivateKeyTypes) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _not_rsa(key: PrivateKeyTypes) -> Finding:
    return Finding("key.not-rsa", "key", f"a key of kind {type(key).__name__.removesuffix('PrivateKey')}")


def _difference(mine: Certificate, own: Certificate) -> str:
    """Say what kind of other certificate it is: what to do differs."""
    if mine.public_key_der == own.public_key_der:
        return "another certificate on the same key"
    return "a certificate of the same OIN" if mine.oin is not None and mine.oin == own.oin else "of another OIN"
