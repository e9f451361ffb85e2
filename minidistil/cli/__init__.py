"""The command line: each file has a command, its flags and its words."""
