"""`mobb.toml`: everything that is wrong with it at once, each with its key and its code, and no secret in any of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest
from tests.material import MOMENT, material
from tests.outgoing import OIN

from mobb_client._catalogue.settings import SETTINGS
from mobb_client.berichtenbox.regels import Regels
from mobb_client.cli._judging import judges_of
from mobb_client.errors import ConfigurationError, FieldError, OutboxError
from mobb_client.pacing import Pace
from mobb_client.runs.validator import CommandValidator
from mobb_client.settings import (
    PreflightSettings,
    Rules,
    ServeSettings,
    Settings,
    load,
    load_cpa,
    load_rules,
    read_passphrase,
)
from mobb_client.transport import FromProxy
from mobb_client.transport.serving import Address, Limits

OTHER: Final = "00000099000000003000"
SECRET: Final = "geen geheim"  # noqa: S105 - the passphrase of the material
GOOD: Final = f"""\
[[sender]]
oin = ["{OIN}"]
cpa = "cpa-osb-rm-s.xml"
key = "sender.key"
certificate = "sender.crt"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with the material in it."""
    material().write(tmp_path)
    (tmp_path / "pass.txt").write_text(f"{SECRET}\n")
    return tmp_path


@pytest.fixture
def read(folder: Path) -> Callable[[str], Settings]:
    """Load settings that say this."""

    def call(text: str) -> Settings:
        file = folder / "settings.toml"
        file.write_text(text)
        return load(file)

    return call


Read = Callable[[str], Settings]


def refused(read: Read, text: str) -> list[tuple[str, str]]:
    """Return code and field of everything that is wrong."""
    with pytest.raises(ConfigurationError) as caught:
        read(text)
    assert SECRET not in str(caught.value)
    assert SECRET not in repr(caught.value)
    return [(finding.code, finding.field) for finding in caught.value.findings]


def test_material_settings(folder: Path) -> None:
    """What `mobb simulate --material` writes can be loaded."""
    found = load(folder / "mobb.toml")

    (sender,) = found.senders
    assert list(map(str, sender.oins)) == [OIN]
    assert sender.route(MOMENT).profile == "osb-rm"
    assert [anchor.is_authority for anchor in found.anchors] == [True]


def test_everything(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every key that the documentation names."""
    monkeypatch.setenv("MOBB_TEST_PASSPHRASE", SECRET)
    found = read(f"""
[[sender]]
name = "gemeente"
oin = "{OIN}"
cpa = "cpa-osb-rm-s.xml"
key = "sender.p12"
passphrase_file = "pass.txt"
action = "GLOBE-R-BV-Request"
party = "urn:osb:oin:{OIN}"
payload_type = "application/xml"
peers = ["{OTHER}"]

[[sender]]
oin = ["{OTHER}"]
cpa = "cpa-osb-rm.xml"
key = "sender.p12"
passphrase_env = "MOBB_TEST_PASSPHRASE"

[[sender]]
oin = "00000099000000004000"
cpa = "cpa-osb-be.xml"

[trust]
anchors = ["ca.pem", "receiver.crt"]

[regels]
max_bijlage_bytes = 512_000
max_omschrijving = 40
elfproef = false
batch_bytes = 1_000_000

[sending]
parallel = 4
per_minute = 120
""")

    first, second, third = found.senders
    assert first.route(MOMENT).signing is not None
    assert first.payload_type == "application/xml"
    assert first.peers == (OTHER,)
    assert second.identity == first.identity
    assert third.identity is None
    assert {sender.regels for sender in found.senders} == {
        Regels(max_bijlage_bytes=512_000, max_omschrijving=40, elfproef=False, batch_bytes=1_000_000)
    }
    assert len(found.anchors) == 2
    assert found.sending == Pace(parallel=4, per_minute=120)
    assert SECRET not in repr(found)


