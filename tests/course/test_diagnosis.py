"""What `check` says of exercises that fail: of any mistake, and of which exercise is to blame."""

import re
from pathlib import Path

import pytest

from minidistil.course.chapters import read_chapter
from minidistil.course.check import check
from minidistil.course.diagnosis import of_call
from minidistil.course.session import judge_file
from minidistil.course.verdict import Result, Verdict
from minidistil.course.watch import Watch, watched
from tests.course.small_course import write_chapter


def judged(key: str, tmp_path: Path, ending: str, beginning: str = "") -> Verdict:
    """The verdict on a whole solution with something before and behind it."""
    solution = (read_chapter(key).tests / "correct" / "base.py").read_text(encoding="utf-8")
    path = tmp_path / "mine.py"
    path.write_text(f"{beginning}{solution}\n\n{ending}", encoding="utf-8")
    return judge_file(key, path)


def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tests: str, code: str, bank: str = "") -> Verdict:
    """The verdict on chapter 3's attention_weights and split_heads, by other tests."""
    stubs = read_chapter("ch03").path.read_text(encoding="utf-8")
    names = ["attention_weights", "split_heads"]
    write_chapter(tmp_path, "ch03_attention", stubs, names, f"import torch\n{tests}", bank)
    (tmp_path / "mine.py").write_text(
        "import math\nimport numpy as np\nimport torch\nfrom torch.nn import functional as F\n"
        f"def attention_weights(query, key, visible=None):\n    {WEIGHTS}\n"
        "def split_heads(states, num_attention_heads):\n"
        "    return states.unflatten(-1, (num_attention_heads, -1)).transpose(1, 2)\n" + code
    )
    conftest = tmp_path / "tests" / "conftest.py"
    conftest.write_text(conftest.read_text().replace("time_limit(8)", "time_limit(1)"))
    monkeypatch.chdir(tmp_path)
    return check("ch03", tmp_path / "mine.py")


WEIGHTS = """scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
    return (scores if visible is None else scores.masked_fill(~visible, -torch.inf)).softmax(-1)"""
TESTS = """
QUERY, KEY = (torch.sin(torch.arange(12.0) * factor).view(1, 3, 4) for factor in (1, 2))
def test_weights(impl):
    expected = (QUERY @ KEY.mT / 2).softmax(-1)
    weights = impl.attention_weights(1 * QUERY.clone().requires_grad_(), KEY)
    assert torch.allclose(weights, expected)
    weights.sum().backward()
def test_heads(impl):
    assert impl.split_heads(torch.arange(8).view(1, 2, 4), 2).tolist() == [[[[0, 1], [4, 5]], [[2, 3], [6, 7]]]]
"""


def result_of(verdict: Verdict, name: str) -> Result:
    return next(result for result in verdict.results if result.name == name)


