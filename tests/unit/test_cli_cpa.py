"""`mobb cpa explain` on every CPA that there is, and `mobb simulate --material`."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Final

import pytest
from tests.commands import document, run
from tests.material import cpa_bytes, swap
from tests.reference import REFERENCE, needs_reference

CPAS: Final = sorted((REFERENCE / "cpa").glob("**/*.xml"))
MALFORMED: Final = "malformed-undeclared-prefix-63d4762.xml"


@needs_reference
@pytest.mark.parametrize("file", CPAS, ids=lambda file: file.stem)
def test_reference(file: Path) -> None:
    """Design 7: every schema-valid CPA is explained, with exit code 0, whatever is found in it."""
    told, as_json = run("cpa", "explain", file), run("cpa", "explain", file, "--json")
    if file.name == MALFORMED:
        assert (told.exit_code, told.stdout, as_json.exit_code, as_json.stdout) == (2, "", 2, "")
        assert "not well-formed XML at line 542" in told.stderr
        return
    assert (told.exit_code, told.stderr, as_json.exit_code, as_json.stderr) == (0, "", 0, "")
    found = document(as_json)
    assert found["schema"] == "mobb.cpa-explain/1"
    assert all(action["action"] in told.stdout for action in found["actions"])
    assert all(finding["code"] in told.stdout for finding in found["findings"])


@pytest.fixture
def agreement(tmp_path: Path) -> Path:
    """Return a CPA of the material, around the tests' fixed moment."""
    file = tmp_path / "cpa.xml"
    file.write_bytes(cpa_bytes("osb-rm-s"))
    return file


def explained(file: Path, at: str = "2026-03-02T09:00:00Z") -> list[str]:
    """Return the lines about a CPA at one moment."""
    told = run("cpa", "explain", file, "--at", at)
    assert (told.exit_code, told.stderr) == (0, "")
    return told.stdout.splitlines()


def test_words(agreement: Path) -> None:
    """Who, what, where, how signed, how often again, how long valid."""
    lines = explained(agreement)
    text = "\n".join(lines)
    assert lines[0].endswith("agreed, from 2026-03-01T09:00:00Z until 2028-03-01T09:00:00Z (730 days left)")
    heading = "GLOBE-R-BV-Request: urn:osb:oin:00000099000000001000 to urn:osb:oin:00000099000000002000, osb-rm-s, "
    at = lines.index(f"{heading}may be sent")
    assert [line.split("  ")[1] for line in lines[at + 1 : at + 6]] == [
        "goes to",
        "acknowledged",
        "sent again",
        "time to live",
        "signed with",
    ]
    assert "8 times, every PT3H" in text
    assert "acknowledged  signed, at " in text
    assert "OIN 00000099000000001000" in text


@pytest.mark.parametrize(
    ("at", "left", "code"),
    [
        ("2030-01-01", "671 days ago", "cpa.expired"),
        ("2025-01-01", "1155 days left", "cpa.not-yet"),
    ],
)
def test_dates(at: str, left: str, code: str, agreement: Path) -> None:
    """Dates are held against the moment that is given; what forbids sending stands with the action as well."""
    lines = explained(agreement, at)
    assert left in lines[0]
    assert any(line.endswith("may NOT be sent") for line in lines)
    assert any(line.startswith("  not sent      because of") and code in line for line in lines)
    assert any(line.startswith("error: ") and line.endswith(f"({code})") for line in lines)


def test_findings_of_one_rule_together(agreement: Path) -> None:
    """A rule that is broken in many places is told once, with the places below it."""
    sha1 = "http://www.w3.org/2000/09/xmldsig#sha1"
    agreement.write_bytes(swap(agreement.read_bytes(), ("http://www.w3.org/2001/04/xmlenc#sha256", sha1)))
    lines = explained(agreement)
    (at,) = (number for number, line in enumerate(lines) if line.endswith("(cpa.sha1)"))
    places = [line for line in lines[at + 1 :] if line.startswith("  DocExchange") and line.endswith(sha1)]
    assert len(places) >= 2


