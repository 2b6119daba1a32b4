"""Every code of the catalogue's letters is really raised, and says in two languages what to do."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from uuid import UUID

import pytest
from tests.letters import BATCH_ID, BSN, MADE, NIL, OTHER_SENDER, answer, batch, letter, pdf, verdict

from mobb_client._catalogue.letters import LETTERS
from mobb_client.berichtenbox import globe
from mobb_client.berichtenbox.batch import batches
from mobb_client.berichtenbox.bericht import Bericht
from mobb_client.berichtenbox.globe import parse_result, write_berichten
from mobb_client.berichtenbox.regels import Regels
from mobb_client.berichtenbox.resultaat import Verwerkingscode, correlate
from mobb_client.berichtenbox.rows import REQUIRED, read_rows
from mobb_client.errors import BerichtError, ConfigurationError, Finding

NAIVE = MADE.replace(tzinfo=None)
NO_UTC = datetime.min.replace(tzinfo=timezone(timedelta(hours=1)))
HEADER = ",".join(REQUIRED)
NAMED = f"zaak-1,{BSN},BESCHIK,Besluit"


def found_by(make: Callable[[], object]) -> list[Finding]:
    """Return what is found when something wrong is made."""
    try:
        made = make()
    except BerichtError as error:
        return [each.finding for each in error.errors]
    except ConfigurationError as error:
        return [*error.findings]
    except ValueError as error:
        return [error.finding]  # type: ignore[attr-defined] # it is a FieldError
    return [*made.warnings] if isinstance(made, Bericht) else []


def wrong_letters() -> Iterator[Callable[[], object]]:
    """Return letters and batches in which something is wrong."""
    odd = [b"", b"x", b" %PDF- /Encrypt", 5, "missing.pdf", (pdf(), ""), (pdf(), f"{BSN}\n:"), (pdf(), "x" * 50)]
    yield from (lambda each=each: letter(bijlagen=[each]) for each in odd)
    for changes in (
        {"kenmerk": ""},
        {"kenmerk": f"e\u0308\n{BSN}"},
        {"bsn": ""},
        {"bsn": "000000000"},
        {"bsn": "123456789"},
        {"oin": ""},
        {"oin": "urn:osb:oin:"},
        {"oin": "1" * 20},
        {"berichttype": " "},
        {"berichttype": "\0" * 9},
        {"onderwerp": " "},
        {"onderwerp": f"\0\n{BSN}" * 9},
        {"berichttekst": "\n"},
        {"berichttekst": "\0\\r\\n" * 2000},
        {"referentie": " "},
        {"referentie": f"\0\n{BSN}" * 9},
        {"publicatiedatum": NAIVE, "einddatum_handelingstermijn": NAIVE},
        {"publicatiedatum": NO_UTC, "einddatum_handelingstermijn": NO_UTC},
        {"bijlagen": [(pdf(250_001), "x")] * 2},
        {"bijlagen": [pdf()] * 3},
    ):
        yield lambda changes=changes: letter(**changes)
    for changes in (
        {"batch_id": UUID(int=0), "berichten": ()},
        {"aanmaakdatum": NAIVE},
        {"aanmaakdatum": NO_UTC},
        {"berichten": (letter(oin=OTHER_SENDER), letter())},
        {"berichten": (letter(publicatiedatum=MADE),)},
        {"berichten": (letter(publicatiedatum=MADE + timedelta(days=14)),)},
        {"berichten": (letter(einddatum_handelingstermijn=MADE),)},
    ):
        yield lambda changes=changes: batch(**changes)
    yield lambda: list(batches([letter()], oin=None, aanmaakdatum=MADE, new_id=lambda: BATCH_ID))
    yield lambda: Regels(batch_bytes=0)


def found_in_rows() -> Iterator[Finding]:
    """Return what is found in files of letters."""
    for file in (
        f"{HEADER},x,bsn",
        "bsn",
        f"{HEADER}\nx",
        f'{HEADER}\n"x',
        f"{HEADER}\n{NAMED},\0\xff",
        f"{HEADER},omschrijving_1,publicatiedatum,bijlage_2\n{NAMED},Tekst,x,x,x",
        "{x",
    ):
        try:
            rows = list(read_rows(io.BytesIO(file.encode("latin-1")), folder=Path()))
        except BerichtError as error:
            yield from (each.finding for each in error.errors)
        else:
            yield from (each.finding for row in rows for each in row.errors)


def found_in_results() -> Iterator[Finding]:
    """Return what is found in results."""
    sent = {BATCH_ID: {UUID(int=1): "a"}, UUID(int=9): {UUID(int=2): "b"}}
    own = verdict(UUID(int=1))
    differing = answer(
        own, verdict(UUID(int=1), "00"), verdict(UUID(int=2)), verdict(UUID(int=3)), counts=(2, 1, 0, 0, 0, 0, 0)
    )
    yield from correlate(parse_result(differing), sent).findings
    yield from correlate(parse_result(answer(own, batch_id=UUID(int=8))), sent).findings
    odd = answer(own).replace(b"res:Bericht>", b"Bericht>").replace(b"02.114Z", b"02").replace(b"T08:16:09.870Z", b"")
    yield from parse_result(odd).warnings
    for code in (*Verwerkingscode, "00"):
        yield parse_result(answer(verdict(UUID(int=1), code))).berichten[0].finding
    yield parse_result(answer(verdict(NIL))).berichten[0].finding


@pytest.fixture
def raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Finding]:
    """Return a finding of every kind."""
    found = [each for make in wrong_letters() for each in found_by(make)]
    found += [*found_in_rows(), *found_in_results()]
    found += [*batch().findings(MADE - timedelta(days=1)), *batch().findings(MADE + timedelta(days=14))]
    (tmp_path / "a.pdf").write_bytes(pdf())
    of = batch(letter(bijlagen=[tmp_path / "a.pdf"]))
    os.utime(tmp_path / "a.pdf", ns=(0, 0))
    found += found_by(lambda: write_berichten(of, lambda _: None))
    monkeypatch.setattr(globe, "MAX_BATCH_BYTES", 1)
    found += found_by(lambda: write_berichten(batch(), lambda _: None))
    monkeypatch.undo()
    monkeypatch.setattr(Bericht, "geschreven_tekst", property(lambda _: "x" * 4001))
    found += found_by(lambda: write_berichten(batch(), lambda _: None))
    return found


def test_every_code(raised: list[Finding]) -> None:
    """What is raised is in the catalogue, and all that is in the catalogue is raised."""
    assert {finding.code for finding in raised} == LETTERS.keys()


def test_sentences(raised: list[Finding]) -> None:
    """Rule, source and advice in both languages, the limit filled in, and no BSN anywhere."""
    for finding in raised:
        for language in ("en", "nl"):
            told = finding.as_dict(language)  # type: ignore[arg-type] # one of the two
            assert all(told.values())
            assert "{" not in "".join(told.values())
            assert "None" not in told["rule"] + told["advice"]
            assert BSN not in str(told)
        assert finding.rule_in("en") != finding.rule_in("nl") or finding.rule_in("en") == "UTF-8"
        assert str(replace(finding)) == str(finding)
