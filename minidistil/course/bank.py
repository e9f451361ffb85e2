"""All misconceptions that `minidistil check` names, as text for instructors: `python -m minidistil.course.bank`."""

from collections.abc import Iterator

from minidistil.course.chapters import chapter_keys, read_chapter
from minidistil.course.misconceptions import misconceptions


def lines() -> Iterator[str]:
    """For each chapter the misconceptions in the order of its exercises: name, what is wrong, what to look at."""
    for key in chapter_keys():
        chapter, known = read_chapter(key), misconceptions(key)
        yield f"\n{chapter.title}: {len(known)} misconceptions"
        for each in known:
            yield f"\n  {each.exercise}: {each.name}"
            yield f"      {each.what}"
            yield f"      What to look at: {each.look}"


if __name__ == "__main__":
    print("\n".join(lines()))
