"""A letter that checks itself, all of it at once, and a batch of up to a thousand of them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar
from uuid import UUID, uuid5

from mobb_client.berichtenbox import tekst
from mobb_client.berichtenbox.bijlage import Bestand, Bijlage, Inhoud, content_of, error_of
from mobb_client.berichtenbox.bijlage import findings as bijlage_findings
from mobb_client.berichtenbox.identiteit import BSN, OIN, holds_bsn, looks_like_bsn, measure
from mobb_client.berichtenbox.regels import STANDAARD, Regels
from mobb_client.errors import BerichtError, FieldError, Finding

MAX_BIJLAGEN: Final = 2
_NAMESPACE: Final = UUID("8f2b6a54-3d0c-5e7a-9c41-6b0e2f7d1a95")
_NIL: Final = UUID(int=0)
_SHOWN: Final = ("kenmerk", "referentie", "onderwerp")

BijlageDeel = Bijlage | bytes | str | os.PathLike[str] | tuple[bytes | str | os.PathLike[str], str]
"""An attachment as `Bericht` takes it: made, or as octets or a path, either of them with its description."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, init=False, repr=False)
class Bericht:
    """One letter to one citizen.

    Args:
        kenmerk: the caller's own key, 1 to 200 characters, from which the BerichtID follows.
        bsn: the receiver.
        berichttype: its code in the Leveranciersportaal, 1 to 8 characters.
        onderwerp: subject, 1 to 50 characters on one line.
        berichttekst: the text, at most 4000 characters after conversion (`tekst.as_written`); kept here as given.
        referentie: the sender's own reference, shown to the citizen, 1 to 25 characters on one line.
        publicatiedatum: visible from this moment (aware); at once when left out. Written in whole seconds, UTC.
        einddatum_handelingstermijn: latest moment for what the letter asks (aware).
        bijlagen: at most two, in the order the citizen sees; together at most `Regels.max_bijlage_bytes` octets.
            A bare path takes its description from the file's name, bare octets become ``Bijlage 1`` or ``Bijlage 2``.
        oin: the organisation that sends it; that of its batch when left out.
        regels: the limits it is judged by.

    Attributes:
        warnings: what is allowed and yet worth a look.

    Raises:
        BerichtError: every rule that any part breaks.

    Source: `berichtenbox` b.2, f, g.
    """

    kenmerk: str
    bsn: BSN
    berichttype: str
    onderwerp: str
    berichttekst: str
    referentie: str | None
    publicatiedatum: datetime | None
    einddatum_handelingstermijn: datetime | None
    bijlagen: tuple[Bijlage, ...]
    oin: OIN | None
    regels: Regels = field(compare=False)
    warnings: tuple[Finding, ...] = field(init=False, compare=False)

    def __init__(  # noqa: PLR0913 - a letter has these parts, each by its name
        self,
        *,
        kenmerk: str,
        bsn: BSN | str,
        berichttype: str,
        onderwerp: str,
        berichttekst: str,
        referentie: str | None = None,
        publicatiedatum: datetime | None = None,
        einddatum_handelingstermijn: datetime | None = None,
        bijlagen: Iterable[BijlageDeel] = (),
        oin: OIN | str | None = None,
        regels: Regels = STANDAARD,
    ) -> None:
        given: dict[str, object] = {
            "kenmerk": kenmerk,
            "berichttype": berichttype,
            "onderwerp": onderwerp,
            "berichttekst": berichttekst,
            "referentie": referentie,
        }
        found = _Found(bsn)
        values = given | {
            "bsn": found.part("bsn", lambda: BSN(_digits(bsn), elfproef=regels.elfproef)),
            "oin": found.part("oin", lambda: oin if isinstance(oin, OIN | None) else OIN(oin)),
            "publicatiedatum": publicatiedatum,
            "einddatum_handelingstermijn": einddatum_handelingstermijn,
            "bijlagen": found.attachments(bijlagen, regels),
            "regels": regels,
        }
        found.texts(given, regels)
        found.dates(publicatiedatum, einddatum_handelingstermijn)
        if isinstance(made := values["oin"], OIN):
            found.findings += made.warnings
        values["warnings"] = found.verdict(kenmerk)
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @classmethod
    def restored(cls, parts: Mapping[str, object], regels: Regels) -> Bericht:
        """Return a letter as it was made before, from all its parts by name; it is not judged again."""
        made = object.__new__(cls)
        for name, value in {**parts, "regels": regels, "warnings": ()}.items():
            object.__setattr__(made, name, value)
        return made

    @property
    def geschreven_tekst(self) -> str:
        """The text as it is written."""
        return tekst.as_written(self.berichttekst, real_newlines=self.regels.real_newlines)

    def date_errors(self, aanmaakdatum: datetime, regels: Regels = STANDAARD) -> tuple[FieldError, ...]:
        """Return what is wrong with this letter's dates in a batch that is made at `aanmaakdatum`.

        Source: `berichtenbox` g.6, b.2 row 11, k.11.
        """
        return tuple(map(error_of, _dates_in_batch(self, _known(aanmaakdatum, "aanmaakdatum"), regels)))

    def as_sent(self, now: datetime) -> Bericht:
        """Return the letter as it can go at a moment: without a PublicatieDatum that has passed, in whole seconds."""
        if self.publicatiedatum is None or as_second(self.publicatiedatum) > as_second(now):
            return self
        return replace(self, publicatiedatum=None)

    def differences(self, other: Bericht) -> tuple[str, ...]:
        """Return the names of the fields in which two letters differ, attachments compared by their SHA-256.

        Two letters under one `kenmerk` and OIN are one letter only when nothing differs.

        Raises:
            FieldError: an attachment's file is no longer what it was.
        """
        names = (name for name in _CONTENT if getattr(self, name) != getattr(other, name))
        same_files = self.bijlagen == other.bijlagen or _digests(self) == _digests(other)
        return (*names, *(() if same_files else ("bijlagen",)))

    def __repr__(self) -> str:
        """Return its kenmerk, which cannot hold its BSN, and nothing of its content."""
        return f"Bericht(kenmerk={self.kenmerk!r})"


