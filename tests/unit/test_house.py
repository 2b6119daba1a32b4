"""The house rules that a machine can read: who may import whom, who may ask the time, what every public name says."""

from __future__ import annotations

import ast
import re
import statistics
import tomllib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest
from tests.reference import ROOT

from mobb_client._catalogue import CATALOGUE

PACKAGE = ROOT / "src" / "mobb_client"
MODULES = sorted(PACKAGE.rglob("*.py"))

GROUND = ("_catalogue", "errors", "schemas", "_explain", "_xml")
FLOORS = (
    ("berichtenbox", "pki"),
    ("ebms",),
    ("outbox", "transport"),
    ("sender", "inspection", "pacing", "settings", "fresh"),
    (
        "abonnementen",
        "gate",
        "ledger",
        "desk",
        "incoming",
        "receiving",
        "posting",
        "pulse",
        "sending",
        "tally",
        "validating",
    ),
    ("client",),
    ("local", "metrics", "runs", "serving"),
)
"""The rooms above the ground floor: each may import what is below it and, from floor `UPSTAIRS` on, its neighbours."""

UPSTAIRS = 2
APART = {"ebms": {"berichtenbox"}, "transport": {"berichtenbox"}}
"""What a room does not import although it stands on a floor below."""


def rooms() -> dict[str, set[str]]:
    """Return for each room the rooms that it may import."""
    allowed = {name: set(GROUND[:number]) for number, name in enumerate(GROUND)}
    below = set(GROUND)
    for number, floor in enumerate(FLOORS):
        for name in floor:
            neighbours = set(floor) - {name} if number >= UPSTAIRS else set[str]()
            allowed[name] = (below | neighbours) - APART.get(name, set())
        below |= set(floor)
    everything = below | {"simulator", "examples", "cli", ""}
    return allowed | {"cli": everything, "simulator": {"client", "local"}, "": below}


ROOMS = rooms()


def room_of(parts: tuple[str, ...]) -> str:
    """Return the room of a module below `mobb_client`; that of the package's own `__init__` is the empty name."""
    return parts[0].removesuffix(".py").replace("__init__", "") if parts else ""


