"""What a sender chooses about subscriptions: whether they are demanded, who is asked, how the answers are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mobb_client.berichtenbox.aanvraag import Mapper
from mobb_client.errors import ConfigurationError, Finding

ACTION: Final = "GLOBE-R-A-Request"
RESULT_ACTION: Final = "GLOBE-R-A-Result"
_MOST_A_MINUTE: Final = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Abonnementregels:
    """How subscriptions are checked.

    Args:
        vereist: only letters to citizens who are known to be subscribed are sent: to others goes paper, and a letter of
            whose citizen nothing is known waits. Off by default: GLOBE checks by itself. Its successor will not.
        validatie_url: the endpoint of the BerichtenboxValidatieService; without it nobody is asked by WUS.
        ws_addressing: whether its questions have the headers of WS-Addressing (k.7).
        per_minute: how many of its questions are asked in a minute at most (e.5: it is meant for small checks).
        action: the action of a request to the AbonnementService in the CPA.
        result_action: the action of its answers (its name is not certain: a.1).
        mapper: says what its answers mean; without one they are kept and not read (d.3).

    Raises:
        ConfigurationError: ``abonnementen.per-minute``.
    """

    vereist: bool = False
    validatie_url: str | None = None
    ws_addressing: bool = False
    per_minute: int = 4
    action: str = ACTION
    result_action: str = RESULT_ACTION
    mapper: Mapper | None = None

    def __post_init__(self) -> None:
        """Refuse a pace out of bounds."""
        if not (type(self.per_minute) is int and 1 <= self.per_minute <= _MOST_A_MINUTE):
            measure = f"{self.per_minute}"[:20]
            raise ConfigurationError(
                Finding("abonnementen.per-minute", field="per_minute", measure=measure, limit=_MOST_A_MINUTE)
            )
