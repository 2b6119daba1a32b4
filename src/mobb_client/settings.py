"""`mobb.toml`: who sends, under which CPA, with which key. Its keys are documented and for ever.

Paths are relative to the file. A passphrase comes from a file or the environment and never stands in the settings.
"""

from __future__ import annotations

import os
import shlex
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from mobb_client.berichtenbox.aanvraag import Paden
from mobb_client.berichtenbox.abonnementregels import ACTION as A_ACTION
from mobb_client.berichtenbox.abonnementregels import RESULT_ACTION as A_RESULT_ACTION
from mobb_client.berichtenbox.abonnementregels import Abonnementregels
from mobb_client.berichtenbox.identiteit import OIN
from mobb_client.berichtenbox.regels import STANDAARD, Regels
from mobb_client.ebms.cpa import CPA
from mobb_client.errors import ConfigurationError, FieldError, Finding, FormatError
from mobb_client.outbox.contract import Outbox
from mobb_client.outbox.opening import open_outbox
from mobb_client.pacing import Pace
from mobb_client.pki.certificate import Certificate, leaf, read_all, read_file
from mobb_client.pki.identity import Identity
from mobb_client.sender import ACTION, PAYLOAD_TYPE, Sender, check_owners
from mobb_client.transport.peer import FromProxy
from mobb_client.transport.serving import PATH, Address, Limits

_Made = TypeVar("_Made")

