"""No BSN comes out: not in a log at any level, on the screen, in a file's name, a repr, an error or a traceback.

Good letters and bad ones, a BSN in every wrong place, rows with their columns swapped and files that are no files go
through the library and through every command, with every logger at DEBUG. Only the payload holds a BSN.
"""

from __future__ import annotations

import io
import json
import logging
import re
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import Result
from tests import commands
from tests.asking import NO, SILENT, YES, asking
from tests.commands import HEADER, attachment, csv_file, row
from tests.letters import BSNS, answer, letter, pdf, verdict
from tests.material import MOMENT
from tests.messages import WirePart
from tests.outgoing import OIN, Sent, capture, cpa, letters, send, sender, sent

from mobb_client import _xml
from mobb_client.berichtenbox.bericht import Bericht
from mobb_client.berichtenbox.bijlage import Bijlage
from mobb_client.berichtenbox.globe import parse_result
from mobb_client.berichtenbox.identiteit import BSN
from mobb_client.berichtenbox.overzicht import overzicht
from mobb_client.berichtenbox.rows import read_rows, split_rows
from mobb_client.client import Client
from mobb_client.ebms import packet
from mobb_client.errors import MobbError
from mobb_client.inspection import inspect
from mobb_client.runs.judging import Criteria, Judge
from mobb_client.runs.report import row_json
from mobb_client.runs.report_rows import cells_of
from mobb_client.sender import Intake
from mobb_client.settings import load

SECRET: Final = BSNS[0]
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""The ids of a test are counted, and have zeros as one of the BSNs has; a BSN has no place in the form of one."""


@dataclass
class Watch:
    """Everything that came out."""

    texts: list[str] = field(default_factory=list)

    def saw(self, *things: object) -> None:
        """Note what a thing shows of itself."""
        for thing in things:
            self.texts += [repr(thing), str(thing), f"{thing}"]

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Note an error with everything that hangs on it, and go on."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever it is, it is looked at
            self.error(error)

    def error(self, error: BaseException) -> None:
        """Note an error: text, arguments, attributes, traceback, causes."""
        self.texts += traceback.format_exception(error)
        seen: set[int] = set()
        todo: list[BaseException | None] = [error]
        while todo:
            one = todo.pop()
            if one is None or id(one) in seen:
                continue
            seen.add(id(one))
            self.texts += [repr(one), str(one), repr(one.args), repr(getattr(one, "__dict__", {}))]
            todo += [one.__cause__, one.__context__, *getattr(one, "errors", ())]
            for finding in (*getattr(one, "findings", ()), getattr(one, "finding", None)):
                self.texts.append(repr(finding) + (json.dumps(finding.as_dict("nl")) if finding else ""))

    def found(self) -> list[str]:
        """Return the places where a BSN came out, whole or without its leading zeros."""
        wanted = {*BSNS, *(bsn.lstrip("0") for bsn in BSNS if len(bsn.lstrip("0")) >= 8)}
        return [text for text in self.texts if any(bsn in _UUID.sub("", text) for bsn in wanted)]


class _Handler(logging.Handler):
    """Notes every record with all that hangs on it."""

    def __init__(self, watch: Watch) -> None:
        super().__init__(logging.DEBUG)
        self._watch = watch

    def emit(self, record: logging.LogRecord) -> None:
        """Note the sentence, the arguments and the extras."""
        self._watch.texts += [record.getMessage(), repr(record.__dict__)]
        if record.exc_info and record.exc_info[1]:
            self._watch.error(record.exc_info[1])


def watched(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    """Watch every logger at DEBUG, stdout and stderr; at the end no BSN may have come out."""
    found = Watch()
    handler = _Handler(found)
    root = logging.getLogger()
    loggers = [root, *(logging.getLogger(name) for name in list(root.manager.loggerDict))]
    for logger in loggers:
        monkeypatch.setattr(logger, "level", logging.DEBUG)
        monkeypatch.setattr(logger, "disabled", False)
        monkeypatch.setattr(logger, "propagate", True)
    root.manager._clear_cache()  # type: ignore[attr-defined] # levels were changed behind its back
    monkeypatch.setenv("MOBB_LOG", "DEBUG")
    root.addHandler(handler)
    yield found
    root.removeHandler(handler)
    monkeypatch.undo()
    root.manager._clear_cache()  # type: ignore[attr-defined] # idem
    found.texts += capfd.readouterr()
    assert found.found() == []


watch = pytest.fixture(name="watch")(watched)


def run(*words: object, given: str | None = None) -> Result:
    """Run a command, perhaps with something on its stdin; what it shows is watched like all that is printed."""
    found = commands.run(*words, given=given)
    print(found.output)  # noqa: T201 - so that it is seen
    return found


def chained(seen: Watch) -> None:
    """Let an error that says nothing hang on one that does."""
    with seen.errors():
        try:
            BSN(SECRET).digits.index("x")
        except ValueError:
            {}[f"{SECRET}"]  # type: ignore[index] # planted


PLANTED: Final[list[Callable[[Watch], object]]] = [
    lambda _: logging.getLogger("signxml").debug("canonical %s", SECRET),
    lambda _: logging.getLogger("new.one").info("event", extra={"bsn": SECRET}),
    lambda _: print(SECRET),  # noqa: T201 - planted
    lambda _: logging.getLogger("x").debug("digits %s", "00000012".lstrip("0") and "000000012"),
    lambda seen: seen.saw({"bsn": SECRET}),
    chained,
]


@pytest.mark.parametrize("plant", PLANTED)
def test_the_watch_sees(
    plant: Callable[[Watch], object], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A BSN that does come out is seen: in a log of any package, in a chained error, on the screen."""
    watching = contextmanager(watched)(capfd, monkeypatch)
    seen = watching.__enter__()
    plant(seen)
    with pytest.raises(AssertionError):
        watching.__exit__(None, None, None)


