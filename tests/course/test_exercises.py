"""The exercises' machinery, for every chapter that has exercises: who checks the checks."""

import doctest
import functools
import importlib
import inspect
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

import minidistil
from minidistil.cli.main import main
from minidistil.course.chapters import HINTS, chapter_keys, course_folder, read_chapter
from minidistil.course.check import Outcome, Verdict, _without_addresses, check, judge, run_tests
from minidistil.course.learner import Learner, hint, time_limit
from minidistil.course.misconceptions import Misconception, misconceptions, outcome, same

KEYS = chapter_keys()
CORRECT = {key: sorted((read_chapter(key).tests / "correct").glob("*.py")) for key in KEYS}
BASE = {key: read_chapter(key).tests / "correct" / "base.py" for key in KEYS}
WRONG = [(key, each) for key in KEYS for each in misconceptions(key)]


def named(pair: tuple[str, Misconception]) -> str:
    return f"{pair[0]}: {pair[1].name}"


def result_of(verdict: Verdict, name: str) -> tuple[str, str]:
    result = next(result for result in verdict.results if result.name == name)
    return result.state, " ".join(result.failures)


def solved_but(tmp_path: Path, ending: str, key: str = "ch01") -> Path:
    """A whole solution whose last lines replace something."""
    path = tmp_path / f"{key}_learner.py"
    path.write_text(BASE[key].read_text(encoding="utf-8") + "\n\n" + ending, encoding="utf-8")
    return path


@pytest.mark.parametrize("key", KEYS)
def test_stubs_have_the_signatures_of_the_package(key: str) -> None:
    chapter = read_chapter(key)
    learner = Learner(chapter, chapter.path)
    for name, own in learner.own.items():
        stub = learner.functions[name]
        assert inspect.signature(stub) == inspect.signature(own), name
        assert not learner.written[name], f"{name} is solved already"


@pytest.mark.parametrize("key", KEYS)
def test_the_worked_examples_of_the_stubs_are_true(key: str) -> None:
    chapter = read_chapter(key)
    learner = Learner(chapter, chapter.path)
    modules = {own.__module__ for own in learner.own.values()}
    helpers = {name: value for module in modules for name, value in vars(sys.modules[module]).items()}
    for name, stub in learner.functions.items():
        tests = doctest.DocTestFinder().find(stub, name, module=False, globs=helpers | learner.own)
        examples = sum(len(test.examples) for test in tests)
        assert examples > 0, f"{name} has no worked example"
        for test in tests:
            assert doctest.DocTestRunner(verbose=False).run(test).failed == 0, name


@pytest.mark.parametrize("key", KEYS)
def test_every_exercise_has_three_hints_that_open_one_at_a_time(key: str) -> None:
    for exercise in read_chapter(key).exercises:
        shown = [hint(key, number, exercise.name) for number in range(1, HINTS + 1)]
        assert len(exercise.hints) == len(set(shown)) == HINTS
        for number, text in enumerate(exercise.hints):
            assert text in shown[number]
            assert not any(text in other for other in shown[:number] + shown[number + 1 :])


@pytest.mark.parametrize("key", KEYS)
def test_an_untouched_stub_fails(key: str) -> None:
    verdict = check(key)
    assert not verdict.passed
    assert {result.state for result in verdict.results} == {"not written"}


@pytest.mark.parametrize("key", KEYS)
def test_there_are_enough_of_both(key: str) -> None:
    assert len(misconceptions(key)) >= 8
    assert len(CORRECT[key]) >= 3


@pytest.mark.parametrize(("key", "path"), [(key, path) for key, paths in CORRECT.items() for path in paths])
def test_other_correct_implementations_pass(key: str, path: Path) -> None:
    verdict = check(key, path)
    assert verdict.passed, "\n".join(verdict.lines())


@functools.cache
def outcomes_of_a_solution(key: str) -> list[Outcome]:
    return run_tests(Learner(read_chapter(key), BASE[key]))


