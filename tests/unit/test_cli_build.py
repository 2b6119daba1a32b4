"""`mobb build`: every combination of who sends, every kind of file, and never half a run."""

from __future__ import annotations

import json
import os
import resource
import signal
import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
from tests.commands import attachment, csv_file, document, row, run, start
from tests.letters import BSNS, letter, pdf
from tests.outgoing import OIN

from mobb_client.berichtenbox.bericht import bericht_id
from mobb_client.cli import _messages
from mobb_client.ebms.cpa import CPA
from mobb_client.errors import BerichtError
from mobb_client.inspection import inspect
from mobb_client.sender import Outgoing
from mobb_client.simulator.material import make_material

OTHER: Final = "00000099000000003000"


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the material, made now: the command line asks the clock."""
    folder = tmp_path_factory.mktemp("material")
    assert run("simulate", "--material", folder).exit_code == 0
    return folder


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Return the folder for the messages, which is not there yet."""
    return tmp_path / "out"


def clean(out: Path) -> list[str]:
    """Return the names of the messages, and see that there is nothing else."""
    found = sorted(path.name for path in out.iterdir()) if out.exists() else []
    assert not [name for name in found if not name.endswith(".mime")]
    return found


def agreed(file: Path, cpa: Path) -> int:
    """Return how many letters a message holds, and see that it is in order."""
    found = inspect(file.read_bytes(), cpa=CPA.from_path(cpa))
    assert found.problems == ()
    return len(found.letters)


# Who sends

SECRET: Final = {"MOBB_PASSPHRASE": "{secret}"}
WAYS: Final[list[tuple[str, list[str], bool]]] = [
    ("osb-rm", ["--cpa", "cpa-osb-rm.xml"], False),
    ("osb-rm", ["--cpa", "cpa-osb-rm.xml", "--key", "sender.key", "--cert", "sender.crt"], False),
    ("osb-rm-sync", ["--cpa", "cpa-osb-rm-sync.xml"], False),
    ("osb-be", ["--cpa", "cpa-osb-be.xml"], False),
    ("osb-rm-s", ["--cpa", "cpa-osb-rm-s.xml", "--key", "sender.key", "--cert", "sender.crt"], False),
    ("osb-rm-s", ["--cpa", "cpa-osb-rm-s.xml", "--key", "sender.p12", "--passphrase-file", "passphrase.txt"], False),
    ("osb-rm-s", ["--cpa", "cpa-osb-rm-s.xml", "--key", "sender.p12"], True),
    ("osb-rm-s-sync", ["--cpa", "cpa-osb-rm-s-sync.xml", "--key", "sender.p12"], True),
    ("osb-be-s", ["--cpa", "cpa-osb-be-s.xml", "--key", "sender.p12", "--cert", "sender.crt"], True),
    ("osb-rm", ["--settings", "mobb.toml"], False),
    ("osb-rm-s", ["--settings", "mobb.toml", "--cpa", "cpa-osb-rm-s.xml"], False),
    ("osb-rm-s", ["--settings", "mobb.toml", "--cpa", "cpa-osb-rm-s.xml", "--key", "sender.p12"], True),
]


