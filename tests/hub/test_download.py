"""Files of models from a hub on this machine that is good, slow, down or gone, or sends wrong files."""

import hashlib
import logging
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from filelock import FileLock
from huggingface_hub import constants

from minidistil.ch01_wordpiece.vocabulary import SPECIAL_TOKENS
from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch05_weights import weights
from minidistil.ch05_weights.heads import MaskedLM
from minidistil.hub import waiting
from minidistil.hub.download import reachability
from minidistil.hub.official import OFFICIAL, OfficialModel, Pin, locate, locate_if_any
from tests.ch05_weights.test_weights import SMALL
from tests.local_hub import COMMIT, Hub, running_hub

NAME = "org/toy"
FILE = "model.safetensors"
WEIGHTS = f"{NAME}/{FILE}"


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a tiny model, as the hub has them."""
    folder = tmp_path_factory.mktemp("toy")
    torch.manual_seed(0)
    MaskedLM(SMALL).save_pretrained(folder)
    return {f"{NAME}/{path.name}": path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def hub(toy: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub with the toy model, which "toy" names at a pinned revision; the cache is empty."""
    with running_hub() as hub:
        hub.files = dict(toy)
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        template = hub.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(time, "sleep", lambda seconds: None)  # between two attempts
        pin = Pin(len(toy[WEIGHTS]), hashlib.sha256(toy[WEIGHTS]).hexdigest())
        monkeypatch.setitem(OFFICIAL, "toy", OfficialModel(NAME, COMMIT, {"model.safetensors": pin}))
        yield hub


def whole(toy: dict[str, bytes]) -> bool:
    """Whether the weights can be had, and are right."""
    return locate("toy", "model.safetensors").read_bytes() == toy[WEIGHTS]


def test_a_model_is_fetched_once_and_then_needs_no_hub(hub: Hub, toy: dict[str, bytes]) -> None:
    first = MaskedLM.from_pretrained("toy").state_dict()
    assert "GET model.safetensors" in hub.asked
    hub.behaviour, requests = 500, len(hub.asked)
    assert whole(toy)
    again = MaskedLM.from_pretrained("toy").state_dict()
    assert all(torch.equal(again[name], tensor) for name, tensor in first.items())
    assert len(hub.asked) == requests


