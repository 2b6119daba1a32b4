"""PDFs to test with, made by pikepdf: a good one, and ones in which one thing is wrong."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

import pikepdf
from pikepdf import Array, Dictionary, Name, String

XMP = """<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""
 xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/">{claim}
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">{title}</rdf:li></rdf:Alt></dc:title></rdf:Description></rdf:RDF>
</x:xmpmeta><?xpacket end="w"?>"""
CLAIM = "<pdfaid:part>{}</pdfaid:part><pdfaid:conformance>{}</pdfaid:conformance>"


def xmp(claim: str = "2A", title: str = "Besluit") -> bytes:
    """Return metadata with a claim and a title."""
    return XMP.format(claim=CLAIM.format(claim[0], claim[1:]) if claim else "", title=title).encode()


def real_pdf(change: Callable[[pikepdf.Pdf], object] | None = None, **saving: Any) -> bytes:
    """Return a small PDF that says of itself what it should, changed by a function."""
    with pikepdf.new() as made:
        made.add_blank_page()
        program = made.make_stream(b"no font at all")
        descriptor = Dictionary(Type=Name.FontDescriptor, FontName=Name.Voorbeeld, FontFile2=program)
        font = Dictionary(
            Type=Name.Font,
            Subtype=Name.TrueType,
            BaseFont=Name.Voorbeeld,
            FontDescriptor=made.make_indirect(descriptor),
        )
        made.pages[0].obj.Resources = Dictionary(Font=Dictionary(F1=made.make_indirect(font)))
        made.Root.MarkInfo = Dictionary(Marked=True)
        made.Root.StructTreeRoot = made.make_indirect(Dictionary(Type=Name.StructTreeRoot))
        made.Root.Lang = String("nl-NL")
        made.Root.Metadata = made.make_stream(xmp(), Type=Name.Metadata, Subtype=Name.XML)
        if change is not None:
            change(made)
        sink = BytesIO()
        made.save(sink, deterministic_id="encryption" not in saving, **saving)
    return sink.getvalue()


def sized(size: int) -> bytes:
    """Return such a PDF of so many octets: a comment makes it as large."""
    made = real_pdf()
    body, _, tail = made.rpartition(b"startxref")
    return body + b"%".ljust(size - len(made) - 1) + b"\nstartxref" + tail


def without_claim(pdf: pikepdf.Pdf) -> None:
    """Take the claim out."""
    pdf.Root.Metadata = pdf.make_stream(xmp(""))


def untagged(pdf: pikepdf.Pdf) -> None:
    """Say that there are no tags."""
    pdf.Root.MarkInfo.Marked = False


def speechless(pdf: pikepdf.Pdf) -> None:
    """Take language and title out."""
    del pdf.Root.Lang
    pdf.Root.Metadata = pdf.make_stream(xmp(title=""))


def script(pdf: pikepdf.Pdf) -> None:
    """Open with a script."""
    pdf.Root.OpenAction = Dictionary(S=Name.JavaScript, JS=String("app.alert(1)"))


def script_on_page(pdf: pikepdf.Pdf) -> None:
    """Put a script behind a link, after another action."""
    action = Dictionary(S=Name.URI, URI=String("https://voorbeeld.example"))
    action.Next = pdf.make_indirect(Dictionary(S=Name.JavaScript, JS=String("x")))
    link = Dictionary(Type=Name.Annot, Subtype=Name.Link, Rect=[0, 0, 1, 1], A=action)
    pdf.pages[0].obj.Annots = Array([pdf.make_indirect(link)])


def form(pdf: pikepdf.Pdf, kind: Name = Name.Tx) -> None:
    """Ask something."""
    field = Dictionary(Type=Name.Annot, Subtype=Name.Widget, FT=kind, T=String("naam"), Rect=[0, 0, 1, 1])
    field = pdf.make_indirect(field)
    pdf.pages[0].obj.Annots = Array([field])
    pdf.Root.AcroForm = Dictionary(Fields=Array([field]))


def xfa(pdf: pikepdf.Pdf) -> None:
    """Ask something by XML."""
    pdf.Root.AcroForm = Dictionary(Fields=Array([]), XFA=String("<xdp/>"))


def file_inside(pdf: pikepdf.Pdf) -> None:
    """Put a file in."""
    pdf.attachments["geheim.txt"] = b"inhoud"


def font_outside(pdf: pikepdf.Pdf, name: str = "/Arial") -> None:
    """Use fonts that are not there."""
    font = Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name(name))
    pdf.pages[0].obj.Resources.Font.F2 = pdf.make_indirect(font)


def locked(password: str = "") -> bytes:
    """Return an encrypted PDF, with or without a password."""
    return real_pdf(encryption=pikepdf.Encryption(owner="eigenaar", user=password))
