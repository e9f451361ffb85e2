"""Chapter 11: int8 by hand, where the time goes, and models as ONNX graphs.

Read in this order: quantisation, int8, profiling, export.
"""

from minidistil.ch11_smaller_faster.export import Graph, OnnxModel, export_onnx, round_onnx
from minidistil.ch11_smaller_faster.int8 import Int8Embedding, load_int8, save_int8, to_int8
from minidistil.ch11_smaller_faster.profiling import PRODUCTS, VOCABULARY, time_by_kind
from minidistil.ch11_smaller_faster.quantisation import (
    affine_parameters,
    dequantize,
    int8_linear,
    int_matmul,
    quantize,
    signal_to_noise,
    symmetric_scale,
)

__all__ = [
    "PRODUCTS", "VOCABULARY", "Graph", "Int8Embedding", "OnnxModel", "affine_parameters", "dequantize", "export_onnx",
    "int8_linear", "int_matmul", "load_int8", "quantize", "round_onnx", "save_int8", "signal_to_noise",
    "symmetric_scale", "time_by_kind", "to_int8",
]  # fmt: skip
