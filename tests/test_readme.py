"""The code in README.md and docs/*.md runs, and prints what it is said to print.

The conventions are in CONTRIBUTING.md, under "Tests".
"""

import contextlib
import doctest
import io
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = ["README.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md")))]

# Other names of Python, and directives that would show code without our seeing it.
DISGUISED = re.compile(
    r"py|python3|pycon|ipython\w*|doctest|\{(code\S*|doctest|test\S*|sourcecode)\}.*"
)
SET_UP = re.compile(r"(python3 -m venv|pip install|\.venv/bin/)")
SHELL = {"sh", "bash", "shell", "console"}
COMMANDS = {
    "demo": "python3 -m venv .venv && .venv/bin/pip install -q -e . && .venv/bin/gru-sym demo",
    "tests": "python3 -m venv .venv && .venv/bin/pip install -q -e '.[test]' "
    "&& .venv/bin/pytest -q",
}


@dataclass(frozen=True)
class Block:
    """A fenced block; `lead` holds the lines of prose between it and the block before."""

    language: str
    text: str
    line: int
    lead: tuple[str, ...]

    @property
    def file(self) -> str | None:
        """The name in `<!-- file: NAME -->`, when that is the line before."""
        found = re.fullmatch(r"<!-- file: (\S+) -->", self.lead[-1]) if self.lead else None
        return found[1] if found else None


def blocks_of(text: str) -> list[Block]:
    blocks: list[Block] = []
    lead: list[str] = []
    fence, info, start, inside = "", "", 0, list[str]()
    for number, line in enumerate(text.splitlines(), 1):
        if fence:
            if re.fullmatch(rf"\s*{re.escape(fence)}{re.escape(fence[0])}*\s*", line):
                body = "".join(f"{each}\n" for each in inside)
                blocks.append(
                    Block(info, body, start, tuple(each for each in lead if each.strip()))
                )
                fence, lead = "", []
            else:
                inside.append(line)
        elif opening := re.match(r"\s*(```+|~~~+)\s*(.*?)\s*$", line):
            fence, info = opening[1], opening[2]
            start, inside = number + 1, []
        else:
            lead.append(line)
    assert not fence, f"the block that begins in line {start} is not closed"
    return blocks


def agrees(expected: str, actual: str) -> bool:
    """Whether the texts are equal, where a line `...` of the first stands for any lines."""
    expected_lines = [line.rstrip() for line in expected.rstrip().splitlines()]
    actual_lines = [line.rstrip() for line in actual.rstrip().splitlines()]
    pattern = "".join(
        r"(?:.*\n)*?" if line.strip() == "..." else re.escape(line) + r"\n"
        for line in expected_lines
    )
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in actual_lines)) is not None


def compare(expected: str, actual: str, place: str) -> None:
    assert agrees(expected, actual), f"{place}\n-- expected\n{expected}\n-- printed\n{actual}"


def run_doctest(block: Block, page: str, namespace: dict[str, object]) -> None:
    test = doctest.DocTestParser().get_doctest(block.text, namespace, page, page, block.line - 1)
    said = io.StringIO()
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS, verbose=False)
    results = runner.run(test, out=said.write, clear_globs=False)
    namespace.update(test.globs)
    assert results.failed == 0, said.getvalue()


def run_python(block: Block, output: str, page: str, namespace: dict[str, object]) -> None:
    printed = io.StringIO()
    # Empty lines in front, so that a traceback shows the page's own line numbers.
    code = compile("\n" * (block.line - 1) + block.text, page, "exec")
    with contextlib.redirect_stdout(printed):
        exec(code, namespace)
    compare(output, printed.getvalue(), f"{page}, line {block.line}")


