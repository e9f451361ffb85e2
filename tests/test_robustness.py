"""Damaged files of every kind, and what the package never does: write into other folders, open pickles.

Whatever a file contains, loading it gives a model or a ValueError or OSError in a full sentence.
"""

import ast
import json
import os
import pickle
import random
import re
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

import minidistil
from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch04_encoder.encoder import EncoderConfig
from minidistil.ch05_weights.classifiers import ClassifierConfig, SequenceClassifier
from minidistil.ch05_weights.heads import MaskedLM
from minidistil.ch05_weights.weights import Model

PACKAGE = Path(minidistil.__file__).parent
SIZES: dict[str, Any] = {
    "vocab_size": 9, "hidden_size": 4, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 5,
    "max_position_embeddings": 6,
}  # fmt: skip
ROUNDS = 150  # files of each kind


@pytest.fixture(params=["bert", "distilbert", "classifier"])
def model(request: pytest.FixtureRequest) -> Model:
    if request.param == "classifier":
        return SequenceClassifier(ClassifierConfig(**SIZES, id2label=("a", "b", "c")))
    return MaskedLM(EncoderConfig(**SIZES, type_vocab_size=2 if request.param == "bert" else 0))


def loads_or_explains(load: Callable[[], Any], what: object) -> bool:
    """Whether it loads; the test fails at any error but ValueError and OSError, and if the message is too short."""
    try:
        load()
    except (ValueError, OSError) as error:
        message = str(error)
    else:
        return True
    assert message.count(" ") > 3, f"{what}: {message!r} is no sentence"
    return False


def anything(draw: random.Random) -> Any:
    """A value that JSON can hold."""
    return draw.choice(
        [None, True, False, 0, -1, 1, 2.5, 7, 10**6, 2**31, 10**18, 10**400, 1e-300, float("nan"), float("inf"),
         "", "7", "gelu", "bert", [], [1], {}, {"0": "a"}, {"1": "a"}, [[[]]]]
    )  # fmt: skip


def test_any_configuration_loads_or_is_explained(model: Model, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path)
    path, draw, loaded = tmp_path / "config.json", random.Random(0), 0
    good = path.read_text(encoding="utf-8")
    entries = [*json.loads(good), "num_labels"]
    for _ in range(ROUNDS):
        changed = json.loads(good)
        for key in draw.sample(entries, draw.choice([1, 1, 2])):
            if draw.random() < 0.3:
                changed.pop(key, None)
            else:
                changed[key] = anything(draw)
        path.write_text(json.dumps(changed), encoding="utf-8")
        loaded += loads_or_explains(lambda: type(model).from_pretrained(tmp_path), changed)
    assert 0 < loaded < ROUNDS  # entries that are not read may be anything