PLACES: Final[list[dict[str, Any]]] = [
    {},
    {"kenmerk": SECRET},
    {"kenmerk": f"zaak {SECRET}"},
    {"kenmerk": ""},
    {"bsn": "99999365"},
    {"bsn": f"{SECRET}0"},
    {"bsn": f" {SECRET}"},
    {"bsn": int(SECRET)},
    {"bsn": "999993654"},
    {"berichttype": SECRET},
    {"berichttype": int(SECRET)},
    {"onderwerp": SECRET},
    {"onderwerp": f"Voor {SECRET} " + "x" * 60},
    {"onderwerp": [SECRET]},
    {"berichttekst": f"BSN {SECRET}\x00"},
    {"berichttekst": f"BSN {SECRET} " * 400},
    {"berichttekst": SECRET.encode()},
    {"referentie": SECRET},
    {"referentie": f"BSN-{SECRET}-en-nog-veel-meer"},
    {"oin": SECRET},
    {"oin": f"urn:osb:oin:{SECRET}"},
    {"publicatiedatum": SECRET},
    {"einddatum_handelingstermijn": SECRET},
    {"bijlagen": [f"{SECRET}.pdf"]},
    {"bijlagen": [(pdf(61), f"{SECRET}.pdf")]},
    {"bijlagen": [(pdf(61), f"brief/{SECRET}.pdf")]},
    {"bijlagen": [(SECRET.encode(), "brief.pdf")]},
    {"bijlagen": [(SECRET, "brief.pdf")]},
    {"bijlagen": SECRET},
    {"bijlagen": [SECRET, int(SECRET), None]},
]


@pytest.mark.parametrize("change", PLACES, ids=lambda change: next(iter(change), "good"))
def test_letters(change: dict[str, Any], watch: Watch) -> None:
    """A letter with its BSN in every place, good and bad: what it shows of itself and what its errors say."""
    with watch.errors():
        made = letter(**change)
        watch.saw(made, made.bsn, made.warnings, made.bijlagen, made.bsn.digits == SECRET, [made], {"brief": made})
        watch.saw(*send(berichten=[made])[0].outgoing.batch.berichten)


