"""The course on one page: it computes what the package computes, and what it saves is a DistilBERT."""

import ast
import dataclasses
import itertools
import random
import runpy
import sys
from pathlib import Path

import pytest
import torch
import transformers

import minidistil as md
from minidistil import one_page
from minidistil.ch02_masking.corpus import sequences
from minidistil.ch02_masking.masking import IGNORE
from minidistil.ch08_training.feed import MemoryFeed
from minidistil.ch08_training.objectives import distillation_losses
from minidistil.ch08_training.plan import Plan
from minidistil.ch08_training.training import train

TEXTS = [
    "The list's first item is returned; see also foo_bar(x) and C:\\temp.",
    "Ich wüßte gern, ob ältere Wörter übrig sind. 北京 is 2,000 km away!",
    "A [MASK] of [CLS] tokens\tand\u200b zero\x00 width … naïve café — “quoted”",
    "",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The offline teacher in Hugging Face's format."""
    folder = tmp_path_factory.mktemp("teacher")
    md.MaskedLM.from_pretrained("minilm").save_pretrained(folder)
    md.WordPiece.from_pretrained("minilm").save(folder)
    return folder


@pytest.fixture(scope="module")
def vocab(folder: Path) -> dict[str, int]:
    return {token: i for i, token in enumerate((folder / "vocab.txt").read_text(encoding="utf-8").splitlines())}


def test_it_is_one_page_of_torch_and_the_standard_library() -> None:
    source = Path(one_page.__file__).read_text(encoding="utf-8")
    assert len(source.splitlines()) <= 300
    imported = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").split(".")[0])
    assert imported <= {"torch", *sys.stdlib_module_names}


def test_its_tokens_are_those_of_the_package(vocab: dict[str, int]) -> None:
    tokenizer = md.WordPiece(list(vocab))
    draw, ranges = (
        random.Random(7),
        (
            (32, 126),
            (160, 383),
            (880, 1023),
            (1024, 1279),
            (1488, 1514),
            (1569, 1610),
            (0x905, 0x939),
            (0x3041, 0x30FF),
            (0x4E00, 0x4FFF),
            (0xAC00, 0xACFF),
            (0x2010, 0x2027),
        ),
    )
    mixed = ["".join(chr(draw.randint(*draw.choice(ranges))) for _ in range(60)) for _ in range(300)]
    for text in [*TEXTS, str(md.distil.__doc__), *mixed]:
        assert one_page.encode(text, vocab) == tokenizer.encode(text).ids[1:-1], repr(text)


def test_15_in_100_tokens_are_masked_and_80_in_100_of_these_show_it(vocab: dict[str, int]) -> None:
    torch.manual_seed(0)
    chosen = [[101, *torch.randint(1000, 30000, (n,)).tolist(), 102] for n in range(100, 400, 3)]
    shown, mask, labels = one_page.masked_batch(chosen, vocab)
    ordinary = sum(len(each) - 2 for each in chosen)
    count = int((labels != IGNORE).sum())
    assert count == -(-ordinary * 15 // 100)
    assert int(mask.sum()) == ordinary + 2 * len(chosen)
    hidden = float((shown[labels != IGNORE] == vocab["[MASK]"]).float().mean())
    kept = float((shown == labels)[labels != IGNORE].float().mean())
    assert hidden == pytest.approx(0.8, abs=4 * (0.16 / count) ** 0.5)  # four standard errors
    assert kept == pytest.approx(0.1, abs=4 * (0.09 / count) ** 0.5)


def test_twenty_steps_give_the_weights_of_the_package(folder: Path, vocab: dict[str, int], tmp_path: Path) -> None:
    tokenizer, teacher = md.WordPiece(list(vocab)), md.MaskedLM.from_pretrained(folder)
    # Adam divides by the gradient's size: where that is nearly 0, rounding moves a weight by a part of the rate.
    rate = 1e-4
    settings = md.DistilConfig(
        learning_rate=rate, steps=20, batch_size=4, max_length=48, mask_share=0.15, log_every=1, validate_every=None
    )
    documents = [path.read_text(encoding="utf-8") for path in sorted(Path(md.__file__).parent.glob("ch0*/*.py"))[:12]]
    feed = MemoryFeed(sequences(documents, tokenizer, 48), tokenizer, settings)
    student = md.student_of(teacher)
    losses = distillation_losses(teacher.requires_grad_(False), dataclasses.replace(settings, layers=(0, 2, 4)))
    *_, progress = train(student, losses, feed, settings, Plan(20, "fp32", 1.0), tmp_path)

    weights = one_page.read(folder / "model.safetensors")
    small = one_page.student_of(weights, [0, 2, 4])
    batches = ((b.input_ids, b.attention_mask, b.labels) for b in map(feed.__getitem__, itertools.count()))
    found = list(one_page.train(small, weights, batches, 20, heads=12, learning_rate=rate))
    assert found == pytest.approx([line["loss"] for line in progress.log], rel=1e-5)  # some 80 roundings of fp32
    one_page.save(small, vocab, 12, tmp_path / "small")
    copy = md.MaskedLM.from_pretrained(tmp_path / "small")
    for (name, ours), theirs in zip(student.named_parameters(), copy.parameters(), strict=True):
        assert float((theirs - ours).detach().abs().max()) <= 1e-5, name

    official = transformers.AutoModelForMaskedLM.from_pretrained(tmp_path / "small").eval()
    ids, mask, _ = tokenizer.batch(["The [MASK] of the list.", "A longer [MASK] is returned here."]).values()
    official_logits = official(ids, mask).logits
    for row in range(2):
        real = mask[row].bool()
        hidden = one_page.encoder(small, ids, mask, 12)[row][real]
        torch.testing.assert_close(one_page.head(small, hidden), official_logits[row][real], atol=1e-4, rtol=1e-4)


def test_the_command_distils_and_saves(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = tmp_path / "text.txt"
    text.write_text("\n".join(" ".join(line.split()) for line in [str(md.distil.__doc__)] * 8), encoding="utf-8")
    one_page.main(folder, text, tmp_path / "out", 2)
    assert "student: " in capsys.readouterr().out
    assert md.MaskedLM.from_pretrained(tmp_path / "out").config.num_hidden_layers == 3


def test_without_its_arguments_it_says_what_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["one_page.py", "a folder"])
    with pytest.raises(SystemExit, match="TEACHER TEXT OUT"):
        runpy.run_path(str(one_page.__file__), run_name="__main__")
