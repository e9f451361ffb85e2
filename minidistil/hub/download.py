"""One file of a model, from the Hugging Face cache or from the hub.

`huggingface_hub` does the work: cache, locks, resumed and repeated requests, HF_HOME, HF_ENDPOINT and
HF_HUB_OFFLINE. Added here is an answer within seconds if there is no network, an end to waits and files without end,
and one sentence that says what to do. Weights that are not in safetensors format are never read.
"""

import contextlib
import functools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from minidistil.files import sha256
from minidistil.hub.waiting import Watch, in_time

NOT_SAFETENSORS = {
    "pytorch_model.bin": "a pickle, which can run code when it is opened",
    "tf_model.h5": "TensorFlow's format",
    "flax_model.msgpack": "Flax's format",
    "model.safetensors.index.json": "the index of weights in several files",
}

# What to do, by the name of the exception's class: the HTTP library below huggingface_hub differs between versions.
_REASONS = {
    "OfflineModeIsEnabled": "HF_HUB_OFFLINE forbids network access. Unset it once, {elsewhere}.",
    "GatedRepoError": "access must be requested. Do that on the model's page and log in with `hf auth login`.",
    "RepositoryNotFoundError": (
        "{hub} has no such model, or it is private. Check the name, or log in with `hf auth login`."
    ),
    "RevisionNotFoundError": "{hub} lacks revision {revision}. Check HF_ENDPOINT: is that a full copy of the hub?",
    "TimeoutException": (
        "{hub} did not answer in time. Try again, allow more seconds with HF_HUB_ETAG_TIMEOUT and "
        "HF_HUB_DOWNLOAD_TIMEOUT, {elsewhere}."
    ),
    "WaitedTooLong": "{text}. Try again later, {elsewhere}.",
    "Refused": "{hub} refuses access (error {status}). Log in with `hf auth login`, or {elsewhere}.",
    "HfHubHTTPError": "{hub} answered with error {status}. Try again later, {elsewhere}.",
    "ConnectError": "{hub} cannot be reached. Connect to the network once, {elsewhere}.",
    "BaseException": "the download from {hub} failed ({text}). Try again, {elsewhere}.",
}


def cached(hub_id: str, filename: str, revision: str | None) -> Path | None:
    """Where the cache has a file of a revision (None: of the branch main when last seen), if it has it."""
    from huggingface_hub import constants

    if not Path(constants.HF_HUB_CACHE, f"models--{hub_id.replace('/', '--')}").is_dir():
        return None  # without importing what can download, which takes a third of a second
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(hub_id, filename, revision=revision)
    return Path(found) if isinstance(found, str) else None


def known_absent(hub_id: str, filename: str) -> bool:
    """Whether the hub said, when it was last asked, that the model has no such file on its branch main."""
    from huggingface_hub import _CACHED_NO_EXIST, try_to_load_from_cache

    return try_to_load_from_cache(hub_id, filename) is _CACHED_NO_EXIST


def fetch(
    hub_id: str, filename: str, revision: str | None = None, again: bool = False, size: int | None = None
) -> Path:
    """A file from the hub; without a revision, the copy in the cache serves if the hub does not.

    Args:
        hub_id, filename, revision: what to fetch.
        again: replace the copy in the cache, which is damaged.
        size: in bytes, if it is known; else what the hub announces. Where more arrives, the download ends.

    Raises:
        FileNotFoundError: the file is not available; the message says why and what to do.
    """
    from huggingface_hub import constants, hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError

    def download(watch: Watch) -> Path:
        announced, asked_to_wait = None, 0.0
        try:
            found = _ask(hub_id, filename, revision)  # without a network hf_hub_download would try for minutes
            announced = found.size
            if found.etag and (Path(found.etag).is_absolute() or ".." in Path(found.etag).parts):
                raise ValueError(f"it announces the ETag {found.etag}, which is no name for a file in the cache")
        except HfHubHTTPError as error:  # an answer, if a bad one: hf_hub_download knows what to do, and waits
            with contextlib.suppress(ValueError):
                asked_to_wait = float(error.response.headers.get("Retry-After", 0))
        # It waits for a process that fetches the file already.
        watch.waits_for(f"{constants.ENDPOINT} or another process that fetches {filename}, too", asked_to_wait)
        bar = _watched_bar(watch, size or announced)
        return Path(hf_hub_download(hub_id, filename, revision=revision, force_download=again, tqdm_class=bar))

    try:
        return in_time(constants.ENDPOINT, download)
    except Exception as error:
        kept = None if again else cached(hub_id, filename, revision)
        if kept is not None:
            return kept
        raise FileNotFoundError(
            f"{filename} of {hub_id} is {'damaged' if again else 'not'} in the Hugging Face cache and could not be "
            f"fetched: {_explain(error, hub_id, filename, revision)}"
        ) from error


