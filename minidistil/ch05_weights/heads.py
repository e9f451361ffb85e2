"""Chapter 5. Heads: from the encoder's hidden states to scores of words and to sentence embeddings.

Masked LM: Devlin et al. (2019), section 3.1; the decoder shares the word embeddings
(Press and Wolf, 2017). Sentence embeddings: Reimers and Gurevych (2019), mean pooling.
The heads for classification are in classifiers.py, the one for question answering in question_answering.py.

Letters in shapes: B sequences, L tokens, D width, V vocabulary, N texts.
"""

from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor, nn

from minidistil.arguments import require_kind
from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch02_masking.masking import IGNORE
from minidistil.ch04_encoder.config import require_whole
from minidistil.ch04_encoder.encoder import Encoder, EncoderConfig, ModelOutput, initialize
from minidistil.ch04_encoder.inputs import require_fit, whole_labels
from minidistil.ch04_encoder.modes import evaluating
from minidistil.ch05_weights.sentence_config import SentenceConfig, read_sentence_config
from minidistil.ch05_weights.weights import Model


class MaskedLMHead(nn.Module):
    """Linear layer, GELU, layer norm; then a score for each word: the dot product with its embedding, plus a bias.

    >>> word = nn.Embedding(100, 4)
    >>> head = MaskedLMHead(EncoderConfig(vocab_size=100, hidden_size=4, num_attention_heads=1), word)
    >>> head(torch.ones(2, 3, 4)).shape
    torch.Size([2, 3, 100])
    """

    def __init__(self, config: EncoderConfig, word: nn.Embedding):
        super().__init__()
        self.transform: nn.Linear = nn.Linear(config.hidden_size, config.hidden_size)
        self.norm: nn.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.bias: nn.Parameter = nn.Parameter(torch.zeros(config.vocab_size))
        self.transform.apply(lambda module: initialize(module, config.initializer_range))
        self.word = word  # the encoder's own module, and then the weights are tied

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(..., D) -> (..., V)."""
        transformed = self.norm(nn.functional.gelu(self.transform(hidden_states)))  # (..., D)
        return nn.functional.linear(transformed, self.word.weight, self.bias)  # (..., V)


class MaskedLM(Model):
    """Encoder with a masked-LM head that is tied to the word embeddings (Devlin et al., 2019, section 3.1).

    With tie_word_embeddings False in the configuration, the decoder has a matrix of its own.

    For scores at chosen positions only: `model.head(model.encoder(ids, mask).last_hidden_state[chosen])`.
    """

    architecture = "ForMaskedLM"

    __call__: Callable[..., ModelOutput]  # of nn.Module, a type checker knows only that it returns Any

    def __init__(self, config: EncoderConfig):
        super().__init__()
        self.config = config
        self.encoder: Encoder = Encoder(config)
        word = self.encoder.embeddings.word
        if not config.tie_word_embeddings:
            word = nn.Embedding(config.vocab_size, config.hidden_size)
            initialize(word, config.initializer_range)
        self.head: MaskedLMHead = MaskedLMHead(config, word)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        labels: Tensor | None = None,
        output_hidden_states: bool = False,
        output_attentions: bool = False,
    ) -> ModelOutput:
        """As Encoder.forward, with logits (B, L, V) and, if labels (B, L) are given, the loss.

        The loss is the mean cross-entropy in nats over the positions whose label is not -100; NaN without any.

        Raises:
            TypeError, ValueError: as Encoder.forward, and for labels likewise.
        """
        output = self.encoder(input_ids, attention_mask, token_type_ids, output_hidden_states, output_attentions)
        output.logits = self.head(output.last_hidden_state)  # (B, L, V)
        if labels is not None:
            labels = whole_labels("labels", labels, tuple(input_ids.shape))
            output.loss = class_loss(output.logits.flatten(0, 1), labels.flatten())  # (B L, V), (B L,)
        return output


def class_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy in nats of logits (N, C) and labels (N,); a label of -100 is ignored.

    Raises:
        ValueError: a label is not the number of a class (on the CPU).
    """
    try:
        return nn.functional.cross_entropy(logits, labels, ignore_index=IGNORE)
    except IndexError as error:
        raise ValueError(
            f"The labels go from {labels.min()} to {labels.max()}: expected 0 to {logits.shape[-1] - 1}, "
            f"or {IGNORE} to ignore a position."
        ) from error


