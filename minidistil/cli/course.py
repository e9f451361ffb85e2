"""What each command for learners and instructors does; returns the exit code, as in `commands`."""

import argparse

from minidistil.cli.options import say


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
    from minidistil.course.learner import hint

    say(hint(options.chapter, options.number, options.exercise))
    return 0


def graduate(options: argparse.Namespace) -> int:
    """The learner's pieces at work; 1 if they give something else than the package's."""
    from minidistil.course.graduate import SENTENCE, graduate

    result = graduate(options.text or SENTENCE, options.model)
    for line in result.lines():
        say(line)
    return 0 if result.equal else 1


def grade(options: argparse.Namespace) -> int:
    """A class's table."""
    from minidistil.course.grade import grade, write_csv

    grades = []
    for each in grade(options.folder, options.chapters, options.seconds, options.memory):
        grades.append(each)
        say(each.line())
        if options.csv:  # after each one: whatever happens, what is known is kept
            write_csv(options.csv, grades)
    return 0


def handout(options: argparse.Namespace) -> int:
    """A copy of the course without solutions."""
    from minidistil.course.handout import handout

    withheld = handout(options.folder, options.chapters)
    for module, names in withheld.items():
        say(f"{module:<24} {', '.join(names)}")
    say(f"{options.folder} holds the course with stubs in their place. Students work with check, hint and progress.")
    return 0
