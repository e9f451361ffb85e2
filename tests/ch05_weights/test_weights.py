"""Chapter 5, weights: round trips through transformers, and files that are wrong."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from minidistil.ch04_encoder.encoder import Encoder, EncoderConfig
from minidistil.ch05_weights.heads import MaskedLM, SentenceEncoder
from minidistil.ch05_weights.weights import BareEncoder, load_plainly
from minidistil.ch07_student.student import student_of
from minidistil.ch11_smaller_faster.int8 import load_int8, save_int8, to_int8
from minidistil.ch11_smaller_faster.quantisation import signal_to_noise
from tests.ch05_weights.peers import assert_whole, peer

SMALL = EncoderConfig(vocab_size=99, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24)


# Names, an exercise


def paired_names(ours: Encoder, theirs: Any) -> list[tuple[str, str]]:
    """Names of the same parameters; a learner's encoder may have its parts in any order."""
    stack = "encoder.layer" if hasattr(theirs, "encoder") else "transformer.layer"
    numbers = range(len(ours.layers))
    parts = {"embeddings": "embeddings"} | {f"layers.{number}": f"{stack}.{number}" for number in numbers}
    pairs = [
        (f"{mine}.{name}", f"{other}.{official}")
        for mine, other in parts.items()
        for (name, _), (official, _) in zip(
            ours.get_submodule(mine).named_parameters(), theirs.get_submodule(other).named_parameters(), strict=True
        )
    ]
    assert len(pairs) == len(list(theirs.parameters()))
    return pairs


@pytest.mark.parametrize("kind", ["bert", "distilbert"])
def test_names_in_the_encoder_are_official(kind: str, impl: ModuleType) -> None:
    """Within embeddings and within a block both libraries register the same tensors in the same order."""
    theirs = peer(kind, "Model", layers=12)
    theirs.pooler = None
    ours = Encoder(replace(SMALL, num_hidden_layers=12, type_vocab_size=2 if kind == "bert" else 0))
    for mine, official in paired_names(ours, theirs):
        assert impl.their_name(f"encoder.{mine}", kind) == f"{kind}.{official}"
        assert impl.their_name(f"encoder.{mine}", kind, prefix=False) == official
        assert impl.their_name(mine, kind) == official, "the encoder alone, without a head, has no prefix"


@pytest.mark.parametrize(
    ("ours", "bert", "distilbert"),
    [
        ("head.transform.weight", "cls.predictions.transform.dense.weight", "vocab_transform.weight"),
        ("head.norm.bias", "cls.predictions.transform.LayerNorm.bias", "vocab_layer_norm.bias"),
        ("head.bias", "cls.predictions.bias", "vocab_projector.bias"),
        ("head.dense.weight", "bert.pooler.dense.weight", "pre_classifier.weight"),
        ("head.dense.bias", "bert.pooler.dense.bias", "pre_classifier.bias"),
        ("head.classifier.weight", "classifier.weight", "classifier.weight"),
        ("classifier.bias", "classifier.bias", "classifier.bias"),
        ("qa_outputs.weight", "qa_outputs.weight", "qa_outputs.weight"),
    ],
)
def test_names_of_the_heads_are_official(ours: str, bert: str, distilbert: str, impl: ModuleType) -> None:
    assert impl.their_name(ours, "bert") == bert
    assert impl.their_name(ours, "distilbert") == distilbert
    assert impl.their_name(ours, "bert", prefix=False) == bert.removeprefix("bert.")
    assert impl.their_name(ours, "distilbert", prefix=False) == distilbert


def test_saved_models_load_in_transformers_and_back(tmp_path: Path, tiny_teacher: MaskedLM) -> None:
    input_ids = torch.randint(5, 99, (2, 9))
    for name, model in (("bert", tiny_teacher), ("distilbert", student_of(tiny_teacher).eval())):
        folder = tmp_path / name
        model.save_pretrained(folder)
        theirs, info = transformers.AutoModelForMaskedLM.from_pretrained(folder, output_loading_info=True)
        assert type(theirs).__name__.lower() == f"{name}formaskedlm"
        assert_whole(info)
        logits = model(input_ids).logits
        torch.testing.assert_close(theirs.eval()(input_ids).logits, logits, atol=1e-5, rtol=0)
        theirs.save_pretrained(tmp_path / "back")
        torch.testing.assert_close(MaskedLM.from_pretrained(tmp_path / "back")(input_ids).logits, logits)