def test_values(watch: Watch, tmp_path: Path) -> None:
    """What each value of the way shows of itself."""
    made = sent("osb-rm-s")
    outgoing, report = made.outgoing, inspect(made.file, cpa=cpa("osb-rm-s"))
    document = made.wire.parts[0].octets
    headers = outgoing.headers["Content-Type"]
    watch.saw(BSN(SECRET), outgoing, outgoing.batch, outgoing.sender, outgoing.message, outgoing.route, made.written)
    watch.saw(report, report.letters, report.problems, overzicht(document), packet.read(headers, made.body).parts)
    (tmp_path / "brief.pdf").write_bytes(pdf(61))
    watch.saw(Bijlage.from_path(tmp_path / "brief.pdf"), Bijlage(pdf(61), "brief.pdf"), Intake((sender(),), MOMENT))
    assert SECRET.encode() in document


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"</ber:GebruikerID>", b"</ber:GebruikersID>"),
        (b"<ber:GebruikerID>", b"<ber:GebruikerID><x/>"),
        (b"<ber:BerichtType>BESCHIK", b"<ber:BerichtType>" + SECRET.encode()),
        (b"<ber:Onderwerp>Besluit", b"<ber:Onderwerp>" + SECRET.encode() * 9),
        (b"<ber:SoortGebruiker>Burger", b"<ber:SoortGebruiker>" + SECRET.encode()),
        (b"<ber:BerichtID>", b"<ber:BerichtID>" + SECRET.encode()),
        (b"<bvs:BerichtLeverancierID>" + OIN.encode(), b"<bvs:BerichtLeverancierID>" + SECRET.encode()),
        (b"<eb:ConversationId>", b"<eb:ConversationId>" + SECRET.encode() + b" "),
        (b"<eb:CPAId>", b"<eb:CPAId>" + SECRET.encode() + b" "),
        (b"<eb:Role>SR", b"<eb:Role>" + SECRET.encode()),
        (b'xlink:href="cid:1.', b'xlink:href="cid:' + SECRET.encode() + b" "),
        (b'xlink:href="cid:1.', b'xlink:href="http://' + SECRET.encode() + b".example/1."),
        (b'eb:version="2.0"', b'eb:version="' + SECRET.encode() + b'"'),
        (b"Content-ID: <1.", b"Content-ID: <" + SECRET.encode() + b" "),
    ],
)
def test_spoiled_messages(old: bytes, new: bytes, watch: Watch, tmp_path: Path) -> None:
    """Reading a spoiled message: what is said of it, by the library and on the screen."""
    made = sent("osb-rm-s")
    assert old in made.file
    spoiled = made.file.replace(old, new, 1)
    watch.saw(inspect(spoiled, cpa=cpa("osb-rm-s")).problems, inspect(spoiled).notes)
    with watch.errors():
        packet.read(made.outgoing.headers["Content-Type"], spoiled.partition(b"\r\n\r\n")[2])
    file = tmp_path / "1.mime"
    file.write_bytes(spoiled)
    run("inspect", file)
    run("inspect", file, "--json")


RESULTS: Final = [
    answer(verdict("11111111-2222-3333-4444-555555555555", SECRET)),
    answer(verdict("11111111-2222-3333-4444-555555555555", "Verwerkt", f"<Stadium>{SECRET}</Stadium>")),
    answer(verdict(SECRET)),
    answer(verdict("11111111-2222-3333-4444-555555555555"), batch_id=SECRET),
    answer(verdict("11111111-2222-3333-4444-555555555555")).replace(b"BESCHIK", SECRET.encode()),
    answer(verdict("11111111-2222-3333-4444-555555555555")).replace(b"2026-11-20T08:16", SECRET.encode()),
    f"<{'a' + SECRET}/>".encode(),
    SECRET.encode(),
]