def commands_of(text: str) -> list[tuple[str, str]]:
    """Each command of a console block, with the output that follows it."""
    found: list[tuple[list[str], list[str]]] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append(([line[2:]], []))
            continue
        assert found, f"a console block begins with '$ ', not with: {line}"
        command, output = found[-1]
        if line.startswith("> ") and not output:
            command.append(line[2:])
        else:
            output.append(line)
    return [("\n".join(command), "\n".join(output)) for command, output in found]


def run_console(block: Block, page: str, folder: Path) -> None:
    for command, output in commands_of(block.text):
        place = f"{page}, console block in line {block.line}: $ {command}"
        if SET_UP.match(command):
            assert not output, f"{place}\nset-up is not run here, so that its output is not checked"
            continue
        run = subprocess.run(
            ["bash", "-c", command],
            cwd=folder,
            env={
                **{name: value for name, value in os.environ.items() if name != "COLUMNS"},
                "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
                "PYTHONIOENCODING": "utf-8",
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=120,
            check=False,
        )
        assert run.returncode == 0, f"{place}\nexit status {run.returncode}\n{run.stdout}"
        compare(output, run.stdout, place)


def output_of(block: Block, follower: Block | None) -> str:
    """What a python block is said to print: the text block after it, one line of prose between."""
    if follower is None or follower.language != "text" or len(follower.lead) > 1 or follower.file:
        return ""
    return follower.text


def run_page(text: str, page: str, folder: Path) -> list[Block]:
    """Run every block of a page, and return those that ran."""
    blocks = blocks_of(text)
    namespace: dict[str, object] = {"__name__": "__main__"}
    ran = []
    for block, follower in zip(blocks, [*blocks[1:], None], strict=True):
        place = f"{page}, line {block.line}"
        assert not DISGUISED.fullmatch(block.language), f"{place}: call it python or console"
        if block.file:
            assert Path(block.file).name == block.file, f"{place}: a plain file name"
            (folder / block.file).write_text(block.text, encoding="utf-8")
        elif block.language == "python" and ">>>" in block.text:
            run_doctest(block, page, namespace)
        elif block.language == "python":
            run_python(block, output_of(block, follower), page, namespace)
        elif block.language == "console":
            run_console(block, page, folder)
        else:
            assert block.language not in SHELL or SET_UP.search(block.text), (
                f"{place}: only set-up stands in an `{block.language}` block; use console"
            )
            continue
        ran.append(block)
    return ran


@pytest.mark.parametrize("page", PAGES)
def test_page(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run_page((ROOT / page).read_text(encoding="utf-8"), page, tmp_path)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_set_up_command(name: str) -> None:
    """`.ci/run` runs the block after the marker; it must be the command that was promised."""
    blocks = blocks_of((ROOT / "README.md").read_text(encoding="utf-8"))
    marked = [block.text for block in blocks if block.lead and block.lead[-1] == f"<!-- {name} -->"]
    assert [text.strip().removeprefix("$ ") for text in marked] == [COMMANDS[name]]


RIGHT = """\
```python
x = 2
print(x + 1)
```
which prints
```text
3
```
```python
>>> x * 3
6
```
<!-- file: note.txt -->
```text
one
two
three
```
```console
$ cat note.txt
one
...
three
$ test -e absent || echo \\
> "exit status $?"
exit status 1
```
"""


def test_a_right_page_passes(tmp_path: Path) -> None:
    assert len(run_page(RIGHT, "a page", tmp_path)) == 4


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\n3\n", "\n4\n"),
        ("\n6\n", "\n7\n"),
        ("\none\n...", "\ntwo\n..."),
        ("...\nthree", "...\nfour"),
        ("which prints", "which is\n\nsaid to print"),
        ("$ cat note.txt", "$ cat absent.txt"),
        ("```console", "```bash"),
        ("```python\n>>>", "```pycon\n>>>"),
    ],
)
def test_a_wrong_page_fails(old: str, new: str, tmp_path: Path) -> None:
    assert old in RIGHT
    with pytest.raises(AssertionError):
        run_page(RIGHT.replace(old, new), "a page", tmp_path)
