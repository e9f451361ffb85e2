"""`python -m minidistil`: the command line."""

from minidistil.cli import entry

entry()
