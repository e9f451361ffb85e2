"""Chapter 9: which tokens are hidden, whose they are, and what a model answers at them."""

import pytest
import torch

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch02_masking.corpus import Corpus, sequences
from minidistil.ch05_weights.heads import MaskedLM
from minidistil.ch09_evaluation.held_out import MaskedText, answers, masked_documents, masked_text


def test_hidden_tokens_are_always_the_same_and_all_behind_mask(
    text: MaskedText, tiny_corpus: Corpus, tokenizer: WordPiece
) -> None:
    again = masked_text(sequences(tiny_corpus.test, tokenizer, 64), tokenizer, batch_size=8)
    for (input_ids, _, labels), (same, _, _) in zip(text.batches, again.batches, strict=True):
        assert torch.equal(input_ids, same)
        assert torch.equal(labels != -100, input_ids == tokenizer.mask_token_id)


def test_masked_text_refuses_what_it_cannot_number(tokenizer: WordPiece) -> None:
    cut = sequences(["One sentence of twelve ordinary words or more, so that it is not dropped."], tokenizer, 64)
    with pytest.raises(ValueError, match="sequence"):
        masked_text([], tokenizer)
    with pytest.raises(ValueError, match=r"documents.* 1 .* 2"):
        masked_text(cut, tokenizer, documents=[0, 1])


def test_hidden_tokens_know_their_document(tokenizer: WordPiece) -> None:
    words = ["one", "two", "three", "four", "five"]
    documents = [f"{word} " * count for word, count in zip(words, (90, 60, 300, 3, 40), strict=True)]
    text = masked_documents(documents, tokenizer, 64)
    hidden = torch.cat([labels[labels != -100] for _, _, labels in text.batches])
    assert [words[number] for number in text.documents] == [tokenizer.decode([token]) for token in hidden.tolist()]
    assert text.documents.unique().tolist() == [0, 1, 2, 4]  # "three" in several sequences; "four" is too short
    cut = masked_text(sequences(documents, tokenizer, 64), tokenizer)
    assert all(torch.equal(left[0], right[0]) for left, right in zip(text.batches, cut.batches, strict=True))
    assert len(cut.documents.unique()) == len(sequences(documents, tokenizer, 64))
    for (input_ids, _, labels), origins in zip(text.batches, text.origins, strict=True):
        first = torch.where(labels == -100, input_ids, labels)[:, 1].tolist()  # of each sequence, hidden or not
        assert [words[number] for number in origins] == [tokenizer.decode([token]) for token in first]


def test_confidence_is_the_probability_of_the_guess(text: MaskedText, tiny_teacher: MaskedLM) -> None:
    probabilities = []
    with torch.no_grad():
        for input_ids, attention_mask, labels in text.batches:
            logits = tiny_teacher(input_ids, attention_mask).logits[labels != -100].double()
            probabilities.append(logits.softmax(-1).max(-1).values)
    confidence = answers(tiny_teacher, text).confidence.double()
    torch.testing.assert_close(confidence, torch.cat(probabilities), rtol=1e-4, atol=1e-6)