def imports(tree: ast.AST, parts: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    """Return (line, room) of every import of one of our own rooms, also inside functions and by a literal name.

    Args:
        tree: the module.
        parts: its path below `mobb_client`, to resolve relative imports with.
    """
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                found = [alias.name for alias in names]
            case ast.ImportFrom(module=module, names=names, level=level):
                base = ".".join(("mobb_client", *parts)[:-level]) if level else ""
                start = ".".join(filter(None, (base, module)))
                found = [f"{start}.{alias.name}" for alias in names]
            case ast.Call(args=[ast.Constant(value=str(name)), *_]) if called(node) in {"import_module", "__import__"}:
                found = [name]
            case _:
                continue
        for name in found:
            head, *rest = name.split(".")
            if head == "mobb_client":
                yield node.lineno, rest[0] if rest and rest[0] in KNOWN else ""


def called(node: ast.Call) -> str:
    """Return the last word of what is called: `now` for ``datetime.now()``."""
    match node.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


KNOWN = {room_of(path.relative_to(PACKAGE).parts) for path in MODULES} | {"schemas", "examples"}


def breaches(source: str, parts: tuple[str, ...]) -> list[str]:
    """Return a sentence for each line of a module that imports what its room may not."""
    room = room_of(parts)
    allowed = ROOMS[room] | {room}
    return [
        f"{'/'.join(parts)}:{line}: {room or 'mobb_client'} may not import {other or 'mobb_client itself'}"
        for line, other in imports(ast.parse(source), parts)
        if other not in allowed
    ]


class TestImports:
    """design: imports run one way, no circles, and the simulator stands apart."""

    @pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
    def test_rule(self, path: Path) -> None:
        """Each room imports only what stands to its left."""
        parts = path.relative_to(PACKAGE).parts
        assert room_of(parts) in ROOMS, f"{path}: a room that the import rule does not know yet"
        assert breaches(path.read_text(), parts) == []

    @pytest.mark.parametrize(
        ("room", "line"),
        [
            ("ebms", "from mobb_client.berichtenbox import Bericht"),
            ("ebms", "import mobb_client.berichtenbox.bericht as b"),
            ("ebms", "from mobb_client import berichtenbox"),
            ("ebms", "from ..berichtenbox.bericht import Bericht"),
            ("ebms", "from .. import berichtenbox"),
            ("ebms", "from mobb_client import CPA"),
            ("ebms", "def f():\n    from mobb_client.sender import Sender"),
            ("ebms", "import importlib\nimportlib.import_module('mobb_client.cli')"),
            ("pki", "from mobb_client.berichtenbox import OIN"),
            ("berichtenbox", "from mobb_client.pki import Certificate"),
            ("berichtenbox", "if TYPE_CHECKING:\n    from mobb_client.ebms import CPA"),
            ("simulator", "from mobb_client.errors import Finding"),
            ("simulator", "from mobb_client.pki import Certificate"),
            ("sender", "from mobb_client.simulator import Berichtenbox"),
            ("errors", "from mobb_client import _xml"),
        ],
    )
    def test_the_rule_sees(self, room: str, line: str) -> None:
        """A planted breach is found and named with its line, however it is written."""
        planted = f"import os\n{line}\n"
        (sentence,) = breaches(planted, (room, "planted.py"))
        assert sentence.startswith(f"{room}/planted.py:{planted.count(chr(10))}: {room} may not import ")

    @pytest.mark.parametrize(
        ("room", "line"),
        [
            ("ebms", "from mobb_client.pki import Certificate"),
            ("ebms", "from . import mime"),
            ("cli", "from mobb_client.simulator import material"),
            ("pki", "from mobb_client import errors"),
            ("pki", "import mobb_clientele"),
        ],
    )
    def test_the_rule_allows(self, room: str, line: str) -> None:
        """What the rule allows is not called a breach."""
        assert breaches(line, (room, "fine.py")) == []

    def test_no_circles(self) -> None:
        """No two rooms import each other, not even neighbours of one floor and not by way of a third."""
        graph: dict[str, set[str]] = {room: set() for room in KNOWN}
        for path in MODULES:
            parts = path.relative_to(PACKAGE).parts
            graph[room_of(parts)] |= {other for _, other in imports(ast.parse(path.read_text()), parts)}
        while free := {room for room, others in graph.items() if not (others - {room}) & graph.keys()}:
            for room in free:
                del graph[room]
        assert graph == {}


TIMELESS = ("berichtenbox", "ebms", "pki", "_xml", "errors", "_catalogue")
CLOCKS = {
    "now",
    "utcnow",
    "today",
    "time",
    "time_ns",
    "monotonic",
    "uuid1",
    "uuid4",
    "urandom",
    "token_bytes",
    "token_hex",
}
FILES = {"open", "read_bytes", "read_text", "write_bytes", "write_text", "mkstemp", "NamedTemporaryFile"}
OUTSIDE = {
    "socket",
    "ssl",
    "http",
    "urllib.request",
    "requests",
    "subprocess",
    "random",
    "secrets",
    "time",
    "threading",
}
MAY_OPEN = {
    "pki/certificate.py": {"read_file"},  # behind every from_path of pki
    "ebms/cpa/__init__.py": {"from_path"},
    "berichtenbox/pdf.py": {"look"},  # a PDF is opened by pikepdf
    "berichtenbox/bijlage.py": {"_ends", "blocks"},  # looked at when made, read when its batch is written
}
"""The functions that may open a file although they stand above the edge: one small file, or an attachment's path."""


def impurities(source: str, may_open: set[str]) -> list[tuple[int, str]]:
    """Return (line, word) of every clock, id, file and connection that a module asks for by itself."""
    tree = ast.parse(source)
    opening = {
        call
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef) and function.name in may_open
        for call in ast.walk(function)
    }
    return sorted(
        (node.lineno, word)
        for node in ast.walk(tree)
        for word in asked(node)
        if not (word in FILES and node in opening) and isinstance(node, ast.expr | ast.stmt)
    )


def asked(node: ast.AST) -> set[str]:
    """Return the words of `CLOCKS`, `FILES` and `OUTSIDE` that a node calls or imports."""
    match node:
        case ast.Call():
            return {called(node)} & (CLOCKS | FILES)
        case ast.Import(names=names):
            return {word for alias in names for word in OUTSIDE if f"{alias.name}.".startswith(f"{word}.")}
        case ast.ImportFrom(module=str(module), names=names):
            return {word for alias in names for word in OUTSIDE if f"{module}.{alias.name}.".startswith(f"{word}.")}
    return set()


class TestEdge:
    """style: nothing above the edge asks the time, makes an id, opens a file or prints."""

    @pytest.mark.parametrize(
        "path",
        [path for path in MODULES if room_of(path.relative_to(PACKAGE).parts) in TIMELESS],
        ids=lambda path: str(path.relative_to(PACKAGE)),
    )
    def test_pure(self, path: Path) -> None:
        """Time, ids and octets come in as arguments; `from_path` is the exception."""
        name = path.relative_to(PACKAGE).as_posix()
        assert impurities(path.read_text(), MAY_OPEN.get(name, set())) == []

    @pytest.mark.parametrize(
        ("line", "word"),
        [
            ("x = datetime.now(tz=UTC)", "now"),
            ("x = date.today()", "today"),
            ("import time", "time"),
            ("from uuid import uuid4\nx = uuid4()", "uuid4"),
            ("x = open('f')", "open"),
            ("x = path.open('rb')", "open"),
            ("x = path.read_bytes()", "read_bytes"),
            ("from urllib.request import urlopen", "urllib.request"),
            ("from urllib import request", "urllib.request"),
            ("import urllib.request as r", "urllib.request"),
        ],
    )
    def test_the_rule_sees(self, line: str, word: str) -> None:
        """A planted clock, id or file is found."""
        assert [found for _, found in impurities(line, set())] == [word]

    def test_the_rule_allows(self) -> None:
        """A file may be opened in the functions that are there for it, and only there."""
        assert impurities("def from_path(p):\n    return p.open()\ndef f(p):\n    return p.open()", {"from_path"}) == [
            (4, "open")
        ]

    @pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
    def test_only_the_command_line_prints(self, path: Path) -> None:
        """A library says what it has to say in values and errors."""
        if room_of(path.relative_to(PACKAGE).parts) == "cli":
            return
        found = [
            node.lineno
            for node in ast.walk(ast.parse(path.read_text()))
            if (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print")
            or (isinstance(node, ast.Attribute) and node.attr in {"stdout", "stderr"})
        ]
        assert found == []


def definitions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.ClassDef]:
    """Return the functions and classes of a module that others may use: on its top level, or in such a class."""
    todo: list[ast.stmt] = list(tree.body)
    for node in todo:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                todo.extend(node.body)


