"""Chapter 1, what a folder says about its tokenizer: against transformers, which reads the same files."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from itertools import islice, product
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer
from transformers import AutoTokenizer, BertTokenizer, PreTrainedTokenizerFast, pipeline

from minidistil.ch01_wordpiece.normalization import normalize, normalize_as
from minidistil.ch01_wordpiece.vocabulary import SPECIAL_TOKENS
from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch02_masking.corpus import Corpus
from minidistil.ch05_weights.classifiers import ClassifierConfig, SequenceClassifier
from minidistil.ch05_weights.heads import MaskedLM
from tests.ch01_wordpiece.test_wordpiece import HARD_TEXTS
from tests.conftest import TINY
from tests.random_text import random_texts

PARTS = ("do_lower_case", "strip_accents", "tokenize_chinese_chars")
SETTINGS: list[dict[str, Any]] = [
    dict(zip(PARTS, values, strict=True)) for values in product((True, False), (None, True, False), (True, False))
]


@pytest.fixture(scope="module")
def mixed(tokenizer: WordPiece) -> list[str]:
    """The official vocabulary and, for cased words, pieces with capitals, accents and Chinese characters."""
    words = [token for token in tokenizer.tokens[1996:4000] if token.isalpha()]
    others = [
        *(word.title() for word in words),
        *(f"##{chr(code)}" for code in (*range(0x41, 0x5B), *range(0xC0, 0x250))),
    ]
    han = ["##" + token for token in tokenizer.tokens if "\u4e00" <= token <= "\u9fff"]
    letters = [chr(code) for code in (*range(0x41, 0x5B), *range(0xC0, 0x250))]
    return list(dict.fromkeys([*tokenizer.tokens, *others, *han, *letters]))


@pytest.fixture
def folder(tmp_path: Path, tokenizer: WordPiece) -> Path:
    """A model's folder with the three files of the official vocabulary and a config.json."""
    tokenizer.save(tmp_path / "model")
    (tmp_path / "model" / "config.json").write_text('{"model_type": "bert"}')
    return tmp_path / "model"


def change(path: Path, change: Callable[[Any], object]) -> None:
    """Let a function change the content of a JSON file, which may be new."""
    content = json.loads(path.read_text()) if path.is_file() else {}
    change(content)
    path.write_text(json.dumps(content))


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: "-".join(map(str, settings.values())))
def test_what_the_files_say_is_obeyed_and_saved(
    settings: dict[str, Any], mixed: list[str], docs_corpus: Corpus, tmp_path: Path
) -> None:
    official = BertTokenizer(vocab={token: index for index, token in enumerate(mixed)}, **settings)
    official.save_pretrained(tmp_path / "theirs")
    ours = WordPiece.from_pretrained(tmp_path / "theirs")
    ours.save(tmp_path / "ours")
    again = WordPiece.from_pretrained(tmp_path / "ours")
    assert (
        (again.tokens, again.settings) == (ours.tokens, ours.settings) == (mixed, WordPiece(mixed, **settings).settings)
    )
    (tmp_path / "ours" / "config.json").write_text('{"model_type": "bert"}')
    auto = AutoTokenizer.from_pretrained(tmp_path / "ours").backend_tokenizer  # by tokenizer_config.json
    saved = Tokenizer.from_file(str(tmp_path / "ours" / "tokenizer.json"))
    texts = [*HARD_TEXTS, *islice(docs_corpus, 0, 4000, 100), *random_texts(18, 300, mixed[1996:])]
    unknown = 0
    peers = (official.backend_tokenizer, auto, saved)
    for text, expected, *others in zip(texts, *(peer.encode_batch(texts) for peer in peers), strict=True):
        result = ours.encode(text)
        assert (result.ids, result.offsets) == (expected.ids, expected.offsets), ascii(text)
        assert [piece for piece, _, _ in ours.pieces(text)] == result.tokens[1:-1]
        assert [(other.ids, other.offsets) for other in others] == [(expected.ids, expected.offsets)] * 2
        unknown += result.ids.count(ours.unk_token_id) > 0.6 * len(result.ids)
    assert unknown < 0.4 * len(texts), "text that is mostly unknown would prove little"
    batch = official(texts[:5], padding=True)
    assert ours.batch(texts[:5])["input_ids"].tolist() == batch["input_ids"]


