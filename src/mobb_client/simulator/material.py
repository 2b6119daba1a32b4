"""What an experiment needs before anything is sent: a CA, keys, certificates with OINs, CPAs and settings.

Made on the spot, trusted by nobody. Nothing here uses the library that it is material for.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric import rsa

from mobb_client.simulator._abonnementen import NOT_SUBSCRIBED, SUBSCRIBED
from mobb_client.simulator._agreements import (
    PROFILES,
    SYNC_PROFILES,
    Draft,
    HashName,
    Profile,
    Signatory,
    Terms,
    write,
)
from mobb_client.simulator._certificates import Pair, authority, issue, new_key
from mobb_client.simulator._wus import url_beside

__all__ = ["PROFILES", "SYNC_PROFILES", "HashName", "Keys", "Material", "Pair", "Profile", "Terms", "make_material"]

SENDER_OIN: Final = "00000099000000001000"
RECEIVER_OIN: Final = "00000099000000002000"
_MARK: Final = "# Made by mobb simulate --material: test data, trusted by nobody."
_PRIVATE: Final = 0o600
_PUBLIC: Final = 0o644
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, repr=False)
class Keys:
    """The three private keys, which take most of the time: make them once and pass them to every `make_material`."""

    authority: rsa.RSAPrivateKey
    sender: rsa.RSAPrivateKey
    receiver: rsa.RSAPrivateKey

    @classmethod
    def new(cls, bits: int = 2048) -> Keys:
        """Return three new RSA keys."""
        return cls(new_key(bits), new_key(bits), new_key(bits))


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Material:
    """All of it in memory; `files` gives the octets by name, `write` puts them in a folder."""

    now: datetime
    authority: Pair
    sender: Pair
    receiver: Pair
    sender_oin: str
    receiver_oin: str
    letter_oins: tuple[str, ...]
    passphrase: str
    terms: Terms

    def cpa(self, profile: Profile, *, sync: bool = False, terms: Terms | None = None) -> bytes:
        """Return the CPA of a profile, with its acknowledgments in the HTTP response when `sync`.

        Args:
            profile: one of `PROFILES`.
            sync: whether the syncReplyMode is that of the terms instead of ``none``.
            terms: other terms than those of the material.
        """
        agreed = terms or self.terms
        draft = Draft(
            profile=profile,
            sync=sync,
            terms=agreed,
            start=agreed.start or self.now - _DAY,
            end=agreed.end or self.now + 730 * _DAY,
            sender=Signatory(name="Gemeente Voorbeeld", oin=self.sender_oin, certificate=self.sender.certificate_der),
            receiver=Signatory(
                name="Berichtenbox in a box", oin=self.receiver_oin, certificate=self.receiver.certificate_der
            ),
            anchor=self.authority.certificate_der,
        )
        return write(draft)

    @property
    def cpas(self) -> dict[str, bytes]:
        """Every CPA under its file name: one for each profile, and a synchronous one for the reliable ones."""
        plain = {f"cpa-{profile}.xml": self.cpa(profile) for profile in PROFILES}
        return plain | {f"cpa-{profile}-sync.xml": self.cpa(profile, sync=True) for profile in SYNC_PROFILES}

    @property
    def settings(self) -> str:
        """The mobb.toml: the sender under the unsigned reliable CPA, and who is asked about subscriptions."""
        oins = ", ".join(f'"{oin}"' for oin in self.letter_oins)
        return f"""\
{_MARK}

[[sender]]
oin = [{oins}]
cpa = "cpa-osb-rm.xml"
key = "sender.key"
certificate = "sender.crt"
{self._abonnementen}
[trust]
anchors = ["ca.pem"]

[outbox]
url = "sqlite:outbox.sqlite"
"""

    @property
    def _abonnementen(self) -> str:
        """Whom to ask who is subscribed, and where that stands in an answer; the gate stays open."""
        if not self.terms.abonnementen:
            return ""
        return f"""
