"""For learners `minidistil check`, `progress`, `hint`, `graduate`, `clinic`; for instructors `grade` and `handout`."""

import argparse
from pathlib import Path
from typing import Any

from minidistil.cli.options import MODEL, add_command, path, say, words

# Modules of minidistil.course are imported where they are needed: the other commands start without them.


def add(commands: Any) -> None:
    """Add the commands."""
    flag = add_command(commands, "check", check, "run the package's own tests of a chapter on your code").add_argument
    flag("chapter", help="ch01, ch02 …")
    flag("--file", type=path, metavar="FILE", help="your file (default: the chapter's file in exercises/)")

    flag = add_command(commands, "progress", progress, "show which exercises are written, checked, passed").add_argument
    flag("--check", action="store_true", help="first check the chapters that changed since their last check")

    flag = add_command(commands, "hint", hint, "print a hint for an exercise").add_argument
    flag("chapter", help="ch01, ch02 …")
    flag("number", nargs="?", default="1", help="1, 2 or 3: each says more (default: %(default)s); may be left out")
    flag("exercise", nargs="?", default="", help="its name (default: the first that is not written or not right yet)")

    what = "run the official weights on your own code and fill a mask"
    flag = add_command(commands, "graduate", graduate, what).add_argument
    flag("text", nargs="?", help="a sentence with one [MASK] (default: a sentence about a list)")
    flag("--model", **MODEL)
    flag("--name", default="", metavar="NAME", help="your name, for the certificate")
    run = "the folder of your own distillation (default: the last one finished in runs/)"
    flag("--run", type=path, dest="own", metavar="DIR", help=run)
    place = "where certificate.json and certificate.png go (default: %(default)s)"
    flag("--out", type=path, default=Path("runs/graduation"), metavar="DIR", help=place)

    what = "diagnose a recorded distillation in which one thing is wrong"
    flag = add_command(commands, "clinic", clinic, what).add_argument
    flag("case", nargs="?", type=int, help="its number (default: one by chance)")

    what = "check a folder of submissions, each in a process with limits"
    flag = add_command(commands, "grade", grade, what).add_argument
    flag("folder", type=path, help="a folder with a sub-folder or a file for each student")
    flag("--csv", type=path, metavar="FILE", help="also write the table to this file, as CSV")
    flag("--chapters", type=words, default=(), metavar="ch01,ch02", help="grade only these chapters (default: all)")
    time = "time for one chapter of one student (default: %(default)s)"
    flag("--seconds", type=float, default=120, metavar="N", help=time)
    memory = "memory for it, beyond what Python and torch take (default: %(default)s)"
    flag("--memory", type=float, default=3, metavar="GIB", help=memory)

    flag = add_command(commands, "handout", handout, "write a copy of the course without solutions").add_argument
    flag("folder", type=path, metavar="DIR", help="a folder that does not exist yet")
    chapters = "leave out only the solutions of these chapters (default: all)"
    flag("--chapters", type=words, default=(), metavar="ch03,ch04", help=chapters)


def check(options: argparse.Namespace) -> int:
    """The verdict on a learner's file; 1 if something does not pass."""
    from minidistil.course.check import check
    from minidistil.course.progress import remember

    verdict = check(options.chapter, options.file)
    remember(verdict)
    for line in verdict.lines():
        say(line)
    return 0 if verdict.passed else 1


def progress(options: argparse.Namespace) -> int:
    """The map of the exercises."""
    from minidistil.course.progress import progress

    for line in progress(options.check):
        say(line)
    return 0


def hint(options: argparse.Namespace) -> int:
    """One hint."""
    from minidistil.course.progress import hint

    words = [options.number, options.exercise]  # in either order
    number = next((int(word) for word in words if word.isdecimal()), 1)
    say(hint(options.chapter, number, next((word for word in words if word and not word.isdecimal()), None)))
    return 0


def graduate(options: argparse.Namespace) -> int:
    """A mask filled by the learner's code, and a certificate; 1 if the guesses differ from those of the package."""
    from minidistil.course.certificate import certificate, newest_run, write
    from minidistil.course.graduate import SENTENCE, graduate

    result = graduate(options.text or SENTENCE, options.model)
    for line in result.lines():
        say(line)
    if not result.equal:
        return 1
    if any(each.yours() for each in result.pieces):
        write(options.out, certificate(result, options.own or newest_run(Path("runs")), options.name))
        say(f"Your certificate: {options.out / 'certificate.png'}, with all figures in certificate.json beside it.")
    return 0


def clinic(options: argparse.Namespace) -> int:
    """The clinic in the terminal."""
    import random

    from minidistil.course.clinic import Case, admitted, play

    play(Case(random.randint(1, len(admitted())) if options.case is None else options.case), input, say)
    return 0


def grade(options: argparse.Namespace) -> int:
    """The table of a class, and that of its certificates if there are any."""
    from minidistil.course.certificate import table
    from minidistil.course.grade import grade, write_csv
    from minidistil.course.isolation import isolation

    say(isolation())
    grades = []
    for each in grade(options.folder, options.chapters, options.seconds, options.memory):
        grades.append(each)
        say(each.line())
        if options.csv:  # after each submission, so that an interrupted grading keeps its rows
            write_csv(options.csv, grades)
    for line in table(options.folder):
        say(line)
    return 0


def handout(options: argparse.Namespace) -> int:
    """A copy of the course without solutions."""
    from minidistil.course.handout import handout

    for module, names in handout(options.folder, options.chapters).items():
        say(f"{module:<24} {', '.join(names)}")
    say(f"{options.folder} holds the course with stubs in their place. Students work with check, hint and progress.")
    return 0