@pytest.mark.parametrize("ours", [BareEncoder, SentenceEncoder])
@pytest.mark.parametrize("kind", ["bert", "distilbert"])
def test_an_encoder_without_a_head_goes_there_and_back(
    ours: type[BareEncoder | SentenceEncoder], kind: str, tmp_path: Path
) -> None:
    """With BERT's pooler, which is not used here but belongs to transformers' model."""
    peer(kind, "Model").save_pretrained(tmp_path / "official")
    ours.from_pretrained(tmp_path / "official").save_pretrained(tmp_path / "ours")
    tensors = [load_file(tmp_path / folder / "model.safetensors") for folder in ("official", "ours")]
    assert tensors[0].keys() == tensors[1].keys()
    assert all(torch.equal(tensors[0][name], tensors[1][name]) for name in tensors[0])
    _, info = transformers.AutoModel.from_pretrained(tmp_path / "ours", output_loading_info=True)
    assert_whole(info)


def test_only_a_pooler_that_never_was_is_missing(tmp_path: Path) -> None:
    BareEncoder(SMALL).save_pretrained(tmp_path)
    _, info = transformers.AutoModel.from_pretrained(tmp_path, output_loading_info=True)
    assert set(info["missing_keys"]) == {"pooler.dense.weight", "pooler.dense.bias"}
    _, info = transformers.AutoModel.from_pretrained(tmp_path, add_pooling_layer=False, output_loading_info=True)
    assert not info["missing_keys"]


def test_a_saved_model_is_readable_by_whom_a_new_file_is(tmp_path: Path) -> None:
    MaskedLM(SMALL).save_pretrained(tmp_path / "model")
    (tmp_path / "new").touch()
    modes = {path.stat().st_mode for path in (tmp_path / "new", *(tmp_path / "model").iterdir())}
    assert len(modes) == 1


def test_the_offline_teacher_loads_in_transformers(tmp_path: Path, teacher: MaskedLM) -> None:
    teacher.save_pretrained(tmp_path)
    theirs, info = transformers.AutoModelForMaskedLM.from_pretrained(tmp_path, output_loading_info=True)
    assert_whole(info)
    input_ids = torch.randint(999, 9999, (2, 19))
    with torch.no_grad():
        torch.testing.assert_close(theirs(input_ids).logits, teacher(input_ids).logits, atol=1e-4, rtol=0)


def test_an_encoder_reads_the_encoder_of_a_masked_lm(tmp_path: Path, tiny_teacher: MaskedLM) -> None:
    tiny_teacher.save_pretrained(tmp_path)
    bare = BareEncoder.from_pretrained(tmp_path)
    input_ids = torch.randint(5, 99, (2, 9))
    expected = tiny_teacher.encoder(input_ids).last_hidden_state
    torch.testing.assert_close(bare(input_ids).last_hidden_state, expected)


def test_the_spelling_of_the_oldest_files_is_understood(tmp_path: Path) -> None:
    model = MaskedLM(SMALL).eval()
    model.save_pretrained(tmp_path)
    old = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): tensor
        for name, tensor in load_file(tmp_path / "model.safetensors").items()
    }
    old["bert.embeddings.position_ids"] = torch.arange(512)[None]
    old["bert.pooler.dense.bias"] = torch.zeros(16)
    save_file(old, tmp_path / "model.safetensors")
    input_ids = torch.randint(5, 99, (2, 9))
    torch.testing.assert_close(MaskedLM.from_pretrained(tmp_path)(input_ids).logits, model(input_ids).logits)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    MaskedLM(SMALL).save_pretrained(tmp_path)
    return tmp_path


