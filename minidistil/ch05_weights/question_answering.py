"""Chapter 5. Question answering: a head that finds where in a text the answer begins and where it ends.

Devlin et al. (2019), section 4.2: one linear layer that gives each token two scores, one for the start of the
answer and one for its end.

Letters in shapes: B sequences, L tokens.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from minidistil.ch04_encoder.encoder import ModelOutput, initialize
from minidistil.ch04_encoder.inputs import whole_labels
from minidistil.ch05_weights.classifiers import ClassifierConfig, TaskModel
from minidistil.ch05_weights.weights import model_type


@dataclass
class AnswerOutput(ModelOutput):
    """What a forward pass of QuestionAnswering returns."""

    start_logits: Tensor | Any = None  # (B, L): scores of the answer's first token
    end_logits: Tensor | Any = None  # (B, L): scores of its last token


def answer_loss(start_logits: Tensor, end_logits: Tensor, start_positions: Tensor, end_positions: Tensor) -> Tensor:
    """The mean of two cross-entropies over the L positions: of the answer's first token, and of its last.

    >>> import torch
    >>> answer_loss(torch.zeros(1, 4), torch.zeros(1, 4), torch.tensor([1]), torch.tensor([2]))  # ln 4
    tensor(1.3863)

    Args:
        start_logits, end_logits: (B, L).
        start_positions, end_positions: (B,) int64. A position of L or more (the answer was cut off) is ignored.
    """
    length = start_logits.shape[1]
    losses = [
        nn.functional.cross_entropy(logits, positions.clamp(0, length), ignore_index=length)
        for logits, positions in ((start_logits, start_positions), (end_logits, end_positions))
    ]
    return (losses[0] + losses[1]) / 2


class QuestionAnswering(TaskModel):
    """Encoder that marks the answer in a text: two scores for each token, as the answer's start and as its end.

    Devlin et al. (2019), section 4.2; figure 4, c.

    Raises:
        ValueError: the configuration has not two classes.
    """

    architecture = "ForQuestionAnswering"

    __call__: Callable[..., AnswerOutput]  # of nn.Module, a type checker knows only that it returns Any

    def __init__(self, config: ClassifierConfig):
        super().__init__(config)
        if len(config.id2label) != 2:
            raise ValueError(f"id2label has {len(config.id2label)} classes: expected 2, the answer's start and end.")
        self.dropout: nn.Dropout = nn.Dropout(0.0 if model_type(config) == "bert" else config.qa_dropout)
        self.qa_outputs: nn.Linear = nn.Linear(config.hidden_size, 2)
        self.qa_outputs.apply(lambda module: initialize(module, config.initializer_range))

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        start_positions: Tensor | None = None,
        end_positions: Tensor | None = None,
        output_hidden_states: bool = False,
        output_attentions: bool = False,
    ) -> AnswerOutput:
        """As Encoder.forward, with start_logits and end_logits (B, L) and, if both positions are given, the loss.

        The positions, (B,) int64, are those of the answer's first and last token. The loss is the mean of the two
        cross-entropies in nats; a position of L or more (the answer was cut off) is ignored.

        Raises:
            TypeError, ValueError: as Encoder.forward, and for positions likewise.
        """
        output = self.encoder(input_ids, attention_mask, token_type_ids, output_hidden_states, output_attentions)
        start, end = self.qa_outputs(self.dropout(output.last_hidden_state)).unbind(-1)  # (B, L) each
        answer = AnswerOutput(
            output.last_hidden_state, output.hidden_states, output.attentions, start_logits=start, end_logits=end
        )
        if start_positions is not None and end_positions is not None:
            batch = (len(input_ids),)
            starts = whole_labels("start_positions", start_positions, batch)
            ends = whole_labels("end_positions", end_positions, batch)
            answer.loss = answer_loss(start, end, starts, ends)
        return answer
