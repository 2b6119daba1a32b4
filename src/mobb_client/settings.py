"""`mobb.toml`: who sends, under which CPA, with which key. Its keys are documented and for ever.

Paths are relative to the file. A passphrase comes from a file or the environment and never stands in the settings.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

from mobb_client.berichtenbox.identiteit import OIN
from mobb_client.berichtenbox.regels import Regels
from mobb_client.ebms.cpa import CPA
from mobb_client.errors import ConfigurationError, FieldError, Finding
from mobb_client.pki.certificate import Certificate
from mobb_client.pki.identity import Identity
from mobb_client.sender import ACTION, PAYLOAD_TYPE, Sender

_TABLES: Final = {"sender", "trust", "regels"}
_SENDER_KEYS: Final = {
    "name", "oin", "cpa", "key", "certificate", "passphrase_file", "passphrase_env", "action", "party", "payload_type",
}  # fmt: skip
_REGELS: Final = {field.name: field.type for field in fields(Regels)}


@dataclass(frozen=True, slots=True)
class Settings:
    """What a `mobb.toml` says: one or more senders, and whom to trust on the wire."""

    senders: tuple[Sender, ...]
    anchors: tuple[Certificate, ...] = ()


def load(path: str | Path) -> Settings:
    """Return the settings in a file.

    Raises:
        ConfigurationError: the file cannot be read, a key is unknown or has a value of the wrong kind, or what a key
            points at is not in order.
    """
    file = Path(path)
    try:
        given = tomllib.loads(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise _wrong("settings.file", str(file.name), type(error).__name__) from None
    except tomllib.TOMLDecodeError:
        raise _wrong("settings.syntax", str(file.name), "no TOML") from None
    _only(given, _TABLES, "")
    regels = _regels(_table(given, "regels"))
    senders = given.get("sender", [])
    if not isinstance(senders, list) or not senders:
        raise _wrong("settings.sender", "sender", "no [[sender]]")
    return Settings(
        senders=tuple(_sender(one, file.parent, regels) for one in senders),
        anchors=tuple(Certificate.from_path(file.parent / name) for name in _texts(_table(given, "trust"), "anchors")),
    )


def _sender(given: object, folder: Path, regels: Regels) -> Sender:
    if not isinstance(given, dict):
        raise _wrong("settings.value", "sender", type(given).__name__)
    _only(given, _SENDER_KEYS, "sender.")
    return Sender(
        oin=_oins(given),
        cpa=CPA.from_path(folder / _text(given, "cpa")),
        identity=_identity(given, folder),
        regels=regels,
        action=str(given.get("action", ACTION)),
        party=given.get("party"),
        payload_type=str(given.get("payload_type", PAYLOAD_TYPE)),
    )


def _oins(given: Mapping[str, object]) -> tuple[OIN, ...]:
    oins = _texts(given, "oin") if isinstance(given.get("oin"), list) else (_text(given, "oin"),)
    try:
        return tuple(OIN(one) for one in oins)
    except FieldError as error:
        raise ConfigurationError(error.finding) from None


def _identity(given: Mapping[str, object], folder: Path) -> Identity | None:
    if "key" not in given:
        return None
    certificate = folder / _text(given, "certificate") if "certificate" in given else None
    return Identity.from_path(folder / _text(given, "key"), certificate, passphrase(given, folder))


def passphrase(given: Mapping[str, object], folder: Path) -> str | None:
    """Return the passphrase that ``passphrase_file`` or ``passphrase_env`` points at, or None without either."""
    if "passphrase_file" in given:
        try:
            return (folder / _text(given, "passphrase_file")).read_text("utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise _wrong("settings.file", "passphrase_file", type(error).__name__) from None
    if "passphrase_env" in given:
        name = _text(given, "passphrase_env")
        if name not in os.environ:
            raise _wrong("settings.environment", "passphrase_env", "a variable that is not set")
        return os.environ[name]
    return None


def _regels(given: Mapping[str, object]) -> Regels:
    _only(given, set(_REGELS), "regels.")
    make: Callable[..., Regels] = Regels
    return make(**given)


def _table(given: Mapping[str, object], name: str) -> Mapping[str, object]:
    table = given.get(name, {})
    if not isinstance(table, dict):
        raise _wrong("settings.value", name, type(table).__name__)
    return table


def _text(given: Mapping[str, object], key: str) -> str:
    value = given.get(key)
    if not isinstance(value, str) or not value:
        raise _wrong("settings.value", key, "nothing" if value is None else type(value).__name__)
    return value


def _texts(given: Mapping[str, object], key: str) -> tuple[str, ...]:
    values = given.get(key, [])
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise _wrong("settings.value", key, type(values).__name__)
    return tuple(values)


def _only(given: Mapping[str, object], known: set[str], where: str) -> None:
    if unknown := sorted(set(given) - known):
        raise ConfigurationError(*(Finding("settings.unknown", f"{where}{key}", "an unknown key") for key in unknown))


def _wrong(code: str, field: str, measure: str) -> ConfigurationError:
    return ConfigurationError(Finding(code, field=field, measure=measure))