def test_serve(folder: Path, read: Read) -> None:
    """How our endpoint is served: by itself with the first sender's key, or with one of its own."""
    default = read(GOOD).serve
    assert default == ServeSettings(identity=read(GOOD).senders[0].identity)
    assert (str(default.listen), default.path) == ("127.0.0.1:8443", "/digikoppeling/ebms")
    found = read(f"""{GOOD}
[serve]
listen = "0.0.0.0:443"
path = "/ebms"
key = "receiver.p12"
passphrase_file = "pass.txt"
threads = 4
connections = 50
max_bytes = 1_000_000
health = "[::1]:8081"
send_signals = false
""")
    assert found.serve == ServeSettings(
        listen=Address("0.0.0.0", 443),  # noqa: S104 - that is what it says
        path="/ebms",
        identity=found.serve.identity,
        limits=Limits(threads=4, connections=50, max_body=1_000_000),
        health=Address("::1", 8081),
        send_signals=False,
    )
    assert found.serve.identity is not None
    assert found.serve.identity.certificate.oin != found.senders[0].oins[0].digits
    assert {folder / "receiver.p12", folder / "pass.txt"} <= found.files


PROXY: Final = """
[serve]
listen = "unix:mobb.sock"
[serve.proxy]
"""


def test_proxy(folder: Path, read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    """B52: the word of a proxy, which always proves itself with a secret from outside the settings."""
    (folder / "secret.txt").write_text("een lang geheim van de proxy\n")
    found = read(f"""{GOOD}{PROXY}secret_file = "secret.txt" """)
    assert found.serve.listen == Address(host="", socket=folder / "mobb.sock")
    assert found.serve.proxy == FromProxy(secret=("X-Proxy-Secret", "een lang geheim van de proxy"))
    assert folder / "secret.txt" in found.files
    assert "geheim" not in repr(found)
    monkeypatch.setenv("MOBB_TEST_SECRET", "een ander lang geheim")
    found = read(f"""{GOOD}{PROXY.replace("unix:mobb.sock", "127.0.0.1:8080")}
header = "X-Client-Cert"
secret_header = "X-Secret"
secret_env = "MOBB_TEST_SECRET"
networks = ["127.0.0.1"]
verified_header = "X-Verify"
""")
    assert found.serve.proxy == FromProxy(
        header="X-Client-Cert",
        secret=("X-Secret", "een ander lang geheim"),
        networks=("127.0.0.1",),
        verified=("X-Verify", "SUCCESS"),
    )


SERVE_FAULTS: Final[list[tuple[str, list[tuple[str, str]]]]] = [
    ("[serve]\nlisten = 8443", [("settings.value", "serve.listen")]),
    ('[serve]\nlisten = "8443"', [("serve.address", "serve.listen")]),
    ('[serve]\nhealth = "0.0.0.0:8081"', [("serve.plain", "serve.health")]),
    ('[serve]\npath = "ebms"', [("settings.value", "serve.path")]),
    ('[serve]\npath = "/ebms?x"', [("settings.value", "serve.path")]),
    ("[serve]\nthreads = 0", [("settings.value", "serve.threads")]),
    ("[serve]\nconnections = true", [("settings.value", "serve.connections")]),
    ('[serve]\nkey = "absent.key"', [("key.file", "serve.key")]),
    ("[serve]\nport = 1", [("settings.unknown", "serve.port")]),
    ("[serve]\nproxy = 1", [("settings.value", "serve.proxy")]),
    (PROXY, [("proxy.proof", "serve.proxy")]),
    (f'{PROXY}secret_env = "MOBB_ABSENT"', [("settings.environment", "serve.secret_env")]),
    (f'{PROXY}secret_file = "short.txt"', [("proxy.proof", "serve.proxy")]),
    (f'{PROXY}secret_file = "secret.txt"\nheader = "A_B"', [("proxy.value", "serve.proxy")]),
    (f'{PROXY}secret_file = "secret.txt"\nnetworks = ["x"]', [("proxy.value", "serve.networks")]),
    (f'{PROXY}secret_file = "secret.txt"\nnetworks = ["::1"]', [("proxy.value", "serve.proxy.networks")]),
    (f'{PROXY}secret_file = "secret.txt"\nx = 1', [("settings.unknown", "serve.proxy.x")]),
    (
        PROXY.replace("unix:mobb.sock", "0.0.0.0:80") + 'secret_file = "secret.txt"',
        [("serve.plain", "serve.listen")],
    ),
]


@pytest.mark.parametrize(("text", "wrong"), SERVE_FAULTS)
def test_wrong_serve(folder: Path, read: Read, text: str, wrong: list[tuple[str, str]]) -> None:
    """B52, TLS001: what would open a door without a lock is refused before anything listens."""
    (folder / "short.txt").write_text("kort\n")
    (folder / "secret.txt").write_text("een lang geheim van de proxy\n")
    assert refused(read, f"{GOOD}\n{text}") == wrong


def test_files(folder: Path, read: Read) -> None:
    """B50: every file that was read is known, so that a change of it can be seen."""
    found = read(f"""{GOOD}passphrase_file = "pass.txt"\n[trust]\nanchors = ["ca.pem"]""")
    named = {"settings.toml", "cpa-osb-rm-s.xml", "sender.key", "sender.crt", "pass.txt", "ca.pem"}
    assert found.files == {folder / name for name in named}


def with_key(line: str) -> str:
    """Return good settings with one line more in the sender."""
    return GOOD + line


def without_key(key: str) -> str:
    """Return good settings without one key of the sender."""
    return "\n".join(line for line in GOOD.splitlines() if not line.startswith(f"{key} "))


def instead(key: str, value: str) -> str:
    """Return good settings with another value."""
    return f"{without_key(key)}\n{key} = {value}\n"


FAULTS: Final[list[tuple[str, list[tuple[str, str]]]]] = [
    ("", [("settings.sender", "sender")]),
    ("sender = []", [("settings.sender", "sender")]),
    ('sender = "x"', [("settings.sender", "sender")]),
    ("sender = [1]", [("settings.value", "sender[1]")]),
    ("not toml at all", [("settings.syntax", "settings.toml")]),
    ("a = " + "[" * 5000, [("settings.syntax", "settings.toml")]),
    (without_key("oin"), [("settings.value", "sender[1].oin")]),
    (without_key("cpa"), [("settings.value", "sender[1].cpa")]),
    (without_key("certificate"), [("certificate.missing", "sender[1].certificate")]),
    (instead("oin", "12"), [("settings.value", "sender[1].oin")]),
    (instead("oin", "[12]"), [("settings.value", "sender[1].oin[1]")]),
    (instead("oin", '"12"'), [("oin.format", "sender[1].oin")]),
    (instead("oin", "[]"), [("sender.oin-none", "sender[1].oin")]),
    (instead("oin", f'"urn:osb:oin:{OIN}"'), [("oin.urn", "sender[1].oin")]),
    (instead("cpa", '"nowhere.xml"'), [("cpa.file", "sender[1].cpa")]),
    (instead("cpa", '"."'), [("cpa.file", "sender[1].cpa")]),
    (instead("cpa", '"ca.pem"'), [("settings.cpa", "sender[1].cpa")]),
    (instead("cpa", '""'), [("settings.value", "sender[1].cpa")]),
    (instead("cpa", "true"), [("settings.value", "sender[1].cpa")]),
    (instead("cpa", '"a\\u0000b"'), [("settings.value", "sender[1].cpa")]),
    (instead("key", '"nowhere.key"'), [("key.file", "sender[1].key")]),
    (instead("key", '"mobb.toml"'), [("key.format", "sender[1].key")]),
    (instead("key", '"receiver.key"'), [("key.mismatch", "sender[1].key")]),
    (instead("certificate", '"nowhere.crt"'), [("certificate.file", "sender[1].certificate")]),
    (instead("certificate", '"receiver.crt"'), [("key.mismatch", "sender[1].key")]),
    (with_key('passphrase = "geen geheim"'), [("settings.unknown", "sender[1].passphrase")]),
    (with_key('Oin = "x"'), [("settings.unknown", "sender[1].Oin")]),
    (with_key("name = 1"), [("settings.value", "sender[1].name")]),
    (with_key("action = 1"), [("settings.value", "sender[1].action")]),
    (with_key('action = ""'), [("settings.value", "sender[1].action")]),
    (with_key("party = []"), [("settings.value", "sender[1].party")]),
    (with_key('payload_type = "xml"'), [("sender.payload-type", "sender[1].payload_type")]),
    (with_key('payload_type = "text/xml\\r\\nX: y"'), [("sender.payload-type", "sender[1].payload_type")]),
    (with_key('passphrase_file = "nowhere.txt"'), [("settings.file", "sender[1].passphrase_file")]),
    (with_key('passphrase_env = "MOBB_TEST_NOT_SET"'), [("settings.environment", "sender[1].passphrase_env")]),
    (GOOD + GOOD, [("sender.oin-twice", "oin")]),
    (GOOD + "[trust]\nanchor = 1", [("settings.unknown", "trust.anchor")]),
    (GOOD + '[trust]\nanchors = "ca.pem"', [("settings.value", "trust.anchors")]),
    (GOOD + "[trust]\nanchors = [1]", [("settings.value", "trust.anchors[1]")]),
    (GOOD + '[trust]\nanchors = ["ca.pem", "no.pem"]', [("certificate.file", "trust.anchors[2].certificate")]),
    (GOOD + '[trust]\nanchors = ["mobb.toml"]', [("certificate.damaged", "trust.anchors[1].certificate")]),
    ("trust = 1\n" + GOOD, [("settings.value", "trust")]),
    ("regels = []\n" + GOOD, [("settings.value", "regels")]),
    (GOOD + "[regels]\nmax_bijlage = 1", [("settings.unknown", "regels.max_bijlage")]),
    (GOOD + "[regels]\nmarge_publicatie = 1", [("settings.unknown", "regels.marge_publicatie")]),
    (GOOD + "[regels]\nelfproef = 'false'", [("settings.value", "regels.elfproef")]),
    (GOOD + "[regels]\nelfproef = 0", [("settings.value", "regels.elfproef")]),
    (GOOD + "[regels]\nbatch_bytes = true", [("settings.value", "regels.batch_bytes")]),
    (GOOD + "[regels]\nbatch_bytes = 1.5", [("settings.value", "regels.batch_bytes")]),
    (GOOD + "[regels]\nbatch_bytes = 100_000_001", [("regels.range", "regels.batch_bytes")]),
    (GOOD + "[uitbak]\nurl = 1", [("settings.unknown", "uitbak")]),
    ("outbox = 'sqlite:x'\n" + GOOD, [("settings.value", "outbox")]),
    (GOOD + "[outbox]\nurl = 1", [("settings.value", "outbox.url")]),
    (GOOD + "[outbox]\nurl = ''", [("settings.value", "outbox.url")]),
    (GOOD + "[outbox]\npath = 'x'", [("settings.unknown", "outbox.path")]),
    (GOOD + "[outbox]\nkeep_days = true", [("settings.value", "outbox.keep_days")]),
    (GOOD + "[outbox]\nkeep_days = -1", [("settings.value", "outbox.keep_days")]),
    (GOOD + "[outbox]\nkeep_days = 36_501", [("settings.value", "outbox.keep_days")]),
    (GOOD + "[outbox]\nshared_paths = 1", [("settings.value", "outbox.shared_paths")]),
    (GOOD + "[sending]\nthreads = 1", [("settings.unknown", "sending.threads")]),
    (GOOD + "[sending]\nparallel = 65", [("sending.range", "sending.parallel")]),
    (GOOD + "[sending]\nper_minute = '9'", [("sending.range", "sending.per_minute")]),
    ("sending = 1\n" + GOOD, [("settings.value", "sending")]),
]


@pytest.mark.parametrize(("text", "findings"), FAULTS)
def test_faults(read: Read, text: str, findings: list[tuple[str, str]]) -> None:
    """Each fault by its own code, with the key that it is about."""
    assert refused(read, text) == findings


def test_every_code_has_a_row(read: Read, folder: Path) -> None:
    """No code of the settings is left out of the table, but for those that senders give to letters."""
    elsewhere = {"sender.oin-unknown", "sender.oin-party", "kenmerk.reused"}
    elsewhere |= {"serve.listen", "serve.extra", "serve.path", "serve.restart"}  # of a server, not of its settings
    (folder / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigurationError, match=r"settings[.]file"):
        load(folder / "binary.toml")
    found = {code for _, rows in [*FAULTS, *SERVE_FAULTS] for code, _ in rows} | {"settings.file"}
    assert SETTINGS.keys() - elsewhere <= found


def test_all_at_once(read: Read) -> None:
    """Two senders, a table and a rule: everything in one go."""
    text = f"""
[[sender]]
oin = "12"
cpa = "nowhere.xml"
key = "nowhere.key"

[[sender]]
oin = "{OIN}"
cpa = "cpa-osb-rm.xml"
colour = "red"

[regels]
batch_bytes = 0
"""
    assert refused(read, text) == [
        ("regels.range", "regels.batch_bytes"),
        ("cpa.file", "sender[1].cpa"),
        ("key.file", "sender[1].key"),
        ("settings.unknown", "sender[2].colour"),
    ]


@pytest.mark.parametrize("name", ["nowhere.toml", ".", "a\0b"])
def test_unreadable_file(folder: Path, name: str) -> None:
    """A file that is not there, a folder, and no path."""
    with pytest.raises(ConfigurationError) as caught:
        load(folder / name)
    assert [finding.code for finding in caught.value.findings] == ["settings.file"]


@pytest.mark.parametrize(
    ("octets", "measure"),
    [(b"\xff\xfe", "octets that are no UTF-8"), (b"x" * 1_000_001, "more than 1000000 octets")],
)
def test_rubbish(folder: Path, octets: bytes, measure: str) -> None:
    """Octets that are no settings are not quoted."""
    (folder / "x.toml").write_bytes(octets)
    with pytest.raises(ConfigurationError) as caught:
        load(folder / "x.toml")
    assert [finding.measure for finding in caught.value.findings] == [measure]


def test_paths_are_relative_to_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the command is run."""
    monkeypatch.chdir("/")
    below = folder / "below"
    below.mkdir()
    (below / "mobb.toml").write_text(GOOD.replace('= "', '= "../').replace('["../', '["'))

    assert load(below / "mobb.toml").senders[0].identity is not None
    absolute = GOOD.replace('= "', f'= "{folder}/')
    (below / "absolute.toml").write_text(absolute)
    assert load(below / "absolute.toml").senders[0].identity is not None


def test_byte_order_mark(folder: Path) -> None:
    """What an editor puts before the text."""
    (folder / "bom.toml").write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    assert load(folder / "bom.toml").senders


class TestPassphrase:
    """B54, B55: from a file or the environment; in no error, no repr."""

    @pytest.mark.parametrize(
        "octets", [b"geheim", b"geheim\n", b"geheim\r\n", b"\xef\xbb\xbfgeheim\n", b"geheim\nmore"]
    )
    def test_first_line(self, tmp_path: Path, octets: bytes) -> None:
        """The first line, without its end."""
        (tmp_path / "p").write_bytes(octets)
        assert read_passphrase(tmp_path / "p") == "geheim"

    def test_blanks_belong_to_it(self, tmp_path: Path) -> None:
        """A passphrase may begin and end with blanks."""
        (tmp_path / "p").write_bytes(b" ge heim \n")
        assert read_passphrase(tmp_path / "p") == " ge heim "

    @pytest.mark.parametrize(
        ("octets", "code"), [(b"", "settings.value"), (b"\n", "settings.value"), (b"\xff", "settings.file")]
    )
    def test_none(self, tmp_path: Path, octets: bytes, code: str) -> None:
        """An empty file, and one that is no text."""
        (tmp_path / "p").write_bytes(octets)
        with pytest.raises(ConfigurationError) as caught:
            read_passphrase(tmp_path / "p")
        assert [finding.code for finding in caught.value.findings] == [code]

    @pytest.mark.parametrize("secret", ["wrong", "geen geheim "])
    def test_wrong(self, read: Read, folder: Path, secret: str) -> None:
        """A wrong passphrase is called that, and not shown."""
        (folder / "wrong.txt").write_text(secret)
        text = instead("key", '"sender.p12"') + 'passphrase_file = "wrong.txt"'
        with pytest.raises(ConfigurationError) as caught:
            read(text)
        assert [finding.code for finding in caught.value.findings] == ["key.passphrase-wrong"]
        assert secret.strip() not in str(caught.value).replace("wrong passphrase", "").replace("passphrase-wrong", "")

    def test_needed(self, read: Read) -> None:
        """A store that wants one, and none is named."""
        assert refused(read, instead("key", '"sender.p12"')) == [("key.passphrase-needed", "sender[1].key")]


def test_load_cpa(folder: Path) -> None:
    """Our own CPA that cannot be read is wrong configuration, not a message that breaks a standard."""
    assert load_cpa(folder / "cpa-osb-rm.xml").cpa_id
    (folder / "bad.xml").write_text("<a/>")
    for name, code in (("bad.xml", "settings.cpa"), ("nowhere.xml", "cpa.file")):
        with pytest.raises(ConfigurationError) as caught:
            load_cpa(folder / name)
        assert [finding.code for finding in caught.value.findings] == [code]


def test_sentences() -> None:
    """A finding of the settings reads as a sentence, in both languages."""
    error = FieldError("sender.payload-type", field="payload_type", measure="3 characters")
    assert str(error) == (
        "payload_type: a media type such as text/xml; charset=UTF-8; got 3 characters [RFC 2045 section 5.1] "
        "(sender.payload-type)"
    )
    assert error.finding.rule_in("nl") == "een mediatype zoals text/xml; charset=UTF-8"


class TestOutbox:
    """Where letters are kept: `[outbox]`."""

    def test_by_default(self, read: Read, folder: Path) -> None:
        """Beside the settings, for thirty days after a letter's ending."""
        found = read(GOOD).outbox
        assert (found.keep_days, found.shared_paths) == (30, False)
        with closing(found.open()):
            assert (folder / "outbox.sqlite").is_file()

    def test_as_given(self, read: Read, folder: Path) -> None:
        """Another place, for another time; opened to look with, it must be there."""
        (folder / "deep").mkdir()
        found = read(GOOD + '[outbox]\nurl = "sqlite:deep/x.sqlite"\nkeep_days = 0\nshared_paths = true').outbox
        assert (found.keep_days, found.shared_paths) == (0, True)
        with pytest.raises(OutboxError):
            found.open(read_only=True)
        found.open().close()
        found.open(read_only=True).close()
        assert (folder / "deep" / "x.sqlite").is_file()

    def test_no_password_in_sight(self, read: Read) -> None:
        """B55: a URL may hold a password, so it is never shown."""
        found = read(GOOD + f'[outbox]\nurl = "mysql://mobb:{SECRET}@host/db"')
        assert SECRET not in repr(found)
        with pytest.raises(ConfigurationError) as caught:
            found.outbox.open()
        assert SECRET not in f"{caught.value} {caught.value!r}"
        assert [finding.code for finding in caught.value.findings] == ["outbox.url"]


class TestPreflight:
    """How rows are judged: `[preflight]`, by `mobb preflight` and by `mobb run` alike."""

    def test_as_given(self, read: Read, folder: Path) -> None:
        """Left out it is what preflight does by itself; the rules can be read without CPA and keys."""
        assert read(GOOD).preflight == PreflightSettings()
        text = '[preflight]\nberichttypen = ["A", "B"]\nvalidator = "verapdf --flavour 2a"\nprocesses = 3\nseconds = 7'
        how = PreflightSettings(berichttypen=("A", "B"), validator="verapdf --flavour 2a", processes=3, seconds=7)
        assert read(GOOD + text).preflight == how
        (folder / "rules.toml").write_text(text)
        assert load_rules(folder / "rules.toml") == Rules(preflight=how)
        (judges, plain) = map(judges_of, (how, PreflightSettings()))
        assert (judges.berichttypen, judges.processes, judges.seconds) == (frozenset("AB"), 3, 7)
        assert judges.validator == CommandValidator(("verapdf", "--flavour", "2a"), 60)
        assert plain.validator is None

    @pytest.mark.parametrize(
        ("line", "found"),
        [
            ("seconden = 1", ("settings.unknown", "preflight.seconden")),
            ("seconds = 0", ("settings.value", "preflight.seconds")),
            ("processes = 65", ("settings.value", "preflight.processes")),
            ("validator = '\"'", ("settings.value", "preflight.validator")),
            ("validator = ' '", ("settings.value", "preflight.validator")),
            ("berichttypen = 'A'", ("settings.value", "preflight.berichttypen")),
        ],
    )
    def test_wrong(self, read: Read, line: str, found: tuple[str, str]) -> None:
        """An unknown key, a number out of bounds, and a command that has no words."""
        assert refused(read, f"{GOOD}[preflight]\n{line}") == [found]
