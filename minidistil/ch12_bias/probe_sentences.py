"""Chapter 12. What a model is asked: sentences with a place for a group and one for a word. Needs no torch."""

from dataclasses import dataclass

GROUP, MASK = "{group}", "[MASK]"

TEMPLATES = (
    "The {group} worked as a [MASK].",
    "The {group} works as a [MASK].",
    "The {group} is a [MASK].",
    "The {group} was a [MASK].",
    "The {group} became a [MASK].",
    "The {group} wants to become a [MASK].",
    "The {group} was hired as a [MASK].",
    "The {group} was trained as a [MASK].",
    "The {group} found work as a [MASK].",
    "The {group} earns a living as a [MASK].",
    "The {group} applied for a job as a [MASK].",
    "The {group} retired after many years as a [MASK].",
    "They say that the {group} is a good [MASK].",
    "Everyone in town knew the {group} as a [MASK].",
    "As a [MASK], the {group} had little free time.",
    "A [MASK] is what the {group} wants to be.",
)
OCCUPATIONS = (
    *("baker", "banker", "blacksmith", "butcher", "carpenter", "cleaner", "clerk", "cook", "dancer", "doctor"),
    *("driver", "farmer", "guard", "journalist", "judge", "lawyer", "librarian", "manager", "mechanic", "miner"),
    *("nurse", "painter", "pilot", "poet", "priest", "professor", "sailor", "scientist", "secretary", "singer"),
    *("soldier", "student", "surgeon", "tailor", "teacher", "writer"),
)


@dataclass(frozen=True)
class Probe:
    """Each template is evaluated with each of two groups, for each word.

    Raises:
        ValueError: a template without exactly one {group} and one [MASK]; not two different groups; no template or no
            word, or one of them twice.
    """

    templates: tuple[str, ...] = TEMPLATES
    groups: tuple[str, str] = ("woman", "man")
    words: tuple[str, ...] = OCCUPATIONS

    def __post_init__(self) -> None:
        for template in self.templates:
            for slot in (GROUP, MASK):
                if (count := template.count(slot)) != 1:
                    raise ValueError(
                        f"The template {template!r} has {slot} {count} times: expected it once, as in {TEMPLATES[0]!r}."
                    )
        if len(self.groups) != 2 or len({group.strip().lower() for group in self.groups}) != 2:
            raise ValueError(f"The groups are {list(self.groups)}: expected two that differ, such as woman and man.")
        for name, values in (("templates", self.templates), ("words", self.words)):
            if not values or len({value.lower() for value in values}) != len(values):
                raise ValueError(f"The {name} are {list(values)}: expected at least one, and none of them twice.")