@pytest.mark.parametrize("pair", WRONG, ids=named)
def test_a_misconception_fails_and_is_named(pair: tuple[str, Misconception], tmp_path: Path) -> None:
    """As `check` would find it: tests that never call the exercise go as they do for the solution, so are not run."""
    key, wrong = pair
    bank = (read_chapter(key).tests / "misconceptions.py").read_text(encoding="utf-8")
    path = solved_but(tmp_path, f"{bank}\n\n{wrong.exercise} = {wrong.wrong.__name__}\n", key)
    learner = Learner(read_chapter(key), path)
    others = [outcome for outcome in outcomes_of_a_solution(key) if wrong.exercise not in outcome.called]
    concerned = {outcome.test for outcome in outcomes_of_a_solution(key)} - {outcome.test for outcome in others}
    verdict = judge(learner, others + run_tests(learner, concerned))
    assert result_of(verdict, wrong.exercise)[0] == "failed"
    told = "\n".join(verdict.lines())
    assert all(part in told for part in (wrong.name, wrong.what, wrong.look))
    for result in verdict.results:
        assert result.name == wrong.exercise or result.state == "passed" or wrong.exercise in result.waits_for, told


@pytest.mark.parametrize("pair", WRONG, ids=named)
def test_a_misconception_is_told_from_the_right_answer_and_from_the_others(pair: tuple[str, Misconception]) -> None:
    key, wrong = pair
    right = read_chapter(key).solutions()[wrong.exercise]
    assert not wrong.shows_in(right)
    for arguments in wrong.inputs:
        assert not same(outcome(wrong.wrong, arguments), outcome(right, arguments)), arguments
    recognised = [
        each.name for each in misconceptions(key) if each.exercise == wrong.exercise and each.shows_in(wrong.wrong)
    ]
    assert recognised == [wrong.name]


def test_a_planted_error_shows_up_with_its_line(tmp_path: Path) -> None:
    path = solved_but(tmp_path, "def longest_match(word, vocab):\n    raise RuntimeError('planted here')\n")
    state, told = result_of(check("ch01", path), "longest_match")
    assert state == "failed"
    line = len(path.read_text(encoding="utf-8").splitlines())
    assert f"RuntimeError: planted here ({path.name}, line {line})" in told


def test_the_learners_own_code_is_what_ran(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    ending = f"""right = is_punctuation
def is_punctuation(char):
    open({str(ran)!r}, "a").close()
    return right(char)
"""
    assert check("ch01", solved_but(tmp_path, ending)).passed
    assert ran.exists()


def test_the_learners_code_has_one_thread_and_afterwards_there_are_as_many_as_before(tmp_path: Path) -> None:
    seen, before = tmp_path / "seen", torch.get_num_threads()
    ending = f"""import torch
right = is_punctuation
def is_punctuation(char):
    open({str(seen)!r}, "a").write(f"{{torch.get_num_threads()}} ")
    return right(char)
"""
    torch.set_num_threads(2)
    try:
        assert check("ch01", solved_but(tmp_path, ending)).passed
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert set(seen.read_text(encoding="utf-8").split()) == {"1"}


def test_a_file_that_passes_on_the_packages_function_is_noticed(tmp_path: Path) -> None:
    verdict = check("ch01", solved_but(tmp_path, "from minidistil.ch01_wordpiece.wordpiece import longest_match\n"))
    assert result_of(verdict, "longest_match")[0] == "borrowed"
    assert "package's own function: write it yourself" in "\n".join(verdict.lines())


def run_forever() -> None:
    while True:
        pass


@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="needs alarms, which Windows does not have")
def test_the_time_limit_is_one_of_work_and_waiting_takes_longer() -> None:
    with pytest.raises(TimeoutError, match=r"still running after 0\.2 s"), time_limit(0.2):
        run_forever()
    with time_limit(0.2):
        time.sleep(0.4)
    with pytest.raises(TimeoutError), time_limit(0.1):
        time.sleep(100)
    time.sleep(0.3)  # no alarm is left over