@pytest.mark.parametrize(
    ("behaviour", "name", "filename", "message"),
    [
        ("good", "toy", "absent.json", "org/toy has no such file; expected a BERT or DistilBERT model"),
        ("good", "org/none", "config.json", "{hub} has no such model, or it is private. Check the name"),
        ("good", "moved", "config.json", f"{{hub}} lacks revision {'f' * 40}. Check HF_ENDPOINT"),
        (404, "toy", "config.json", "{hub} answered with error 404."),
        (503, "toy", "config.json", "{hub} answered with error 503. Try again later"),
        (401, "toy", "config.json", "{hub} refuses access (error 401). Log in with `hf auth login`, or set HF_HOME"),
        (403, "toy", "config.json", "{hub} refuses access (error 403). Log in with `hf auth login`, or set HF_HOME"),
        ("truncated", "toy", "model.safetensors", "the download from {hub} failed (Consistency check failed"),
    ],
)
def test_what_cannot_be_had_is_explained_in_one_line(
    hub: Hub, behaviour: str | int, name: str, filename: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(OFFICIAL, "moved", OfficialModel(NAME, "f" * 40, {}))
    hub.behaviour = behaviour
    with pytest.raises(FileNotFoundError, match=rf"^{filename} of org/.* could not be fetched: [^\n]*$") as caught:
        locate(name, filename)
    assert message.format(hub=hub.url) in str(caught.value)


def test_a_hub_that_fails_for_a_moment_is_asked_again(hub: Hub, toy: dict[str, bytes]) -> None:
    hub.behaviour, hub.recovers_after = 503, 2
    assert whole(toy)


@pytest.mark.parametrize(
    ("behaviour", "setting"), [("slow", "HF_HUB_ETAG_TIMEOUT"), ("stalls", "HF_HUB_DOWNLOAD_TIMEOUT")]
)
def test_a_slow_hub_is_not_waited_for(hub: Hub, behaviour: str, setting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, setting, 0.2)
    hub.behaviour = behaviour
    with pytest.raises(FileNotFoundError, match=rf"did not answer in time.*{setting}"):
        locate("toy", "model.safetensors")


def test_a_hub_that_asks_to_wait_is_asked_again_after_that_time(
    hub: Hub, toy: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    hub.behaviour, hub.recovers_after, hub.retry_after = 429, 3, "400"
    assert whole(toy)
    assert max(slept) >= 400


def test_a_wait_that_the_hub_asks_for_is_longer_than_the_patience(
    hub: Hub, toy: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "PATIENCE", 0.3)
    monkeypatch.setattr(time, "sleep", lambda seconds: hub.closing.wait(1) if seconds >= 1 else None)
    hub.behaviour, hub.recovers_after, hub.retry_after = 429, 3, "1"
    assert whole(toy)


def test_a_hub_that_drips_is_not_waited_for_without_end(
    hub: Hub, toy: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(waiting, "PATIENCE", 1.0)
    hub.behaviour = "drips"
    with pytest.raises(FileNotFoundError, match=r"nothing came for 1 seconds from (.*)\. Try again later") as caught:
        locate("toy", "model.safetensors")
    assert f"from {hub.url}. Try" in str(caught.value)
    assert f"waiting for {hub.url}" in caplog.text
    assert 5 < hub.sent < 100


def test_another_process_that_fetches_the_same_file_is_not_waited_for_without_end(
    hub: Hub, toy: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "PATIENCE", 0.5)
    path = Path(constants.HF_HUB_CACHE) / ".locks" / "models--org--toy" / f"{OFFICIAL['toy'].pins[FILE].sha256}.lock"
    path.parent.mkdir(parents=True)
    with FileLock(path), pytest.raises(FileNotFoundError, match=r"another process that fetches model\.safetensors"):
        locate("toy", FILE)
    monkeypatch.setattr(waiting, "PATIENCE", 30)
    assert whole(toy)


@pytest.mark.parametrize("name", ["toy", "org/toy"])
def test_a_file_without_an_end_is_not_written(hub: Hub, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1000)
    hub.behaviour = "endless"
    with pytest.raises(FileNotFoundError, match=r"more came than the \d+ bytes of the file"):
        locate(name, FILE)
    assert hub.sent < 10**8
    sizes = [path.stat().st_size for path in Path(constants.HF_HUB_CACHE).rglob("*") if path.is_file()]
    assert max(sizes) < 10_000


@pytest.mark.parametrize("etag", ["a/b", "W/a", "a b"])
def test_any_etag_will_do(hub: Hub, toy: dict[str, bytes], etag: str) -> None:
    hub.etag = etag
    assert whole(toy)
    locate("toy", FILE).resolve().write_bytes(b"damaged")
    assert whole(toy)
    assert locate("org/toy", FILE).read_bytes() == toy[WEIGHTS]


@pytest.mark.parametrize("etag", ["../../../evil", "{folder}/evil"])
def test_an_etag_that_leads_out_of_the_cache_is_refused(hub: Hub, tmp_path: Path, etag: str) -> None:
    hub.etag = etag.format(folder=tmp_path)
    with pytest.raises(FileNotFoundError, match="evil, which is no name for a file"):
        locate("toy", FILE)
    assert not list(tmp_path.rglob("evil*"))


def test_a_hub_that_cannot_be_reached(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", "http://127.0.0.1:9/{repo_id}/{revision}/{filename}")
    monkeypatch.setattr(time, "sleep", lambda seconds: pytest.fail("it is tried again and again"))
    with pytest.raises(FileNotFoundError, match=r"cannot be reached.*HF_HOME"):
        locate("toy", "config.json")


def test_reachability_says_whether_and_why(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    assert reachability(NAME, "config.json", COMMIT) == f"{hub.url} is reachable"
    hub.behaviour = 503
    assert "not reachable" in (line := reachability(NAME, "config.json", COMMIT))
    assert "error 503" in line
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE" in reachability(NAME, "config.json", COMMIT)


def test_offline_the_cache_serves_and_nobody_is_asked(
    hub: Hub, toy: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(FileNotFoundError, match=r"HF_HUB_OFFLINE forbids .*HF_HOME"):
        locate("toy", "model.safetensors")
    assert not hub.asked
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    assert whole(toy)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert whole(toy)


def test_altered_weights_are_refused_before_a_tensor_is_read(
    hub: Hub, toy: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    locate("toy", "config.json")
    hub.behaviour = "altered"
    monkeypatch.setattr(weights, "read_tensors", lambda path: pytest.fail("it is read"))
    with pytest.raises(ValueError, match=r"not the official file: model\.safetensors has sha256 "):
        MaskedLM.from_pretrained("toy")
    hub.behaviour = "good"
    assert whole(toy)


@pytest.mark.parametrize("cut", [0, 10])
def test_a_damaged_file_in_the_cache_is_fetched_again_once(
    hub: Hub, toy: dict[str, bytes], cut: int, caplog: pytest.LogCaptureFixture
) -> None:
    path = locate("toy", "model.safetensors")
    path.resolve().write_bytes(bytes([toy[WEIGHTS][0] ^ 1]) + toy[WEIGHTS][1 : len(toy[WEIGHTS]) - cut])
    with caplog.at_level(logging.WARNING):
        assert whole(toy)
    assert "model.safetensors has" in caplog.text
    assert whole(toy)
    assert hub.asked.count("GET model.safetensors") == 2


def test_a_damaged_file_is_not_used_where_the_hub_cannot_help(hub: Hub, toy: dict[str, bytes]) -> None:
    locate("toy", "model.safetensors").resolve().write_bytes(b"damaged")
    hub.behaviour = 503
    for _ in range(2):
        with pytest.raises(FileNotFoundError, match=r"is damaged in the Hugging Face cache .* error 503"):
            locate("toy", "model.safetensors")
    hub.behaviour = "good"
    assert whole(toy)


@pytest.fixture
def other(hub: Hub, toy: dict[str, bytes]) -> str:
    """A model on the hub that nobody pinned."""
    hub.files |= {name.replace(NAME, "org/other"): content for name, content in toy.items()}
    return "org/other"


def test_a_model_that_is_not_pinned_is_the_newest_or_the_one_in_the_cache(
    hub: Hub, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"{other}/config.json"
    assert locate(other, "config.json").read_bytes() == hub.files[name]
    hub.files[name] = hub.files[name].replace(b"0.02", b"0.03")
    assert b"0.02" not in hub.files[name]
    hub.behaviour = 503
    assert b"0.02" in locate(other, "config.json").read_bytes()
    with pytest.raises(FileNotFoundError, match="error 503"):
        locate(other, "model.safetensors")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert b"0.02" in locate(other, "config.json").read_bytes()


def test_a_damaged_file_of_a_model_that_is_not_pinned_is_fetched_again(
    other: str, toy: dict[str, bytes], caplog: pytest.LogCaptureFixture
) -> None:
    locate(other, "model.safetensors").resolve().write_bytes(toy[WEIGHTS][:-1] + bytes([toy[WEIGHTS][-1] ^ 1]))
    assert locate(other, "model.safetensors").read_bytes() == toy[WEIGHTS]
    assert "model.safetensors of org/other is damaged" in caplog.text


def test_a_model_that_is_not_pinned_and_arrives_damaged_twice_is_refused(hub: Hub, toy: dict[str, bytes]) -> None:
    hub.files[f"org/new/{WEIGHTS.rpartition('/')[2]}"] = toy[WEIGHTS]
    hub.behaviour = "altered"
    with pytest.raises(ValueError, match=r"model\.safetensors of org/new .* twice"):
        locate("org/new", "model.safetensors")


@pytest.mark.parametrize(("found", "message"), [("pytorch_model.bin", "a pickle"), ("tf_model.h5", "TensorFlow's")])
def test_weights_in_another_format_are_not_fetched(hub: Hub, found: str, message: str) -> None:
    hub.files[f"org/old/{found}"] = b"never read"
    hub.files["org/old/config.json"] = hub.files[f"{NAME}/config.json"]
    with pytest.raises(FileNotFoundError, match=rf"it has {found}, {message}.* convert it once") as caught:
        MaskedLM.from_pretrained("org/old")
    assert 'from_pretrained("org/old").save_pretrained(' in str(caught.value)
    assert f"GET {found}" not in hub.asked


def test_the_environment_is_honoured(hub: Hub, tmp_path: Path) -> None:
    """huggingface_hub reads its settings when it is imported, hence another process."""
    code = (
        "from minidistil.hub.official import locate\n"
        "for name in ('config.json', 'model.safetensors'):\n"
        "    try: print(locate('org/toy', name))\n"
        "    except OSError as error: print(error)"
    )

    def answers(**settings: str) -> list[str]:
        environment = {"HF_HOME": str(tmp_path / "home"), "PATH": "", "PYTHONPATH": ":".join(sys.path)} | settings
        result = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=300, check=True
        )
        return result.stdout.splitlines()

    first = answers(HF_ENDPOINT=hub.url)
    assert [Path(line).is_relative_to(tmp_path / "home") for line in first] == [True, True]
    Path(first[1]).unlink()
    offline = answers(HF_HUB_OFFLINE="1", HF_ENDPOINT=hub.url)
    assert offline[0] == first[0]
    assert "HF_HUB_OFFLINE forbids" in offline[1]


def test_a_tokenizer_says_on_the_hub_too_what_it_is(
    hub: Hub, toy: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cased = WordPiece([*SPECIAL_TOKENS, "Rome", "rome"], do_lower_case=False)
    cased.save(tmp_path / "cased")
    hub.files |= {f"org/cased/{path.name}": path.read_bytes() for path in (tmp_path / "cased").iterdir()}
    assert WordPiece.from_pretrained("org/cased").settings == cased.settings
    hub.behaviour = 503  # what the cache has, and knows to be absent, serves
    assert WordPiece.from_pretrained("org/cased").settings == cased.settings


def test_a_file_that_a_model_need_not_have(other: str, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    assert locate_if_any(other, "config.json") == locate(other, "config.json")
    assert locate_if_any(other, "absent.json") is None
    assert locate_if_any("toy", "config.json") is None, "not pinned"
    hub.behaviour = 503
    assert locate_if_any(other, "absent.json") is None
    with pytest.raises(FileNotFoundError, match="error 503"):
        locate_if_any(other, "other.json")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert locate_if_any(other, "other.json") is None