_CONTENT: Final = (
    "kenmerk",
    "bsn",
    "berichttype",
    "onderwerp",
    "berichttekst",
    "referentie",
    "publicatiedatum",
    "einddatum_handelingstermijn",
    "oin",
)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Batch:
    """Up to a thousand letters of one organisation, which travel as one document.

    Args:
        batch_id: made by the sender, and kept when the batch is offered again.
        oin: the BerichtLeverancierID; letters that name an OIN name this one.
        aanmaakdatum: when the batch was made (aware), against which the letters' dates are judged.
        berichten: 1 to 1000 letters, no `kenmerk` twice.
        regels: the limits it is judged by.

    Raises:
        BerichtError: every rule that it breaks; fields of a letter are named by their place, ``bericht[2].oin``.

    Source: `berichtenbox` b.2 rows 3 to 6, g.6.
    """

    batch_id: UUID
    oin: OIN
    aanmaakdatum: datetime
    berichten: tuple[Bericht, ...]
    regels: Regels = field(default=STANDAARD, compare=False)

    def __post_init__(self) -> None:
        """Refuse what is no batch, all of it at once."""
        if errors := tuple(map(error_of, _batch_findings(self))):
            raise BerichtError(f"batch {self.batch_id}", errors)

    def __len__(self) -> int:
        """Return the number of letters."""
        return len(self.berichten)

    @property
    def kenmerken(self) -> dict[UUID, str]:
        """BerichtID -> kenmerk of each letter: what a result is read with."""
        return {bericht_id(self.oin, bericht.kenmerk): bericht.kenmerk for bericht in self.berichten}

    def findings(self, now: datetime) -> tuple[Finding, ...]:
        """Find what forbids offering the batch at this moment: it is too old, or from the future.

        Source: `berichtenbox` b.2 row 4, g.6.
        """
        made, offered = as_second(self.aanmaakdatum), _known(now, "aanmaakdatum")
        age, given = offered - made, f"{made} when it was {offered}"
        if age < timedelta():
            return (Finding("aanmaakdatum.future", field="aanmaakdatum", measure=given),)
        if age > timedelta(days=self.regels.max_dagen_aanmaak):
            limit = self.regels.max_dagen_aanmaak
            return (Finding("aanmaakdatum.old", field="aanmaakdatum", measure=given, limit=limit),)
        return ()

    def __repr__(self) -> str:
        """Return its id and how many letters it holds."""
        return f"Batch({self.batch_id}, {len(self.berichten)} letters)"


def bericht_id(oin: OIN | str, kenmerk: str) -> UUID:
    """Return the BerichtID of a letter: the same for the same OIN and kenmerk, on every machine and for ever.

    Source: `design.md` section 3.
    """
    return uuid5(_NAMESPACE, f"{oin}/{kenmerk}")


