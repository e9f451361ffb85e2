"""Chapter 7: exactly which tensors are copied and which are dropped."""

import pytest
import torch

from minidistil.heads import MaskedLM
from minidistil.student import default_layers, student_of


def test_the_default_is_every_other_layer_and_for_twelve_the_papers() -> None:
    assert default_layers(12) == (0, 2, 4, 7, 9, 11)
    assert default_layers(6) == (0, 2, 4)


def test_layers_head_and_embeddings_are_copied_token_types_are_not(tiny_teacher: MaskedLM) -> None:
    student = student_of(tiny_teacher, (1, 3))
    assert student.config.num_hidden_layers == 2
    for new, old in ((0, 1), (1, 3)):
        theirs = tiny_teacher.encoder.layers[old].state_dict()
        for name, tensor in student.encoder.layers[new].state_dict().items():
            assert torch.equal(tensor, theirs[name]), name
    for name in ("transform.weight", "transform.bias", "norm.weight", "norm.bias", "bias", "word.weight"):
        assert torch.equal(student.head.state_dict()[name], tiny_teacher.head.state_dict()[name]), name
    assert student.encoder.embeddings.token_type is None
    assert not any(
        student_parameter.data_ptr() == parameter.data_ptr()
        for student_parameter in student.parameters()
        for parameter in tiny_teacher.parameters()
    )


def test_student_and_teacher_compute_the_same_embeddings(tiny_teacher: MaskedLM) -> None:
    input_ids = torch.randint(0, 999, (2, 30))
    student = student_of(tiny_teacher).eval()
    ours, theirs = student.encoder.embeddings(input_ids), tiny_teacher.encoder.embeddings(input_ids)
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=0)


def test_all_layers_make_a_student_equal_to_its_teacher(tiny_teacher: MaskedLM) -> None:
    input_ids = torch.randint(0, 999, (2, 30))
    student = student_of(tiny_teacher, range(4)).eval()
    torch.testing.assert_close(student(input_ids).logits, tiny_teacher(input_ids).logits, atol=1e-6, rtol=0)


@pytest.mark.parametrize("layers", [(), (4,), (-1, 0)])
def test_bad_layers_are_explained(tiny_teacher: MaskedLM, layers: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="expected numbers from 0 to 3"):
        student_of(tiny_teacher, layers)
