"""Run the documents of this folder, one after another, and put what they show into a gallery.

From the root of the repository: ``python -m derivations [-o FOLDER] [NAME ...]``. A NAME is that of
a document, its number, or its beginning. The exit status is 1 if a document fails, 2 if there is
none of a name.
"""

import argparse
import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from gru_sym.errors import GruSymError
from gru_sym.latex.gallery import VARIABLE, gallery_folder, write_claims, write_index

HERE = Path(__file__).resolve().parent
LONGEST = 600
"""Seconds after which a document is given up."""


def documents(names: Sequence[str] = ()) -> list[Path]:
    """The documents in order: all, or those of these names.

    Raises:
        ValueError: there is none of a name.
    """
    every = sorted(path for path in HERE.glob("*.py") if not path.stem.startswith("_"))
    chosen: set[Path] = set()
    for name in names:
        stem = Path(name).name.removesuffix(".py")
        if stem.isdecimal():  # 1 is 01, and not 10
            found = {path for path in every if re.match(f"0*{int(stem)}_", path.stem)}
        else:
            found = {path for path in every if stem and path.stem.startswith(stem)}
        if not found:
            known = ", ".join(path.stem for path in every)
            raise ValueError(f"there is no document {name!r}; there are {known}")
        chosen |= found
    return [path for path in every if not names or path in chosen]


def claim_of(document: Path) -> str:
    """What a document claims: its paragraph that begins with **Claim.**, in one line."""
    text = document.read_text(encoding="utf-8")
    found = re.search(r"^# \*\*Claim\.\*\* (.+?)\n#?\n", text, re.MULTILINE | re.DOTALL)
    return " ".join(found[1].replace("\n# ", " ").replace("$", "").split()) if found else "no claim"


def run(document: Path, folder: Path) -> tuple[float, str]:
    """Run a document; the seconds that it took, and why it failed, or nothing."""
    for old in (f"{document.stem}.tex", f"{document.stem}.md"):
        (folder / old).unlink(missing_ok=True)  # what an earlier run has shown proves nothing now
    began = time.perf_counter()
    environment = os.environ | {VARIABLE: str(folder), "PYTHONIOENCODING": "utf-8"}
    environment["PYTHONPATH"] = os.pathsep.join(
        filter(None, (str(HERE.parent), os.environ.get("PYTHONPATH")))
    )
    try:
        done = subprocess.run(
            [sys.executable, "-W", "error", str(document)],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=LONGEST,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return time.perf_counter() - began, f"it was not done after {LONGEST} s"
    seconds = time.perf_counter() - began
    if done.returncode == 0:
        return seconds, ""
    return seconds, done.stderr.strip() or f"exit status {done.returncode}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m derivations", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("-o", "--out", type=Path, metavar="FOLDER", help="the gallery's folder")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="a document; all, if none is named"
    )
    given = parser.parse_args(arguments)
    try:
        chosen = documents(given.names)
    except ValueError as error:
        parser.error(str(error))
    folder = (given.out or gallery_folder()).resolve()
    failed = 0
    for document in chosen:
        seconds, reason = run(document, folder)
        failed += bool(reason)
        state = "FAILED" if reason else "ok"
        print(f"{document.stem:<22} {state:<6} {seconds:5.1f} s  {claim_of(document)}", flush=True)
        if reason:
            print("\n".join(f"    {line}" for line in reason.splitlines()), flush=True)
    print(f"{len(chosen) - failed} of {len(chosen)} documents went through")
    # From the page of claims a row leads to its document, wherever the gallery lies.
    home = Path(os.path.relpath(HERE, folder)).as_posix()
    try:
        claims = write_claims(folder, f"{home}/{{}}.py")
        print(f"{write_index(folder)}: typeset it with pdflatex, twice")
        if claims:
            print(f"{claims}: what people say about the GRU")
    except GruSymError as error:
        print(error, file=sys.stderr)
        return 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
