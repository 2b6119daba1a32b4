"""Codes of what becomes of letters on their way."""

from mobb_client._catalogue._entry import Entry, entry

_DESIGN = "mobb_client design: every letter ends in exactly one place"

DELIVERIES: dict[str, Entry] = {
    "aflevering.expired": entry(
        en="an acknowledgment before the time to live of the message",
        nl="een ontvangstbevestiging vóór de uiterste tijd van het bericht",
        source="ebMS 2.0 section 6.4.5",
        do_en="ask Logius whether the batch arrived before the letter is sent again or printed",
        do_nl="vraag Logius of de batch is aangekomen voordat de brief opnieuw of op papier gaat",
    ),
    "aflevering.refused": entry(
        en="a message that the other message handler accepts",
        nl="een bericht dat de andere kant aanneemt",
        source="ebMS 2.0 section 4.2",
        do_en="look at the error of the message, repair what it names, and offer the letter again",
        do_nl="kijk naar de fout van het bericht, herstel wat die noemt, en bied de brief opnieuw aan",
    ),
    "aflevering.overdue": entry(
        en="a result within a day of the acknowledgment",
        nl="een resultaat binnen een dag na de ontvangstbevestiging",
        source="Technische Aansluithandleiding MijnOverheid Berichtenbox 1.6.4, 5.5",
        do_en="do not send it again, and do not print it: ask Logius what became of the batch",
        do_nl="verstuur niet opnieuw en druk niet af: vraag Logius wat er van de batch geworden is",
    ),
    "aflevering.purged": entry(
        en="a letter of which the content is still there when it is sent",
        nl="een brief waarvan de inhoud er nog is wanneer hij verstuurd wordt",
        source=_DESIGN,
        do_en="offer the letter again under another kenmerk",
        do_nl="bied de brief opnieuw aan onder een ander kenmerk",
    ),
    "outbox.url": entry(
        en="where letters are kept: sqlite:PATH, postgresql://... or memory:",
        nl="waar brieven bewaard worden: sqlite:PAD, postgresql://... of memory:",
        source="mobb_client settings",
        do_en="write one of the three",
        do_nl="schrijf een van de drie",
    ),
    "outbox.driver": entry(
        en="the driver of PostgreSQL, for an outbox that is kept there",
        nl="het stuurprogramma van PostgreSQL, voor een outbox die daar bewaard wordt",
        source="mobb_client settings",
        do_en="pip install 'mobb-client[postgres]'",
        do_nl="pip install 'mobb-client[postgres]'",
    ),
    "outbox.using": entry(
        en="an open connection, in a transaction, to the database that holds the outbox",
        nl="een open verbinding, in een transactie, met de database waarin de outbox staat",
        source=_DESIGN,
        do_en="make the outbox in your own database, begin a transaction and give its connection, or leave `using` out",
        do_nl="maak de outbox in uw eigen database, begin een transactie en geef die verbinding, of laat `using` weg",
    ),
    "client.sender": entry(
        en="at least one sender",
        nl="ten minste één afzender",
        source=_DESIGN,
        do_en="give the client a sender",
        do_nl="geef de client een afzender",
    ),
    "client.cpa-twice": entry(
        en="a CPA belongs to one sender",
        nl="een CPA hoort bij één afzender",
        source=_DESIGN,
        do_en="make one sender with all its OINs",
        do_nl="maak er één afzender van, met al zijn OIN's",
    ),
    "client.oin-needed": entry(
        en="a kenmerk that names one letter",
        nl="een kenmerk dat één brief aanwijst",
        source=_DESIGN,
        do_en="give the OIN as well",
        do_nl="geef ook het OIN",
    ),
}
