"""Codes of settings and senders."""

from mobb_client._catalogue._entry import Entry, entry

_OURS = "mobb_client docs, settings"

SETTINGS: dict[str, Entry] = {
    "settings.file": entry(
        en="the file can be read",
        nl="het bestand is leesbaar",
        source=_OURS,
        do_en="check the path, and who may read the file",
        do_nl="controleer het pad, en wie het bestand mag lezen",
    ),
    "settings.syntax": entry(
        en="the settings are TOML",
        nl="de instellingen zijn TOML",
        source="TOML 1.0",
        do_en="correct the file; the documentation has a whole example",
        do_nl="verbeter het bestand; in de documentatie staat een volledig voorbeeld",
    ),
    "settings.sender": entry(
        en="at least one [[sender]]",
        nl="ten minste één [[sender]]",
        source=_OURS,
        do_en="add a [[sender]] with oin, cpa and key",
        do_nl="voeg een [[sender]] toe met oin, cpa en key",
    ),
    "settings.value": entry(
        en="a value of the kind that the documentation names",
        nl="een waarde van de soort die de documentatie noemt",
        source=_OURS,
        do_en="correct the value",
        do_nl="verbeter de waarde",
    ),
    "settings.cpa": entry(
        en="a CPA 2.0 that can be read",
        nl="een CPA 2.0 die te lezen is",
        source="OASIS CPP/A 2.0",
        do_en="ask for the CPA again, as one unchanged XML file",
        do_nl="vraag de CPA opnieuw op, als één ongewijzigd XML-bestand",
    ),
    "settings.unknown": entry(
        en="only keys that the documentation names",
        nl="alleen sleutels die de documentatie noemt",
        source=_OURS,
        do_en="look for a misspelling, or take the key out",
        do_nl="kijk of de sleutel verkeerd gespeld is, of haal hem weg",
    ),
    "sending.range": entry(
        en="a setting within its bounds: {limit}",
        nl="een instelling binnen haar grenzen: {limit}",
        source=_OURS,
        do_en="correct parallel or per_minute in [sending]",
        do_nl="verbeter parallel of per_minute in [sending]",
    ),
    "settings.environment": entry(
        en="the environment variable is set",
        nl="de omgevingsvariabele is gezet",
        source=_OURS,
        do_en="set the variable, or use passphrase_file",
        do_nl="zet de variabele, of gebruik passphrase_file",
    ),
    "sender.oin-none": entry(
        en="at least one OIN",
        nl="ten minste één OIN",
        source=_OURS,
        do_en="give the OIN of the organisation whose letters these are",
        do_nl="geef het OIN van de organisatie van wie de brieven zijn",
    ),
    "sender.payload-type": entry(
        en="a media type such as text/xml; charset=UTF-8",
        nl="een mediatype zoals text/xml; charset=UTF-8",
        source="RFC 2045 section 5.1",
        do_en="leave payload_type out, or write type/subtype with at most one parameter",
        do_nl="laat payload_type weg, of schrijf type/subtype met hooguit één parameter",
    ),
    "sender.oin-twice": entry(
        en="an OIN belongs to one sender",
        nl="een OIN hoort bij één afzender",
        source="mobb_client design: what must never be mixed up",
        do_en="take the OIN away from one of the senders",
        do_nl="haal het OIN bij een van de afzenders weg",
    ),
    "sender.oin-unknown": entry(
        en="the OIN of one of the senders",
        nl="het OIN van een van de afzenders",
        source="GLOBE: OinInCPAKomtNietOvereenMetOinInBericht",
        do_en="check the oin of the letter, or add it to the sender that may send for it",
        do_nl="controleer het oin van de brief, of voeg het toe aan de afzender die ervoor mag verzenden",
    ),
    "sender.oin-party": entry(
        en="the PartyId of the sending party begins with an OIN of 20 digits",
        nl="het PartyId van de verzendende partij begint met een OIN van 20 cijfers",
        source="Digikoppeling Koppelvlakstandaard ebMS2 5.1.1",
        do_en="give the OIN of the letters in mobb.toml",
        do_nl="geef het OIN van de brieven in mobb.toml",
    ),
    "kenmerk.reused": entry(
        en="one kenmerk, one letter",
        nl="één kenmerk, één brief",
        source="mobb_client design: ids are the caller's insurance",
        do_en="give the other letter a kenmerk of its own",
        do_nl="geef de andere brief een eigen kenmerk",
    ),
}
