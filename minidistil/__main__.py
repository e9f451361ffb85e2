"""`python -m minidistil`: the command line."""

from minidistil.cli.main import entry

if __name__ == "__main__":  # a process that is started by `check` imports this file under another name
    entry()