@pytest.mark.parametrize("number", range(len(RESULTS)))
def test_results(number: int, watch: Watch, tmp_path: Path) -> None:
    """A result with a BSN where something else belongs."""
    octets = RESULTS[number]
    with watch.errors():
        found = parse_result(octets)
        watch.saw(found, found.warnings, *(one.finding for one in found.berichten))
    wire = sent().wire
    file = tmp_path / "1.mime"
    file.write_bytes(capture(type(wire)(envelope=wire.envelope, parts=(WirePart(wire.parts[0].head, octets),))))
    run("inspect", file)
    run("inspect", file, "--json")


def test_errors_of_the_parser(watch: Watch) -> None:
    """Whatever lxml and xmlschema quote stays inside."""
    for octets in (f"<a>{SECRET}", f"<a b='{SECRET}'", f"<!DOCTYPE a [<!ENTITY b '{SECRET}'>]><a>&b;</a>"):
        with watch.errors():
            _xml.parse(octets.encode(), "it")
        with watch.errors():
            list(_xml.stream(octets.encode(), "b", "it"))
    with watch.errors():
        _xml.moment(SECRET, "AanmaakDatum")


def rotations() -> list[list[str]]:
    """Return good rows whose columns are shifted: the BSN stands in every column once."""
    good = row(1, bsn=SECRET, bijlage="besluit.pdf")
    return [good[n:] + good[:n] for n in range(len(good))]