def test_certificate_that_cannot_be_read(agreement: Path) -> None:
    """A certificate that is none is said to be so."""
    text = agreement.read_text()
    start = text.index("X509Certificate>") + len("X509Certificate>")
    agreement.write_text(text[:start] + "AAAA" + text[text.index("<", start) :])
    assert any(line.endswith("cannot be read") for line in explained(agreement))


def test_nothing_is_obeyed(agreement: Path) -> None:
    """A party's name cannot colour the screen."""
    agreement.write_bytes(swap(agreement.read_bytes(), ("Gemeente Voorbeeld", "Gemeente\u009b31m\u202e")))
    assert any("Gemeente\\x9b31m\\u202e" in line for line in explained(agreement))


@pytest.mark.parametrize(
    ("octets", "code"),
    [
        (b"", "settings.cpa"),
        (bytes(range(256)), "settings.cpa"),
        (b"<a/>", "settings.cpa"),
        (b"<!DOCTYPE a><a/>", "settings.cpa"),
    ],
)
@pytest.mark.parametrize("words", [[], ["--json"]])
def test_rubbish(octets: bytes, code: str, words: list[str], tmp_path: Path) -> None:
    """What is no CPA: exit code 2 and a sentence."""
    (tmp_path / "x").write_bytes(octets)
    told = run("cpa", "explain", tmp_path / "x", *words)
    assert (told.exit_code, told.stdout) == (2, "")
    assert code in told.stderr


def test_wrong_moment(agreement: Path) -> None:
    """A moment that is none is wrong usage."""
    assert run("cpa", "explain", agreement, "--at", "tomorrow").exit_code == 2


class TestMaterial:
    """`mobb simulate --material`: what an experiment needs, and nothing of one's own overwritten."""

    def test_files(self, tmp_path: Path) -> None:
        """Design 6: the names are a contract; secrets are for their owner only."""
        told = run("simulate", "--material", tmp_path / "new" / "folder")
        assert (told.exit_code, told.stderr) == (0, "")
        folder = tmp_path / "new" / "folder"
        names = sorted(path.name for path in folder.iterdir())
        cpas = [f"cpa-osb-{one}.xml" for one in ("be", "be-e", "be-s", "rm", "rm-e", "rm-s")]
        synchronous = [f"cpa-osb-{one}-sync.xml" for one in ("rm", "rm-e", "rm-s")]
        keys = [f"{side}.{kind}" for side in ("sender", "receiver") for kind in ("key", "crt", "p12")]
        assert names == sorted([*cpas, *synchronous, *keys, "ca.pem", "mobb.toml", "passphrase.txt"])
        assert all(name in told.stdout for name in names)
        for name in ("sender.key", "sender.p12", "passphrase.txt"):
            assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
        assert (folder / "passphrase.txt").read_text().strip() not in told.output

    def test_json(self, tmp_path: Path) -> None:
        """A document that names its schema."""
        found = document(run("simulate", "--material", tmp_path, "--json"))
        assert (found["schema"], len(found["files"])) == ("mobb.simulate-material/1", 18)

    def test_again(self, tmp_path: Path) -> None:
        """Material of an earlier time is replaced; anything else of these names is not: exit code 2."""
        assert run("simulate", "--material", tmp_path).exit_code == 0
        assert run("simulate", "--material", tmp_path).exit_code == 0
        (tmp_path / "mobb.toml").write_text("# mine\n")
        told = run("simulate", "--material", tmp_path)
        assert (told.exit_code, told.stdout) == (2, "")
        assert "was not made by mobb simulate" in told.stderr
        assert (tmp_path / "mobb.toml").read_text() == "# mine\n"

    def test_disk(self) -> None:
        """A folder that cannot be made: our own disk, exit code 4."""
        assert run("simulate", "--material", "/proc/mobb").exit_code == 4

    def test_all_its_cpas_are_explained(self, tmp_path: Path) -> None:
        """Every profile, with what it may do: only the encrypted ones may not be sent."""
        run("simulate", "--material", tmp_path)
        for file in sorted(tmp_path.glob("cpa-*.xml")):
            told = run("cpa", "explain", file)
            assert told.exit_code == 0
            encrypted = "-e" in file.stem.removeprefix("cpa-osb-").removesuffix("-sync")[2:]
            assert ("may NOT be sent" in told.stdout) is encrypted, file.name