@pytest.mark.parametrize(
    "ending",
    [
        "from minidistil.ch01_wordpiece import normalize as n\ndef normalize(text):\n    return n(text)\n",
        "import minidistil.ch01_wordpiece.normalization as w\ndef normalize(text):\n    return w.normalize(text)\n",
        "def normalize(text):\n    from minidistil.ch01_wordpiece import normalize\n    return normalize(text)\n",
    ],
)
def test_calling_the_packages_function_does_not_help(tmp_path: Path, ending: str) -> None:
    state, told = result_of(check("ch01", solved_but(tmp_path, ending)), "normalize")
    assert state == "failed"
    assert "the package's own normalize" in told or "RecursionError" in told


def test_a_loop_that_does_not_end_is_stopped(tmp_path: Path) -> None:
    path = solved_but(tmp_path, "def merge_pair(pieces, pair):\n    while True:\n        pass\n")
    state, told = result_of(check("ch01", path), "merge_pair")
    assert state == "failed"
    assert "is there a loop that does not end?" in told


@pytest.mark.parametrize(
    ("key", "name", "endless", "right"),
    [
        ("ch03", "split_heads", "def split_heads(states, num_attention_heads):\n    while True:\n        pass\n",
         {"join_heads", "padding_mask"}),
        ("ch02", "chunks", "def chunks(document, tokenizer, max_length):\n    while True:\n        pass\n    yield 1\n",
         {"epoch_batches", "token_weights"}),
    ],
)  # fmt: skip
def test_exercises_after_an_endless_one_are_judged(
    key: str, name: str, endless: str, right: set[str], tmp_path: Path
) -> None:
    solution = BASE[key]
    path = tmp_path / "mine.py"
    path.write_text(solution.read_text(encoding="utf-8") + "\n\n" + endless)
    states = {result.name: result.state for result in check(key, path).results}
    assert states[name] == "failed"
    assert {states[each] for each in right} == {"passed"}


def test_a_right_function_is_not_blamed_for_one_that_it_calls(tmp_path: Path) -> None:
    solution = BASE["ch06"]
    swapped = (
        "\n\n_right = soft_target_loss\ndef soft_target_loss(student_logits, teacher_logits, temperature=2.0):\n"
        "    return _right(teacher_logits, student_logits, temperature)\n"
    )
    path = tmp_path / "mine.py"
    path.write_text(solution.read_text(encoding="utf-8") + swapped)
    results = {result.name: result for result in check("ch06", path).results}
    assert [each.name for each in results["soft_target_loss"].misconceptions]
    assert results["distillation_loss"].waits_for == ["soft_target_loss"]
    assert not results["distillation_loss"].misconceptions


def test_a_function_that_exits_is_a_failed_exercise(tmp_path: Path) -> None:
    path = solved_but(tmp_path, "def normalize(text):\n    exit()\n")
    assert result_of(check("ch01", path), "normalize")[0] == "failed"


