"""DistilBERT on one page: from a text to a distilled student, with torch and the standard library alone.

    python minidistil/one_page.py TEACHER TEXT OUT [STEPS]

TEACHER is a folder with vocab.txt, config.json and model.safetensors of a BERT with a masked-LM head, in Hugging Face's
format. TEXT is a UTF-8 file with one document a line. OUT is a new folder for the student, a DistilBERT that
transformers loads. A model is a dictionary of tensors here, under the names that they have in BERT's file.

References: Devlin et al. (2019), "BERT"; Sanh et al. (2019), "DistilBERT"; Hinton et al. (2015), section 2.

Letters in shapes: B sequences, L tokens, D width, H heads, K = D / H, V vocabulary, N masked tokens, M real tokens.
"""

import json
import math
import random
import re
import struct
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

# --- 1. Text becomes tokens: clean, split into words, take the longest piece that the vocabulary has ---


def words(text: str) -> Iterator[str]:
    """Lower-case words without accents; every punctuation mark and every Chinese character is a word of its own."""
    kept = "".join(
        c for c in text if c in "\t\n\r" or (unicodedata.category(c) not in ("Cc", "Cf", "Co") and c != "\ufffd")
    )
    spaced = re.sub(
        "([\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002ceaf\U0002f800-\U0002fa1f])", r" \1 ", kept
    )
    plain = "".join(c for c in unicodedata.normalize("NFD", spaced) if unicodedata.category(c) != "Mn").lower()
    for stretch in plain.split():
        word = ""
        for c in stretch:
            if unicodedata.category(c)[0] == "P" or (c.isascii() and not c.isalnum()):
                yield from filter(None, (word, c))
                word = ""
            else:
                word += c
        if word:
            yield word


def pieces(word: str, vocab: dict[str, int]) -> list[int]:
    """A word as the longest pieces from the left, "##" before all but the first; [UNK] if that fails."""
    ids, start = [], 0
    while start < len(word):
        for end in range(len(word), start, -1):
            piece = ("##" if start else "") + word[start:end]
            if piece in vocab and len(word) <= 100:
                break
        else:
            return [vocab["[UNK]"]]
        ids.append(vocab[piece])
        start = end
    return ids


def encode(text: str, vocab: dict[str, int]) -> list[int]:
    """The ids of a text, without [CLS] and [SEP]; special tokens may be written in it."""
    parts = re.split(r"(\[(?:PAD|UNK|CLS|SEP|MASK)\])", text)
    return [i for part in parts for i in ([vocab[part]] if part in vocab and part[:1] == "[" and part[-1:] == "]"
            else [i for word in words(part) for i in pieces(word, vocab)])]  # fmt: skip


# --- 2. Tokens become masked batches ---


def sequences(documents: Iterable[str], vocab: dict[str, int], length: int = 128) -> list[list[int]]:
    """[CLS] … [SEP], at most `length` tokens each; the short rest of a document is dropped."""
    found, room = [], length - 2
    for document in documents:
        ids = encode(document, vocab)
        found += [[vocab["[CLS]"], *ids[i : i + room], vocab["[SEP]"]] for i in range(0, len(ids), room)]
    return [each for each in found if len(each) >= 12]


def masked_batch(chosen: list[list[int]], vocab: dict[str, int], share: float = 0.15) -> tuple[Tensor, Tensor, Tensor]:
    """input_ids with masks in place, attention_mask, labels (-100: not guessed), each (B, L)."""
    ids = torch.nn.utils.rnn.pad_sequence([torch.tensor(each) for each in chosen], batch_first=True)
    special = torch.tensor([vocab[name] for name in ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")])
    ordinary = ~torch.isin(ids, special)
    count = math.ceil(share * int(ordinary.sum()))
    places = torch.multinomial(ordinary.flatten().float(), count)  # (N,) without replacement
    hole = torch.zeros(ids.numel(), dtype=torch.bool).index_fill_(0, places, True).view_as(ids)
    draw, other = torch.rand(ids.shape), (ids + torch.randint(1, len(vocab), ids.shape)) % len(vocab)
    shown = torch.where(hole & (draw < 0.8), vocab["[MASK]"], ids)  # 80 % [MASK], 10 % as it was, 10 % another token
    shown = torch.where(hole & (draw >= 0.9), other, shown)
    return shown, (ids != vocab["[PAD]"]).long(), torch.where(hole, ids, -100)


# --- 3. The model: an encoder of attention and feed-forward layers, and a head that scores every word ---

Weights = dict[str, Tensor]


def linear(x: Tensor, w: Weights, name: str) -> Tensor:
    """x W^T + b."""
    return F.linear(x, w[name + ".weight"], w[name + ".bias"])


def norm(x: Tensor, w: Weights, name: str) -> Tensor:
    """Each token's features with mean 0 and variance 1, then scaled and shifted."""
    return F.layer_norm(x, x.shape[-1:], w[name + ".weight"], w[name + ".bias"], eps=1e-12)


def encoder(w: Weights, ids: Tensor, mask: Tensor, heads: int) -> Tensor:
    """(B, L) ids -> (B, L, D): a vector for each token that knows its neighbours."""
    x = (
        w["bert.embeddings.word_embeddings.weight"][ids]
        + w["bert.embeddings.position_embeddings.weight"][: ids.shape[1]]
    )
    if "bert.embeddings.token_type_embeddings.weight" in w:  # a student has none
        x = x + w["bert.embeddings.token_type_embeddings.weight"][0]
    x = norm(x, w, "bert.embeddings.LayerNorm")
    for n in range(count_layers(w)):
        layer = f"bert.encoder.layer.{n}."
        query, key, value = (
            linear(x, w, f"{layer}attention.self.{name}").unflatten(-1, (heads, -1)).transpose(1, 2)  # (B, H, L, K)
            for name in ("query", "key", "value")
        )
        scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])  # (B, H, L, L)
        weights = scores.masked_fill(mask[:, None, None, :] == 0, -math.inf).softmax(-1)
        mixed = (weights @ value).transpose(1, 2).flatten(2)  # (B, L, D)
        x = norm(x + linear(mixed, w, f"{layer}attention.output.dense"), w, f"{layer}attention.output.LayerNorm")
        wide = F.gelu(linear(x, w, f"{layer}intermediate.dense"))  # (B, L, 4 D)
        x = norm(x + linear(wide, w, f"{layer}output.dense"), w, f"{layer}output.LayerNorm")
    return x