FILES: Final[dict[str, str]] = {
    "rotated": "\n".join([HEADER, *(",".join(f'"{cell}"' for cell in one) for one in rotations())]),
    "no header": "\n".join(",".join(one) for one in rotations()),
    "semicolons": "\n".join([HEADER, *(";".join(one) for one in rotations())]),
    "open quote": f'{HEADER}\nzaak-1,{SECRET},"BESCHIK\nzaak-2,{BSNS[1]},T,O,T,,',
    "too few": f"{HEADER}\n{SECRET}\n{SECRET},{SECRET}",
    "too many": f"{HEADER}\n" + ",".join([SECRET] * 9),
    "nul": f"{HEADER}\nzaak\0-1,{SECRET}\0,BESCHIK,O,T,,",
    "kenmerk": f"{HEADER}\n{SECRET},{SECRET},BESCHIK,O,T,,\n{SECRET},123,BESCHIK,O,T,,",
    "reused": f"{HEADER}\nzaak-1,{SECRET},BESCHIK,O,T,,\nzaak-1,{BSNS[1]},BESCHIK,O,T,,",
    "eight digits": f"{HEADER}\nzaak-1,00000012,BESCHIK,O,T,,\nzaak-2,99999365,BESCHIK,O,T,,",
    "one good": f"{HEADER}\nzaak-1,{SECRET},BESCHIK,O,T,,",
}
LINES: Final[dict[str, str]] = {
    "good": json.dumps({"kenmerk": "1", "bsn": SECRET, "berichttype": "T", "onderwerp": "O", "berichttekst": "T"}),
    "number": json.dumps({"kenmerk": "1", "bsn": int(SECRET), "berichttype": "T"}),
    "key": json.dumps({SECRET: SECRET}),
    "key twice": f'{{"bsn": "{SECRET}", "bsn": "{SECRET}"}}',
    "list": json.dumps([SECRET]),
    "half": f'{{"bsn": "{SECRET}',
    "nested": json.dumps({"kenmerk": {"bsn": SECRET}, "bsn": [SECRET], "onderwerp": {"x": SECRET}}),
    "deep": "[" * 5000 + SECRET,
}


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the material, made now."""
    folder = tmp_path_factory.mktemp("material")
    assert run("simulate", "--material", folder).exit_code == 0
    return folder


@pytest.mark.parametrize("name", [*FILES, *(f"{name}.jsonl" for name in LINES)])
def test_commands(name: str, watch: Watch, material: Path, tmp_path: Path) -> None:
    """build, send and inspect of every file, in words and in JSON; the names of what is written, and what is in it."""
    attachment(tmp_path)
    text = LINES[name.removesuffix(".jsonl")] if name.endswith(".jsonl") else FILES[name]
    file = tmp_path / ("letters.jsonl" if name.endswith(".jsonl") else "letters.csv")
    file.write_text(text)
    with watch.errors(), file.open("rb") as source:
        watch.saw(*read_rows(source, folder=tmp_path, name=file.name))
    for number, more in enumerate(([], ["--json"])):
        out = tmp_path / f"out-{number}"
        words = ["--settings", material / "mobb.toml", "--cpa", material / "cpa-osb-rm-s.xml"]
        run("build", file, *words, "--out", out, *more)
        run("send", file, "--settings", material / "mobb.toml", "--wait", "0", *more)
        for message in sorted(out.glob("*")) if out.exists() else []:
            watch.saw(message.name)
            for cpa_file in ("cpa-osb-rm-s.xml", "cpa-osb-rm.xml"):
                told = run("inspect", message, "--cpa", material / cpa_file, *more)
                assert told.exit_code == (cpa_file == "cpa-osb-rm.xml")


@pytest.mark.parametrize("name", [*FILES, *(f"{name}.jsonl" for name in LINES)])
def test_preflight(name: str, watch: Watch, tmp_path: Path) -> None:
    """Every file, judged as in the processes of a preflight: what is told of each row, and what reports are made of."""
    attachment(tmp_path)
    text = LINES[name.removesuffix(".jsonl")] if name.endswith(".jsonl") else FILES[name]
    judge = Judge(tmp_path, Criteria(at=MOMENT, berichttypen=frozenset({"X"})), b"secret")
    with watch.errors():
        for raw in split_rows(io.BytesIO(text.encode()), name=name):
            judged = judge.judge(raw)
            watch.saw(raw, judged)
            watch.saw(row_json(judged.report), *cells_of(judged.report))


@pytest.mark.parametrize("name", [*FILES, *(f"{name}.jsonl" for name in LINES)])
def test_figures(name: str, watch: Watch, material: Path, tmp_path: Path) -> None:
    """What the figures, the alarms and the rounds of an outbox say after every file, in every form."""
    attachment(tmp_path)
    settings = tmp_path / "mobb.toml"
    for one in ("mobb.toml", "cpa-osb-rm.xml", "sender.key", "sender.crt", "ca.pem"):
        (tmp_path / one).write_bytes((material / one).read_bytes())
    settings.write_text(settings.read_text() + '[metrics]\ntextfile = "mobb.prom"\noin_labels = true\n')
    file = tmp_path / ("letters.jsonl" if name.endswith(".jsonl") else "letters.csv")
    file.write_text(LINES[name.removesuffix(".jsonl")] if name.endswith(".jsonl") else FILES[name])
    run("send", file, "--settings", settings, "--wait", "0")
    run("work", "--once", "--settings", settings)
    assert "mobb_letters_total" in (tmp_path / "mobb.prom").read_text()
    watch.saw((tmp_path / "mobb.prom").read_text())
    for more in ([], ["--json"]):
        assert run("metrics", "--settings", settings, *more).exit_code == 0
        run("status", "--settings", settings, *more)
        run("work", "--once", "--settings", settings, *more)


def test_abonnementen(watch: Watch, tmp_path: Path) -> None:
    """check, request and status, of good lists and bad ones, with faults that quote a BSN, in words and in JSON."""
    bsns = [YES, NO, SILENT, YES[:-1], f"{YES}0", f"x{YES}", "", "123456789"]
    bad, good = tmp_path / "bad.txt", tmp_path / "good.txt"
    good.write_text(f"{YES}\n{NO}\n{SILENT}")
    bad.write_text("\n".join(bsns))
    attachment(tmp_path)
    files = [tmp_path / f"{number}.csv" for number in range(len(FILES))]
    for file, text in zip(files, FILES.values(), strict=True):
        file.write_text(text)
    with asking(tmp_path) as (box, settings):
        for more in (["--settings", settings], ["--settings", settings, "--json"]):
            words = ["abonnementen", "check", "--berichttype", "BESCHIK", *more]
            assert run(*words, given=good.read_text()).exit_code == 1, "of one nothing is told"
            for file in files:
                run("abonnementen", "check", file, *more)
            for fault in (box.validatie.down_next, box.validatie.refuse_next):
                fault(f"Onbekend: {YES}")
                assert run(*words, given=bad.read_text()).exit_code in {1, 3}
            assert run("abonnementen", "request", "--bsns", good, *more).exit_code == 0
            assert run("abonnementen", "request", "--bsns", bad, *more).exit_code == 1
            run("abonnementen", "request", "--bsns", tmp_path / YES, *more)
            answer_badly(settings)
            run("work", "--once", *more)
            run("abonnementen", "status", *more)


def answer_badly(settings: Path) -> None:
    """Store an answer of BSNs to every request that waits for one, in a form that nobody can read."""
    known = load(settings)
    with Client(*known.senders, outbox=known.outbox.open()) as client, client.outbox.transaction() as tx:
        for verzoek in tx.register.verzoeken():
            answered = replace(verzoek, beantwoord=verzoek.gevraagd)
            tx.register.put_verzoek(answered, f"<x>{YES}</x>".encode())


def test_payload_holds_it(material: Path, tmp_path: Path) -> None:
    """The one place where it belongs."""
    out = tmp_path / "out"
    file = csv_file(tmp_path, [row(1, bsn=SECRET)])
    run("build", file, "--settings", material / "mobb.toml", "--out", out)
    assert (out / "1.mime").read_bytes().count(SECRET.encode()) == 1


def test_demo(watch: Watch) -> None:
    """The demo, in words and in JSON."""
    assert run("demo").exit_code == 0
    assert run("demo", "--json").exit_code == 0


def test_letters_that_clash(watch: Watch, tmp_path: Path) -> None:
    """A kenmerk that comes again, dates that do not fit, an attachment that changed, a disk that is full."""
    intake = Intake((sender(),), MOMENT)
    intake.take(letter())
    file = tmp_path / f"{SECRET}.pdf"
    file.write_bytes(pdf(500))
    with_file: Bericht = letter(kenmerk="met", bijlagen=[(file, "brief.pdf")])
    watch.saw(with_file, with_file.bijlagen, with_file.bijlagen[0].inhoud)
    for bad in (
        letter(bsn=BSNS[1]),
        letter(oin="0" * 20),
        letter(kenmerk="x", publicatiedatum=MOMENT.replace(year=2030)),
    ):
        with watch.errors():
            intake.take(bad)
    file.write_bytes(pdf(501))
    with watch.errors():
        send(berichten=[with_file])

    class Full(io.BytesIO):
        def write(self, _: object) -> int:
            raise OSError(28, "No space left on device")

    with watch.errors():
        sent().outgoing.write(Full())


def test_every_message_of_ours(watch: Watch) -> None:
    """All that `inspect` says of our own messages."""
    made: Sent
    for made in (*send("osb-rm"), *send("osb-rm-s", sync=True)):
        found = inspect(made.file)
        watch.saw(found, *found.letters, *found.parts)
    assert any(str(one.bsn.digits) == SECRET for one in letters())


def test_mobb_errors_have_no_locals() -> None:
    """B55: an error of ours that is pickled or printed with its arguments shows no more than its text."""
    with pytest.raises(MobbError) as refused:
        letter(bsn="999993654", kenmerk=SECRET)
    assert SECRET not in repr(refused.value.args)
    assert "999993654" not in repr(vars(refused.value))
