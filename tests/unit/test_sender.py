"""A sender binds OINs, CPA and key; letters become messages; an intake decides whose a letter is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from tests.keys import DAY, ec_key, issue, name
from tests.letters import BSNS, letter, pdf
from tests.material import MOMENT, cpa_bytes, material_keys, swap
from tests.outgoing import OIN, cpa, holder, new_ids, send, sender, sent

from mobb_client.berichtenbox import identiteit
from mobb_client.berichtenbox.bericht import Bericht, bericht_id
from mobb_client.berichtenbox.regels import Regels
from mobb_client.ebms.cpa import CPA
from mobb_client.errors import BerichtError, ConfigurationError, FieldError
from mobb_client.inspection import inspect
from mobb_client.pki.identity import Identity
from mobb_client.sender import Intake, Sender, check_owners
from mobb_client.simulator.material import make_material

OTHER = "00000099000000003000"


def codes(error: pytest.ExceptionInfo[ConfigurationError]) -> list[str]:
    """Return the codes of what is wrong."""
    return [finding.code for finding in error.value.findings]


class TestSender:
    """Whose letters, under which CPA, with which key."""

    @pytest.mark.parametrize(
        ("given", "oins"),
        [
            (OIN, [OIN]),
            (identiteit.OIN(OIN), [OIN]),
            ((OIN, identiteit.OIN(OTHER)), [OIN, OTHER]),
            ([OIN, OTHER, OIN], [OIN, OTHER]),
        ],
    )
    def test_oins(self, given: str | identiteit.OIN | Sequence[str | identiteit.OIN], oins: list[str]) -> None:
        """One OIN or several, as text or made; each once."""
        assert list(map(str, sender(oin=given).oins)) == oins  # type: ignore[arg-type] # a test's helper takes text

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ({"oin": ()}, "sender.oin-none"),
            ({"oin": "123"}, "oin.format"),
            ({"oin": "urn:osb:oin:00000099000000001000"}, "oin.urn"),
            ({"payload_type": "text/xml\r\nX: y"}, "sender.payload-type"),
            ({"payload_type": ""}, "sender.payload-type"),
            ({"payload_type": "xml"}, "sender.payload-type"),
            ({"payload_type": "text/xml; charset=Zoë"}, "sender.payload-type"),
        ],
    )
    def test_refused(self, change: dict[str, object], code: str) -> None:
        """What is no OIN, or would put a line into a header of the message."""
        parts: dict[str, object] = {"oin": OIN, "cpa": cpa()} | change
        with pytest.raises(FieldError) as refused:
            Sender(**parts)  # type: ignore[arg-type] # wrong on purpose
        assert refused.value.code == code

    def test_repr(self) -> None:
        """B55: neither key nor the whole agreement."""
        assert repr(sender("osb-rm-s")) == f"Sender({OIN}, under {cpa('osb-rm-s').cpa_id!r})"

    def test_key_only_when_the_cpa_asks(self) -> None:
        """The CPA decides: a key that is not asked for signs nothing, and none that is asked for is missed."""
        assert not sent("osb-rm").written.packet.references
        assert len(sent("osb-rm-s").written.packet.references) == 2
        with pytest.raises(ConfigurationError) as refused:
            Sender(oin=OIN, cpa=cpa("osb-rm-s")).route(MOMENT)
        assert codes(refused) == ["key.needed"]
        assert Sender(oin=OIN, cpa=cpa("osb-rm")).route(MOMENT).signing is None

    @pytest.mark.parametrize(
        ("moment", "code"),
        [
            (MOMENT - 3 * DAY, "cpa.not-yet"),
            (MOMENT + 800 * DAY, "cpa.expired"),
        ],
    )
    def test_dates(self, moment: object, code: str) -> None:
        """A CPA that is not in force forbids sending."""
        with pytest.raises(ConfigurationError) as refused:
            sender().route(moment)  # type: ignore[arg-type] # a datetime
        assert codes(refused) == [code]

    def test_all_at_once(self) -> None:
        """B27: an expired CPA and an expired certificate: both are told."""
        made = make_material(MOMENT, keys=material_keys(), end=MOMENT + DAY)
        expired = Identity.from_pem(made.sender.key_pem, made.sender.certificate_pem)
        by = Sender(oin=OIN, cpa=CPA.parse(made.cpa("osb-rm-s")), identity=expired)
        with pytest.raises(ConfigurationError) as refused:
            by.route(MOMENT + 800 * DAY)
        assert {"cpa.expired", "certificate.expired"} <= set(codes(refused))

    def test_another_key(self) -> None:
        """B35: the receiver's key, another certificate, and a key of another kind, each by its name."""
        other = issue(name("other", OIN), holder("authority").key).identity
        ec = issue(name("ec", OIN), ec_key()).identity
        for key, code in (
            (holder("receiver").identity, "certificate.of-partner"),
            (other, "certificate.not-in-cpa"),
            (ec, "key.not-rsa"),
        ):
            with pytest.raises(ConfigurationError) as refused:
                replace(sender("osb-rm-s"), identity=key).route(MOMENT)
            assert code in codes(refused)

    def test_encrypted_profile_is_refused_by_name(self) -> None:
        """Never in clear what the CPA wants encrypted."""
        with pytest.raises(ConfigurationError) as refused:
            sender("osb-rm-e").route(MOMENT)
        assert codes(refused) == ["cpa.encrypted"]

    @pytest.mark.parametrize(
        ("change", "code"), [({"action": "another"}, "route.action"), ({"party": "another"}, "route.party")]
    )
    def test_action_and_party(self, change: dict[str, str], code: str) -> None:
        """What the CPA does not have."""
        with pytest.raises(ConfigurationError) as refused:
            replace(sender(), **change).route(MOMENT)  # type: ignore[arg-type] # both are text
        assert codes(refused) == [code]

    def test_cpa_without_signals(self) -> None:
        """A CPA whose signals cannot be worked out does not stop the check of our own key."""
        plain = swap(cpa_bytes("osb-be-s"), ('defaultMshChannelId="B_Signals"', 'defaultMshChannelId="B_Nothing"'))
        by = Sender(oin=OIN, cpa=CPA.parse(plain), identity=holder("receiver").identity)
        with pytest.raises(ConfigurationError) as refused:
            by.route(MOMENT)
        assert "certificate.not-in-cpa" in codes(refused)


