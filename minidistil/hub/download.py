"""The hub: one file of a model, from the Hugging Face cache or over the network.

`huggingface_hub` does the work, and honours HF_HOME, HF_ENDPOINT and HF_HUB_OFFLINE. Added here is what a
person at the keyboard needs: an answer in seconds where it would retry for minutes, one sentence
that says what to do, and damaged files put aside so that they are not met again.
"""

import contextlib
import re
import time
from pathlib import Path

from minidistil.files import sha256

TRIES = 3  # where the hub is there but stumbles (5xx)

NOT_SAFETENSORS = {
    "pytorch_model.bin": "a pickle, which can run code when it is opened",
    "tf_model.h5": "TensorFlow's format",
    "flax_model.msgpack": "Flax's format",
    "model.safetensors.index.json": "the index of weights in several files",
}

# What huggingface_hub and the HTTP library below it raise, by the names of the classes, and what to do about it.
_REASONS = {
    "OfflineModeIsEnabled": "HF_HUB_OFFLINE forbids to ask the hub. Unset it once, {elsewhere}.",
    "GatedRepoError": "its authors ask for consent. Give it on the model's page and log in with `hf auth login`.",
    "RepositoryNotFoundError": (
        "{hub} has no such model, or it is private. Check the name, or log in with `hf auth login`."
    ),
    "RevisionNotFoundError": "{hub} lacks revision {revision}. Check HF_ENDPOINT: is that a full copy of the hub?",
    "TimeoutException": (
        "{hub} did not answer in time. Try again, allow more seconds with HF_HUB_ETAG_TIMEOUT and "
        "HF_HUB_DOWNLOAD_TIMEOUT, {elsewhere}."
    ),
    "HfHubHTTPError": "{hub} answered with error {status}. Try again later, {elsewhere}.",
    "ConnectError": "{hub} cannot be reached. Connect to the network once, {elsewhere}.",
    "BaseException": "the download from {hub} failed ({text}). Try again, {elsewhere}.",
}


def cached(hub_id: str, filename: str, revision: str | None) -> Path | None:
    """Where the cache has a file of a revision (None: of the branch main as last seen), if it has it."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(hub_id, filename, revision=revision)
    return Path(found) if isinstance(found, str) else None


def is_whole(path: Path) -> bool:
    """Whether a file of the cache is the one that was sent, as far as can be told.

    The cache keeps a large file under its sha256 and links to it; of small files and without links nothing is known.
    """
    name = path.readlink().name if path.is_symlink() else ""
    return not re.fullmatch("[0-9a-f]{64}", name) or sha256(path) == name


def set_aside(path: Path) -> Path:
    """Rename a damaged file of the cache, which then counts as absent; returns its new path.

    Raises:
        ValueError: the cache cannot be written.
    """
    blob = path.resolve()  # the cache's names are links to files that are named by their hash
    number = 1
    while (aside := blob.with_name(f"{blob.name}.damaged-{number}")).exists():
        number += 1
    try:
        blob.rename(aside)
        path.unlink(missing_ok=True)
    except OSError as error:
        raise ValueError(f"{path} is damaged and cannot be renamed ({error.strerror}): delete it yourself.") from error
    return aside


def fetch(hub_id: str, filename: str, revision: str | None = None) -> Path:
    """A file from the hub, or the newest copy in the cache if the hub cannot be asked for an unpinned one.

    Raises:
        FileNotFoundError: neither has it; the message says why, and what to do.
    """
    kept = cached(hub_id, filename, revision)
    if kept is not None and revision is not None:
        return kept
    try:
        return _download(hub_id, filename, revision)
    except Exception as error:  # which classes there are depends on the HTTP library below huggingface_hub
        if kept is not None:
            return kept
        raise FileNotFoundError(
            f"{filename} of {hub_id} is not in the Hugging Face cache and could not be fetched: "
            f"{_explain(error, hub_id, filename, revision)}"
        ) from error


def reachability(hub_id: str, filename: str, revision: str | None = None) -> str:
    """Whether the hub can be asked for a file now, and if not, why: for a person to read."""
    from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url

    try:
        get_hf_file_metadata(hf_hub_url(hub_id, filename, revision=revision), timeout=constants.HF_HUB_ETAG_TIMEOUT)
    except Exception as error:  # as in `fetch`
        return f"not reachable, what is on this machine serves: {_explain(error, hub_id, filename, revision)}"
    return f"{constants.ENDPOINT} is reachable"


def convert_once(name: str | Path, found: str) -> str:
    """What to do about weights that are there, but in a format that is never read here."""
    return (
        f"it has {found}, {NOT_SAFETENSORS[found]}, and only model.safetensors is ever read here. If you trust it, "
        f'let transformers convert it once: AutoModelForMaskedLM.from_pretrained("{name}").save_pretrained("FOLDER"), '
        "or with the class of its head."
    )


def _download(hub_id: str, filename: str, revision: str | None) -> Path:
    from huggingface_hub import constants, get_hf_file_metadata, hf_hub_download, hf_hub_url
    from huggingface_hub.errors import HfHubHTTPError

    url = hf_hub_url(hub_id, filename, revision=revision)
    tries = 0
    while True:
        try:
            get_hf_file_metadata(url, timeout=constants.HF_HUB_ETAG_TIMEOUT)  # fails at once, hf_hub_download late
            return Path(hf_hub_download(hub_id, filename, revision=revision))
        except HfHubHTTPError as error:
            tries += 1
            if error.response.status_code < 500 or tries == TRIES:
                raise
            time.sleep(tries)


def _explain(error: BaseException, hub_id: str, filename: str, revision: str | None) -> str:
    """Reason and advice for what the hub's client raised."""
    from huggingface_hub import constants

    classes = {each.__name__ for each in type(error).__mro__}
    if "RemoteEntryNotFoundError" in classes:
        return _explain_absent_file(hub_id, filename, revision)
    sentence = next(sentence for name, sentence in _REASONS.items() if name in classes)
    return sentence.format(
        hub=constants.ENDPOINT,
        revision=revision,
        status=getattr(getattr(error, "response", None), "status_code", None),
        text=(str(error).strip() or type(error).__name__).splitlines()[0].rstrip("."),
        elsewhere="set HF_HOME to a cache that holds it, or pass the folder of a local copy",
    )


def _explain_absent_file(hub_id: str, filename: str, revision: str | None) -> str:
    if filename == "model.safetensors":
        for other in NOT_SAFETENSORS:
            if _exists(hub_id, other, revision):
                return convert_once(hub_id, other)
    return "the model's repository has no such file. Choose a BERT or DistilBERT model in Hugging Face format."


def _exists(hub_id: str, filename: str, revision: str | None) -> bool:
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    with contextlib.suppress(Exception):  # this look serves a better message only
        get_hf_file_metadata(hf_hub_url(hub_id, filename, revision=revision))
        return True
    return False
