"""Chapter 5, heads and official weights: write them yourself.

Replace each `raise NotImplementedError` by your code. Keep the names and the arguments, and in the two
classes also what `__init__` makes: the tests put official weights into it. At the end your heads
read official files and give the same numbers as `transformers`:

    minidistil check ch05                    what is right, what is not, and what it looks like
    minidistil hint ch05 1                   a hint for the first exercise that is not written yet
    minidistil hint ch05 2 mean_pooling      the second hint for that one

Letters in shapes: B sequences, L tokens, D width, V vocabulary, C classes, M masks in all texts together.
From the package you may use the helpers imported below. The encoder is chapter 4.
"""

import re

import torch
from torch import Tensor, nn
from torch.nn import functional

from minidistil.ch04_encoder.encoder import EncoderConfig, gelu, initialize
from minidistil.ch05_weights.classifiers import ClassifierConfig
from minidistil.ch05_weights.heads import MaskedLM
from minidistil.ch05_weights.weights import model_type


class MaskedLMHead(nn.Module):
    """From a hidden state to a score for each word of the vocabulary, with the encoder's word embeddings.

    >>> word = nn.Embedding(100, 4)
    >>> head = MaskedLMHead(EncoderConfig(vocab_size=100, hidden_size=4, num_attention_heads=1), word)
    >>> head(torch.ones(2, 3, 4)).shape
    torch.Size([2, 3, 100])
    """

    def __init__(self, config: EncoderConfig, word: nn.Embedding):
        super().__init__()
        self.transform = nn.Linear(config.hidden_size, config.hidden_size)
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))
        self.transform.apply(lambda module: initialize(module, config.initializer_range))
        self.word = word  # the encoder's own module, whose weight is (V, D)

    def forward(self, hidden_states: Tensor) -> Tensor:
        """Transform, GELU, norm. The score of a word is the dot product of that with its embedding, plus its bias.

        Args:
            hidden_states: (..., D).

        Returns:
            (..., V), scores without a softmax.
        """
        raise NotImplementedError


class SequenceClassifierHead(nn.Module):
    """From the hidden state at [CLS] to a score for each class.

    >>> config = ClassifierConfig(hidden_size=4, num_attention_heads=1, id2label=("bad", "so-so", "good"))
    >>> SequenceClassifierHead(config)(torch.ones(2, 7, 4)).shape
    torch.Size([2, 3])
    """

    def __init__(self, config: ClassifierConfig):
        super().__init__()
        self.is_bert = model_type(config) == "bert"
        default = config.dropout if self.is_bert else 0.2
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.dropout = nn.Dropout(default if config.classifier_dropout is None else config.classifier_dropout)
        self.classifier = nn.Linear(config.hidden_size, len(config.id2label))
        self.apply(lambda module: initialize(module, config.initializer_range))

    def forward(self, hidden_states: Tensor) -> Tensor:
        """The hidden state at the first position through dense, activation function, dropout and classifier.

        The activation function is tanh in BERT, ReLU in DistilBERT.

        Args:
            hidden_states: (B, L, D).

        Returns:
            (B, C).
        """
        raise NotImplementedError


def sequence_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """The loss of a classifier of texts. The number of classes and the type of the labels decide which one.

    You may use PyTorch's losses in `nn.functional`.

    Args:
        logits: (B, C).
        labels: one of three:
            C is 1: (B,) numbers to predict, integers or floating point. Mean squared error.
            C is larger, integers (B,): the right class of each text. Mean cross-entropy, in nats.
            C is larger, floating point (B, C): 1 for each class that applies, 0 for the others
            (multi-label). Mean binary cross-entropy of each score's sigmoid, in nats.

    Returns:
        A single number.

    >>> sequence_loss(torch.tensor([[1.0], [2.0]]), torch.tensor([4.0, 2.0]))
    tensor(4.5000)
    >>> sequence_loss(torch.zeros(1, 2), torch.tensor([1]))  # ln 2
    tensor(0.6931)
    """
    raise NotImplementedError


