"""The reference for this chapter: small models of transformers with random weights, large enough that mistakes show."""

from typing import Any

import torch
import transformers


def peer(
    kind: str,
    head: str = "ForMaskedLM",
    width: int = 24,
    layers: int = 2,
    heads: int = 3,
    dropout: float = 0.0,
    **more: Any,
) -> Any:
    """A model of transformers' "bert" or "distilbert"; `head` is the name of its class without Bert/DistilBert."""
    more = {"vocab_size": 200, "max_position_embeddings": 40, "initializer_range": 0.1} | more
    if kind == "bert":
        config: Any = transformers.BertConfig(
            hidden_size=width, num_hidden_layers=layers, num_attention_heads=heads, intermediate_size=2 * width,
            hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout, **more,
        )  # fmt: skip
    else:
        config = transformers.DistilBertConfig(
            dim=width, n_layers=layers, n_heads=heads, hidden_dim=2 * width, dropout=dropout,
            attention_dropout=dropout, seq_classif_dropout=dropout, qa_dropout=dropout, **more,
        )  # fmt: skip
    model = getattr(transformers, ("Bert" if kind == "bert" else "DistilBert") + head)(config)
    perturb(model)
    return model.eval()


def perturb(model: torch.nn.Module) -> None:
    """Biases and norms start at 0 and 1, where many mistakes do not show."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))


def assert_whole(report: dict[str, Any]) -> None:
    """Nothing was missing or left over when transformers loaded a model."""
    assert not any(report[problem] for problem in ("missing_keys", "unexpected_keys", "mismatched_keys"))
