"""Runs the command line: ``python -m gru_sym``."""

from gru_sym.cli import main

if __name__ == "__main__":
    main()