def head(w: Weights, hidden: Tensor) -> Tensor:
    """(N, D) -> (N, V): a score for each word, the dot product with its embedding plus a bias."""
    x = norm(F.gelu(linear(hidden, w, f"{HEAD}.transform.dense")), w, f"{HEAD}.transform.LayerNorm")
    return F.linear(x, w["bert.embeddings.word_embeddings.weight"], w[f"{HEAD}.bias"])


HEAD = "cls.predictions"


def count_layers(w: Weights) -> int:
    """The number of layers in a dictionary of weights."""
    return len({name.split(".")[3] for name in w if name.startswith("bert.encoder.layer.")})


# --- 4. Weights in and out: safetensors is a JSON header and bytes ---


def read(path: Path) -> Weights:
    """The tensors of a safetensors file in fp32, under today's names."""
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + size])
    header.pop("__metadata__", None)
    kinds = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
    w = {}
    for name, entry in header.items():
        if entry["dtype"] in kinds:
            start, end = (8 + size + offset for offset in entry["data_offsets"])
            flat = torch.frombuffer(bytearray(data[start:end]), dtype=kinds[entry["dtype"]])
            name = name.replace("LayerNorm.gamma", "LayerNorm.weight").replace("LayerNorm.beta", "LayerNorm.bias")
            w[name] = flat.view(entry["shape"]).float()
    return w


TO_DISTILBERT = (  # BERT's name of a module, DistilBERT's
    ("bert.encoder.layer", "distilbert.transformer.layer"), ("bert.embeddings", "distilbert.embeddings"),
    ("attention.self.query", "attention.q_lin"), ("attention.self.key", "attention.k_lin"),
    ("attention.self.value", "attention.v_lin"), ("attention.output.dense", "attention.out_lin"),
    ("attention.output.LayerNorm", "sa_layer_norm"), ("intermediate.dense", "ffn.lin1"),
    ("output.dense", "ffn.lin2"), ("output.LayerNorm", "output_layer_norm"),
    (f"{HEAD}.transform.dense", "vocab_transform"), (f"{HEAD}.transform.LayerNorm", "vocab_layer_norm"),
    (f"{HEAD}.bias", "vocab_projector.bias"),
)  # fmt: skip


def save(w: Weights, vocab: dict[str, int], heads: int, folder: Path) -> None:
    """The student in Hugging Face's format."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    blocks, end = [], 0
    for name, tensor in w.items():
        for old, new in TO_DISTILBERT:
            name = name.replace(old, new)
        blocks.append(tensor.detach().contiguous().numpy().tobytes())
        header[name] = {
            "dtype": "F32",
            "shape": list(tensor.shape),
            "data_offsets": [end, end := end + len(blocks[-1])],
        }
    text = json.dumps(header).encode()
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + b"".join(blocks))
    (folder / "vocab.txt").write_text("\n".join(vocab) + "\n", encoding="utf-8")
    words, wide = w["bert.embeddings.word_embeddings.weight"], w["bert.encoder.layer.0.intermediate.dense.weight"]
    config = {
        "model_type": "distilbert", "architectures": ["DistilBertForMaskedLM"], "vocab_size": words.shape[0],
        "dim": words.shape[1], "hidden_dim": wide.shape[0], "n_layers": count_layers(w), "n_heads": heads,
        "max_position_embeddings": len(w["bert.embeddings.position_embeddings.weight"]), "activation": "gelu",
        "sinusoidal_pos_embds": False, "tie_weights_": True, "pad_token_id": 0,
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config, indent=2), encoding="utf-8")


# --- 5. The student starts as every other layer of its teacher ---


def student_of(teacher: Weights, layers: list[int]) -> Weights:
    """Copies of the embeddings, of some layers and of the head. The vector of token type 0 joins the positions'."""
    student = {}
    for name, tensor in teacher.items():
        if name.startswith("bert.encoder.layer."):
            number = int(name.split(".")[3])
            if number in layers:
                student[name.replace(f"layer.{number}.", f"layer.{layers.index(number)}.", 1)] = tensor.clone()
        elif name.startswith(("bert.embeddings.", HEAD)) and not re.search("token_type|decoder|position_ids", name):
            student[name] = tensor.clone()
    student["bert.embeddings.position_embeddings.weight"] += teacher["bert.embeddings.token_type_embeddings.weight"][0]
    return {name: tensor.requires_grad_() for name, tensor in student.items()}


