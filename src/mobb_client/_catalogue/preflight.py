"""Codes of preflight: what only a look inside a PDF, or at all rows together, can find."""

from mobb_client._catalogue._entry import Entry, entry

_AH = "Technische Aansluithandleiding MijnOverheid Berichtenbox 1.6.4"
_ROW = "mobb_client: LETTERS"
_PDF = "ISO 32000-1, 7.5"

_PDFS = {
    "pdf.unreadable": entry(
        en="a PDF that can be read",
        nl="een PDF die gelezen kan worden",
        source=_PDF,
        do_en="open the document, and make it again: perhaps only a part of it arrived",
        do_nl="open het document, en maak het opnieuw: misschien is maar een deel ervan aangekomen",
    ),
    "pdf.damaged": entry(
        en="a PDF that can be read without repairs",
        nl="een PDF die zonder herstel gelezen kan worden",
        source=_PDF,
        do_en="make the document again, or save it anew; another program may fail to show it",
        do_nl="maak het document opnieuw of sla het opnieuw op; een ander programma kan het misschien niet tonen",
    ),
    "pdf.limits": entry(
        en="a PDF that can be looked through within bounds of time and memory",
        nl="een PDF die binnen grenzen van tijd en geheugen bekeken kan worden",
        source="mobb_client: documents of others",
        do_en="have a person look at where the document comes from, and make it anew",
        do_nl="laat iemand nagaan waar het document vandaan komt, en maak het opnieuw",
    ),
    "pdf.encrypted": entry(
        en="a PDF without password and without restrictions",
        nl="een PDF zonder wachtwoord en zonder beperkingen",
        source="ISO 19005-1, 6.1.3",
        do_en="save the document without password and without restrictions",
        do_nl="sla het document op zonder wachtwoord en zonder beperkingen",
    ),
    "pdf.claim": entry(
        en="a PDF that claims to be PDF/A-1a or PDF/A-2a",
        nl="een PDF die zegt PDF/A-1a of PDF/A-2a te zijn",
        source=f"{_AH}, 5.9",
        do_en="export the document as PDF/A-2a; whether the claim is true, a validator of PDF/A can tell",
        do_nl="exporteer het document als PDF/A-2a; of dat klopt, kan een PDF/A-validator zeggen",
    ),
    "pdf.tagged": entry(
        en="a tagged PDF: MarkInfo says so, and there is a tree of tags",
        nl="een getagde PDF: MarkInfo zegt het, en er is een boom van tags",
        source=f"{_AH}, 5.9; ISO 19005-1, 6.8.2 and 6.8.3",
        do_en="switch accessible output on where the document is made",
        do_nl="zet toegankelijke uitvoer aan waar het document gemaakt wordt",
    ),
    "pdf.language": entry(
        en="a PDF that says in which language it is",
        nl="een PDF die zegt in welke taal hij is",
        source="WCAG 2.1, 3.1.1; ISO 19005-1, 6.8.4",
        do_en="set the language of the document, such as nl-NL: it is read aloud in that language",
        do_nl="stel de taal van het document in, zoals nl-NL: in die taal wordt het voorgelezen",
    ),
    "pdf.title": entry(
        en="a PDF with a title",
        nl="een PDF met een titel",
        source="WCAG 2.1, 2.4.2",
        do_en="give the document a title where it is made",
        do_nl="geef het document een titel waar het gemaakt wordt",
    ),
    "pdf.font": entry(
        en="every font is in the PDF itself",
        nl="elk lettertype zit in de PDF zelf",
        source="ISO 19005-1, 6.3.4",
        do_en="embed the fonts where the document is made; one that may not be embedded has to be replaced",
        do_nl="sluit de lettertypen in waar het document gemaakt wordt; vervang een lettertype waarvoor dat niet mag",
    ),
    "pdf.javascript": entry(
        en="no JavaScript",
        nl="geen JavaScript",
        source="ISO 19005-1, 6.6.1",
        do_en="take the script out of the template",
        do_nl="haal het script uit het sjabloon",
    ),
    "pdf.form": entry(
        en="no fields to fill in: a citizen cannot answer a letter",
        nl="geen invulvelden: een burger kan een brief niet beantwoorden",
        source=f"{_AH}, 2",
        do_en="flatten the form, or link to one on the web",
        do_nl="maak van het formulier gewone tekst, of verwijs naar een formulier op het web",
    ),
    "pdf.files": entry(
        en="no files inside the PDF",
        nl="geen bestanden binnen de PDF",
        source="ISO 19005-1, 6.1.11",
        do_en="take the files out; a second document can be the second attachment of the letter",
        do_nl="haal de bestanden eruit; een tweede document kan de tweede bijlage van de brief zijn",
    ),
    "pdf.validator": entry(
        en="a PDF that the validator accepts",
        nl="een PDF die de validator goedkeurt",
        source="mobb_client: the validator that was given",
        do_en="read what the validator itself says of this document",
        do_nl="lees wat de validator zelf over dit document zegt",
    ),
    "pdf.validator-failed": entry(
        en="a validator that gives a verdict in time",
        nl="een validator die op tijd een oordeel geeft",
        source="mobb_client: the validator that was given",
        do_en="run the validator by hand on this document; is its command right, and its time limit long enough?",
        do_nl="draai de validator met de hand op dit document; klopt de opdracht, en is de tijdslimiet lang genoeg?",
    ),
}

_TOGETHER = {
    "row.repeated": entry(
        en="a letter that stands in the file once",
        nl="een brief die één keer in het bestand staat",
        source=_ROW,
        do_en="nothing: it is the same letter to the last octet, and goes out once",
        do_nl="niets: het is tot op de laatste byte dezelfde brief, en hij gaat één keer uit",
    ),
    "row.same-content": entry(
        en="one kenmerk for one letter: another row has the same letter to the same citizen under another kenmerk",
        nl="één kenmerk voor één brief: een andere rij heeft dezelfde brief aan dezelfde burger met een ander kenmerk",
        source=_ROW,
        do_en="take one of the two out, unless the citizen should get it twice",
        do_nl="haal een van de twee weg, tenzij de burger hem twee keer moet krijgen",
    ),
    "row.fault": entry(
        en="a row that can be judged",
        nl="een rij die beoordeeld kan worden",
        source="mobb_client",
        do_en="report this as a fault of mobb_client, without the letter",
        do_nl="meld dit als een fout in mobb_client, zonder de brief",
    ),
    "berichttype.unknown": entry(
        en="one of the codes that were given as active",
        nl="een van de codes die als actief zijn opgegeven",
        source=f"{_AH}, chapter 5",
        do_en="compare the code with the Leveranciersportaal: it must exist and be active there for this OIN",
        do_nl="vergelijk de code met het Leveranciersportaal: zij moet daar bestaan en actief zijn voor dit OIN",
    ),
}

PREFLIGHT: dict[str, Entry] = _PDFS | _TOGETHER