@pytest.mark.parametrize(("profile", "options", "in_environment"), WAYS)
def test_ways(
    profile: str, options: list[str], *, in_environment: bool, material: Path, out: Path, tmp_path: Path
) -> None:
    """Design 6: settings or a CPA, PEM or PKCS#12, passphrase from a file or the environment; flags override."""
    secret = (material / "passphrase.txt").read_text().strip()
    words = [word if word.startswith("--") else material / word for word in options]
    letters = csv_file(tmp_path, [row(1), row(2, bijlage=attachment(tmp_path))])
    told = run("build", letters, *words, "--out", out, env={"MOBB_PASSPHRASE": secret} if in_environment else {})

    assert (told.exit_code, told.stderr) == (0, "")
    assert clean(out) == ["1.mime"]
    assert agreed(out / "1.mime", material / f"cpa-{profile}.xml") == 2
    assert ("unsigned" in told.stdout) is (not profile.removesuffix("-sync").endswith("-s"))
    assert secret not in told.output


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ([], "give --settings, or --cpa"),
        (["--key", "sender.key"], "mobb: certificate: "),
        (["--cert", "sender.crt"], "belong to a --key"),
        (["--cpa", "cpa-osb-rm-s.xml"], "key.needed"),
        (["--cpa", "cpa-osb-rm-s.xml", "--key", "sender.key"], "certificate.missing"),
        (["--cpa", "cpa-osb-rm-s.xml", "--key", "sender.p12"], "key.passphrase-needed"),
        (["--cpa", "cpa-osb-rm-s.xml", "--key", "sender.p12", "--passphrase-file", "ca.pem"], "key.passphrase-wrong"),
        (["--cpa", "cpa-osb-rm-s.xml", "--key", "receiver.key", "--cert", "receiver.crt"], "certificate.of-partner"),
        (["--cpa", "cpa-osb-rm-s.xml", "--key", "sender.key", "--cert", "receiver.crt"], "key.mismatch"),
        (["--cpa", "cpa-osb-rm-s.xml", "--key", "mobb.toml"], "key.format"),
        (["--cpa", "cpa-osb-rm-e.xml", "--key", "sender.key", "--cert", "sender.crt"], "cpa.encrypted"),
        (["--cpa", "ca.pem"], "settings.cpa"),
        (["--cpa", "mobb.toml"], "settings.cpa"),
        (["--settings", "ca.pem"], "settings.syntax"),
        (["--settings", "cpa-osb-rm.xml"], "settings.syntax"),
        (["--cpa", "cpa-osb-rm.xml", "--batch-bytes", "0"], "regels.range"),
        (["--cpa", "cpa-osb-rm.xml", "--batch-bytes", "100000001"], "regels.range"),
        (["--cpa", "cpa-osb-rm.xml", "--batch-bytes", "many"], "not a valid integer"),
        (["--settings", "sender.p12"], "settings.file"),
    ],
)
def test_wrong_configuration(options: list[str], code: str, material: Path, out: Path, tmp_path: Path) -> None:
    """Design 6: exit code 2, which says what is wrong, and nothing is written."""
    words = [material / word if "." in word else word for word in options]
    letters = csv_file(tmp_path, [row(1)])
    told = run("build", letters, *words, "--out", out)

    assert (told.exit_code, told.stdout, out.exists()) == (2, "", False)
    assert code in told.stderr


def test_rubbish_files(material: Path, out: Path, tmp_path: Path) -> None:
    """A folder, an empty file, binary rubbish, in every place where a file is asked for: exit code 2."""
    letters = csv_file(tmp_path, [row(1)])
    empty, rubbish = tmp_path / "empty", tmp_path / "rubbish"
    empty.write_bytes(b"")
    rubbish.write_bytes(bytes(range(256)) * 20)
    cpa, key, cert = material / "cpa-osb-rm-s.xml", material / "sender.key", material / "sender.crt"
    for bad in (empty, rubbish, tmp_path):
        for words in (
            [bad, "--cpa", cpa, "--key", key, "--cert", cert],
            [letters, "--cpa", bad, "--key", key, "--cert", cert],
            [letters, "--cpa", cpa, "--key", bad, "--cert", cert],
            [letters, "--cpa", cpa, "--key", key, "--cert", bad],
            [letters, "--cpa", cpa, "--key", material / "sender.p12", "--passphrase-file", bad],
            [letters, "--settings", bad],
        ):
            told = run("build", *words, "--out", out)
            assert (told.exit_code, told.stdout, out.exists()) == (2, "", False), (words, told.output)


def test_party_id_without_oin(out: Path, tmp_path: Path) -> None:
    """Without settings the OIN is that of the PartyId; a PartyId that holds none asks for settings."""
    made = make_material(datetime.now(UTC))
    for party_id, code in ((f"{OIN}_test", 0), ("gemeente", 2)):
        cpa = tmp_path / f"{code}.xml"
        cpa.write_bytes(made.cpa("osb-rm").replace(f">{OIN}<".encode(), f">{party_id}<".encode()))
        told = run("build", csv_file(tmp_path, [row(1)]), "--cpa", cpa, "--out", out / str(code))
        assert told.exit_code == code
        if code:
            assert "sender.oin-party" in told.stderr


# Several senders