def answer_loss(start_logits: Tensor, end_logits: Tensor, start_positions: Tensor, end_positions: Tensor) -> Tensor:
    """The loss of question answering: where does the answer begin, where does it end?

    Each is a choice among the L positions, so each has a cross-entropy over them; the loss is the mean of the two.
    A position of L or more means that the answer was cut off with the end of the text. It is ignored: that
    cross-entropy is the mean over the other texts.

    Args:
        start_logits, end_logits: (B, L).
        start_positions, end_positions: (B,) int64, 0 or more.

    Returns:
        A single number.

    >>> even = torch.zeros(1, 4)
    >>> answer_loss(even, even, torch.tensor([1]), torch.tensor([2]))  # ln 4
    tensor(1.3863)
    """
    raise NotImplementedError


def mean_pooling(hidden_states: Tensor, attention_mask: Tensor | None = None) -> Tensor:
    """One vector for each text: the mean of the hidden states of its real tokens.

    Args:
        hidden_states: (B, L, D).
        attention_mask: (B, L), 1 at real tokens and 0 at padding, integers or bool; None means no padding.

    Returns:
        (B, D).

    >>> hidden_states = torch.tensor([[[1.0, 2.0], [3.0, 6.0], [80.0, 90.0]]])
    >>> mean_pooling(hidden_states, torch.tensor([[1, 1, 0]]))
    tensor([[2., 4.]])
    """
    raise NotImplementedError


def their_name(ours: str, model_type: str, prefix: bool = True) -> str:
    """The name that Hugging Face's BERT or DistilBERT gives to a tensor of minidistil.

    The modules of minidistil's encoder are called `embeddings.word`, `.position`, `.token_type`, `.norm`, and in
    block 3 `layers.3.attention.query`, `.key`, `.value`, `.output`, `layers.3.attention_norm`, `.expand`,
    `.contract`, `.output_norm`. A masked LM has `head.transform`, `head.norm` and `head.bias`; a classifier of
    texts `head.dense` and `head.classifier`; one of tokens `classifier`; question answering `qa_outputs`. Section
    5.5 of the notebook has the names in BERT and DistilBERT, and so does
    `[name for name, _ in transformers.DistilBertForMaskedLM(transformers.DistilBertConfig()).named_parameters()]`.

    Args:
        ours: a name in minidistil's state dict. In a model with a head, the names in the encoder begin with
            "encoder."; an encoder alone has names like "layers.0.expand.bias".
        model_type: "bert" or "distilbert".
        prefix: whether the names in the encoder of a model with a head begin with "bert." or "distilbert.".
            Names in the head do not, except BERT's pooler (head.dense), which Hugging Face counts as encoder: it is
            "bert.pooler.dense.weight" with the prefix and "pooler.dense.weight" without.

    Returns:
        The name in a model.safetensors.

    >>> their_name("encoder.layers.3.expand.weight", "bert")
    'bert.encoder.layer.3.intermediate.dense.weight'
    >>> their_name("encoder.layers.3.expand.weight", "distilbert", prefix=False)
    'transformer.layer.3.ffn.lin1.weight'
    >>> their_name("head.bias", "distilbert")
    'vocab_projector.bias'
    """
    raise NotImplementedError


def mask_probabilities(model: MaskedLM, input_ids: Tensor, attention_mask: Tensor | None, mask_token_id: int) -> Tensor:
    """The probability of every word at every mask, without projecting any other position onto the vocabulary.

    So do not call the model as a whole, which scores every position.
    `model.encoder(input_ids, attention_mask).last_hidden_state` is (B, L, D); `model.head` makes (..., V) of (..., D).

    Args:
        model: a masked LM, in the mode (training or evaluation) that it has and keeps.
        input_ids: (B, L).
        attention_mask: (B, L), 1 at real tokens and 0 at padding; None means no padding.
        mask_token_id: the id of [MASK].

    Returns:
        (M, V), each row sums to 1: the masks from left to right, text after text.

    >>> model = MaskedLM(EncoderConfig(vocab_size=20, hidden_size=4, num_hidden_layers=1, num_attention_heads=1))
    >>> mask_probabilities(model, torch.tensor([[7, 3, 8], [3, 3, 9]]), None, mask_token_id=3).shape
    torch.Size([3, 20])
    """
    raise NotImplementedError