def test_the_package_is_itself_again_after_a_check(tmp_path: Path) -> None:
    from minidistil.ch01_wordpiece.wordpiece import longest_match

    check("ch01", solved_but(tmp_path, "def longest_match(word, vocab):\n    return []\n"))
    assert importlib.import_module("minidistil.ch01_wordpiece.wordpiece").longest_match is longest_match
    assert longest_match("ab", {"a": 0, "##b": 1}) == ["a", "##b"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("def broken(:\n", "line 1: Python cannot read it (invalid syntax)"),
        ("import this_is_nowhere\n", "line 1: loading it raises ModuleNotFoundError"),
        ("exit()\n", "loading it raises SystemExit"),
        ("raise MemoryError\n", "line 1: loading it raises MemoryError."),
        ("x = 1\n", "lacks is_punctuation"),
        (b"\xff\xfe", "Python cannot read it"),
        (b"x = 1\0\n", "Python cannot read it"),
        (None, "There is no file"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_sentence(
    text: str | bytes | None, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.py"
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert main(["check", "ch01", "--file", str(path)]) == 2
    message = capsys.readouterr().err
    assert told in message
    assert message.count("\n") == 1


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (["check", "ch99"], "There is no chapter 'ch99' with exercises: expected one of ch01"),
        (["hint", "ch99"], "There is no chapter 'ch99'"),
        (["hint", "ch01", "4"], "There is no hint 4: each exercise has hints 1 to 3"),
        (["hint", "ch01", "1", "fly"], "ch01 has no exercise 'fly': expected one of is_punctuation"),
    ],
)
def test_a_wrong_request_is_one_sentence(command: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command) == 2
    message = capsys.readouterr().err
    assert told in message
    assert message.count("\n") == 1


def test_a_chapter_is_added_by_adding_files_and_may_ask_for_a_class(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {
        "exercises/hints/ch03.md": "# Three\n\n## MultiHeadAttention\n1. a\n2. b\n3. c\n",
        "exercises/ch03_attention.py": """from torch import nn
class MultiHeadAttention(nn.Module):
    def __init__(self, hidden_size, num_attention_heads, dropout):
        super().__init__()
        self.output = nn.Identity()
    def forward(self, hidden_states, visible=None, output_attentions=False):
        return self.output(hidden_states) * FACTOR, None
""",
        "tests/ch03_attention/test_attention.py": """import torch
def test_it_gives_what_it_gets(impl):
    ones = torch.ones(1, 2, 4)
    assert torch.equal(impl.MultiHeadAttention(4, 2, 0.0)(ones)[0], ones)
""",
        "tests/ch03_attention/misconceptions.py": """from minidistil.course.check import Misconception
MISCONCEPTIONS = [Misconception(name="all doubled", exercise="MultiHeadAttention", what="w", look="l", wrong=None,
    symptom=lambda implementation: implementation(4, 2, 0.0)(1)[0] == 2)]
""",
        "tests/conftest.py": (course_folder() / "tests" / "conftest.py").read_text(encoding="utf-8"),
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text.replace("FACTOR", "2"), encoding="utf-8")
    command = [sys.executable, "-m", "minidistil", "check", "ch03"]
    monkeypatch.setenv("PYTHONPATH", str(Path(minidistil.__file__).parent.parent))
    wrong = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert wrong.returncode == 1, wrong.stderr
    assert "This looks like: all doubled. w" in wrong.stdout
    (tmp_path / "exercises/ch03_attention.py").write_text(files["exercises/ch03_attention.py"].replace("FACTOR", "1"))
    right = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert right.returncode == 0, right.stdout
    assert "Passed: all 1 exercises of ch03" in right.stdout


def test_outside_of_a_checkout_it_says_where_to_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("minidistil.__file__", str(tmp_path / "site" / "minidistil" / "__init__.py"))
    with pytest.raises(FileNotFoundError, match="run this command in a checkout"):
        course_folder()


def test_an_explanation_names_functions_and_not_their_addresses() -> None:
    message = (
        "'$': expected True\nassert False == True\n +  where False = bool(False)\n"
        " +    where False = <function is_punctuation at 0x7f87f98bca40>('$')\n"
        " +      where <function is_punctuation at 0x7f87f98bca40> = <module 'a' from 'a.py'>.is_punctuation"
    )
    told = "'$': expected True assert False == True, where False = is_punctuation('$')"
    assert _without_addresses(message) == told


def test_the_command_in_a_process_of_its_own() -> None:
    command = [sys.executable, "-m", "minidistil", "check", "ch01"]
    untouched = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert untouched.returncode == 1, untouched.stderr
    assert "Not yet: 0 of 8 exercises of ch01 pass." in untouched.stdout
    solved = subprocess.run([*command, "--file", str(BASE["ch01"])], capture_output=True, text=True, timeout=300)
    assert solved.returncode == 0, solved.stdout
    assert "Passed: all 8 exercises" in solved.stdout


def test_pytest_itself_takes_the_learners_file() -> None:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-o",
        "addopts=",
        "-q",
        "tests/ch01_wordpiece/test_vocabulary.py",
        "--impl",
    ]
    outputs = [
        subprocess.run([*command, what], capture_output=True, text=True, timeout=300, cwd=course_folder())
        for what in ("exercises", str(BASE["ch01"]))
    ]
    assert outputs[0].returncode == 1
    assert "NotImplementedError" in outputs[0].stdout
    assert outputs[1].returncode == 0, outputs[1].stdout
