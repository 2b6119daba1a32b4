"""The runner of the documentation's code, since a block that is quietly left out proves nothing."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from tests.run_docs import BadRemarkError, Block, blocks, commands, is_shown, run, scripts

ENVIRONMENT = dict(os.environ) | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


def one(text: str) -> Block:
    """Return the only block of a document."""
    (block,) = blocks("README.md", text)
    return block


def test_blocks() -> None:
    """Code is found in every place; other fences are no code."""
    text = "# Title\n\n```python\na = 1\n```\n\n```json\n{}\n```\n\n- item\n\n"
    text += "  ```sh\n  ls\n  ```\n\n```console\n$ ls\n```\n"
    assert [(block.line, block.kind, block.code) for block in blocks("README.md", text)] == [
        (3, "python", "a = 1\n"),
        (13, "sh", "ls\n"),
        (17, "console", "$ ls\n"),
    ]


def test_remarks() -> None:
    """What a remark says counts for the block below it, and for no other."""
    text = "<!-- not run: needs a network -->\n```sh\ncurl x\n```\n\n"
    text += "<!-- exit: 1 -->\n```sh\nfalse\n```\n\n```sh\ntrue\n```\n"
    found = [(block.not_run, block.exit_code) for block in blocks("README.md", text)]
    assert found == [("needs a network", 0), (None, 1), (None, 0)]


def test_continued() -> None:
    """A continued block has all the code before it in front."""
    text = "```python\na = 1\n```\n<!-- continued -->\n```python\nb = a\n```\n"
    text += "<!-- continued -->\n```python\nassert b\n```\n"
    *_, last = blocks("README.md", text)
    assert last.code == "a = 1\n\nb = a\n\nassert b\n"


@pytest.mark.parametrize(
    "text",
    [
        "<!-- not run -->\n```sh\nls\n```\n",
        "<!-- not run: -->\n```sh\nls\n```\n",
        "<!-- continued -->\n```python\na\n```\n",
        "```python\na\n```\n<!-- continued -->\n```sh\na\n```\n",
    ],
)
def test_bad_remarks(text: str) -> None:
    """A block is never left out without a reason."""
    with pytest.raises(BadRemarkError):
        list(blocks("README.md", text))


def test_commands() -> None:
    """A console block is a dialogue."""
    assert list(commands("$ ls\na\nb\n$ cat <<E\n> x\n> E\nx\n")) == [("ls", "a\nb\n"), ("cat <<E\nx\nE", "x\n")]


@pytest.mark.parametrize(
    ("shown", "said", "verdict"),
    [
        ("", "anything\n", True),
        ("a\nb\n", "a\nb\n", True),
        ("a ... c\n", "a b c\n", True),
        ("a\n...\nd\n", "a\nb\nc\nd\n", True),
        ("a\n", "a\nb\n", False),
        ("a.c\n", "abc\n", False),
    ],
)
def test_shown(shown: str, said: str, verdict: bool) -> None:
    """What a document shows is what comes out."""
    assert is_shown(shown, said) is verdict


@pytest.mark.parametrize(
    ("text", "well"),
    [
        ("```sh\ntrue\n```\n", True),
        ("```sh\nfalse\ntrue\n```\n", False),
        ("<!-- exit: 1 -->\n```sh\nfalse\n```\n", True),
        ("```console\n$ echo a\na\n```\n", True),
        ("```console\n$ echo a\nb\n```\n", False),
        ("```console\n$ false\n$ true\n```\n", False),
        ("<!-- exit: 1 -->\n```console\n$ true\n$ false\n```\n", True),
        ("```python\nassert 1 == 1\n```\n", True),
        ("```python\nassert 1 == 2\n```\n", False),
    ],
)
def test_run(text: str, well: bool, tmp_path: Path) -> None:
    """A block that goes wrong is said to go wrong."""
    assert (run(one(text), tmp_path, ENVIRONMENT) is None) is well


def test_scripts(tmp_path: Path) -> None:
    """The examples that are programs are run, those that say why not are not, and what others read is left alone."""
    (tmp_path / "a.py").write_text('if __name__ == "__main__":\n    pass\n')
    (tmp_path / "b.py").write_text("A = 1\n")
    (tmp_path / "c.sh").write_text("#!/bin/sh\n# not run by tests/run_docs.py: it sends\n")
    (tmp_path / "d.sh").write_text("# read by c.sh\n")
    assert [(block.code, block.not_run) for block in scripts(tmp_path)] == [
        ("python examples/a.py", None),
        ("sh examples/c.sh", "it sends"),
    ]