class TestMessages:
    """Letters in, messages out."""

    def test_ids(self) -> None:
        """Design 3: MessageId with the host of our endpoint; ids are fresh, the BerichtID follows from the kenmerk."""
        one, two = sent(), sent()
        headers = [made.outgoing.message.header for made in (one, two)]

        assert {found.message_id.partition("@")[2] for found in headers} == {one.outgoing.route.our_host}
        assert len({headers[0].message_id, headers[1].message_id, headers[0].conversation_id}) == 3
        assert one.outgoing.batch.batch_id != two.outgoing.batch.batch_id
        ids = [str(bericht_id(OIN, f"zaak-{number}")) for number in (1, 2, 3)]
        for made in (one, two):
            assert [found.bericht_id for found in inspect(made.file).letters] == ids

    def test_same_octets(self) -> None:
        """Written twice, the same message has the same octets: RSA PKCS#1 v1.5 draws no lots."""
        outgoing = sent("osb-rm-s").outgoing
        first, second = BytesIO(), BytesIO()
        assert outgoing.write(first) == outgoing.write(second)
        assert first.getvalue() == second.getvalue()

    @pytest.mark.parametrize("sync", [False, True])
    def test_reliability(self, sync: bool) -> None:
        """a.1, f.1: what the CPA says of acknowledgments, duplicates and time to live is in the header."""
        message = sent("osb-rm-s", sync=sync).outgoing.message

        assert message.ack_requested is not None
        assert message.ack_requested.signed
        assert message.header.duplicate_elimination
        assert message.header.time_to_live == MOMENT + timedelta(hours=27)
        assert (message.sync_reply is not None) is sync
        best_effort = sent("osb-be").outgoing.message
        assert (best_effort.ack_requested, best_effort.header.time_to_live) == (None, None)
        assert not best_effort.header.duplicate_elimination

    def test_payload_type(self) -> None:
        """k.27: the media type of the batch is a setting."""
        (made,) = send(by=replace(sender(), payload_type="application/xml"))
        assert b"Content-Type: application/xml\r\n" in made.body

    def test_one_batch_an_oin(self) -> None:
        """h.4: an intermediary's letters go out in batches of one organisation each."""
        by = sender(oin=(OIN, OTHER))
        berichten = [letter(kenmerk=str(n), oin=(OIN, OTHER)[n % 2]) for n in range(5)] + [letter(kenmerk="geen")]
        found = {str(made.outgoing.batch.oin): len(made.outgoing.batch) for made in send(by=by, berichten=berichten)}
        assert found == {OIN: 4, OTHER: 2}

    def test_split(self) -> None:
        """The byte limit of the rules splits."""
        by = replace(sender(), regels=Regels(batch_bytes=3000))
        made = send(by=by, berichten=[letter(kenmerk=str(n)) for n in range(9)])
        assert len(made) > 1
        assert [len(inspect(one.file).letters) for one in made] == [len(one.outgoing.batch) for one in made]
        assert all(one.written.document.size <= 3000 for one in made)

    def test_nothing_read_when_forbidden(self) -> None:
        """A route that is forbidden is told before the first letter is taken."""
        taken: list[int] = []

        def letters() -> Iterator[Bericht]:
            taken.append(1)
            yield letter()

        with pytest.raises(ConfigurationError):
            next(sender("osb-rm-e").messages(letters(), now=MOMENT))
        assert taken == []

    def test_no_letters(self) -> None:
        """No letters, no message."""
        assert send(berichten=[]) == []

    def test_repeat_is_one_letter(self) -> None:
        """A letter that comes twice goes once."""
        (made,) = send(berichten=[letter(), letter()])
        assert len(made.outgoing.batch) == 1

    def test_refused_letter(self) -> None:
        """A letter that no intake would take ends it, with its kenmerk."""
        late = letter(kenmerk="laat", publicatiedatum=MOMENT + 20 * DAY)
        with pytest.raises(BerichtError, match="laat"):
            send(berichten=[letter(), late])

    def test_never_unsigned(self) -> None:
        """A message that should be signed cannot be written without a key, however it was made."""
        outgoing = sent("osb-rm-s").outgoing
        keyless = replace(outgoing, sender=Sender(oin=OIN, cpa=cpa("osb-rm-s")))
        sink = BytesIO()
        with pytest.raises(ConfigurationError) as refused:
            keyless.write(sink)
        assert codes(refused) == ["key.needed"]
        assert sink.getvalue() == b""

    def test_changed_attachment(self, tmp_path: Path) -> None:
        """An attachment that changed after its letter was made: which letter it is, and the message without it."""
        file = tmp_path / "besluit.pdf"
        file.write_bytes(pdf(500))
        berichten = [letter(kenmerk="goed"), letter(kenmerk="veranderd", bijlagen=[file])]
        (outgoing,) = sender().messages(berichten, now=MOMENT, new_id=new_ids)
        assert outgoing.changed() == {}
        file.write_bytes(pdf(501))

        with pytest.raises(BerichtError) as refused:
            outgoing.write(BytesIO())
        assert refused.value.kenmerk == "veranderd"
        assert [error.code for error in refused.value.errors] == ["bijlage.changed"]
        changed = outgoing.changed()
        assert {kenmerk: error.code for kenmerk, error in changed.items()} == {"veranderd": "bijlage.changed"}
        rest = outgoing.without(changed)
        assert rest is not None
        assert rest.batch.batch_id == outgoing.batch.batch_id
        sink = BytesIO()
        rest.write(sink)
        assert len(inspect(sink.getvalue(), cpa=cpa()).letters) == 1
        assert rest.without(["goed"]) is None