_MAX_FILE: Final = 1_000_000
_TABLES: Final = {"sender", "trust", "regels", "outbox", "sending", "serve", "metrics", "preflight"}
_TRUST_KEYS: Final = {"anchors"}
_SENDER_KEYS: Final = {
    "name", "oin", "cpa", "key", "certificate", "passphrase_file", "passphrase_env", "action", "party", "payload_type",
    "peers", "abonnementen",
}  # fmt: skip
_ABONNEMENTEN_KEYS: Final = {
    "vereist", "validatie_url", "ws_addressing", "per_minute", "action", "result_action", "geabonneerd",
    "niet_geabonneerd",
}  # fmt: skip
_REGELS: Final = {
    one.name: type(getattr(STANDAARD, one.name))
    for one in fields(Regels)
    if isinstance(getattr(STANDAARD, one.name), int)
}
_PREFLIGHT_KEYS: Final = {"validator", "berichttypen", "processes", "seconds"}
_MOST_PROCESSES: Final = 64
_MOST_LOOK: Final = 3600
_OUTBOX_KEYS: Final = {"url", "keep_days", "shared_paths"}
_MOST_DAYS: Final = 36_500
_SERVE_KEYS: Final = {
    "listen", "path", "key", "certificate", "passphrase_file", "passphrase_env", "threads", "connections", "max_bytes",
    "health", "send_signals", "proxy",
}  # fmt: skip
_PROXY_KEYS: Final = {
    "header", "secret_header", "secret_file", "secret_env", "networks", "verified_header", "verified_value",
}  # fmt: skip
_METRICS_KEYS: Final = {"listen", "textfile", "interval", "oin_labels"}
_MOST_SECONDS: Final = 86_400
_MOST_THREADS: Final = 256
_MOST_CONNECTIONS: Final = 10_000
_MOST_BYTES: Final = 1_000_000_000
_PACE: Final = {one.name for one in fields(Pace)}
_KINDS: Final = {str: "text", int: "a whole number", bool: "true or false", list: "a list", dict: "a table"}


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxSettings:
    """Where letters are kept, and for how long.

    Args:
        url: as `open_outbox` takes it; never shown, since it may hold a password.
        folder: what a relative path in it is relative to.
        keep_days: how long the content of a letter stays after its ending.
        shared_paths: every worker finds an attachment under the same path, so that a path may stay one; in PostgreSQL.
    """

    url: str = field(default="sqlite:outbox.sqlite", repr=False)
    folder: Path = Path()
    keep_days: int = 30
    shared_paths: bool = False

    def open(self, *, read_only: bool = False) -> Outbox:
        """Return the outbox, opened: a worker of its own; or to look with, and then nothing is ever written.

        Raises:
            ConfigurationError: a URL of a kind that is not known.
            OutboxError: it cannot be opened.
        """
        return open_outbox(self.url, folder=self.folder, read_only=read_only, shared_paths=self.shared_paths)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeSettings:
    """How our endpoint is served.

    Args:
        listen: where; this machine only unless told otherwise.
        path: of the endpoint; the rest of the server answers 404.
        identity: its key and certificate; None when there is none, as behind a proxy.
        limits: how much it takes on.
        proxy: what ends TLS in front of it; then it speaks plain HTTP itself, to this machine only.
        health: where it is told whether all is well, on this machine only; None for nowhere.
        send_signals: whether it sends our acknowledgments itself; else a process that sends letters must.
    """

    listen: Address = field(default_factory=lambda: Address(port=8443))
    path: str = PATH
    identity: Identity | None = None
    limits: Limits = field(default_factory=Limits)
    proxy: FromProxy | None = None
    health: Address | None = None
    send_signals: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsSettings:
    """Where figures are told.

    Args:
        listen: where `mobb work` answers ``GET /metrics``; None for nowhere.
        textfile: the file that `mobb work` writes them to, again and again; None for none.
        interval: seconds between two times.
        oin_labels: whether figures that differ by OIN are told of each OIN, with the OIN as a label.
    """

    listen: Address | None = None
    textfile: Path | None = None
    interval: int = 60
    oin_labels: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PreflightSettings:
    """How rows of letters are judged, by `mobb preflight` and by `mobb run` alike.

    Args:
        validator: a command that is run with the path of each PDF, its words as a shell splits them.
        berichttypen: the codes that are active in the Leveranciersportaal; empty when any will do.
        processes: how many judge at the same time; as many as there are processors when left out.
        seconds: how long a look at one PDF may take.
    """

    validator: str | None = None
    berichttypen: tuple[str, ...] = ()
    processes: int | None = None
    seconds: float = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What letters are judged by: what a `mobb.toml` says of that, and nothing of CPAs and keys.

    Args:
        regels: the limits.
        owners: the OINs of each sender.
        preflight: how.
    """

    regels: Regels = STANDAARD
    owners: tuple[tuple[OIN, ...], ...] = ()
    preflight: PreflightSettings = PreflightSettings()


@dataclass(frozen=True, slots=True)
class Settings:
    """What a `mobb.toml` says.

    Args:
        senders: one or more.
        anchors: whom to trust on the wire.
        outbox: where letters are kept.
        sending: how fast may be sent.
        serve: how our endpoint is served.
        metrics: where figures are told.
        preflight: how rows of letters are judged.
        certificates: by table (``sender[1]``, ``serve``), the certificate of its key, when it has one. Where keys are
            left unread, those that are in a file of their own and can be read.
        files: every file that was read: who runs for long looks whether one of them changed (B50).
    """

    senders: tuple[Sender, ...]
    anchors: tuple[Certificate, ...] = ()
    outbox: OutboxSettings = OutboxSettings()
    sending: Pace = field(default_factory=Pace)
    serve: ServeSettings = field(default_factory=ServeSettings)
    metrics: MetricsSettings = field(default_factory=MetricsSettings)
    preflight: PreflightSettings = field(default_factory=PreflightSettings)
    certificates: Mapping[str, Certificate] = field(default_factory=dict)
    files: frozenset[Path] = frozenset()


def load(path: str | Path, *, keys: bool = True) -> Settings:
    """Return the settings in a file.

    Args:
        path: of the file.
        keys: False leaves keys and passphrases unread: to look and to decide with, and not to send.

    Raises:
        ConfigurationError: the file cannot be read, a key is unknown or has a value of the wrong kind, or what a key
            points at is not in order: all of it at once, each with the key that it is about.
    """
    file = Path(path)
    found = _Reader(file.parent, keys=keys).settings(_parse(file))
    return replace(found, files=found.files | {file})


def load_rules(path: str | Path) -> Rules:
    """Return what letters are judged by, of a file whose CPA and keys need not be here.

    Raises:
        ConfigurationError: as `load`, of what it reads.
    """
    return _Reader(Path(path).parent, keys=False).rules(_parse(Path(path)))


def load_cpa(path: str | Path) -> CPA:
    """Return the CPA in a file of our own: one that cannot be read is wrong configuration, and nobody's message.

    Raises:
        ConfigurationError: ``cpa.file`` or ``settings.cpa``.
    """
    try:
        return CPA.from_path(path)
    except FormatError as error:
        raise _wrong("settings.cpa", "cpa", error.sentence) from None


def read_passphrase(path: Path) -> str:
    """Return the passphrase in a file: its first line, without the line end.

    Raises:
        ConfigurationError: the file cannot be read, holds no UTF-8 or no passphrase; nothing of it is quoted.
    """
    return _first_line(path, "passphrase_file")


def _first_line(path: Path, field: str) -> str:
    if not (found := _text_of(path, field).partition("\n")[0].removesuffix("\r")):
        raise _wrong("settings.value", field, "an empty first line")
    return found


def _parse(file: Path) -> Mapping[str, object]:
    try:
        return tomllib.loads(_text_of(file, file.name))
    except (tomllib.TOMLDecodeError, RecursionError):  # its message quotes the file
        raise _wrong("settings.syntax", file.name, "no TOML") from None


def _text_of(path: Path, field: str) -> str:
    """Return the text of a small file, a byte order mark taken off."""
    try:
        with path.open("rb") as file:
            octets = file.read(_MAX_FILE + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = error.strerror if isinstance(error, OSError) else None
        raise _wrong("settings.file", field, reason or "no path") from None
    if len(octets) > _MAX_FILE:
        raise _wrong("settings.file", field, f"more than {_MAX_FILE} octets")
    try:
        return octets.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _wrong("settings.file", field, "octets that are no UTF-8") from None


def _wrong(code: str, field: str, measure: str) -> ConfigurationError:
    return ConfigurationError(Finding(code, field=field, measure=measure))


class _Reader:
    """Reads one file, and collects what is wrong with it instead of stopping at the first."""

    def __init__(self, folder: Path, *, keys: bool) -> None:
        self._folder = folder
        self._keys = keys
        self._findings: list[Finding] = []
        self._files: set[Path] = set()
        self._certificates: dict[str, Certificate] = {}

    def _file(self, name: str) -> Path:
        """Return the path that a name in the file stands for, and remember it."""
        path = self._folder / name
        self._files.add(path)
        return path

    def settings(self, given: Mapping[str, object]) -> Settings:
        """Return all of it.

        Raises:
            ConfigurationError: everything that is wrong.
        """
        self._only(given, _TABLES, "")
        regels = self._regels(_Table(given).table("regels", self))
        tables = given.get("sender")
        if not isinstance(tables, list) or not tables:
            self._findings.append(Finding("settings.sender", "sender", "none"))
            tables = []
        senders = [self._sender(table, number, regels) for number, table in enumerate(tables, start=1)]
        made = tuple(sender for sender in senders if sender)
        self.attempt("", lambda: check_owners(made))
        anchors = self._anchors(_Table(given).table("trust", self))
        outbox = self._outbox(_Table(given).table("outbox", self))
        pace = self._pace(_Table(given).table("sending", self))
        serve = self._serve(_Table(given).table("serve", self), made)
        metrics = self._metrics(_Table(given).table("metrics", self))
        preflight = self._preflight(_Table(given).table("preflight", self))
        if self._findings:
            raise ConfigurationError(*self._findings)
        return Settings(
            senders=tuple(replace(one, anchors=anchors) for one in made),
            anchors=anchors,
            outbox=outbox,
            sending=pace,
            serve=serve,
            metrics=metrics,
            preflight=preflight,
            certificates=self._certificates,
            files=frozenset(self._files),
        )

    def rules(self, given: Mapping[str, object]) -> Rules:
        """Return what letters are judged by.

        Raises:
            ConfigurationError: everything that is wrong with those.
        """
        regels = self._regels(_Table(given).table("regels", self))
        tables = self.attempt("", lambda: _Table({"sender": given.get("sender", [])}).tables("sender")) or ()
        owners = [
            self.attempt(f"sender[{number}].", partial(_oins, _Table(one)))
            for number, one in enumerate(tables, start=1)
        ]
        preflight = self._preflight(_Table(given).table("preflight", self))
        if self._findings:
            raise ConfigurationError(*self._findings)
        return Rules(regels=regels, owners=tuple(filter(None, owners)), preflight=preflight)

    def attempt(self, where: str, step: Callable[[], _Made]) -> _Made | None:
        """Return what a step makes; or None when it finds something wrong, which is noted with where it stands."""
        try:
            return step()
        except ConfigurationError as error:
            found: Iterable[Finding] = error.findings
        except FieldError as error:
            found = (error.finding,)
        self._findings += [replace(finding, field=f"{where}{finding.field}") for finding in found]
        return None

    def _sender(self, given: object, number: int, regels: Regels) -> Sender | None:
        where = f"sender[{number}]."
        if not isinstance(given, dict):
            self._findings.append(_kind(where.removesuffix("."), given, dict))
            return None
        self._only(given, _SENDER_KEYS, where)
        table, before = _Table(given), len(self._findings)
        steps: dict[str, Callable[[], object]] = {
            "name": lambda: table.text("name", ""),  # a label for people
            "oin": table.oins,
            "cpa": lambda: load_cpa(self._file(table.text("cpa"))),
            "identity": lambda: self._identity(table, f"sender[{number}]"),
            "action": lambda: table.text("action", ACTION),
            "party": lambda: table.text("party", "") or None,
            "payload_type": lambda: table.text("payload_type", PAYLOAD_TYPE),
            "peers": lambda: table.texts("peers"),
            "abonnementen": lambda: self._abonnementen(table.table("abonnementen", self), f"{where}abonnementen."),
        }
        parts = {part: self.attempt(where, step) for part, step in steps.items()}
        del parts["name"]
        make: Callable[..., Sender] = Sender
        return self.attempt(where, lambda: make(**parts, regels=regels)) if len(self._findings) == before else None

    def _abonnementen(self, given: Mapping[str, object], where: str) -> Abonnementregels:
        """Return how a sender's subscriptions are checked; without paths nothing says what answers in bulk mean."""
        self._only(given, _ABONNEMENTEN_KEYS, where)
        table = _Table(given)
        paden = Paden(table.text("geabonneerd", ""), table.text("niet_geabonneerd", ""))
        return Abonnementregels(
            vereist=table.flag("vereist"),
            validatie_url=table.text("validatie_url", "") or None,
            ws_addressing=table.flag("ws_addressing"),
            per_minute=table.number("per_minute", least=1, most=600) if "per_minute" in given else 4,
            action=table.text("action", A_ACTION),
            result_action=table.text("result_action", A_RESULT_ACTION),
            mapper=paden if paden != Paden() else None,
        )

    def _identity(self, table: _Table, where: str) -> Identity | None:
        """Return a table's key with its certificate, and remember the certificate."""
        key, certificate = table.text("key", ""), table.text("certificate", "")
        if not self._keys:
            if certificate:
                with suppress(ConfigurationError):  # who may not read keys may not read this either, perhaps
                    self._certificates[where] = leaf(_certificates(self._folder / certificate))
            return None
        if not key:
            return None
        passphrase = self._secret(table, "passphrase")
        made = Identity.from_path(self._file(key), self._file(certificate) if certificate else None, passphrase)
        self._certificates[where] = made.certificate
        return made

    def _secret(self, table: _Table, name: str) -> str | None:
        """Return what ``<name>_file`` or ``<name>_env`` points at, or None without either."""
        if file := table.text(f"{name}_file", ""):
            return _first_line(self._file(file), f"{name}_file")
        if variable := table.text(f"{name}_env", ""):
            if variable not in os.environ:
                raise _wrong("settings.environment", f"{name}_env", "a variable that is not set")
            return os.environ[variable]
        return None

    def _serve(self, given: Mapping[str, object], senders: Sequence[Sender]) -> ServeSettings:
        """Return how our endpoint is served, with the first sender's key unless it has one of its own."""
        self._only(given, _SERVE_KEYS, "serve.")
        table = _Table(given)
        steps: dict[str, Callable[[], object]] = {
            "listen": lambda: Address.parse(table.text("listen"), self._folder),
            "path": lambda: _path(table.text("path")),
            "health": lambda: _local(Address.parse(table.text("health"), self._folder), "health"),
            "send_signals": lambda: table.flag("send_signals"),
            "proxy": lambda: self._proxy(given["proxy"]),
        }
        parts = {key: self.attempt("serve.", step) for key, step in steps.items() if key in given}
        default = next((one.tls or one.identity for one in senders), None)
        identity = self.attempt("serve.", lambda: self._identity(table, "serve")) or default
        make: Callable[..., ServeSettings] = ServeSettings
        if None in parts.values():
            return ServeSettings()
        made = make(**parts, identity=identity, limits=self._limits(table, given))
        if made.proxy is not None:
            self.attempt("serve.", lambda: _local(made.listen, "listen"))
            if made.listen.socket is not None and made.proxy.networks:
                self._findings.append(Finding("proxy.value", "serve.proxy.networks", "networks, at a Unix socket"))
        return made

    def _metrics(self, given: Mapping[str, object]) -> MetricsSettings:
        """Return where figures are told."""
        self._only(given, _METRICS_KEYS, "metrics.")
        table = _Table(given)
        steps: dict[str, Callable[[], object]] = {
            "listen": lambda: port_of(table.text("listen"), "listen"),
            "textfile": lambda: self._folder / table.text("textfile"),
            "interval": lambda: table.number("interval", least=1, most=_MOST_SECONDS),
            "oin_labels": lambda: table.flag("oin_labels"),
        }
        parts = {key: self.attempt("metrics.", step) for key, step in steps.items() if key in given}
        make: Callable[..., MetricsSettings] = MetricsSettings
        return make(**parts)

    def _preflight(self, given: Mapping[str, object]) -> PreflightSettings:
        """Return how rows are judged."""
        self._only(given, _PREFLIGHT_KEYS, "preflight.")
        table = _Table(given)
        steps: dict[str, Callable[[], object]] = {
            "validator": lambda: _command(table.text("validator")),
            "berichttypen": lambda: table.texts("berichttypen"),
            "processes": lambda: table.number("processes", least=1, most=_MOST_PROCESSES),
            "seconds": lambda: table.number("seconds", least=1, most=_MOST_LOOK),
        }
        parts = {key: self.attempt("preflight.", step) for key, step in steps.items() if key in given}
        make: Callable[..., PreflightSettings] = PreflightSettings
        return make(**parts)

    def _limits(self, table: _Table, given: Mapping[str, object]) -> Limits:
        most = {"threads": _MOST_THREADS, "connections": _MOST_CONNECTIONS, "max_bytes": _MOST_BYTES}
        names = {"max_bytes": "max_body"}
        found = {
            names.get(key, key): self.attempt("serve.", partial(table.number, key, least=1, most=limit))
            for key, limit in most.items()
            if key in given
        }
        return replace(Limits(), **{key: value for key, value in found.items() if value is not None})

    def _proxy(self, given: object) -> FromProxy:
        """Return whose word counts: on this machine anybody can call from its address, so a secret is always needed."""
        if not isinstance(given, dict):
            raise ConfigurationError(_kind("proxy", given, dict))
        self._only(given, _PROXY_KEYS, "serve.proxy.")
        table = _Table(given)
        secret = self._secret(table, "secret")
        if secret is None:
            raise _wrong("proxy.proof", "proxy", "no secret_file or secret_env")
        verified = table.text("verified_header", "")
        return FromProxy(
            header=table.text("header", "Client-Cert"),
            secret=(table.text("secret_header", "X-Proxy-Secret"), secret),
            networks=table.texts("networks"),
            verified=(verified, table.text("verified_value", "SUCCESS")) if verified else None,
        )

    def _anchors(self, given: Mapping[str, object]) -> tuple[Certificate, ...]:
        self._only(given, _TRUST_KEYS, "trust.")
        names = self.attempt("trust.", lambda: _Table(given).texts("anchors")) or ()
        found = [
            self.attempt(f"trust.anchors[{number}].", partial(_certificates, self._file(name)))
            for number, name in enumerate(names, start=1)
        ]
        return tuple(one for anchors in found for one in anchors or ())

    def _outbox(self, given: Mapping[str, object]) -> OutboxSettings:
        self._only(given, _OUTBOX_KEYS, "outbox.")
        table = _Table(given)
        steps: dict[str, Callable[[], object]] = {
            "url": lambda: table.text("url"),
            "keep_days": lambda: table.number("keep_days", most=_MOST_DAYS),
            "shared_paths": lambda: table.flag("shared_paths"),
        }
        parts = {key: self.attempt("outbox.", step) for key, step in steps.items() if key in given}
        make: Callable[..., OutboxSettings] = OutboxSettings
        return make(folder=self._folder, **parts)

    def _pace(self, given: Mapping[str, object]) -> Pace:
        self._only(given, _PACE, "sending.")
        known = {key: value for key, value in given.items() if key in _PACE}
        make: Callable[..., Pace] = Pace
        return self.attempt("sending.", lambda: make(**known)) or Pace()

    def _regels(self, given: Mapping[str, object]) -> Regels:
        self._only(given, set(_REGELS), "regels.")
        known = {key: value for key, value in given.items() if key in _REGELS}
        wrong = [key for key, value in known.items() if type(value) is not _REGELS[key]]
        self._findings += [_kind(f"regels.{key}", given[key], _REGELS[key]) for key in wrong]
        make: Callable[..., Regels] = Regels
        return self.attempt("regels.", lambda: make(**{k: v for k, v in known.items() if k not in wrong})) or STANDAARD

    def _only(self, given: Mapping[str, object], known: set[str], where: str) -> None:
        unknown = sorted(set(given) - known)
        self._findings += [Finding("settings.unknown", f"{where}{key}", "an unknown key") for key in unknown]