def several(material: Path, folder: Path) -> Path:
    """Write settings with two senders, of three OINs."""
    file = folder / "several.toml"
    file.write_text(
        f'[[sender]]\noin = ["{OIN}"]\ncpa = "{material}/cpa-osb-rm.xml"\n\n'
        f'[[sender]]\noin = ["{OTHER}", "00000099000000004000"]\ncpa = "{material}/cpa-osb-rm-s.xml"\n'
        f'key = "{material}/sender.key"\ncertificate = "{material}/sender.crt"\n'
    )
    return file


def test_several_senders(material: Path, out: Path, tmp_path: Path) -> None:
    """Design 2: a letter's OIN picks its sender, or the letter is refused."""
    header = "kenmerk,bsn,berichttype,onderwerp,berichttekst,oin"
    rows = [
        [*row(n)[:5], oin] for n, oin in enumerate((OIN, OTHER, OIN, "00000099000000004000", "", "0" * 20), start=1)
    ]
    told = run(
        "build",
        csv_file(tmp_path, rows, header=header),
        "--settings",
        several(material, tmp_path),
        "--out",
        out,
        "--json",
    )

    found = document(told)
    assert told.exit_code == 1
    assert {message["oin"]: (len(message["letters"]), message["signed"]) for message in found["messages"]} == {
        OIN: (2, False),
        OTHER: (1, True),
        "00000099000000004000": (1, True),
    }
    assert [(one["row"], one["findings"][0]["code"]) for one in found["refused"]] == [
        (6, "sender.oin-unknown"),
        (7, "sender.oin-unknown"),
    ]
    assert agreed(out / "1.mime", material / "cpa-osb-rm.xml") == 2
    assert agreed(out / "2.mime", material / "cpa-osb-rm-s.xml") == 1


def test_flags_are_for_one_sender(material: Path, out: Path, tmp_path: Path) -> None:
    """A CPA or key beside settings with several senders: for whom?"""
    words = ["--settings", several(material, tmp_path), "--cpa", material / "cpa-osb-rm.xml", "--out", out]
    told = run("build", csv_file(tmp_path, [row(1)]), *words)
    assert (told.exit_code, out.exists()) == (2, False)
    assert "for one sender" in told.stderr


def test_sender_without_letters_may_be_out_of_order(material: Path, out: Path, tmp_path: Path) -> None:
    """What forbids sending for one organisation does not stop the letters of another."""
    settings = several(material, tmp_path)
    settings.write_text(settings.read_text().replace("cpa-osb-rm-s.xml", "cpa-osb-rm-e.xml"))
    header = "kenmerk,bsn,berichttype,onderwerp,berichttekst,oin"
    ours = csv_file(tmp_path, [[*row(1)[:5], OIN]], header=header)
    assert run("build", ours, "--settings", settings, "--out", out).exit_code == 0
    theirs = csv_file(tmp_path, [[*row(1)[:5], OIN], [*row(2)[:5], OTHER]], header=header)
    told = run("build", theirs, "--settings", settings, "--out", tmp_path / "second")
    assert (told.exit_code, (tmp_path / "second").exists()) == (2, False)


# Letters


def options(material: Path, out: Path) -> list[str | Path]:
    """Return the options of an unsigned run."""
    return ["--cpa", material / "cpa-osb-rm.xml", "--out", out]


def json_lines(folder: Path, rows: list[dict[str, Any]]) -> Path:
    """Write a JSON Lines file."""
    file = folder / "letters.jsonl"
    file.write_text("".join(json.dumps(one) + "\n" for one in rows))
    return file


def as_dict(cells: list[str]) -> dict[str, Any]:
    """Return a row as JSON has it."""
    names = ("kenmerk", "bsn", "berichttype", "onderwerp", "berichttekst", "bijlage_1", "omschrijving_1")
    return {name: cell for name, cell in zip(names, cells, strict=True) if cell}