def as_second(moment: datetime) -> datetime:
    """Return an aware moment as it is written: UTC, in whole seconds."""
    return moment.astimezone(UTC).replace(microsecond=0)


class _Found:
    """What is found in the parts of one letter."""

    def __init__(self, bsn: object) -> None:
        self.findings: list[Finding] = []
        # Judged by the digits as given: a mistyped BSN must not show either
        self.digits = re.sub(r"\D", "", str(_digits(bsn)))

    def part(self, name: str, make: Callable[[], _T]) -> _T | None:
        """Return a part, or None and its finding."""
        try:
            return make()
        except FieldError as error:
            self.findings.append(replace(error.finding, field=name))
            return None

    def texts(self, given: dict[str, object], regels: Regels) -> None:
        """Judge the fields of text; `referentie` may be left out."""
        for veld in (tekst.KENMERK, tekst.BERICHTTYPE, tekst.ONDERWERP, tekst.REFERENTIE):
            if given[veld.name] is not None or veld is not tekst.REFERENTIE:
                self.findings += veld.findings(given[veld.name])
        self.findings += tekst.berichttekst(real_newlines=regels.real_newlines).findings(given["berichttekst"])
        for name in _SHOWN:
            self.own_bsn(name, name, given[name])

    def own_bsn(self, kind: str, name: str, shown: object) -> None:
        """Refuse the letter's own BSN where others read it."""
        if isinstance(shown, str) and holds_bsn(shown, self.digits):
            self.findings.append(Finding(f"{kind}.bsn", field=name, measure=measure(shown)))

    def dates(self, publicatiedatum: object, einddatum: object) -> None:
        """Judge the two dates, each by itself and the one against the other."""
        publication = self.part("publicatiedatum", lambda: _moment(publicatiedatum, "publicatiedatum"))
        end = self.part("einddatum_handelingstermijn", lambda: _moment(einddatum, "einddatum_handelingstermijn"))
        if publication and end and end <= publication:
            self.findings.append(_end_before(end, publication))

    def attachments(self, given: Iterable[BijlageDeel], regels: Regels) -> tuple[Bijlage, ...]:
        """Return the attachments that can be made, after judging each and all of them together."""
        if isinstance(given, str | bytes | os.PathLike) or not isinstance(given, Iterable):
            given = (given,)  # one attachment is what was meant
        parts = tuple(given)
        if len(parts) > MAX_BIJLAGEN:
            count = Finding("bijlagen.count", field="bijlagen", measure=f"{len(parts)} attachments", limit=MAX_BIJLAGEN)
            self.findings.append(count)
        made = [self._attachment(number, part, regels) for number, part in enumerate(parts, start=1)]
        good = tuple(bijlage for bijlage in made if bijlage)
        self._together(good, regels)
        return good

    def _together(self, bijlagen: tuple[Bijlage, ...], regels: Regels) -> None:
        total, limit = sum(bijlage.size for bijlage in bijlagen), regels.max_bijlage_bytes
        if total > limit:
            self.findings.append(Finding("bijlagen.size", field="bijlagen", measure=f"{total} bytes", limit=limit))
        if len({bijlage.geschreven_omschrijving for bijlage in bijlagen}) < len(bijlagen):
            self.findings.append(Finding("omschrijving.same", field="bijlagen", measure="the same description twice"))

    def _attachment(self, number: int, given: BijlageDeel, regels: Regels) -> Bijlage | None:
        """Return one attachment, or None when something is wrong with it."""
        content = self.part(f"bijlage_{number}", lambda: _opened(given, number))
        if content is None:
            return None
        inhoud, omschrijving = content
        fields = {"inhoud": f"bijlage_{number}", "omschrijving": f"omschrijving_{number}"}
        found = [replace(each, field=fields[each.field]) for each in bijlage_findings(inhoud, omschrijving, regels)]
        self.findings += found
        self.own_bsn("omschrijving", fields["omschrijving"], omschrijving)
        if any(each.severity == "error" for each in found):
            return None
        return given if isinstance(given, Bijlage) else Bijlage(inhoud, omschrijving, regels=regels)

    def verdict(self, kenmerk: object) -> tuple[Finding, ...]:
        """Return the warnings.

        Raises:
            BerichtError: the errors, if there are any; a kenmerk that is at fault itself is measured.
        """
        if errors := [error_of(finding) for finding in self.findings if finding.severity == "error"]:
            shown = shown_kenmerk(kenmerk, errors)
            warnings = [finding for finding in self.findings if finding.severity == "warning"]
            raise BerichtError(f"kenmerk of {measure(kenmerk)}" if shown is None else shown, errors, warnings)
        return tuple(self.findings)