def test_a_truncated_file_is_named(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"model\.safetensors is no whole safetensors file"):
        MaskedLM.from_pretrained(folder)


def test_all_that_is_missing_misshapen_or_unexpected_is_named_at_once(folder: Path) -> None:
    path = folder / "model.safetensors"
    tensors = load_file(path)
    absent = ["cls.predictions.transform.dense.bias", *(f"bert.encoder.layer.{n}.output.dense.bias" for n in (0, 1))]
    for name in absent:
        del tensors[name]
    tensors["cls.predictions.bias"] = torch.zeros(98)
    for number in (0, 1):
        tensors[f"bert.encoder.layer.{number}.attention.self.key.weight"] = torch.zeros(16, 15)
    for number in (2, 3, 10):
        tensors[f"bert.encoder.layer.{number}.output.dense.bias"] = torch.zeros(16)
    tensors["adapter"] = torch.zeros(1)
    save_file(tensors, path)
    with pytest.raises(ValueError, match="do not fit") as caught:
        MaskedLM.from_pretrained(folder)
    message = str(caught.value)
    for complaint in (
        "3 of 42 tensors are missing: encoder.layer.{0,1}.output.dense.bias, cls.predictions.transform.dense.bias.",
        "3 have another shape than config.json says: cls.predictions.bias (98,) for (99,), "
        "encoder.layer.{0,1}.attention.self.key.weight (16, 15) for (16, 16).",
        "4 have no place in the model: adapter, encoder.layer.{2,3,10}.output.dense.bias.",
    ):
        assert complaint in message


def test_an_encoder_lacks_a_head(folder: Path) -> None:
    BareEncoder.from_pretrained(folder).save_pretrained(folder)
    with pytest.raises(ValueError, match=r"5 of 42 tensors are missing: cls\..* a MaskedLM needs"):
        MaskedLM.from_pretrained(folder)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("pytorch_model.bin", "a pickle, which can run code"),
        ("model.safetensors.index.json", "the index"),
        ("flax_model.msgpack", "Flax"),
    ],
)
def test_weights_in_another_format_get_a_clear_answer(folder: Path, name: str, message: str) -> None:
    (folder / "model.safetensors").rename(folder / name)
    with pytest.raises(FileNotFoundError, match=rf"has no model\.safetensors: it has {name}, {message}") as caught:
        MaskedLM.from_pretrained(folder)
    assert f'AutoModelForMaskedLM.from_pretrained("{folder}").save_pretrained("FOLDER")' in str(caught.value)


