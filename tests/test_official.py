"""Where official files come from: cache, package, hub (a local server that speaks its protocol)."""

import hashlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from minidistil.official import OFFICIAL, Pin, locate, verify

HUB = OFFICIAL["distilbert-base-uncased"]
FILES = {"config.json": b'{"model_type": "distilbert"}', "model.safetensors": b"not the official weights"}


class Hub(BaseHTTPRequestHandler):
    """/{repository}/resolve/{revision}/{file}, as the hub answers for small files."""

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        prefix = f"/{HUB.hub_id}/resolve/{HUB.revision}/"
        content = FILES.get(self.path.removeprefix(prefix)) if self.path.startswith(prefix) else None
        if content is None:
            self.send_response(200 if self.path == "/" else 404)
            if self.path != "/":
                self.send_header("X-Error-Code", "EntryNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("X-Repo-Commit", HUB.revision)
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if body:
            self.wfile.write(content)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def locate_in_fresh_process(filename: str, home: Path, endpoint: str, name: str = "distilbert-base-uncased") -> str:
    """huggingface_hub reads its settings when it is imported, hence another process."""
    code = (
        "import sys\nfrom minidistil.official import locate\n"
        f"try: print(locate({name!r}, {filename!r}).read_bytes())\n"
        "except (ValueError, OSError) as error: print(type(error).__name__, error)"
    )
    environment = {"HF_HOME": str(home), "HF_ENDPOINT": endpoint, "PATH": "", "PYTHONPATH": ":".join(sys.path)}
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120)
    return result.stdout.strip() or result.stderr


def test_a_file_is_fetched_from_the_hub_and_then_found_in_the_cache(hub: str, tmp_path: Path) -> None:
    assert locate_in_fresh_process("config.json", tmp_path, hub) == str(FILES["config.json"])
    nowhere = "http://127.0.0.1:9"
    assert locate_in_fresh_process("config.json", tmp_path, nowhere) == str(FILES["config.json"])


def test_what_is_not_the_pinned_file_is_refused(hub: str, tmp_path: Path) -> None:
    answer = locate_in_fresh_process("model.safetensors", tmp_path, hub)
    assert answer.startswith("ValueError model.safetensors has 24 bytes, expected 267954768.")


def test_a_file_that_the_hub_lacks_and_a_hub_that_is_not_there(hub: str, tmp_path: Path) -> None:
    for endpoint in (hub, "http://127.0.0.1:9"):
        answer = locate_in_fresh_process("absent.json", tmp_path, endpoint)
        assert answer.startswith(f"FileNotFoundError absent.json of {HUB.hub_id} is not in the Hugging Face cache")


def test_the_installed_package_serves_without_a_hub(tmp_path: Path) -> None:
    answer = locate_in_fresh_process("config.json", tmp_path, "http://127.0.0.1:9", "minilm")
    assert "hidden_size" in answer
    vocabulary = locate_in_fresh_process("vocab.txt", tmp_path, "http://127.0.0.1:9", "bert-base-uncased")
    assert vocabulary.startswith("b'[PAD]")


def test_altered_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "vocab.txt"
    content = bytearray(locate("minilm", "vocab.txt").read_bytes())
    content[1000] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"vocab\.txt has sha256 .*, expected 07eced37"):
        verify(path, OFFICIAL["minilm"].pins["vocab.txt"])
    with pytest.raises(ValueError, match="has 231508 bytes, expected 3"):
        verify(path, Pin(3, ""))


def test_unknown_names_are_explained(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Unknown model 'bert-huge': expected one of distilbert-base-uncased"):
        locate("bert-huge", "config.json")
    with pytest.raises(FileNotFoundError, match=r"has no vocab\.txt"):
        locate(tmp_path, "vocab.txt")
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="is a file; expected the folder"):
        locate(tmp_path / "file", "vocab.txt")