def port_of(text: str, field: str) -> Address:
    """Return the HOST:PORT that a text names.

    Raises:
        ConfigurationError: ``serve.address``: it is none.
    """
    found = Address.parse(text)
    if found.socket is not None:
        raise _wrong("serve.address", field, "a Unix socket, where a port belongs")
    return found


def _command(text: str) -> str:
    if not split_command(text):
        raise _wrong("settings.value", "validator", "no words as a shell splits them")
    return text


def split_command(text: str) -> tuple[str, ...]:
    """Return the words of a command as a shell splits them, and no shell runs it; nothing when there are none."""
    try:
        return tuple(shlex.split(text))
    except ValueError:
        return ()


def _path(text: str) -> str:
    if not text.startswith("/") or not text.isascii() or not text.isprintable() or set(text) & set(" ?#%"):
        raise _wrong("settings.value", "path", "no path of an URL, or one with signs that must be escaped")
    return text


def _local(address: Address, field: str) -> Address:
    if not address.is_local:
        raise _wrong("serve.plain", field, str(address))
    return address


def _oins(table: _Table) -> tuple[OIN, ...]:
    return tuple(map(OIN, table.oins()))


def _certificates(path: Path) -> list[Certificate]:
    return read_all(read_file(path, "certificate"))


class _Table:
    """One table of the file, asked for values of one kind."""

    def __init__(self, given: Mapping[str, object]) -> None:
        self._given = given

    def table(self, key: str, reader: _Reader) -> Mapping[str, object]:
        """Return a table, empty when it is absent or noted as wrong."""
        return reader.attempt("", lambda: self._of_kind(key, dict, {})) or {}

    def text(self, key: str, default: str | None = None) -> str:
        """Return a text; empty is refused, and so is absence without a default."""
        if key not in self._given and default is not None:
            return default
        found = self._of_kind(key, str, "")
        if not found or "\0" in found:
            raise _wrong("settings.value", key, "nothing" if not found else "a NUL in it")
        return found

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts, empty when absent."""
        found = self._of_kind(key, list, [])
        return tuple(_Table({f"{key}[{n}]": one}).text(f"{key}[{n}]") for n, one in enumerate(found, start=1))

    def tables(self, key: str) -> list[Mapping[str, object]]:
        """Return a list of tables."""
        found = self._of_kind(key, list, [])
        if wrong := [one for one in found if not isinstance(one, dict)]:
            raise ConfigurationError(_kind(key, wrong[0], dict))
        return found

    def number(self, key: str, *, least: int = 0, most: int) -> int:
        """Return a whole number between two bounds."""
        found = self._given[key]
        if not isinstance(found, int) or isinstance(found, bool):
            raise ConfigurationError(_kind(key, found, int))
        if not least <= found <= most:
            raise _wrong("settings.value", key, f"a number outside {least} to {most}")
        return found

    def flag(self, key: str) -> bool:
        """Return what is true or false."""
        return self._of_kind(key, bool, False)

    def oins(self) -> tuple[str, ...]:
        """Return the list of OINs, or the one that stands there as a text."""
        return self.texts("oin") if isinstance(self._given.get("oin"), list) else (self.text("oin"),)

    def _of_kind(self, key: str, kind: type[_Made], default: _Made) -> _Made:
        found = self._given.get(key, default)
        if not isinstance(found, kind):
            raise ConfigurationError(_kind(key, found, kind))
        return found


def _kind(field: str, given: object, wanted: type) -> Finding:
    """Say of which kind a value is, and of which it should be; never the value, which may be a secret."""
    measure = f"{_KINDS.get(type(given), 'something else')}, where {_KINDS[wanted]} belongs"
    return Finding("settings.value", field, measure)
