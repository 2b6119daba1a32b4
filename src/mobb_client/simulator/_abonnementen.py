"""The AbonnementService: who is subscribed, asked in bulk. The shape of its answer is invented: nobody has seen one.

Source: `berichtenbox` b.4, d.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection
from datetime import timedelta
from typing import Final
from xml.sax.saxutils import escape

from lxml import etree

REQUEST: Final = "GLOBE-R-A-Request"
RESULT: Final = "GLOBE-R-A-Result"
SUBSCRIBED: Final = "Geabonneerd"
NOT_SUBSCRIBED: Final = "NietGeabonneerd"
_NS: Final = "http://schemas.overheid.nl/GEB/AbonnementServiceProcessor/2014/02"


class Abonnementendienst:
    """Answers an AbonnementAanvraag.

    Args:
        is_subscribed: whether letters may be sent to a citizen, by BSN and BerichtType.
        citizens: everybody of whom something is known.

    Attributes:
        after: how long an answer takes; up to four hours is agreed.
        gzipped: whether answers are packed.
        questions: for each request how many BSNs it lists.
        next: documents that are given in the place of the next ones, whatever was asked.
    """

    def __init__(self, is_subscribed: Callable[[str, str], bool], citizens: Callable[[], Collection[str]]) -> None:
        self._is_subscribed = is_subscribed
        self._citizens = citizens
        self.after = timedelta(hours=1)
        self.gzipped = True
        self.questions: list[int] = []
        self.next: deque[bytes] = deque()

    def answer(self, document: bytes) -> bytes:
        """Return the answer to a request."""
        root = etree.fromstring(document, etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True))
        listed = [one.text or "" for one in root.iterfind("BSNLijst/BSN")]
        self.questions.append(len(listed))
        if self.next:
            return self.next.popleft()
        found = {bsn: self._is_subscribed(bsn, "") for bsn in listed or sorted(self._citizens())}
        lists = "".join(
            f"<{name}>{''.join(f'<BSN>{escape(bsn)}</BSN>' for bsn, is_in in found.items() if is_in is yes)}</{name}>"
            for name, yes in ((SUBSCRIBED, True), (NOT_SUBSCRIBED, False))
        )
        verzoek_id = escape(root.findtext("VerzoekId", ""))
        return (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<abo:AbonnementAntwoord xmlns:abo="{_NS}">'
            f"<VerzoekId>{verzoek_id}</VerzoekId>{lists}</abo:AbonnementAntwoord>"
        ).encode()