@pytest.mark.parametrize(
    "text", [b"", b"null", b"[]", b"7", b'"bert"', b"\xff\xfe{", b"[" * 100_000, b'{"a": ' * 50_000]
)
def test_a_file_that_is_no_configuration_is_explained(text: bytes, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes(text)
    with pytest.raises(ValueError, match="expected"):
        EncoderConfig.read(tmp_path / "config.json")


@pytest.mark.parametrize("name", ["config.json", "vocab.txt"])
@pytest.mark.parametrize("kind", ["sparse", "pipe"])
def test_a_file_that_would_not_end_is_not_read(name: str, kind: str, tmp_path: Path) -> None:
    MaskedLM(EncoderConfig(**SIZES)).save_pretrained(tmp_path)
    (tmp_path / name).unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(tmp_path / name)
    else:
        with (tmp_path / name).open("wb") as file:
            file.truncate(200 * 2**30)
    for read in (MaskedLM, SequenceClassifier) if name == "config.json" else (WordPiece,):
        with pytest.raises((ValueError, OSError), match=rf"{name}.* expected|has no {name}"):
            read.from_pretrained(tmp_path)


def mutated(content: bytes, draw: random.Random) -> bytes:
    """Bits flipped in the header or anywhere, a piece lost, another length, or noise."""
    header = 8 + struct.unpack("<Q", content[:8])[0]
    way = draw.choice(["header", "header", "anywhere", "cut", "lost", "length", "noise"])
    if way in ("header", "anywhere"):
        changed = bytearray(content)
        for _ in range(draw.choice([1, 1, 5])):
            changed[draw.randrange(header if way == "header" else len(content))] ^= 1 << draw.randrange(8)
        return bytes(changed)
    if way == "cut":
        return content[: draw.randrange(len(content))]
    if way == "lost":
        start = draw.randrange(len(content))
        return content[:start] + content[start + draw.randint(1, 50) :]
    if way == "length":
        return struct.pack("<Q", draw.choice([0, 1, header, 10**8 + 1, 2**40, 2**63, 2**64 - 1])) + content[8:]
    return draw.randbytes(draw.randrange(200))


def test_any_file_of_weights_loads_or_is_explained(model: Model, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path)
    path, draw, loaded = tmp_path / "model.safetensors", random.Random(1), 0
    good = path.read_bytes()
    for number in range(ROUNDS):
        path.unlink()  # a new file: the old one may be memory-mapped
        path.write_bytes(mutated(good, draw))
        loaded += loads_or_explains(lambda: type(model).from_pretrained(tmp_path), number)
    assert 0 < loaded < ROUNDS  # a flipped bit of a weight cannot be noticed


def test_tensors_of_other_types_shapes_and_names_are_explained(model: Model, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path)
    path, draw = tmp_path / "model.safetensors", random.Random(2)
    good = {name: tensor.clone() for name, tensor in load_file(path).items()}
    for _ in range(ROUNDS // 3):
        name = draw.choice(sorted(good))
        wrong = {
            "integers": {name: good[name].to(draw.choice([torch.int64, torch.uint8, torch.bool]))},
            "another shape": {name: good[name].flatten()[:-1].clone()},
            "a number": {name: torch.tensor(1.0)},
            "another name": {name + "x": good[name]},
        }
        kind = draw.choice(sorted(wrong))
        path.unlink()
        save_file({key: tensor for key, tensor in good.items() if key != name} | wrong[kind], path)
        assert not loads_or_explains(lambda: type(model).from_pretrained(tmp_path), f"{name} with {kind}")


def test_half_and_double_precision_load_and_nan_is_refused(tmp_path: Path) -> None:
    MaskedLM(EncoderConfig(**SIZES)).save_pretrained(tmp_path)
    path = tmp_path / "model.safetensors"
    good = {name: tensor.clone() for name, tensor in load_file(path).items()}
    for kind in (torch.float16, torch.bfloat16, torch.float64, torch.float8_e4m3fn):
        path.unlink()
        save_file({name: tensor.to(kind) for name, tensor in good.items()}, path)
        assert MaskedLM.from_pretrained(tmp_path).head.bias.dtype == torch.float32
    path.unlink()
    save_file(good | {"cls.predictions.bias": torch.full((9,), torch.nan)}, path)
    with pytest.raises(ValueError, match=r"NaN.*cls\.predictions\.bias"):
        MaskedLM.from_pretrained(tmp_path)


def test_any_vocabulary_loads_or_is_explained(tmp_path: Path, tokenizer: WordPiece) -> None:
    path, draw = tmp_path / "vocab.txt", random.Random(3)
    good = "\n".join(tokenizer.tokens[:300]).encode()
    for number in range(ROUNDS):
        start, noise = draw.randrange(len(good)), draw.randbytes(draw.randrange(9))
        one, two = good[:start], good[start:]
        path.write_bytes(draw.choice([one, two, one + noise + two, draw.randbytes(99), good + b"\n" + good]))
        loads_or_explains(lambda: WordPiece.from_pretrained(tmp_path).ids("Hello, [MASK] \ud800 \0 World!"), number)


# Nothing is unpickled


class Trap:
    """Its pickle creates a file when it is opened."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_the_trap_works(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Trap(tmp_path / "sprung")))
    assert (tmp_path / "sprung").exists()


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin", "config.json", "vocab.txt"])
def test_loading_opens_no_pickle(name: str, tmp_path: Path) -> None:
    MaskedLM(EncoderConfig(**SIZES)).save_pretrained(tmp_path)
    if name == "pytorch_model.bin":
        (tmp_path / "model.safetensors").unlink()
    torch.save(Trap(tmp_path / "sprung"), tmp_path / name)
    with pytest.raises((ValueError, OSError)):
        WordPiece.from_pretrained(tmp_path) if name == "vocab.txt" else MaskedLM.from_pretrained(tmp_path)
    assert not (tmp_path / "sprung").exists()


def test_no_module_of_the_package_can_unpickle_a_file() -> None:
    """Neither with a library for it nor with torch.load or numpy.load.

    One module pickles what a run and its own workers send to each other; it uses no files.
    """
    workers = PACKAGE / "ch08_training" / "prefetch.py"
    assert not re.search(r"\bopen\(|Path|read_|files|pickle\.load\(", workers.read_text(encoding="utf-8"))
    for path in set(PACKAGE.rglob("*.py")) - {workers}:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = {alias.name for alias in node.names} if isinstance(node, ast.Import | ast.ImportFrom) else set()
            if isinstance(node, ast.ImportFrom):
                names = {str(node.module)} | (set() if str(node.module).startswith("minidistil") else names)
            assert not names & {"pickle", "cPickle", "dill", "joblib", "shelve", "marshal", "load"}, path
            if isinstance(node, ast.Attribute) and node.attr == "load":
                assert ast.unparse(node.value) in ("json", "onnx"), f"{path}: {ast.unparse(node)}"  # onnx: protobuf


GRADED = """
import sys
from pathlib import Path

def refuse(event, arguments):
    if event == "pickle.find_class":
        raise RuntimeError("unpickles")

sys.addaudithook(refuse)
from minidistil.course.grade import grade
print([(each.passed, each.error) for each in grade(Path(sys.argv[1]))])
"""


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="grading needs Linux or macOS")
def test_grading_opens_no_pickle(tmp_path: Path) -> None:
    (tmp_path / "in" / "ada").mkdir(parents=True)
    for name in ("verdict.json", "ch01.pkl", "ch01_wordpiece.pkl", "ch01_wordpiece.py"):
        (tmp_path / "in" / "ada" / name).write_bytes(pickle.dumps(Trap(tmp_path / "sprung")))
    command = [sys.executable, "-c", GRADED, str(tmp_path / "in")]
    environment = os.environ | {"PYTHONPATH": str(PACKAGE.parent)}
    done = subprocess.run(command, cwd=PACKAGE.parent, env=environment, capture_output=True, text=True, timeout=500)
    assert "Python cannot read it" in done.stdout, done.stderr
    assert not (tmp_path / "sprung").exists()


# Nothing is written anywhere else


def files_of(folder: Path) -> dict[str, tuple[int, int]]:
    """All files of a folder, with size and time."""
    return {
        path.relative_to(folder).as_posix(): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_a_run_writes_only_into_its_folder_and_the_caches(tmp_path: Path, tokenizer: WordPiece) -> None:
    for name in ("home", "tmp", "here", "teacher"):
        (tmp_path / name).mkdir()
    config = EncoderConfig(**SIZES | {"vocab_size": len(tokenizer), "max_position_embeddings": 32})
    MaskedLM(config).save_pretrained(tmp_path / "teacher")
    tokenizer.save(tmp_path / "teacher")
    lines = (f"The {number} small words of a text that can be read." for number in range(400))
    (tmp_path / "text.txt").write_text("\n".join(lines))
    places = {"HOME": "home", "USERPROFILE": "home", "TMPDIR": "tmp", "TEMP": "tmp", "TMP": "tmp"}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "HF_", "MINIDISTIL"))}
    environment = kept | {name: str(tmp_path / place) for name, place in places.items()}
    environment |= {"PYTHONPATH": str(PACKAGE.parent), "PYTHONDONTWRITEBYTECODE": "1"}
    before = [files_of(folder) for folder in (PACKAGE, PACKAGE.parent / "data", tmp_path)]
    options = ["distil", "--steps", "3", "--batch-size", "4", "--max-length", "32", "--precision", "fp32"]
    paths = ["--teacher", tmp_path / "teacher", "--text", tmp_path / "text.txt", "--out", tmp_path / "out"]
    command = [sys.executable, "-m", "minidistil", *options, *map(str, paths)]
    done = subprocess.run(command, cwd=tmp_path / "here", env=environment, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr
    assert [files_of(PACKAGE), files_of(PACKAGE.parent / "data")] == before[:2]
    after = files_of(tmp_path)
    written = {name for name in after if after[name] != before[2].get(name)}
    assert "out/metrics.json" in written
    assert not [name for name in written if not name.startswith(("out", "home/.cache", "home/.config/matplotlib"))]