@pytest.mark.parametrize("form", ["csv", "semicolon", "bom", "jsonl"])
def test_forms(form: str, material: Path, out: Path, tmp_path: Path) -> None:
    """CSV with commas or semicolons, with a byte order mark, and JSON Lines: the same messages."""
    rows = [row(1), row(2, bijlage=attachment(tmp_path)), row(6, bsn="00000012")]
    file = csv_file(tmp_path, rows)
    match form:
        case "semicolon":
            file.write_text(file.read_text().replace('","', '";"').replace("k,b", "k;b").replace(",", ";"))
        case "bom":
            file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
        case "jsonl":
            file = json_lines(tmp_path, [as_dict(one) for one in rows])
    told = run("build", file, *options(material, out), "--json")

    (message,) = document(told)["messages"]
    assert [(one["kenmerk"], one["bericht_id"]) for one in message["letters"]] == [
        (f"zaak-{n}", str(bericht_id(OIN, f"zaak-{n}"))) for n in (1, 2, 6)
    ]
    first = 1 if form == "jsonl" else 2
    assert [one["row"] for one in message["letters"]] == [first, first + 1, first + 2]


def test_bad_rows_do_not_stop_the_others(material: Path, out: Path, tmp_path: Path) -> None:
    """Design 7: every fault of every row, and the good rows are built; rows = letters + repeats + refused."""
    rows = [
        row(1),
        row(2, bsn="123456789"),
        row(3, onderwerp="", berichttype="BESCHIKKING"),
        row(4, bijlage="nowhere.pdf"),
        row(1),
        row(1, onderwerp="Iets anders"),
        row(5)[:4],
        row(6),
    ]
    told = run("build", csv_file(tmp_path, rows), *options(material, out), "--json")

    found = document(told)
    assert told.exit_code == 1
    assert (found["ok"], found["rows"], found["letters"], found["repeated"]) == (False, 8, 2, 1)
    assert [(one["row"], one["kenmerk"], [f["code"] for f in one["findings"]]) for one in found["refused"]] == [
        (3, "zaak-2", ["bsn.elfproef"]),
        (4, "zaak-3", ["berichttype.length", "onderwerp.length"]),
        (5, "zaak-4", ["bijlage.path"]),
        (7, "zaak-1", ["kenmerk.reused"]),
        (8, "", ["row.cells"]),
    ]
    assert agreed(out / "1.mime", material / "cpa-osb-rm.xml") == 2


def test_words(material: Path, out: Path, tmp_path: Path) -> None:
    """What a person sees: files on stdout, rows with advice on stderr, and the balance."""
    rows = [row(1, bijlage=attachment(tmp_path, size=120)), row(2, bsn="123456789"), row(1, bijlage="besluit.pdf")]
    (tmp_path / "besluit.pdf").write_bytes(pdf(120).replace(b"%%EOF", b"%%XXX"))
    told = run("build", csv_file(tmp_path, rows), *options(material, out))

    assert told.exit_code == 1
    assert told.stdout.splitlines()[0].startswith(f"{out}/1.mime: 1 letter, ")
    assert told.stdout.splitlines()[-1] == "1 letter in 1 message; 1 row refused, 1 repeated"
    first, advice, warning, _ = told.stderr.splitlines()
    assert first.startswith("row 3 (zaak-2) refused: bsn: ")
    assert advice.startswith("    ")
    assert warning.startswith("row 2 (zaak-1) warning: bijlage_1: ")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("", "row.column-missing"),
        ("kenmerk,bsn\n1,2\n", "row.column-missing"),
        ("kenmerk,bsn,berichttype,onderwerp,berichttekst,kleur\n", "row.column"),
        ("kenmerk,bsn,berichttype,onderwerp,berichttekst,bsn\n", "row.column-twice"),
    ],
)
def test_wrong_header(content: str, code: str, material: Path, out: Path, tmp_path: Path) -> None:
    """A header that is wrong is wrong usage: exit code 2."""
    file = tmp_path / "letters.csv"
    file.write_text(content)
    told = run("build", file, *options(material, out))
    assert (told.exit_code, told.stdout, out.exists()) == (2, "", False)
    assert f"({code})" in told.stderr


def test_no_letters(material: Path, out: Path, tmp_path: Path) -> None:
    """A header and no rows: nothing to do, and nothing wrong."""
    told = run("build", csv_file(tmp_path, []), *options(material, out))
    assert (told.exit_code, told.stdout) == (0, "0 letters in 0 messages; 0 rows refused, 0 repeated\n")
    assert clean(out) == []


