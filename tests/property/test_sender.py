"""Laws of letters that become messages: every letter once, in its organisation's order, read back as it was."""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from tests.letters import BSNS, letter, pdf
from tests.material import MOMENT
from tests.outgoing import OIN, cpa, send, sender

from mobb_client.berichtenbox.bericht import Bericht, bericht_id
from mobb_client.berichtenbox.regels import Regels
from mobb_client.errors import BerichtError
from mobb_client.inspection import inspect
from mobb_client.sender import Intake

OTHER = "00000099000000003000"

letters = st.builds(
    letter,
    kenmerk=st.text(
        st.characters(codec="utf-8", categories=["L", "N"], max_codepoint=0x24F), min_size=1, max_size=8
    ).filter(lambda text: text.isascii() or text.isprintable()),
    bsn=st.sampled_from(BSNS),
    oin=st.sampled_from([None, OIN, OTHER]),
    berichttekst=st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "Zs"]), min_size=1, max_size=60).map(
        lambda text: f"Tekst {text.replace(chr(92), '/')}"
    ),
    bijlagen=st.lists(st.integers(61, 3000), max_size=2, unique=True).map(
        lambda sizes: [(pdf(size), f"{size}.pdf") for size in sizes]
    ),
)
many = st.lists(letters, max_size=12, unique_by=lambda bericht: (str(bericht.oin or OIN), bericht.kenmerk))
limits = st.builds(Regels, batch_bytes=st.integers(1, 20_000), batch_berichten=st.integers(1, 5))


@given(many, limits)
def test_every_letter_once(berichten: list[Bericht], regels: Regels) -> None:
    """No letter is lost, doubled or moved to another organisation; each organisation's letters keep their order."""
    wanted: dict[str, list[str]] = defaultdict(list)
    for bericht in berichten:
        oin = str(bericht.oin or OIN)
        wanted[oin].append(str(bericht_id(oin, bericht.kenmerk)))
    found: dict[str, list[str]] = defaultdict(list)
    for made in send(by=replace(sender(oin=(OIN, OTHER)), regels=regels), berichten=berichten):
        report = inspect(made.file, cpa=cpa())
        assert report.ok, report.problems
        (batch,) = report.batches
        assert batch.batch_id == str(made.outgoing.batch.batch_id)
        found[batch.oin] += [one.bericht_id for one in batch.letters]

    assert found == wanted


@given(many, limits)
def test_within_the_limits(berichten: list[Bericht], regels: Regels) -> None:
    """A batch is within its limits, or one letter that is larger by itself."""
    for made in send(by=replace(sender(oin=(OIN, OTHER)), regels=regels), berichten=berichten):
        number = len(made.outgoing.batch)
        assert number <= regels.batch_berichten
        assert made.written.document.size <= regels.batch_bytes or number == 1
        assert made.written.packet.size == len(made.body)


@given(st.lists(letters, min_size=1, max_size=8))
def test_intake_takes_a_letter_once(berichten: list[Bericht]) -> None:
    """Whatever comes again: taken, a repeat, or refused; never taken twice under one kenmerk."""
    by = sender(oin=(OIN, OTHER))
    intake = Intake((by,), MOMENT)
    taken: set[tuple[str, str]] = set()
    for bericht in [*berichten, *berichten]:
        key = (str(bericht.oin or OIN), bericht.kenmerk)
        if key not in taken:
            assert intake.take(bericht) is by
            taken.add(key)
            continue
        with suppress(BerichtError):
            assert intake.take(bericht) is None
    assert taken == {(str(bericht.oin or OIN), bericht.kenmerk) for bericht in berichten}