def test_a_pickle_is_not_opened_and_its_conversion_works(tmp_path: Path) -> None:
    theirs = peer("distilbert", layers=1)
    theirs.config.save_pretrained(tmp_path)
    torch.save(theirs.state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(FileNotFoundError, match="a pickle"):
        MaskedLM.from_pretrained(tmp_path)
    transformers.AutoModelForMaskedLM.from_pretrained(tmp_path).save_pretrained(tmp_path / "converted")  # as advised
    input_ids = torch.randint(5, 99, (2, 9))
    logits = MaskedLM.from_pretrained(tmp_path / "converted")(input_ids).logits
    torch.testing.assert_close(logits, theirs(input_ids).logits, atol=1e-5, rtol=0)


# Memory


def test_tensors_lie_in_the_file_and_training_leaves_the_file_alone(folder: Path) -> None:
    path = folder / "model.safetensors"
    content = path.read_bytes()
    model = MaskedLM.from_pretrained(folder)
    if Path("/proc/self/maps").is_file():
        lines = [line.split(maxsplit=5) for line in Path("/proc/self/maps").read_text().splitlines()]
        mapped = [line[0].split("-") for line in lines if line[-1] == str(path.resolve())]
        places = [range(int(start, 16), int(end, 16)) for start, end in mapped]
        for name, parameter in model.named_parameters():
            assert any(parameter.data_ptr() in place for place in places), f"{name} is a copy"
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(1.0)
    assert path.read_bytes() == content


def test_plain_loading_gives_the_same_model(folder: Path) -> None:
    plain = MaskedLM(SMALL)
    load_plainly(plain, folder / "model.safetensors", "bert")
    for name, tensor in MaskedLM.from_pretrained(folder).state_dict().items():
        assert torch.equal(plain.state_dict()[name], tensor)


def test_half_precision_becomes_fp32(folder: Path) -> None:
    path = folder / "model.safetensors"
    halves = {name: tensor.half() for name, tensor in load_file(path).items()}
    save_file(halves, path)
    model = MaskedLM.from_pretrained(folder)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert torch.equal(model.head.transform.weight, halves["cls.predictions.transform.dense.weight"].float())


PEAK = """
import re, sys
from pathlib import Path
from minidistil.ch05_weights.heads import MaskedLM

def peak():  # VmHWM, in KiB: since the start of this process, unlike ru_maxrss, which remembers its parent
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

MaskedLM.from_pretrained(sys.argv[1])  # what the first use of libraries takes is no part of the model
before = peak()
model = MaskedLM.from_pretrained(sys.argv[2])
sum(float(parameter.sum()) for parameter in model.parameters())  # every page is needed
print((peak() - before) * 1024)
"""


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="needs Linux, which reports peak memory")
def test_loading_needs_memory_for_the_model_once(folder: Path, tmp_path: Path) -> None:
    big = tmp_path / "big"
    MaskedLM(EncoderConfig(vocab_size=40_000, num_hidden_layers=1)).save_pretrained(big)
    size = (big / "model.safetensors").stat().st_size
    command = [sys.executable, "-c", PEAK, str(folder), str(big)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    assert 0.9 * size < int(result.stdout) < 1.1 * size


def test_a_decoder_is_refused(folder: Path) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"is_decoder": True}))
    with pytest.raises(ValueError, match="is of a decoder"):
        MaskedLM.from_pretrained(folder)


# What transformers calls the decoder's own


def saved(kind: str, folder: Path, **more: Any) -> dict[str, torch.Tensor]:
    """Save a masked LM of transformers. Returns all its tensors by their names there, the tied ones twice."""
    theirs = peer(kind, **more)
    theirs.save_pretrained(folder)
    return {name: tensor.clone().detach() for name, tensor in theirs.state_dict().items()}


def logits_in_transformers(folder: Path, input_ids: torch.Tensor) -> torch.Tensor:
    theirs = transformers.AutoModelForMaskedLM.from_pretrained(folder)
    with torch.no_grad():
        return theirs(input_ids).logits


DECODERS = {"bert": "cls.predictions.decoder.weight", "distilbert": "vocab_projector.weight"}
BIAS, DECODER_BIAS = "cls.predictions.bias", "cls.predictions.decoder.bias"
INPUT_IDS = torch.arange(5, 29).view(2, 12)


@pytest.mark.parametrize("kind", DECODERS)
@pytest.mark.parametrize("said", [True, False])
@pytest.mark.parametrize("own", [True, False])
def test_a_decoder_with_a_matrix_of_its_own_is_kept(own: bool, said: bool, kind: str, tmp_path: Path) -> None:
    """As in transformers, also where the configuration does not say so; saved and rounded like any other."""
    tensors = saved(kind, tmp_path, tie_word_embeddings=not said)
    tensors[DECODERS[kind]] = tensors[f"{kind}.embeddings.word_embeddings.weight"] + 0.5 * own
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    expected = logits_in_transformers(tmp_path, INPUT_IDS)
    ours = MaskedLM.from_pretrained(tmp_path)
    assert ours.config.tie_word_embeddings == (not own and not said)
    found = ours(INPUT_IDS).logits
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    ours.save_pretrained(tmp_path)
    torch.testing.assert_close(logits_in_transformers(tmp_path, INPUT_IDS), expected, atol=1e-5, rtol=0)
    torch.testing.assert_close(MaskedLM.from_pretrained(tmp_path)(INPUT_IDS).logits, found)
    student = student_of(ours, layers=(0, 1))
    torch.testing.assert_close(student(INPUT_IDS).logits, found, atol=1e-5, rtol=0)
    rounded = to_int8(ours)
    assert signal_to_noise(found, rounded(INPUT_IDS).logits) > 20
    save_int8(rounded, tmp_path)
    assert torch.equal(load_int8(MaskedLM, tmp_path)(INPUT_IDS).logits, rounded(INPUT_IDS).logits)