def test_all_parts_together_are_the_plain_function() -> None:
    for text in HARD_TEXTS:
        assert normalize_as(text) == normalize(text)


def test_a_name_in_the_text_is_found_as_it_is_written(mixed: list[str]) -> None:
    cased = WordPiece(mixed, do_lower_case=False)
    assert cased.encode("A [MASK] [mask] Time[SEP]").tokens[1:-1] == [
        *("A", "[MASK]", "[", "mask", "]"),
        *("Time", "[SEP]"),
    ]


def test_without_tokenizer_json_the_configuration_decides(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    change(folder / "tokenizer_config.json", lambda config: config.update(do_lower_case=False))
    for name in (folder, str(folder), folder / "vocab.txt"):
        ours = WordPiece.from_pretrained(name)
        assert ours.settings["do_lower_case"] is ours.settings["strip_accents"] is False
        assert ours.encode("hello Rome").ids == AutoTokenizer.from_pretrained(folder)("hello Rome").input_ids
    other = shutil.copy(folder / "vocab.txt", folder / "words.txt")  # may be of any model
    assert WordPiece.from_pretrained(other).settings["do_lower_case"]


def test_without_vocab_txt_tokenizer_json_has_the_vocabulary(folder: Path, tokenizer: WordPiece) -> None:
    (folder / "vocab.txt").unlink()
    assert WordPiece.from_pretrained(folder).tokens == tokenizer.tokens
    (folder / "tokenizer.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"has no vocab\.txt"):
        WordPiece.from_pretrained(folder)


def test_a_class_without_settings_leaves_them_to_tokenizer_json(tokenizer: WordPiece, tmp_path: Path) -> None:
    cased = WordPiece(tokenizer.tokens, do_lower_case=False, tokenize_chinese_chars=False)
    cased.save(tmp_path / "cased")
    special = {f"{token[1:-1].lower()}_token": token for token in SPECIAL_TOKENS}
    theirs = PreTrainedTokenizerFast(tokenizer_file=str(tmp_path / "cased" / "tokenizer.json"), **special)
    theirs.save_pretrained(tmp_path / "theirs")
    assert WordPiece.from_pretrained(tmp_path / "theirs").settings == cased.settings


def test_the_clean_up_of_a_folder_is_its_default(folder: Path) -> None:
    change(folder / "tokenizer_config.json", lambda config: config.update(clean_up_tokenization_spaces=True))
    ours, theirs = WordPiece.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    ids = ours.ids("The planet's moon")
    assert ours.decode(ids) == theirs.decode(ids) == "the planet's moon"
    ours.save(folder)
    assert WordPiece.from_pretrained(folder).settings == ours.settings


def test_what_official_libraries_write_is_read(minilm_folder: Path, tokenizer: WordPiece, tmp_path: Path) -> None:
    """Older files too: all special tokens in several places, roles by name, truncation and padding."""
    older = shutil.copytree(minilm_folder, tmp_path / "older", ignore=shutil.ignore_patterns("*.safetensors"))
    flags = {"lstrip": False, "rstrip": False, "single_word": False, "normalized": False, "special": True}
    added = {str(tokenizer.vocab[token]): {"content": token} | flags for token in SPECIAL_TOKENS}
    change(older / "tokenizer_config.json", lambda config: config.update(added_tokens_decoder=added, max_length=128))
    change(older / "special_tokens_map.json", lambda roles: roles.update(mask_token={"content": "[MASK]"} | flags))
    ends = {"sep": ["[SEP]", 102], "cls": ["[CLS]", 101]}
    change(older / "tokenizer.json", lambda steps: steps.update(post_processor={"type": "BertProcessing"} | ends))
    change(older / "tokenizer.json", lambda steps: steps["model"].pop("type"))
    AutoTokenizer.from_pretrained(minilm_folder).save_pretrained(tmp_path / "newer")
    for name in (older, tmp_path / "newer"):
        read = WordPiece.from_pretrained(name)
        assert (read.tokens, read.settings) == (tokenizer.tokens, tokenizer.settings)


def swap(steps: Any) -> None:
    vocab = steps["model"]["vocab"]
    vocab["hello"], vocab["rome"] = vocab["rome"], vocab["hello"]


ADDED = {"id": 30522, "content": "hello rome", "special": False}
CONFIG, STEPS = "tokenizer_config.json", "tokenizer.json"
REFUSED: dict[str, tuple[str, Any, str]] = {
    "casing contradicted": (STEPS, lambda it: it["normalizer"].update(lowercase=False), "do_lower_case false.* true"),
    "casing by default": (
        CONFIG,
        lambda it: (it.clear(), it.update(strip_accents=False)),
        "strip_accents true.* false",
    ),
    "accents contradicted": (CONFIG, lambda it: it.update(strip_accents=False), "strip_accents true.* says false"),
    "Chinese contradicted": (CONFIG, lambda it: it.update(tokenize_chinese_chars=False), "tokenize_chinese_chars true"),
    "another type of value": (CONFIG, lambda it: it.update(do_lower_case="no"), 'do_lower_case "no": expected true or'),
    "another vocabulary": (STEPS, swap, r"another vocabulary than vocab\.txt"),
    "another class": (CONFIG, lambda it: it.update(tokenizer_class="RobertaTokenizerFast"), "class RobertaTokenizer"),
    "Japanese": ("config.json", lambda it: it.update(tokenizer_class="BertJapaneseTokenizer"), "BertJapaneseTokenizer"),
    "padding on the left": (CONFIG, lambda it: it.update(padding_side="left"), 'padding_side "left": only "right"'),
    "truncation on the left": (CONFIG, lambda it: it.update(truncation_side="left"), 'truncation_side "left"'),
    "special tokens split": (CONFIG, lambda it: it.update(split_special_tokens=True), "split_special_tokens true"),
    "another mask": (CONFIG, lambda it: it.update(mask_token="[UNK]"), r'"\[UNK\]" in mask_token'),
    "no mask": (CONFIG, lambda it: it.update(mask_token=None), "null in mask_token"),
    "a mask that eats a space": (
        CONFIG,
        lambda it: it.update(mask_token={"content": "[MASK]", "lstrip": True}),
        "lstrip",
    ),
    "one more role": (CONFIG, lambda it: it.update(bos_token="<s>"), '"<s>" in bos_token'),
    "roles in a list": (
        CONFIG,
        lambda it: it.update(additional_special_tokens=["<x>"]),
        '"<x>" in additional_special_',
    ),
    "roles by name": (CONFIG, lambda it: it.update(extra_special_tokens={"x": "<x>"}), '"<x>" in extra_special_tokens'),
    "roles elsewhere": ("special_tokens_map.json", lambda it: it.update(mask_token="<mask>"), '"<mask>" in mask_token'),
    "added": (CONFIG, lambda it: it.update(added_tokens_decoder={"30522": ADDED}), '"hello rome" in added_tokens_dec'),
    "added elsewhere": ("added_tokens.json", lambda it: it.update({"hello rome": 30522}), '"hello rome"'),
    "added in the steps": (STEPS, lambda it: it["added_tokens"].append(ADDED), '"hello rome" in added_tokens'),
    "another id": (STEPS, lambda it: it["added_tokens"][4].update(id=104), r"gives \[MASK\] the id 104, .* 103"),
    "another normalizer": (STEPS, lambda it: it.update(normalizer={"type": "NFKC"}), "the normalizer .*NFKC"),
    "no normalizer": (STEPS, lambda it: it.update(normalizer=None), "the normalizer"),
    "not cleaned": (STEPS, lambda it: it["normalizer"].update(clean_text=False), "normalizer .*clean_text"),
    "another pre-tokenizer": (
        STEPS,
        lambda it: it.update(pre_tokenizer={"type": "Whitespace"}),
        "in its pre_tokenizer",
    ),
    "no ends": (STEPS, lambda it: it.update(post_processor=None), "in its post_processor"),
    "another decoder": (STEPS, lambda it: it["decoder"].update(cleanup=False), '"cleanup": false.* in its decoder'),
    "another model": (STEPS, lambda it: it["model"].update(type="BPE"), '"type": "BPE".* in its model'),
    "another prefix": (STEPS, lambda it: it["model"].update(continuing_subword_prefix="@@"), "@@.* in its model"),
    "another length": (STEPS, lambda it: it["model"].update(max_input_chars_per_word=50), "50.* in its model"),
}


@pytest.mark.parametrize(("file", "changed", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_not_supported_is_refused_with_the_file_and_the_value(
    file: str, changed: Any, said: str, folder: Path
) -> None:
    change(folder / file, changed)
    with pytest.raises(ValueError, match=rf"model.*json .*{said}") as refused:
        WordPiece.from_pretrained(folder)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value).replace(str(folder), "")) < 300


def test_damaged_files_are_named(folder: Path, tokenizer: WordPiece) -> None:
    for content, said in (
        ("{", "is not JSON"),
        ("[]", r"holds \[\]"),
        ('{"normalizer": [1]}', "not in transformers' format"),
    ):
        (folder / "tokenizer.json").write_text(content)
        with pytest.raises(ValueError, match=said):
            WordPiece.from_pretrained(folder)
    tokenizer.save(folder)
    change(folder / "tokenizer.json", lambda steps: steps["model"]["vocab"].pop("hello"))
    (folder / "vocab.txt").unlink()
    with pytest.raises(ValueError, match=r"tokenizer\.json .*30521 tokens whose ids are not 0 to 30520"):
        WordPiece.from_pretrained(folder)
    (folder / "vocab.txt").write_bytes(b"[PAD]\n\xff\n")
    with pytest.raises(ValueError, match=r"not UTF-8 \(byte 6\)"):
        WordPiece.from_pretrained(folder / "vocab.txt")


def test_a_saved_tokenizer_json_is_the_official_one(folder: Path, official_tokenizer: Tokenizer) -> None:
    assert json.loads((folder / "tokenizer.json").read_text(encoding="utf-8")) == json.loads(
        official_tokenizer.to_str()
    )


def test_a_tokenizer_alone_is_read_by_transformers(folder: Path, tokenizer: WordPiece) -> None:
    (folder / "config.json").unlink()
    theirs = AutoTokenizer.from_pretrained(folder)
    assert (*theirs.special_tokens_map.values(),) == ("[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]")
    assert theirs.model_max_length == 512
    assert theirs("A [MASK] café").input_ids == tokenizer.encode("A [MASK] café").ids


@pytest.mark.parametrize("architecture", ["bert", "distilbert"])
def test_pipelines_of_transformers_run_on_what_is_saved(
    architecture: str, tokenizer: WordPiece, tmp_path: Path
) -> None:
    types = 2 * (architecture == "bert")
    sizes: dict[str, Any] = {"num_hidden_layers": 1, "max_position_embeddings": 128, "type_vocab_size": types}
    config = replace(TINY, vocab_size=len(tokenizer), **sizes)
    for task, model in (
        ("fill-mask", MaskedLM(config)),
        ("text-classification", SequenceClassifier(ClassifierConfig(**vars(config)))),
    ):
        folder = tmp_path / task
        model.save_pretrained(folder)
        tokenizer.save(folder, config.max_position_embeddings)
        theirs = AutoTokenizer.from_pretrained(folder)
        named = (theirs.pad_token, theirs.unk_token, theirs.cls_token, theirs.sep_token, theirs.mask_token)
        assert named == SPECIAL_TOKENS
        assert theirs.model_max_length == 128
        text = "a [MASK] of " + "words " * 600
        truncated = {"tokenizer_kwargs": {"truncation": True}} if task == "fill-mask" else {"truncation": True}
        load: Any = pipeline  # its overloads want a literal
        results = load(task, model=str(folder))([text, "short [MASK]"], batch_size=2, **truncated)
        assert len(results) == 2
        assert theirs(text, truncation=True).input_ids == tokenizer.encode(text, max_length=128).ids
