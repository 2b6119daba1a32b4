"""Messages in files, for `mobb build` and `mobb demo`: whole or not there, and all of them or none."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

from mobb_client.berichtenbox.bericht import Bericht, bericht_id
from mobb_client.cli import _show
from mobb_client.ebms.cpa import CPA
from mobb_client.errors import BerichtError, ConfigurationError, FieldError, Finding
from mobb_client.pki.identity import Identity
from mobb_client.sender import ACTION, Outgoing, Sender, Written

Refuse = Callable[[UUID, BerichtError], object]


def implied_sender(cpa: CPA, identity: Identity | None, now: datetime) -> Sender:
    """Return the sender that a CPA implies: the party that may send the batches, the OIN in its PartyId.

    Raises:
        ConfigurationError: the CPA forbids sending, or the PartyId is no OIN (a test suffix is taken off).
    """
    party_id = cpa.route(ACTION, now=now).sender.party_ids[0].value
    try:
        return Sender(oin=party_id.partition("_")[0], cpa=cpa, identity=identity)
    except FieldError:
        raise ConfigurationError(Finding("sender.oin-party", field="PartyId", measure=party_id[:100])) from None


@dataclass(frozen=True, slots=True)
class Made:
    """One message in its file."""

    file: Path
    outgoing: Outgoing
    written: Written

    def letters(self) -> Iterator[tuple[UUID, Bericht]]:
        """Give the letters with their BerichtIDs, in the order of the document."""
        oin = self.outgoing.batch.oin
        return ((bericht_id(oin, bericht.kenmerk), bericht) for bericht in self.outgoing.batch.berichten)


def write_messages(
    letters: Mapping[Sender, Sequence[Bericht]], out: Path, now: datetime, refuse: Refuse | None = None
) -> list[Made]:
    """Write the messages of all senders as ``1.mime``, ``2.mime`` and so on.

    Args:
        letters: each on its sender's pile.
        out: a folder, made when it is not there.
        now: an aware datetime.
        refuse: is called with the BerichtID of each letter whose attachment changed since it was made, and with what
            is wrong; the others are written. Left out, such a letter ends it all.

    Raises:
        ConfigurationError: the CPA or key of a sender with letters forbids sending; nothing was written.
        OSError: the folder or a file cannot be written. What was written is gone again.
    """
    senders = [(sender, own) for sender, own in letters.items() if own]
    for sender, _ in senders:
        sender.route(now)
    out.mkdir(parents=True, exist_ok=True)
    outgoing = (one for sender, own in senders for one in sender.messages(own, now=now))
    made: list[Made] = []
    try:
        for message in _show.watched(outgoing, "messages"):
            made += _written(message, out / f"{len(made) + 1}.mime", refuse)
    except BaseException:
        for one in made:
            one.file.unlink(missing_ok=True)
        raise
    return made


def _written(outgoing: Outgoing, file: Path, refuse: Refuse | None) -> Iterator[Made]:
    """Write a message; without the letters that changed under our hands, when somebody hears of them."""
    left: Outgoing | None = outgoing
    while left is not None:
        try:
            yield _write(left, file)
        except BerichtError as error:
            if refuse is None or error.kenmerk not in left.batch.kenmerken.values():
                raise
            refuse(bericht_id(left.batch.oin, error.kenmerk), error)
            left = left.without({error.kenmerk})
        else:
            return


def _write(outgoing: Outgoing, file: Path) -> Made:
    """Write MIME headers, a blank line and the body, under a name that appears only when the file is whole.

    The file is for its owner's eyes: it holds letters.
    """
    descriptor, unfinished = tempfile.mkstemp(dir=file.parent, prefix=f"{file.stem}.", suffix=".unfinished")
    try:
        with os.fdopen(descriptor, "w+b") as sink:
            head = "".join(f"{name}: {value}\r\n" for name, value in outgoing.headers.items())
            sink.write(f"{head}\r\n".encode("ascii"))
            written = outgoing.write(sink)
        Path(unfinished).replace(file)
    except BaseException:
        with suppress(OSError):
            Path(unfinished).unlink()
        raise
    return Made(file, outgoing, written)


def message_json(made: Made, rows: Mapping[UUID, int]) -> dict[str, object]:
    """Return one message as the JSON documents of the command line show it; `rows` says where each letter came from."""
    outgoing, packet = made.outgoing, made.written.packet
    return {
        "file": str(made.file),
        "message_id": packet.message_id,
        "conversation_id": outgoing.message.header.conversation_id,
        "batch_id": outgoing.batch.batch_id,
        "oin": outgoing.batch.oin,
        "profile": outgoing.route.profile,
        "signed": bool(packet.references),
        "body_bytes": packet.size,
        "payload_digest": packet.payload_digests[0][1],
        "letters": [
            {"row": rows.get(letter_id), "kenmerk": bericht.kenmerk, "bericht_id": letter_id}
            for letter_id, bericht in made.letters()
        ],
    }
