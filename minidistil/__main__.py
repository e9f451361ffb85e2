"""`python -m minidistil`: the command line."""

from minidistil.cli.main import entry

entry()
