"""`check` on files of learners in which anything may be wrong."""

import importlib
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
import torch

import minidistil
import tests.conftest
from minidistil.cli.main import main
from minidistil.course.chapters import course_folder, read_chapter
from minidistil.course.check import check
from minidistil.course.session import in_one_line
from minidistil.course.verdict import Verdict
from minidistil.course.watch import time_limit
from tests.course.small_course import write_chapter


def base(key: str) -> Path:
    return read_chapter(key).tests / "correct" / "base.py"


def solved_but(tmp_path: Path, ending: str, key: str = "ch01") -> Path:
    """A whole solution whose last lines replace something."""
    path = tmp_path / f"{key}_learner.py"
    path.write_text(base(key).read_text(encoding="utf-8") + "\n\n" + ending, encoding="utf-8")
    return path


def result_of(verdict: Verdict, name: str) -> tuple[str, str]:
    result = next(result for result in verdict.results if result.name == name)
    return result.state, " ".join(result.failures)


def test_a_planted_error_shows_up_with_its_line(tmp_path: Path) -> None:
    path = solved_but(tmp_path, "def longest_match(word, vocab):\n    raise RuntimeError('planted here')\n")
    state, failures = result_of(check("ch01", path), "longest_match")
    assert state == "failed"
    line = len(path.read_text(encoding="utf-8").splitlines())
    assert f"RuntimeError: planted here ({path.name}, line {line})" in failures


def test_the_learners_own_code_runs_on_one_thread_and_afterwards_there_are_as_many_as_before(tmp_path: Path) -> None:
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
    assert not verdict.passed


@pytest.mark.parametrize(
    "ending",
    [
        "from minidistil.ch01_wordpiece import normalize as n\ndef normalize(text):\n    return n(text)\n",
        "import minidistil.ch01_wordpiece.normalization as w\ndef normalize(text):\n    return w.normalize(text)\n",
        "def normalize(text):\n    from minidistil.ch01_wordpiece import normalize\n    return normalize(text)\n",
    ],
)
def test_calling_the_packages_function_does_not_help(tmp_path: Path, ending: str) -> None:
    state, failures = result_of(check("ch01", solved_but(tmp_path, ending)), "normalize")
    assert state == "failed"
    assert "the package's own normalize" in failures or "RecursionError" in failures


def run_forever() -> None:
    while True:
        pass


@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="needs alarms, which Windows does not have")
def test_the_time_limit_is_one_of_work_and_waiting_takes_longer() -> None:
    with pytest.raises(TimeoutError, match=r"0\.2 s"), time_limit(0.2):
        run_forever()
    with time_limit(0.2):
        time.sleep(0.4)
    with pytest.raises(TimeoutError), time_limit(0.1):
        time.sleep(100)
    time.sleep(0.3)  # no alarm is left over


@pytest.mark.parametrize(
    ("key", "ending", "right"),
    [
        ("ch01", "def merge_pair(pieces, pair):\n    while True:\n        pass\n", {"normalize", "count_pairs"}),
        ("ch02", "def chunks(document, tokenizer, max_length):\n    while True:\n        pass\n    yield 1\n",
         {"epoch_batches", "token_weights"}),
        ("ch03", "def split_heads(states, num_attention_heads):\n    while True:\n        pass\n",
         {"join_heads", "padding_mask"}),
    ],
)  # fmt: skip
def test_an_endless_exercise_is_stopped_and_those_after_it_are_judged(
    key: str, ending: str, right: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tests.conftest, "time_limit", lambda seconds: time_limit(seconds / 4))
    verdict = check(key, solved_but(tmp_path, ending, key))
    result = partial(result_of, verdict)
    state, failures = result(ending[4 : ending.index("(")])
    assert state == "failed"
    assert "is there a loop that does not end?" in failures
    assert {result(each)[0] for each in right} == {"passed"}


def test_a_right_function_is_not_blamed_for_one_that_it_calls(tmp_path: Path) -> None:
    swapped = (
        "_right = soft_target_loss\ndef soft_target_loss(student_logits, teacher_logits, temperature=2.0):\n"
        "    return _right(teacher_logits, student_logits, temperature)\n"
    )
    verdict = check("ch06", solved_but(tmp_path, swapped, "ch06"))
    results = {result.name: result for result in verdict.results}
    assert results["soft_target_loss"].misconceptions
    assert results["distillation_loss"].waits_for == ["soft_target_loss"]
    assert not results["distillation_loss"].misconceptions


def test_a_function_is_blamed_for_its_own_mistake_beside_one_that_it_calls(tmp_path: Path) -> None:
    wrong = (
        "def attention_weights(query, key, visible=None):\n    return query\n\n\n"
        "def scaled_dot_product_attention(query, key, value, visible=None):\n"
        "    return attention_weights(query, key, visible) @ value\n"
    )
    verdict = check("ch03", solved_but(tmp_path, wrong, "ch03"))
    result = next(each for each in verdict.results if each.name == "scaled_dot_product_attention")
    assert result.waits_for == []
    assert any("expected tuple[Tensor, Tensor]" in fact for fact in result.facts)