def test_all_rows_bad(material: Path, out: Path, tmp_path: Path) -> None:
    """Exit code 1 and no message."""
    told = run("build", csv_file(tmp_path, [row(1, bsn="1")]), *options(material, out))
    assert (told.exit_code, clean(out)) == (1, [])


def test_batch_bytes(material: Path, out: Path, tmp_path: Path) -> None:
    """Documents of at most so many bytes, each letter once."""
    rows = [row(n, bijlage=attachment(tmp_path, f"{n}.pdf", 3000)) for n in range(1, 8)]
    told = run("build", csv_file(tmp_path, rows), *options(material, out), "--batch-bytes", "12000", "--json")

    found = document(told)
    sizes = [len(message["letters"]) for message in found["messages"]]
    assert sizes == [2, 2, 2, 1]
    assert clean(out) == ["1.mime", "2.mime", "3.mime", "4.mime"]
    assert [message["file"] for message in found["messages"]] == [f"{out}/{n}.mime" for n in (1, 2, 3, 4)]


# The folder


def test_folder_in_use(material: Path, out: Path, tmp_path: Path) -> None:
    """An old message is never taken for one of this run; other files may be there."""
    out.mkdir()
    (out / "readme.txt").write_text("x")
    letters = csv_file(tmp_path, [row(1)])
    assert run("build", letters, *options(material, out)).exit_code == 0
    again = run("build", letters, *options(material, out))
    assert (again.exit_code, again.stdout) == (2, "")
    assert "holds messages already (1.mime): give an empty folder" in again.stderr


def test_file_for_its_owner(material: Path, out: Path, tmp_path: Path) -> None:
    """A message holds letters: nobody else may read it."""
    run("build", csv_file(tmp_path, [row(1)]), *options(material, out))
    assert stat.S_IMODE((out / "1.mime").stat().st_mode) == 0o600


def test_out_is_a_file(material: Path, tmp_path: Path) -> None:
    """A file where a folder belongs is wrong usage; one on the way there is the disk's."""
    letters = csv_file(tmp_path, [row(1)])
    assert run("build", letters, *options(material, letters)).exit_code == 2
    assert run("build", letters, *options(material, letters / "below")).exit_code == 4


def many(folder: Path) -> Path:
    """Write letters for three messages."""
    return csv_file(folder, [row(n, bijlage=attachment(folder, f"{n}.pdf", 3000)) for n in range(1, 4)])