def shown_kenmerk(kenmerk: object, errors: Sequence[FieldError]) -> str | None:
    """Return a kenmerk when it may be shown beside these errors of its letter.

    Not when it is at fault itself, nor, since columns get swapped, when the BSN is at fault and it looks like one.
    """
    fields = {error.field for error in errors}
    hidden = "kenmerk" in fields or ("bsn" in fields and looks_like_bsn(str(kenmerk)))
    return kenmerk if isinstance(kenmerk, str) and not hidden else None


def _digits(bsn: _T | BSN) -> _T | str:
    return bsn.digits if isinstance(bsn, BSN) else bsn


def _opened(given: BijlageDeel, number: int) -> tuple[Inhoud, str]:
    """Return the content and the description of an attachment, however it was given."""
    match given:
        case Bijlage():
            return given.inhoud, given.omschrijving
        case (part, omschrijving):
            return _content(part), omschrijving
        case str() | os.PathLike():
            file = Bestand.look(given)
            return file, file.path.name
        case _:
            return content_of(given), f"Bijlage {number}"


def _content(part: bytes | str | os.PathLike[str]) -> Inhoud:
    return Bestand.look(part) if isinstance(part, str | os.PathLike) else content_of(part)


def _moment(given: object, name: str) -> datetime | None:
    """Return a moment that may be left out as it is written."""
    return None if given is None else _known(given, name)


def _known(given: object, name: str) -> datetime:
    """Return a moment as it is written.

    Raises:
        FieldError: it is no datetime, knows no zone, or has no UTC.
    """
    if not isinstance(given, datetime):
        raise FieldError("value.type", field=name, measure=measure(given), limit="datetime")
    if given.utcoffset() is None:
        raise FieldError(f"{name}.zone", field=name, measure="a datetime without zone")
    try:
        return as_second(given)
    except OverflowError:
        raise FieldError(f"{name}.moment", field=name, measure=f"year {given.year}") from None


def _end_before(end: datetime, publication: datetime) -> Finding:
    given = f"{end}, publication {publication}"
    return Finding("einddatum_handelingstermijn.order", field="einddatum_handelingstermijn", measure=given)


def _dates_in_batch(bericht: Bericht, made: datetime, regels: Regels) -> Iterator[Finding]:
    visible = made
    if bericht.publicatiedatum is not None:
        visible = as_second(bericht.publicatiedatum)
        given = f"{visible}, batch made {made}"
        if visible <= made:
            yield Finding("publicatiedatum.past", field="publicatiedatum", measure=given)
        if visible - made > regels.publicatie_vooruit:
            limit = str(made + regels.publicatie_vooruit)
            yield Finding("publicatiedatum.ahead", field="publicatiedatum", measure=given, limit=limit)
    if bericht.einddatum_handelingstermijn is not None:
        end = as_second(bericht.einddatum_handelingstermijn)
        if end <= visible:
            yield _end_before(end, visible)


def _batch_findings(batch: Batch) -> Iterator[Finding]:
    if batch.batch_id == _NIL:
        yield Finding("batch.id", field="batch_id", measure="the all-zero id")
    if not 1 <= len(batch.berichten) <= batch.regels.batch_berichten:
        limit = batch.regels.batch_berichten
        yield Finding("batch.count", field="berichten", measure=f"{len(batch.berichten)} letters", limit=limit)
    made = None
    try:
        made = _known(batch.aanmaakdatum, "aanmaakdatum")
    except FieldError as error:
        yield error.finding
    seen: set[str] = set()
    for number, bericht in enumerate(batch.berichten, start=1):
        for finding in _in_batch(bericht, batch, made, seen):
            yield replace(finding, field=f"bericht[{number}].{finding.field}")
        seen.add(bericht.kenmerk)


def _in_batch(bericht: Bericht, batch: Batch, made: datetime | None, seen: set[str]) -> Iterator[Finding]:
    if bericht.oin not in (None, batch.oin):
        yield Finding("batch.oin", field="oin", measure=str(bericht.oin), limit=str(batch.oin))
    if bericht.kenmerk in seen:
        yield Finding("batch.kenmerk", field="kenmerk", measure=bericht.kenmerk)
    if made is not None:
        yield from _dates_in_batch(bericht, made, batch.regels)


def _digests(bericht: Bericht) -> list[tuple[str, str]]:
    return [(bijlage.omschrijving, bijlage.sha256()) for bijlage in bericht.bijlagen]