@pytest.mark.parametrize(
    ("code", "name", "facts"),
    [
        ("attention_weights(query, key, visible=None):\n    ...", "attention_weights", ("returns None", "Tensor")),
        (f"attention_weights(query, key, visible=None):\n    {WEIGHTS}.tolist()", "attention_weights",
         ("returns a list", "expected Tensor")),
        (f"attention_weights(query, key, visible=None):\n    {WEIGHTS}.detach().numpy()", "attention_weights",
         ("returns a NumPy array, expected Tensor",)),
        (f"attention_weights(query, key, visible=None):\n    {WEIGHTS}.detach()", "attention_weights",
         ("no gradient", "detach()")),
        (f"attention_weights(query, key, visible=None):\n    {WEIGHTS}.double()", "attention_weights",
         ("float64", "expected float32")),
        (f"attention_weights(query, key, visible=None):\n    {WEIGHTS}[..., :2]", "attention_weights",
         ("(1, 3, 2)", "expected (1, 3, 3)")),
        ("attention_weights(query, key, visible=None):\n    return 2 * (query @ key.mT).softmax(-1)",
         "attention_weights", ("at [0, 0, 0] it returns 0.768335, expected 0.365113",)),
        ("attention_weights(query, key, visible=None):\n    query /= 2\n    return (query @ key.mT).softmax(-1)",
         "attention_weights", ("it changes its argument query", "belongs to its caller")),
        ("attention_weights(q, k, mask=None):\n    return (q @ k.mT / 2).softmax(-1)", "attention_weights",
         ("(q, k, mask=None)", "expected (query, key, visible=None)")),
        ("attention_weights(query, key, visible=None):\n    return help_me(query, key)\ndef help_me(query, key):\n"
         "    return F.scaled_dot_product_attention(query, key, torch.eye(3)[None])", "attention_weights",
         ("line 13 uses torch.nn.functional.scaled_dot_product_attention", "rules out")),
        ("split_heads(states, num_attention_heads):\n    return states.view(1, 2, 2, 2)", "split_heads",
         ("in its example, split_heads(torch.tensor([[[1, 2, 3, 4], [5, 6, 7, 8]]]), 2).tolist() gives "
          "[[[[1, 2], [3, 4]], [[5, 6], [7, 8]]]], expected [[[[1, 2], [5, 6]], [[3, 4], [7, 8]]]]",)),
        ('split_heads(states, num_attention_heads):\n    """>>> split_heads(torch.zeros(1, 1, 2), 2).shape\n'
         '    torch.Size([1, 2, 1, 1])\n    """\n    return states[None]', "split_heads",
         ("in its example, split_heads(torch.zeros(1, 1, 2), 2).shape gives torch.Size([1, 1, 1, 2])",)),
        ("split_heads(states, num_attention_heads):\n    '>>> split_heads(torch.ones(1, 1, 2), 2).shape[0]\\n7'\n"
         "    return states", "split_heads",
         ("in its example, split_heads(torch.ones(1, 1, 2), 2).shape[0] gives 1, expected 7",)),
        ("split_heads(states, num_attention_heads):\n    raise NotImplementedError", "split_heads",
         ("defined in lines 8 and 10",)),
    ],
)  # fmt: skip
def test_every_exercise_gets_these(
    code: str, name: str, facts: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    verdict = small(tmp_path, monkeypatch, TESTS, f"def {code}\n")
    result, other = (result_of(verdict, each) for each in (name, ({"attention_weights", "split_heads"} - {name}).pop()))
    assert result.state in ("failed", "not written")
    assert other.state == "passed"
    text = "\n".join(result.lines("ch03"))
    assert all(fact.lower() in text.lower() for fact in facts), text
    assert " at 0x" not in text
    assert "assert False" not in text


@pytest.mark.parametrize(
    ("result", "parts"),
    [
        ({"one": 1, "two": 3}, ("for numbers_of('en', 2) ", "'two'", "is 3, expected 2")),
        ({"one": 1, "three": 2}, ("for numbers_of('en', 2) ", "lacks the key 'two'")),
        ({"one": 1, "two": 2, "three": 3}, ("for numbers_of('en', 2) ", "has the key 'three'")),
    ],
)
def test_a_call_and_what_differs_in_a_dictionary_are_shown(result: dict[str, int], parts: tuple[str, ...]) -> None:
    def numbers_of(language: str, count: int) -> dict[str, int]:
        return {"one": 1, "two": 2}

    watch = Watch()
    watched("numbers_of", lambda language, count: result, watch)("en", 2)
    said = of_call(watch.calls[0], numbers_of)
    assert all(part in said for part in parts), said


def test_right_code_with_more_arguments_is_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    more = f"def attention_weights(query, key, visible=None, scale=None):\n    {WEIGHTS}\n"
    assert small(tmp_path, monkeypatch, TESTS, more).passed


TOGETHER = (
    TESTS
    + """
def test_both(impl):
    heads = impl.split_heads(torch.arange(8.0).view(1, 2, 4), 2)
    assert impl.attention_weights(heads, heads).shape == (1, 2, 2, 2)
    assert heads.is_contiguous()
    heads = heads.flatten()
"""
)


def test_of_a_test_of_several_exercises_the_one_is_to_blame_whose_replacement_mends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tests = TOGETHER.replace("is_contiguous()", "dtype == torch.float32")
    code = "def split_heads(states, heads, old=split_heads):\n    return old(states, heads).double().round().to(\n"
    code += "        torch.int64 if states.dtype == torch.int64 else torch.float64)\n"
    code = code.replace("heads, old", "num_attention_heads, old").replace(
        "(states, heads)", "(states, num_attention_heads)"
    )
    verdict = small(tmp_path, monkeypatch, tests, code)
    assert [each.state for each in verdict.results] == ["passed", "failed"]
    assert not verdict.together
    assert "float64, expected float32" in "\n".join(verdict.lines())


def test_where_no_replacement_mends_it_nobody_is_blamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    verdict = small(tmp_path, monkeypatch, TOGETHER, "")
    assert [each.state for each in verdict.results] == ["passed", "passed"]
    assert len(verdict.together) == 1
    assert not verdict.passed


@pytest.mark.parametrize(
    ("key", "name", "ending"),
    [
        ("ch05", "answer_loss",
         "def answer_loss(start_logits, end_logits, start_positions, end_positions):\n"
         "    both = torch.cat([start_positions, end_positions]).clamp(max=start_logits.shape[1])\n"
         "    return torch.nn.functional.cross_entropy(torch.cat([start_logits, end_logits]), both,\n"
         "                                             ignore_index=start_logits.shape[1])\n"),
        ("ch08", "clip_gradients",
         "def clip_gradients(parameters, max_norm):\n"
         "    return nn.utils.clip_grad_norm_(parameters, max_norm)\n"),
    ],
)  # fmt: skip
def test_no_chapter_says_not_yet_without_saying_where(key: str, name: str, ending: str, tmp_path: Path) -> None:
    verdict = judged(key, tmp_path, ending)
    text = "\n".join(verdict.lines())
    assert [each.name for each in verdict.results if each.state == "failed"] == ([] if verdict.passed else [name]), text
    assert not verdict.together, text


BANK = """import torch
from minidistil.course.misconceptions import misconception
@misconception("attention_weights", "no root", inputs=[(torch.eye(3, 4)[None], torch.eye(3, 4)[None])])
def no_root(query, key, visible=None):
    '''No root.

    Divide.
    '''
    return (query @ key.mT).softmax(-1)
"""


@pytest.mark.parametrize(
    ("formula", "named"),
    [("(query @ key.mT).softmax(-1)", True), ("(query @ key.mT).softmax(-1) * (query.sum() > 2.9)", False)],
)
def test_a_misconception_is_named_only_if_it_explains_all_that_is_wrong(
    formula: str, named: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second does the same on the input of the bank, and something else in the test."""
    code = f"def attention_weights(query, key, visible=None):\n    return {formula}\n"
    result = result_of(small(tmp_path, monkeypatch, TESTS, code, BANK), "attention_weights")
    assert result.state == "failed"
    assert [each.name for each in result.misconceptions] == ["no root"] * named


def test_one_mistake_gets_two_names_at_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    more = "".join(BANK.split("import misconception\n")[1].replace("no_root", f"no_{number}") for number in range(5))
    code = "def attention_weights(query, key, visible=None):\n    return (query @ key.mT).softmax(-1)\n"
    result = result_of(small(tmp_path, monkeypatch, TESTS, code, BANK + more), "attention_weights")
    assert len(result.misconceptions) == 2


def test_a_wrong_function_that_passes_what_the_learners_fails_is_not_its_explanation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank = BANK.replace("inputs=[(torch.eye(3, 4)[None], torch.eye(3, 4)[None])]", "symptom=lambda function: True")
    code = f"def attention_weights(query, key, visible=None):\n    {WEIGHTS} / 2\n"
    right = bank.replace("(query @ key.mT)", "(query @ key.mT / 2)")
    assert not result_of(small(tmp_path, monkeypatch, TESTS, code, right), "attention_weights").misconceptions


ENDLESS = """
def test_another_loop(impl):
    impl.split_heads(torch.arange(8).view(1, 2, 4), 2)
"""


def test_tests_that_did_not_run_did_not_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = "def split_heads(states, num_attention_heads):\n    while True:\n        pass\n"
    verdict = small(tmp_path, monkeypatch, TESTS + ENDLESS, code)
    result = result_of(verdict, "split_heads")
    assert len(result.failures) == 1
    assert "still running" in result.failures[0]
    assert "Not checked: 1 more" in "\n".join(result.lines("ch03"))


def test_a_name_explains_all_that_is_wrong_even_where_a_symptom_shows_it(tmp_path: Path) -> None:
    both = "(student_hidden, teacher_hidden, dim={})).mean()\n"
    code = "def cosine_loss(student_hidden, teacher_hidden):\n    return (1 - torch.nn.functional.cosine_similarity"
    verdicts = [judged("ch06", tmp_path, code + both.format(dim), "import torch\n") for dim in (-1, 1)]
    named = [[each.name for each in result_of(verdict, "cosine_loss").misconceptions] for verdict in verdicts]
    assert named == [["teacher not detached in L_cos"], []]


def test_equal_columns_in_fp32_are_no_sign_of_flipped_cells(tmp_path: Path) -> None:
    code = """def sign_flip_p_values(differences, generator, resamples=9999):
    signs = torch.randint(0, 2, (resamples, len(differences)), generator=generator).to(differences.dtype) * 2 - 1
    far = (signs @ differences / len(differences)).abs() > differences.mean(0).abs()
    return (far.sum(0) + 1) / (resamples + 1)
"""
    result = result_of(judged("ch12", tmp_path, code, "import torch\n"), "sign_flip_p_values")
    assert [each.name for each in result.misconceptions] == ["equal does not count"]
    assert not [fact for fact in result.facts if "float32" in fact], "fp32 is as good: the numbers are what differs"


def test_a_weight_of_another_shape_in_a_class_is_named(tmp_path: Path) -> None:
    code = """class MultiHeadAttention(MultiHeadAttention):
    def __init__(self, hidden_size, num_attention_heads, dropout):
        super().__init__(hidden_size, num_attention_heads, dropout)
        self.key = nn.Linear(hidden_size + 1, hidden_size)
"""
    facts = "\n".join(result_of(judged("ch03", tmp_path, code), "MultiHeadAttention").facts)
    assert re.search(r"key\.weight has the shape \((\d+), \d+\), expected \(\1, \1\)", facts), facts


def test_an_error_in_a_class_says_in_which_call_with_the_shapes_of_what_was_given(tmp_path: Path) -> None:
    code = """class MultiHeadAttention(MultiHeadAttention):
    def forward(self, hidden_states, visible=None, output_attentions=False):
        return self.output(hidden_states[..., 1:]), None
"""
    failures = result_of(judged("ch03", tmp_path, code), "MultiHeadAttention").failures
    call = r"cannot be multiplied .* in forward\(a tensor of shape \(\d, \d, 16\), a tensor of shape .*, True\)"
    assert re.search(call, failures[0]), failures


def test_of_long_results_the_place_that_differs_is_shown(tmp_path: Path) -> None:
    code = """import unicodedata
def normalize(text):
    kept = [(index, char) for index, char in enumerate(text) if unicodedata.category(char)[0] != "C"]
    return [(part, index) for index, char in kept for part, _ in right(char)]
"""
    result = result_of(judged("ch01", tmp_path, "right = normalize\n" + code), "normalize")
    assert "from [4] on it returns [('a', 5)], expected [(' ', 4)]" in result.facts[-1]


def test_a_class_of_the_package_is_borrowed_and_the_rest_is_judged(tmp_path: Path) -> None:
    code = "from minidistil.ch03_attention.attention import MultiHeadAttention\n"
    states = {each.name: each.state for each in judged("ch03", tmp_path, code).results}
    assert states.pop("MultiHeadAttention") == "borrowed"
    assert set(states.values()) == {"passed"}


def test_a_question_ends_without_a_full_stop() -> None:
    result = Result("f", "failed", facts=["it returns None: is the `return` missing?", "it returns 1"])
    assert [line.strip() for line in result.lines("ch01")][1:3] == [
        "It returns None: is the `return` missing?",
        "It returns 1.",
    ]