class TestIntake:
    """Whose a letter is, or why nobody's."""

    def test_owner(self) -> None:
        """The OIN picks the sender; without one there must be only one sender."""
        ours, theirs = sender(), sender(oin=OTHER)
        intake = Intake((ours, theirs), MOMENT)

        assert intake.take(letter(kenmerk="1", oin=OIN)) is ours
        assert intake.take(letter(kenmerk="1", oin=OTHER)) is theirs
        for bericht, measure in (
            (letter(kenmerk="2"), "no OIN, and 2 senders"),
            (letter(kenmerk="3", oin="00000099000000004000"), "OIN 00000099000000004000"),
        ):
            with pytest.raises(BerichtError) as refused:
                intake.take(bericht)
            assert [(error.code, error.measure) for error in refused.value.errors] == [("sender.oin-unknown", measure)]

    def test_owners(self) -> None:
        """An OIN belongs to one sender."""
        with pytest.raises(ConfigurationError) as refused:
            Intake((sender(), sender(oin=(OTHER, OIN))), MOMENT)
        assert codes(refused) == ["sender.oin-twice"]
        check_owners([sender(), sender(oin=OTHER)])

    def test_repeats(self) -> None:
        """Design 3: the same letter to the last octet is a repeat, also when it names the OIN that is implied."""
        by = sender()
        intake = Intake((by,), MOMENT)

        assert intake.take(letter()) is by
        assert intake.take(letter()) is None
        assert intake.take(letter(oin=OIN)) is None
        assert intake.take(letter(kenmerk="ander")) is by

    @pytest.mark.parametrize(
        "change",
        [
            {"bsn": BSNS[1]},
            {"onderwerp": "Ander"},
            {"berichttekst": "Ander"},
            {"bijlagen": [(pdf(61), "a.pdf")]},
            {"referentie": "R"},
        ],
        ids=str,
    )
    def test_reuse(self, change: dict[str, object]) -> None:
        """One kenmerk, one letter: another content under it is refused, and what differs is named, not quoted."""
        intake = Intake((sender(),), MOMENT)
        intake.take(letter())
        with pytest.raises(BerichtError) as refused:
            intake.take(letter(**change))
        (error,) = refused.value.errors
        assert (error.code, error.measure) == ("kenmerk.reused", f"another {next(iter(change))}")
        assert not any(bsn in str(refused.value) for bsn in BSNS)

    def test_refused_letter_may_come_again(self) -> None:
        """A letter that was refused was not taken: corrected, it may come under its kenmerk."""
        by = sender()
        intake = Intake((by,), MOMENT)
        with pytest.raises(BerichtError) as refused:
            intake.take(letter(publicatiedatum=MOMENT + 20 * DAY))
        assert [error.code for error in refused.value.errors] == ["publicatiedatum.ahead"]
        assert intake.take(letter(publicatiedatum=MOMENT + 2 * DAY)) is by

    def test_all_at_once(self) -> None:
        """Dates and kenmerk together."""
        intake = Intake((sender(),), MOMENT)
        intake.take(letter())
        with pytest.raises(BerichtError) as refused:
            intake.take(letter(publicatiedatum=MOMENT + 20 * DAY))
        assert [error.code for error in refused.value.errors] == ["publicatiedatum.ahead", "kenmerk.reused"]

    def test_unreadable_repeat(self, tmp_path: Path) -> None:
        """A repeat whose attachment can no longer be compared is refused, since nobody knows."""
        file, copy = tmp_path / "a.pdf", tmp_path / "b.pdf"
        for one in (file, copy):
            one.write_bytes(pdf(500))
        first: Bericht = letter(bijlagen=[(file, "a.pdf")])
        again = letter(bijlagen=[(copy, "a.pdf")])
        intake = Intake((sender(),), MOMENT)
        assert intake.take(first) is not None
        copy.unlink()
        with pytest.raises(BerichtError) as refused:
            intake.take(again)
        assert [error.code for error in refused.value.errors] == ["bijlage.path"]
