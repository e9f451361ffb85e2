"""Chapter 7: a student made from some of its teacher's layers.

Read in this order: student.
"""

from minidistil.ch07_student.student import (
    PAPER_LAYERS,
    POSITION,
    TOKEN_TYPE,
    copied_names,
    default_layers,
    layer_cosines,
    student_config,
    student_of,
    student_tensors,
)

__all__ = [
    "PAPER_LAYERS", "POSITION", "TOKEN_TYPE", "copied_names", "default_layers", "layer_cosines", "student_config",
    "student_of", "student_tensors",
]  # fmt: skip