def mean_pooling(hidden_states: Tensor, attention_mask: Tensor | None = None) -> Tensor:
    """One vector for each text: the mean of its tokens' hidden states, without padding.

    >>> mean_pooling(torch.tensor([[[1.0, 2.0], [3.0, 6.0], [80.0, 90.0]]]), torch.tensor([[1, 1, 0]]))
    tensor([[2., 4.]])

    Args:
        hidden_states: (B, L, D).
        attention_mask: (B, L), 1 at real tokens and 0 at padding; None means no padding.

    Returns:
        (B, D).
    """
    if attention_mask is None:
        return hidden_states.mean(1)
    real = attention_mask[:, :, None].to(hidden_states.dtype)  # (B, L, 1)
    return (hidden_states * real).sum(1) / real.sum(1).clamp(min=1e-9)  # 0 for a text without tokens


def cls_pooling(hidden_states: Tensor, attention_mask: Tensor | None = None) -> Tensor:
    """One vector for each text: the hidden state of its first real token, [CLS]; shapes as in `mean_pooling`."""
    if attention_mask is None:
        return hidden_states[:, 0]
    rows = torch.arange(len(hidden_states), device=hidden_states.device)
    return hidden_states[rows, attention_mask.int().argmax(1)]


def max_pooling(hidden_states: Tensor, attention_mask: Tensor | None = None) -> Tensor:
    """One vector for each text: the largest value of each feature, without padding; shapes as in `mean_pooling`."""
    if attention_mask is not None:
        hidden_states = hidden_states.masked_fill(attention_mask[:, :, None] == 0, -torch.inf)
    return hidden_states.amax(1)


class SentenceEncoder(Model):
    """Encoder whose output is one vector for each text.

    The mean over the real tokens, normalised (Reimers and Gurevych, 2019, section 3), unless a SentenceConfig or the
    folder of the model says otherwise.
    """

    architecture = "Model"
    config: SentenceConfig

    __call__: Callable[..., Tensor]  # of nn.Module, a type checker knows only that it returns Any

    def __init__(self, config: EncoderConfig):
        super().__init__()
        require_kind(EncoderConfig, config=config)
        self.config = config if isinstance(config, SentenceConfig) else SentenceConfig(**asdict(config))
        self.encoder: Encoder = Encoder(self.config)

    @classmethod
    def read_config(cls, name: str | Path, config_path: Path) -> SentenceConfig:
        """As in sentence-transformers, whose files lie beside config.json."""
        return read_sentence_config(name, EncoderConfig.read(config_path))

    def more_files(self) -> dict[str, object]:
        """What sentence-transformers reads."""
        return self.config.files()

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, token_type_ids: Tensor | None = None
    ) -> Tensor:
        """A vector for each text, of length 1 if config.normalize: (B, L) -> (B, D); arguments as for Encoder.forward.

        Raises:
            TypeError, ValueError: as Encoder.forward.
        """
        hidden = self.encoder(input_ids, attention_mask, token_type_ids).last_hidden_state  # (B, L, D)
        pool = {"mean": mean_pooling, "cls": cls_pooling, "max": max_pooling}[self.config.pooling]
        pooled = pool(hidden, attention_mask)  # (B, D)
        return nn.functional.normalize(pooled, dim=-1) if self.config.normalize else pooled


@torch.no_grad()
def embed(texts: Iterable[str], model: SentenceEncoder, tokenizer: WordPiece, batch_size: int = 32) -> Tensor:
    """A vector for each text, (N, D) on the CPU. With length 1, as usual, a dot product is a cosine similarity.

    Of a text longer than the model reads (config.longest tokens), only the beginning counts, as in
    sentence-transformers.

    Args:
        texts: N texts, also as an array.
        model, tokenizer: a sentence encoder and its tokenizer.
        batch_size: how many texts are encoded at a time.

    Raises:
        TypeError: texts is one string or no texts, or model or tokenizer is something else.
        ValueError: no text, a vocabulary that does not fit, or batch_size is no whole number above 0.
    """
    require_kind(Iterable, texts=texts)
    require_whole("batch_size", batch_size, 1)
    require_fit(tokenizer, model, SentenceEncoder)
    texts = texts if isinstance(texts, str) else list(texts)
    device, length = next(model.parameters()).device, model.config.longest
    batches = [texts[start : start + batch_size] for start in range(0, len(texts), batch_size)] or [texts]
    encoded = (tokenizer.batch(batch, max_length=length) for batch in batches)
    with evaluating(model):
        return torch.cat([model(**{name: ids.to(device) for name, ids in batch.items()}).cpu() for batch in encoded])