@pytest.mark.parametrize("kind", DECODERS)
def test_a_matrix_that_is_said_to_be_there_and_is_not_is_missed(kind: str, tmp_path: Path) -> None:
    tensors = saved(kind, tmp_path, tie_word_embeddings=False)
    del tensors[DECODERS[kind]]
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match=f"are missing: {DECODERS[kind]}"):
        MaskedLM.from_pretrained(tmp_path)
    BareEncoder.from_pretrained(tmp_path)  # has no head


@pytest.mark.parametrize("kind", DECODERS)
def test_word_embeddings_may_stand_under_the_name_of_the_decoder(kind: str, tmp_path: Path) -> None:
    tensors = saved(kind, tmp_path)
    tensors[DECODERS[kind]] = tensors.pop(f"{kind}.embeddings.word_embeddings.weight")
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    found = MaskedLM.from_pretrained(tmp_path)(INPUT_IDS).logits
    torch.testing.assert_close(found, logits_in_transformers(tmp_path, INPUT_IDS), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("there", "tied"),
    [((BIAS,), True), *(((*other, DECODER_BIAS), tied) for other in ((), (BIAS,)) for tied in (True, False))],
)
def test_the_bias_of_the_decoder_is_that_of_transformers(there: tuple[str, ...], tied: bool, tmp_path: Path) -> None:
    """Under either name; of two that differ, the decoder's is added."""
    tensors = saved("bert", tmp_path, tie_word_embeddings=tied)
    tensors[DECODERS["bert"]] = tensors["bert.embeddings.word_embeddings.weight"].clone()
    for number, name in enumerate((BIAS, DECODER_BIAS)):
        tensors[name] = torch.randn(200) + 3 * number
    kept = {name: tensor for name, tensor in tensors.items() if name not in (BIAS, DECODER_BIAS) or name in there}
    save_file(kept, tmp_path / "model.safetensors", metadata={"format": "pt"})
    ours = MaskedLM.from_pretrained(tmp_path)
    torch.testing.assert_close(ours(INPUT_IDS).logits, logits_in_transformers(tmp_path, INPUT_IDS), atol=1e-5, rtol=0)
    ours.save_pretrained(tmp_path)
    torch.testing.assert_close(logits_in_transformers(tmp_path, INPUT_IDS), ours(INPUT_IDS).logits, atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", DECODERS)
def test_old_buffers_are_no_part_of_the_model(kind: str, tmp_path: Path) -> None:
    tensors = saved(kind, tmp_path)
    buffers = {f"{kind}.embeddings.{name}_ids": torch.arange(40)[None] for name in ("position", "token_type")}
    save_file(tensors | buffers, tmp_path / "model.safetensors", metadata={"format": "pt"})
    found = MaskedLM.from_pretrained(tmp_path)(INPUT_IDS).logits
    torch.testing.assert_close(found, logits_in_transformers(tmp_path, INPUT_IDS), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("kind", "entry", "other"), [("bert", "hidden_act", "activation"), ("distilbert", "activation", "hidden_act")]
)
def test_the_activation_is_that_of_the_model_type(kind: str, entry: str, other: str, tmp_path: Path) -> None:
    """An entry of the other architecture has no meaning."""
    saved(kind, tmp_path)
    path = tmp_path / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps(config | {other: "relu"}))
    found = MaskedLM.from_pretrained(tmp_path)(INPUT_IDS).logits
    torch.testing.assert_close(found, logits_in_transformers(tmp_path, INPUT_IDS), atol=1e-5, rtol=0)
    path.write_text(json.dumps(config | {entry: "relu", other: "gelu"}))
    with pytest.raises(ValueError, match="'relu'"):
        MaskedLM.from_pretrained(tmp_path)