def fail_at(monkeypatch: pytest.MonkeyPatch, number: int, error: BaseException) -> None:
    """Let the writing of one message fail."""
    count = iter(range(1, 100))
    write = Outgoing.write

    def failing(self: Outgoing, sink: Any) -> Any:
        written = write(self, sink)
        if next(count) == number:
            raise error
        return written

    monkeypatch.setattr(Outgoing, "write", failing)


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OSError(28, "No space left on device"), 4),
        (PermissionError(13, "Permission denied", "x"), 4),
        (ValueError("bad"), 1),
        (MemoryError(), 1),
        (SystemExit(143), 143),
    ],
)
def test_all_or_nothing(
    *,
    number: int,
    error: BaseException,
    code: int,
    material: Path,
    out: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A run that fails leaves no message and nothing unfinished, so that it can simply be run again."""
    fail_at(monkeypatch, number, error)
    words = [*options(material, out), "--batch-bytes", "5000"]
    assert run("build", many(tmp_path), *words).exit_code == code
    assert clean(out) == []
    monkeypatch.undo()
    assert run("build", many(tmp_path), *words).exit_code == 0
    assert clean(out) == ["1.mime", "2.mime", "3.mime"]


def test_full_disk(material: Path, out: Path, tmp_path: Path) -> None:
    """A limit of the system on the size of a file: exit code 4, and nothing is left."""
    letters = csv_file(tmp_path, [row(1, bijlage=attachment(tmp_path, size=400_000))])

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    process = start("build", letters, *options(material, out), preexec_fn=limited)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 4
    assert err == "mobb: File too large\n"
    assert clean(out) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_unwritable_folder(material: Path, out: Path, tmp_path: Path) -> None:
    """Our own disk refuses: exit code 4."""
    out.mkdir(mode=0o500)
    assert run("build", csv_file(tmp_path, [row(1)]), *options(material, out)).exit_code == 4


def test_unwritable_folder_for_anyone(material: Path, tmp_path: Path) -> None:
    """A folder that even root cannot write to."""
    told = run("build", csv_file(tmp_path, [row(1)]), *options(material, Path("/proc/mobb")))
    assert told.exit_code == 4
    assert "/proc/mobb" in told.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signal_in_the_middle(number: signal.Signals, code: int, material: Path, out: Path, tmp_path: Path) -> None:
    """A signal between two messages leaves nothing behind."""
    slow = (
        "import time\nfrom mobb_client.sender import Outgoing\nwrite = Outgoing.write\n"
        "def slowly(self, sink):\n    done = write(self, sink)\n    print('writing', flush=True)\n    time.sleep(20)\n"
        "    return done\nOutgoing.write = slowly\n"
    )
    process = start("build", many(tmp_path), *options(material, out), "--batch-bytes", "5000", code=slow)
    assert process.stdout is not None
    assert process.stdout.readline() == "writing\n"
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert "Traceback" not in err
    assert clean(out) == []


# Attachments that change


def change_before_writing(monkeypatch: pytest.MonkeyPatch, change: Callable[[], object]) -> None:
    """Do something between reading the rows and writing the messages."""
    write = _messages._write

    def changed(outgoing: Outgoing, file: Path) -> Any:
        change()
        return write(outgoing, file)

    monkeypatch.setattr(_messages, "_write", changed)


def test_changed_attachments(material: Path, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Letters whose attachment changed after they were checked are refused; the others of their batch are built."""
    rows = [row(n, bijlage=attachment(tmp_path, f"{n}.pdf")) for n in range(1, 6)]
    letters = csv_file(tmp_path, rows)

    def change() -> None:
        (tmp_path / "2.pdf").write_bytes(pdf(700))
        (tmp_path / "4.pdf").unlink(missing_ok=True)

    change_before_writing(monkeypatch, change)
    told = run("build", letters, *options(material, out), "--json")

    found = document(told)
    assert (told.exit_code, found["letters"], found["rows"]) == (1, 3, 5)
    assert [(one["row"], one["kenmerk"], one["findings"][0]["code"]) for one in found["refused"]] == [
        (3, "zaak-2", "bijlage.changed"),
        (5, "zaak-4", "bijlage.path"),
    ]
    assert agreed(out / "1.mime", material / "cpa-osb-rm.xml") == 3
    assert clean(out) == ["1.mime"]


def test_all_attachments_changed(material: Path, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No letter is left: no message."""
    letters = csv_file(tmp_path, [row(1, bijlage=attachment(tmp_path))])
    change_before_writing(monkeypatch, lambda: (tmp_path / "besluit.pdf").write_bytes(pdf(700)))
    told = run("build", letters, *options(material, out))
    assert (told.exit_code, clean(out)) == (1, [])
    assert "bijlage.changed" in told.stderr


def test_nobody_hears(material: Path, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without somebody who hears of refused letters, a changed attachment ends it all."""
    now = datetime.now(UTC)
    sender = _messages.implied_sender(CPA.from_path(material / "cpa-osb-rm.xml"), None, now)
    bericht = letter(bijlagen=[tmp_path / attachment(tmp_path)])
    (tmp_path / "besluit.pdf").write_bytes(pdf(700))
    with pytest.raises(BerichtError):
        _messages.write_messages({sender: [bericht]}, out, now)
    assert clean(out) == []


def test_file_given_as_letters_is_unreadable(material: Path, out: Path, tmp_path: Path) -> None:
    """LETTERS that the system refuses to read: wrong usage, and not our own disk."""
    told = run("build", "/proc/self/mem", *options(material, out))
    assert (told.exit_code, told.stdout) == (2, "")
    assert "settings.file" in told.stderr


def test_no_bsn(material: Path, out: Path, tmp_path: Path) -> None:
    """The balance of a bad file shows no BSN (the whole run of it: tests/faults/test_no_bsn.py)."""
    rows = [row(1, bsn=BSNS[0], onderwerp=f"Voor {BSNS[0]}"), row(2, bsn=BSNS[1], kenmerk=BSNS[1])]
    told = run("build", csv_file(tmp_path, rows), *options(material, out))
    assert told.exit_code == 1
    assert not any(bsn in told.output for bsn in BSNS)