class TestWords:
    """style: what stands beside the code."""

    @pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
    def test_docstrings(self, path: Path) -> None:
        """Every module, public class and public function says what comes out."""
        tree = ast.parse(path.read_text())
        assert ast.get_docstring(tree), path
        assert [node.name for node in definitions(tree) if not ast.get_docstring(node)] == []

    def test_short_functions(self) -> None:
        """Median of at most eight lines, nine in ten under 25; docstrings not counted."""
        lengths = sorted(
            length(node)
            for path in MODULES
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.FunctionDef)
        )
        assert statistics.median(lengths) <= 8
        assert lengths[len(lengths) * 9 // 10] < 25

    def test_codes(self) -> None:
        """Every code that is raised has its sentences, and every sentence is raised somewhere."""
        raised = {
            code for path in MODULES if "_catalogue" not in path.parts for code in codes(ast.parse(path.read_text()))
        }
        assert raised - CATALOGUE.keys() == set()
        spoken = [
            text for path in MODULES if "_catalogue" not in path.parts for text in texts(ast.parse(path.read_text()))
        ]
        pattern = re.compile("|".join(set(spoken)))
        assert [code for code in CATALOGUE if not pattern.fullmatch(code)] == []

    @pytest.mark.parametrize("code", sorted(CATALOGUE))
    def test_sentences(self, code: str) -> None:
        """Both languages, no empty sentence, and no place to fill in but the limit."""
        entry = CATALOGUE[code]
        assert entry.rule.keys() == entry.advice.keys() == {"en", "nl"}
        for sentence in (*entry.rule.values(), *entry.advice.values(), entry.source):
            assert sentence.strip() == sentence != ""
            assert set(re.findall(r"{(.*?)}", sentence)) <= {"limit"}


def length(node: ast.FunctionDef) -> int:
    """Return the lines of a function without its docstring."""
    has_docstring = ast.get_docstring(node) is not None
    body = node.body[1:] if has_docstring else node.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def codes(tree: ast.AST) -> Iterator[str]:
    """Return the literal code of every Finding and FieldError that is made."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(args=[ast.Constant(value=str(code)), *_]) if called(node) in {"Finding", "FieldError"}:
                yield code


def texts(tree: ast.AST) -> Iterator[str]:
    """Return a pattern for every text of a module that has the form of a code, also for one that is put together."""
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)) if re.fullmatch(r"[a-z_]+(\.[a-z0-9_-]+)+", text):
                yield re.escape(text)
            case ast.JoinedStr(values=values):
                parts = [re.escape(str(part.value)) if isinstance(part, ast.Constant) else ".+" for part in values]
                if "\\." in "".join(parts) and " " not in "".join(parts):
                    yield "".join(parts)


class TestPackage:
    """What the package asks of who installs it."""

    PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    def test_no_libxmlsec1(self) -> None:
        """B33: libxmlsec1 brings a libxml2 that clashes with the one of lxml; it is asked as a program, by tests."""
        wanted = [*self.PROJECT["dependencies"], *chain.from_iterable(self.PROJECT["optional-dependencies"].values())]
        assert not [requirement for requirement in wanted if "xmlsec" in requirement.lower()]
        imported = [
            path
            for path in [*MODULES, *ROOT.glob("tests/**/*.py")]
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Import | ast.ImportFrom)
            and "xmlsec" in {alias.name.split(".")[0] for alias in node.names} | {getattr(node, "module", None)}
        ]
        assert imported == []

    def test_core(self) -> None:
        """Five packages, what requests must not take too old, and the time zones where the system has none."""
        names = {re.split(r"[><=;\s\[]", requirement)[0] for requirement in self.PROJECT["dependencies"]}
        assert names == {"lxml", "signxml", "cryptography", "requests", "xmlschema", "urllib3", "tzdata"}

    def test_packages(self) -> None:
        """Every folder with code is in the wheel."""
        listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
        folders = {".".join(("mobb_client", *path.parent.relative_to(PACKAGE).parts)) for path in MODULES}
        assert set(listed) == folders | {"mobb_client.schemas", "mobb_client.examples"}