[sender.abonnementen]
validatie_url = "{url_beside(self.terms.receiver_endpoint)}"
geabonneerd = "{SUBSCRIBED}/BSN"
niet_geabonneerd = "{NOT_SUBSCRIBED}/BSN"
"""

    @property
    def secrets(self) -> dict[str, bytes]:
        """The files that hold a private key or a passphrase."""
        return {
            "passphrase.txt": f"{self.passphrase}\n".encode(),
            "sender.key": self.sender.key_pem,
            "sender.p12": self.sender.pkcs12(self.passphrase, self.authority),
            "receiver.key": self.receiver.key_pem,
            "receiver.p12": self.receiver.pkcs12(self.passphrase, self.authority),
        }

    @property
    def files(self) -> dict[str, bytes]:
        """Every file: name and octets; the settings first, as their first line marks a folder of ours."""
        return {
            "mobb.toml": self.settings.encode(),
            "ca.pem": self.authority.certificate_pem,
            "sender.crt": self.sender.certificate_pem,
            "receiver.crt": self.receiver.certificate_pem,
            **self.secrets,
            **self.cpas,
        }

    def write(self, folder: str | Path) -> tuple[Path, ...]:
        """Write every file to a folder, made when it is not there, and return the paths; secrets get mode 0600.

        Raises:
            FileExistsError: the folder holds a file of one of these names that is not material of an earlier time.
            OSError: a file cannot be written.
        """
        target, files, private = Path(folder), self.files, frozenset(self.secrets)
        target.mkdir(parents=True, exist_ok=True)
        _refuse_strangers(target, files)
        for name, data in files.items():
            _write(target / name, data, _PRIVATE if name in private else _PUBLIC)
        return tuple(target / name for name in files)


def make_material(  # noqa: PLR0913 - each is a way in which a test wants its material different
    now: datetime,
    *,
    keys: Keys | None = None,
    sender_oin: str = SENDER_OIN,
    receiver_oin: str = RECEIVER_OIN,
    letter_oins: tuple[str, ...] = (),
    start: datetime | None = None,
    end: datetime | None = None,
    passphrase: str | None = None,
    terms: Terms | None = None,
) -> Material:
    """Return new material, valid around an aware moment.

    Args:
        now: everything is valid from a day before; certificates for three years, CPAs for two.
        keys: keys made before; new ones of 2048 bits without.
        sender_oin: OIN of the sender's certificate and PartyId.
        receiver_oin: OIN of the receiver's.
        letter_oins: OINs of the letters in the settings; the sender's without.
        start: first moment of the certificates.
        end: last moment of the certificates.
        passphrase: of the PKCS #12 files; a new one without.
        terms: what the CPAs say beside their profile.
    """
    made, first, last = keys or Keys.new(), start or now - _DAY, end or now + 1095 * _DAY
    root = authority(made.authority, first, last)
    sender = issue(root, made.sender, organisation="Gemeente Voorbeeld", oin=sender_oin, start=first, end=last)
    receiver = issue(root, made.receiver, organisation="Berichtenbox in a box", oin=receiver_oin, start=first, end=last)
    return Material(
        now=now,
        authority=root,
        sender=sender,
        receiver=receiver,
        sender_oin=sender_oin,
        receiver_oin=receiver_oin,
        letter_oins=letter_oins or (sender_oin,),
        passphrase=passphrase or secrets.token_urlsafe(18),
        terms=terms or Terms(),
    )


def _refuse_strangers(folder: Path, names: dict[str, bytes]) -> None:
    """A key that was not made here is never written over."""
    settings = folder / "mobb.toml"
    if settings.is_file() and settings.read_bytes().startswith(_MARK.encode()):
        return
    for name in names:
        if (folder / name).exists():
            raise FileExistsError(17, "is there already, and was not made by mobb simulate", str(folder / name))


def _write(path: Path, data: bytes, mode: int) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