def is_offline(error: FileNotFoundError) -> bool:
    """Whether `fetch` failed because there is no network, or none may be used."""
    return type(error.__cause__).__name__ in ("OfflineModeIsEnabled", "ConnectError")


def reachability(hub_id: str, filename: str, revision: str | None = None) -> str:
    """Whether the hub has the file and answers now, and if not, why: for a person to read."""
    from huggingface_hub import constants

    try:
        in_time(constants.ENDPOINT, lambda watch: _ask(hub_id, filename, revision))
    except Exception as error:  # as in `fetch`
        return f"not reachable, what is on this machine serves: {_explain(error, hub_id, filename, revision)}"
    return f"{constants.ENDPOINT} is reachable"


def is_whole(path: Path) -> bool:
    """Whether a file of the cache is the one that was sent, as far as the cache knows.

    The cache keeps a large file under its sha256 and links to it; small files have no sha256 to compare.
    """
    name = path.readlink().name if path.is_symlink() else ""
    return not re.fullmatch("[0-9a-f]{64}", name) or sha256(path) == name


def explain_absence(name: str | Path, filename: str, has: Callable[[str], bool]) -> str:
    """What to do about a model that lacks a file; `has` tells whether it has another file."""
    for found, what in NOT_SAFETENSORS.items():
        if filename == "model.safetensors" and has(found):
            return (
                f"it has {found}, {what}, and only model.safetensors is ever read here. If you trust it, let "
                f'transformers convert it once: AutoModelForMaskedLM.from_pretrained("{name}").save_pretrained('
                '"FOLDER"), or with the class of its head.'
            )
    if filename == "model.safetensors" and has("model.int8.safetensors"):
        return "it holds a model in int8, written by `minidistil export`: read it with load_int8 of chapter 11."
    return "expected a BERT or DistilBERT model in Hugging Face format: config.json, model.safetensors, vocab.txt."


def _ask(hub_id: str, filename: str, revision: str | None) -> Any:
    """One request for the file's size and hash; raises what huggingface_hub raises."""
    from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url

    return get_hf_file_metadata(hf_hub_url(hub_id, filename, revision=revision), timeout=constants.HF_HUB_ETAG_TIMEOUT)


def _watched_bar(watch: Watch, size: int | None) -> Any:
    """A progress bar for `hf_hub_download` that tells the watch of each part and raises where more than all arrives."""
    from huggingface_hub import constants
    from huggingface_hub.utils import tqdm

    class Bar(tqdm):
        """Updated before a part is written."""

        def __init__(self, *args: Any, **kwargs: Any):
            self.received = 0.0
            self.limit = size if kwargs.get("name") == "huggingface_hub.http_get" else None  # other ways are bounded
            watch.waits_for(constants.ENDPOINT)
            super().__init__(*args, **kwargs)

        def update(self, n: float | None = 1) -> bool | None:
            self.received += n or 0
            watch.waits_for(constants.ENDPOINT)
            if watch.given_up or (self.limit is not None and self.received > self.limit):
                raise ValueError(f"more came than the {self.limit} bytes of the file")
            return super().update(n)

    return Bar


def _explain(error: BaseException, hub_id: str, filename: str, revision: str | None) -> str:
    """Reason and advice for what huggingface_hub raised."""
    from huggingface_hub import HfApi, constants

    if error.__cause__ is not None and type(error).__name__ in ("LocalEntryNotFoundError", "ValueError"):
        error = error.__cause__  # these say only that the cache cannot help
    classes = {each.__name__ for each in type(error).__mro__}
    if "RemoteEntryNotFoundError" in classes:
        exists = functools.partial(HfApi().file_exists, hub_id, revision=revision)
        return f"{hub_id} has no such file; {explain_absence(hub_id, filename, exists)}"
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status in (401, 403):
        classes.add("Refused")
    sentence = next(sentence for name, sentence in _REASONS.items() if name in classes)
    return sentence.format(
        hub=constants.ENDPOINT,
        revision=revision,
        status=status,
        text=(str(error).strip() or type(error).__name__).splitlines()[0].rstrip("."),
        elsewhere="set HF_HOME to a cache that holds it, or pass the folder of a local copy",
    )