def test_a_name_that_the_file_does_not_import_is_explained(tmp_path: Path) -> None:
    path = solved_but(tmp_path, "def is_punctuation(char):\n    return char in string.punctuation\n")
    failures = result_of(check("ch01", path), "is_punctuation")[1]
    assert "name 'string' is not defined" in failures
    assert "do so inside the function" in failures


def test_a_function_that_exits_is_a_failed_exercise(tmp_path: Path) -> None:
    path = solved_but(tmp_path, "def normalize(text):\n    exit()\n")
    assert result_of(check("ch01", path), "normalize")[0] == "failed"


def test_the_package_is_itself_again_after_a_check(tmp_path: Path) -> None:
    from minidistil.ch01_wordpiece.wordpiece import longest_match

    check("ch01", solved_but(tmp_path, "def longest_match(word, vocab):\n    return []\n"))
    assert importlib.import_module("minidistil.ch01_wordpiece.wordpiece").longest_match is longest_match
    assert longest_match("ab", {"a": 0, "##b": 1}) == ["a", "##b"]


def error_of(command: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line that a command prints for bad input."""
    assert main(command) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    return message


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        (b"def broken(:\n", "mine.py, line 1: Python cannot read it (invalid syntax)"),
        (b"import this_is_nowhere\n", "mine.py, line 1: loading it raises ModuleNotFoundError"),
        (b"x = 1\nreturn\n", "loading it raises SyntaxError: 'return' outside function (mine.py, line 2)"),
        (b"exit()\n", "loading it raises SystemExit"),
        (b"raise MemoryError\n", "mine.py, line 1: loading it raises MemoryError."),
        (b"x = 1\n", "mine.py lacks count_pairs"),
        (b"\xff\xfe", "Python cannot read it"),
        (b"x = 1\0\n", "Python cannot read it"),
        (None, "mine.py"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_sentence(
    text: bytes | None, fact: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.py"
    if text is not None:
        path.write_bytes(text)
    assert fact in error_of(["check", "ch01", "--file", str(path)], capsys)


@pytest.mark.parametrize(
    ("command", "facts"),
    [
        (["check", "ch99"], ("ch99", "ch01")),
        (["hint", "ch99"], ("ch99", "ch01")),
        (["hint", "ch01", "4"], ("hint 4", "1 to 3")),
        (["hint", "ch01", "1", "fly"], ("'fly'", "is_punctuation")),
    ],
)
def test_a_wrong_request_is_one_sentence(
    command: list[str], facts: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    message = error_of(command, capsys)
    assert all(fact in message for fact in facts)


def test_a_chapter_is_added_by_adding_files_and_may_ask_for_a_class(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = """from torch import nn
class MultiHeadAttention(nn.Module):
    def __init__(self, hidden_size, num_attention_heads, dropout):
        super().__init__()
        self.output = nn.Identity()
    def forward(self, hidden_states, visible=None, output_attentions=False):
        return self.output(hidden_states) * 2, None
"""
    test = """import torch
def test_it_gives_what_it_gets(impl):
    ones = torch.ones(1, 2, 4)
    assert torch.equal(impl.MultiHeadAttention(4, 2, 0.0)(ones)[0], ones)
"""
    bank = """from minidistil.course.misconceptions import misconception
@misconception("MultiHeadAttention", "all doubled", symptom=lambda each: each(4, 2, 0.0)(1)[0] == 2)
def doubled(*arguments):
    '''It doubles.

    Look there.
    '''
"""
    write_chapter(tmp_path, "ch03_attention", wrong, ["MultiHeadAttention"], test, bank)
    command = [sys.executable, "-m", "minidistil", "check", "ch03"]
    monkeypatch.setenv("PYTHONPATH", str(Path(minidistil.__file__).parent.parent))
    failed = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert failed.returncode == 1, failed.stderr
    assert "all doubled. It doubles.\n      What to look at: Look there." in failed.stdout
    write_chapter(tmp_path, "ch03_attention", wrong.replace(" * 2", ""), ["MultiHeadAttention"], test, bank)
    passed = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert passed.returncode == 0, passed.stdout


def test_outside_of_a_checkout_it_says_where_to_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("minidistil.__file__", str(tmp_path / "site" / "minidistil" / "__init__.py"))
    with pytest.raises(FileNotFoundError, match="in a checkout"):
        course_folder()


def test_an_explanation_names_functions_and_not_their_addresses() -> None:
    message = (
        "'$': expected True\nassert False == True\n +  where False = bool(False)\n"
        " +    where False = <function is_punctuation at 0x7f87f98bca40>('$')\n"
        " +      where <function is_punctuation at 0x7f87f98bca40> = <module 'a' from 'a.py'>.is_punctuation"
    )
    assert in_one_line(message) == "'$': expected True is_punctuation('$') is False"


@pytest.mark.parametrize(("what", "code"), [("exercises", 1), (str(base("ch01")), 0)])
def test_pytest_itself_takes_the_learners_file(what: str, code: int) -> None:
    command = [sys.executable, "-m", "pytest", "-o", "addopts=", "-q", "tests/ch01_wordpiece/test_vocabulary.py"]
    result = subprocess.run(
        [*command, "--impl", what], capture_output=True, text=True, timeout=300, cwd=course_folder()
    )
    assert result.returncode == code, result.stdout
    assert ("NotImplementedError" in result.stdout) == bool(code)
