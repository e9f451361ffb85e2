"""The command line: each file has its commands, their flags and what they print."""