@pytest.mark.parametrize(
    "more", [{"n_layers": 7, "num_hidden_layers": 2}, {"dim": 2, "hidden_size": 24}, {"n_heads": 1}]
)
def test_sizes_of_a_distilbert_by_the_names_of_bert_count(more: dict[str, int], tmp_path: Path) -> None:
    """transformers takes both names, and this one where there are both."""
    saved("distilbert", tmp_path)
    expected = logits_in_transformers(tmp_path, INPUT_IDS)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"num_attention_heads": 3} | more))
    torch.testing.assert_close(logits_in_transformers(tmp_path, INPUT_IDS), expected)
    found = MaskedLM.from_pretrained(tmp_path)(INPUT_IDS).logits
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def test_a_bert_without_token_types_is_refused(tmp_path: Path) -> None:
    saved("bert", tmp_path)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"type_vocab_size": 0}))
    with pytest.raises(ValueError, match="type_vocab_size 0"):
        MaskedLM.from_pretrained(tmp_path)


def test_a_student_of_a_bert_with_another_epsilon_is_saved_as_it_is(tmp_path: Path) -> None:
    """The official DistilBERT has 1e-12 and no entry for it."""
    student = student_of(MaskedLM(replace(SMALL, layer_norm_eps=1e-1, initializer_range=0.2)).eval())
    student.save_pretrained(tmp_path)
    found = student(INPUT_IDS).logits
    torch.testing.assert_close(found, logits_in_transformers(tmp_path, INPUT_IDS), atol=1e-5, rtol=0)
    torch.testing.assert_close(found, MaskedLM.from_pretrained(tmp_path)(INPUT_IDS).logits)
    with pytest.raises(ValueError, match="1e-12"):
        replace(SMALL, layer_norm_eps=1e-5, type_vocab_size=0)


# Files that cannot be right


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
def test_numbers_that_are_none_are_refused_by_the_name_of_their_tensor(
    value: float, dtype: torch.dtype, folder: Path
) -> None:
    path = folder / "model.safetensors"
    tensors = {name: tensor.to(dtype) for name, tensor in load_file(path).items()}
    for name, number in (("bert.encoder.layer.1.output.dense.weight", value), ("cls.predictions.bias", value)):
        tensors[name].view(-1)[7] = number
    save_file(tensors, path)
    with pytest.raises(ValueError, match="NaN or infinity") as caught:
        MaskedLM.from_pretrained(folder)
    assert "encoder.layer.1.output.dense.weight, cls.predictions.bias" in str(caught.value)


def test_large_numbers_are_numbers(folder: Path) -> None:
    """Also where their sum is none."""
    path = folder / "model.safetensors"
    tensors = load_file(path)
    tensors["cls.predictions.bias"].fill_(3e38)
    save_file(tensors, path)
    assert MaskedLM.from_pretrained(folder).head.bias[0] == 3e38


@pytest.mark.parametrize("other", ["embeddings.LayerNorm.weight", "bert.embeddings.LayerNorm.gamma"])
def test_two_spellings_of_one_tensor_are_refused(other: str, folder: Path) -> None:
    path = folder / "model.safetensors"
    tensors = load_file(path)
    save_file(tensors | {other: torch.zeros(16)}, path)
    with pytest.raises(ValueError, match="twice") as caught:
        MaskedLM.from_pretrained(folder)
    assert other in str(caught.value)
    assert "bert.embeddings.LayerNorm.weight" in str(caught.value)


def test_the_folder_of_a_run_is_no_model_and_the_message_names_the_model(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "config.json").write_text('{"steps": 3}')
    with pytest.raises(ValueError, match="folder of its own") as caught:
        MaskedLM.from_pretrained(tmp_path)
    assert str(tmp_path / "model") in str(caught.value)