# --- 6. The triple loss ---


def triple_loss(student: Weights, teacher: Weights, batch: tuple[Tensor, Tensor, Tensor], heads: int) -> Tensor:
    """5 L_ce + 2 L_mlm + 1 L_cos: the teacher's probabilities, the right words, the direction of the vectors."""
    ids, mask, labels = batch
    hole, real, temperature = labels != -100, mask.bool(), 2.0
    with torch.no_grad():
        taught = encoder(teacher, ids, mask, heads)  # (B, L, D)
        soft = head(teacher, taught[hole]) / temperature  # (N, V)
    learned = encoder(student, ids, mask, heads)  # (B, L, D)
    logits = head(student, learned[hole])  # (N, V)
    kl = F.kl_div((logits / temperature).log_softmax(-1), soft.log_softmax(-1), reduction="batchmean", log_target=True)
    ce = kl * temperature**2  # without T^2, a higher temperature would mean smaller gradients
    mlm = F.cross_entropy(logits, labels[hole])
    cos = 1 - F.cosine_similarity(learned[real], taught[real], dim=-1).mean()  # (M, D)
    return 5.0 * ce + 2.0 * mlm + 1.0 * cos


# --- 7. The loop ---


def train(
    student: Weights, teacher: Weights, batches: Iterator[tuple[Tensor, Tensor, Tensor]], steps: int, heads: int,
    learning_rate: float = 1e-3,
) -> Iterator[float]:  # fmt: skip
    """AdamW with a linear warm-up over 5 % of the steps and a linear decay to 0; yields each step's loss."""
    optimizer = torch.optim.AdamW(student.values(), lr=learning_rate, betas=(0.9, 0.98), eps=1e-6, weight_decay=0.0)
    warmup = math.ceil(0.05 * steps)
    for step in range(steps):
        rate = (step + 1) / warmup if step < warmup else (steps - step) / max(1, steps - warmup)
        optimizer.param_groups[0]["lr"] = learning_rate * rate
        optimizer.zero_grad()
        loss = triple_loss(student, teacher, next(batches), heads)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(student.values(), 5.0)
        optimizer.step()
        yield loss.item()


@torch.no_grad()
def fill(w: Weights, text: str, vocab: dict[str, int], heads: int) -> str:
    """The five most probable words for the first [MASK]."""
    ids = torch.tensor([[vocab["[CLS]"], *encode(text, vocab), vocab["[SEP]"]]])
    hole = ids == vocab["[MASK]"]
    chance, words = head(w, encoder(w, ids, torch.ones_like(ids), heads)[hole])[0].softmax(-1).topk(5)
    names = list(vocab)
    return ", ".join(f"{names[i]} {p:.2f}" for i, p in zip(words.tolist(), chance.tolist(), strict=True))


def main(folder: Path, text: Path, out: Path, steps: int = 300) -> None:
    """Distil, save, and let both models guess."""
    torch.manual_seed(56)
    vocab = {token: i for i, token in enumerate((folder / "vocab.txt").read_text(encoding="utf-8").splitlines())}
    heads = json.loads((folder / "config.json").read_text(encoding="utf-8"))["num_attention_heads"]
    teacher = read(folder / "model.safetensors")
    student = student_of(teacher, list(range(0, count_layers(teacher), 2)))
    data = sequences(text.read_text(encoding="utf-8").splitlines(), vocab)
    batches = (masked_batch(random.Random(n).sample(data, min(16, len(data))), vocab) for n in range(steps))
    for step, loss in enumerate(train(student, teacher, batches, steps, heads), start=1):
        if step == 1 or step % 10 == 0:
            print(f"step {step:>5} of {steps}: loss {loss:.3f}", flush=True)
    save(student, vocab, heads, out)
    for name, w in (("teacher", teacher), ("student", student)):
        guesses = fill(w, "Returns a [MASK] of the elements.", vocab, heads)
        print(f"{name}: Returns a [MASK] of the elements. -> {guesses}")


if __name__ == "__main__":
    if len(sys.argv) not in (4, 5):
        sys.exit(__doc__)
    teacher_folder, text_file, out_folder = map(Path, sys.argv[1:4])
    main(teacher_folder, text_file, out_folder, *map(int, sys.argv[4:]))
