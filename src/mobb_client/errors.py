"""The exception tree, and the one shape of everything that is found wrong.

Our mistakes (`FieldError`, `BerichtError`, `ConfigurationError`) and theirs (`ProtocolError`) never share a class.
No error holds personal content: what was given is measured, never quoted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Literal

from mobb_client._catalogue import CATALOGUE

Language = Literal["en", "nl"]
Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something found wrong, in the one shape of errors and warnings.

    Args:
        code: a slug that never changes, such as ``onderwerp.length``; rule, source and advice hang on it.
        field: the field or path it is about, in the schema's own word.
        measure: what was given, measured and not quoted (``63 characters``); codes and dates may be quoted.
        limit: the bound that was in force, where the rule names one.
        severity: an ``error`` stops the letter or the route; a ``warning`` does not.
    """

    code: str
    field: str
    measure: str
    limit: str | int | None = None
    severity: Severity = "error"

    @property
    def rule(self) -> str:
        """The rule that is broken, in English."""
        return self.rule_in("en")

    @property
    def source(self) -> str:
        """The document and clause that the rule comes from."""
        return CATALOGUE[self.code].source

    @property
    def advice(self) -> str:
        """What to do, in English."""
        return self.advice_in("en")

    def rule_in(self, language: Language) -> str:
        """Return the rule in one of the two languages."""
        rule = CATALOGUE[self.code].rule[language]
        return rule.format(limit=self.limit)

    def advice_in(self, language: Language) -> str:
        """Return what to do, in one of the two languages."""
        return CATALOGUE[self.code].advice[language].format(limit=self.limit)

    def as_dict(self, language: Language = "en") -> dict[str, str]:
        """Return the finding as the command line's JSON shows it."""
        return {
            "code": self.code,
            "severity": self.severity,
            "field": self.field,
            "rule": self.rule_in(language),
            "measure": self.measure,
            "source": self.source,
            "advice": self.advice_in(language),
        }

    def __str__(self) -> str:
        """Return one line: field, rule, measure, source, code."""
        return f"{self.field}: {self.rule}; got {self.measure} [{self.source}] ({self.code})"


class MobbError(Exception):
    """Whatever this library raises on purpose."""


class FieldError(MobbError, ValueError):
    """You gave a value that a standard forbids; nothing was stored or sent.

    The six parts of its `Finding` are attributes of the error as well.
    """

    def __init__(self, code: str, *, field: str, measure: str, limit: str | int | None = None) -> None:
        self.finding = Finding(code, field=field, measure=measure, limit=limit)
        super().__init__(str(self.finding))

    @property
    def code(self) -> str:
        """The slug of the rule, for ever the same."""
        return self.finding.code

    @property
    def field(self) -> str:
        """The field that broke it."""
        return self.finding.field

    @property
    def rule(self) -> str:
        """The rule in words."""
        return self.finding.rule

    @property
    def measure(self) -> str:
        """What was given, measured and not quoted."""
        return self.finding.measure

    @property
    def source(self) -> str:
        """The document and clause that the rule comes from."""
        return self.finding.source

    @property
    def advice(self) -> str:
        """What to do."""
        return self.finding.advice


class BerichtError(MobbError, ValueError):
    """All the faults of one letter at once, with its `kenmerk` (measured instead when it is itself at fault).

    Args:
        kenmerk: of the letter.
        errors: what is wrong.
        warnings: what else was seen, and would not have stopped it.
    """

    def __init__(self, kenmerk: str, errors: Iterable[FieldError], warnings: Iterable[Finding] = ()) -> None:
        self.kenmerk = kenmerk
        self.errors = tuple(errors)
        self.warnings = tuple(warnings)
        super().__init__(f"{kenmerk}: " + "; ".join(str(error) for error in self.errors))


class ConfigurationError(MobbError):
    """CPA, certificate and settings contradict each other; `findings` says where."""

    def __init__(self, *findings: Finding) -> None:
        self.findings = findings
        super().__init__("; ".join(str(finding) for finding in findings))


class TransportError(MobbError):
    """No usable HTTP answer, where no outbox stands behind the call.

    Args:
        reason: a slug that never changes, such as ``tls.expired``; rule, source and advice hang on it.
        endpoint: what was called, host and port.
        measure: what happened, without anything that they sent.
        limit: the bound that was in force, where the rule names one.
        may_have_arrived: False when it is certain that the other side does not have the whole message.
    """

    def __init__(
        self,
        reason: str,
        *,
        endpoint: str,
        measure: str,
        limit: str | int | None = None,
        may_have_arrived: bool = False,
    ) -> None:
        self.finding = Finding(reason, field=endpoint, measure=measure, limit=limit)
        self.may_have_arrived = may_have_arrived
        super().__init__(str(self.finding))

    @property
    def reason(self) -> str:
        """The slug of what went wrong, for ever the same."""
        return self.finding.code


class SoapFaultError(MobbError):
    """A synchronous question was answered with a SOAP Fault; `finding` says what to do.

    The fault's own text is not kept: it may name a citizen.
    """

    code: ClassVar[str] = "wus.fault"
    element: ClassVar[str] = ""

    def __init__(self, *, measure: str) -> None:
        self.finding = Finding(self.code, field="soap:Fault", measure=measure)
        super().__init__(str(self.finding))


class ApplicationFaultError(SoapFaultError):
    """They refuse the question: it, or who asks it, must change first."""

    code = "wus.application-fault"
    element = "ApplicationFault"


class DependentServiceFaultError(SoapFaultError):
    """Something behind their service is down: ask again later."""

    code = "wus.dependent-fault"
    element = "DependentServiceFault"


class OutboxError(MobbError):
    """The store cannot be read or written."""


class ProtocolError(MobbError):
    """They sent bytes that break a standard.

    Args:
        code: a slug that never changes, such as ``signature.digest``.
        sentence: what is wrong, without content of the message.
        ebms_code: the errorCode to answer with (ebMS 2.0 section 4.2.3.4).
        location: where, as the ``eb:location`` of that answer; empty when nowhere in particular.
    """

    default_ebms_code: ClassVar[str] = "Unknown"

    def __init__(self, code: str, sentence: str, *, ebms_code: str | None = None, location: str = "") -> None:
        self.code = code
        self.sentence = sentence
        self.ebms_code = ebms_code or self.default_ebms_code
        self.location = location
        super().__init__(f"{sentence} ({code})")


class FormatError(ProtocolError):
    """A part is missing, doubled or unreadable."""

    default_ebms_code = "OtherXml"


class SignatureError(ProtocolError):
    """A signature or certificate does not hold."""

    default_ebms_code = "SecurityFailure"
