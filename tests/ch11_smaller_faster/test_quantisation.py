"""Chapter 11's arithmetic against PyTorch's quantised tensors, exact integer sums and closed forms."""

import math
from types import ModuleType

import pytest
import torch
from torch import Tensor

from minidistil.ch11_smaller_faster import quantisation

pytestmark = pytest.mark.filterwarnings("ignore")  # PyTorch's quantised tensors are deprecated
ZERO_POINT = torch.tensor(10, dtype=torch.int32)


def assert_same_integers(found: Tensor, official: Tensor, hint: str) -> None:
    """A value half-way between two integers may become either, and rounding errors decide what is half-way."""
    assert (found.int() - official.int()).abs().sum() <= 1, hint


# Scales


def test_a_scale_makes_the_largest_magnitude_127(impl: ModuleType) -> None:
    x = torch.tensor([[1.0, -254.0, 3.0], [12.7, 5.0, -6.0]])
    assert impl.symmetric_scale(x).item() == 2.0, "one scale for all"
    rows = impl.symmetric_scale(x, dim=-1)
    assert rows.shape == (2, 1), "the dimension is kept, so that the scales broadcast to the rows"
    torch.testing.assert_close(rows, torch.tensor([[2.0], [0.1]]))
    torch.testing.assert_close(impl.symmetric_scale(x, dim=0), torch.tensor([[12.7, 254.0, 6.0]]) / 127)


@pytest.mark.parametrize("dim", [None, -1, 0])
def test_of_zeros_the_scale_is_1(impl: ModuleType, dim: int | None) -> None:
    assert (impl.symmetric_scale(torch.zeros(3, 4), dim) == 1).all()
    assert impl.symmetric_scale(torch.tensor([[0.0, 0.0], [127.0, 1.0]]), dim=-1).flatten().tolist() == [1, 1]


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_not_finite_stays_visible(bad: float) -> None:
    x = torch.tensor([[1.0, bad], [1.0, 2.0]])
    scale = quantisation.symmetric_scale(x, dim=-1)
    back = quantisation.dequantize(quantisation.quantize(x, scale), scale)
    assert back.isfinite().all(-1).tolist() == [False, True]


@pytest.mark.parametrize(
    ("values", "scale", "zero_point"),
    [
        ([0.0, 51.0, 255.0], 1.0, 0),
        ([-255.0, -3.0], 1.0, 255),
        ([-100.0, 155.0], 1.0, 100),
        ([-0.17, 25.33], 0.1, 2),  # 1.7 steps below 0: rounded
        ([100.0, 255.0], 1.0, 0),  # 0 belongs to the range although no value is there
        ([0.0, 0.0], 1.0, 0),
    ],
)
def test_affine_parameters_by_hand(impl: ModuleType, values: list[float], scale: float, zero_point: int) -> None:
    found_scale, found_zero = impl.affine_parameters(torch.tensor(values))
    torch.testing.assert_close(found_scale, torch.tensor(scale))
    assert found_zero.dtype == torch.int32
    assert found_zero.item() == zero_point


def test_affine_parameters_are_those_of_torchs_observer(impl: ModuleType) -> None:
    observer = torch.ao.quantization.MinMaxObserver(dtype=torch.quint8, qscheme=torch.per_tensor_affine)
    gelu = torch.nn.functional.gelu(3 * torch.randn(200))
    for x in (torch.randn(50), torch.rand(7, 3) + 2, gelu, -torch.rand(9)):
        observer.reset_min_max_vals()
        observer(x)
        scale, zero_point = observer.calculate_qparams()
        found = impl.affine_parameters(x)
        torch.testing.assert_close(found[0].reshape(1), scale)
        assert abs(int(found[1]) - int(zero_point)) <= 1, "1: of a value that lies half-way"


# To integers and back


def test_rounding_by_hand(impl: ModuleType) -> None:
    x = torch.tensor([0.9, -0.9, 1.4, -1.6, 63.4, 200.0, -200.0])
    quantized = impl.quantize(x, torch.tensor(0.5))
    assert quantized.dtype == torch.int8
    assert quantized.tolist() == [2, -2, 3, -3, 127, 127, -127]
    assert impl.quantize(torch.tensor([200.0, -150.0]), torch.tensor(2.0)).tolist() == [100, -75], "first divide"
    shifted = impl.quantize(torch.tensor([0.0, 0.9, -0.9, -5.1, 200.0]), torch.tensor(0.5), ZERO_POINT)
    assert shifted.dtype == torch.uint8
    assert shifted.tolist() == [10, 12, 8, 0, 255]


@pytest.mark.parametrize("shape", [(5,), (4, 7), (2, 3, 8)])
def test_integers_are_those_of_torch(impl: ModuleType, shape: tuple[int, ...]) -> None:
    x = 3 * torch.randn(shape)
    scale = quantisation.symmetric_scale(x)
    official = torch.quantize_per_tensor(x, float(scale), 0, torch.qint8).int_repr()
    assert_same_integers(impl.quantize(x, scale), official, "one scale for all")
    for axis in (0, 1) if len(shape) == 2 else ():
        scale = quantisation.symmetric_scale(x, dim=1 - axis)
        zeros = torch.zeros(x.shape[axis], dtype=torch.int64)
        official = torch.quantize_per_channel(x, scale.flatten().double(), zeros, axis, torch.qint8).int_repr()
        assert_same_integers(impl.quantize(x, scale), official, f"a scale for each of axis {axis}")


def test_the_way_back_by_hand(impl: ModuleType) -> None:
    quantized = torch.tensor([[127, -127], [3, 0]], dtype=torch.int8)
    back = impl.dequantize(quantized, torch.tensor([[0.5], [2.0]]))
    assert back.dtype == torch.float32
    assert back.tolist() == [[63.5, -63.5], [6.0, 0.0]]
    unsigned = torch.tensor([0, 10, 255], dtype=torch.uint8)
    assert impl.dequantize(unsigned, torch.tensor(0.5), ZERO_POINT).tolist() == [-5, 0, 122.5]


@pytest.mark.parametrize("spread", [1e-3, 1.0, 1e4])
def test_nothing_is_off_by_more_than_half_a_step(impl: ModuleType, spread: float) -> None:
    x = spread * torch.randn(6, 50)
    for dim in (None, -1, 0):
        scale = quantisation.symmetric_scale(x, dim)
        off = impl.dequantize(impl.quantize(x, scale), scale) - x
        assert (off.abs() <= 0.5001 * scale).all()
    scale, zero_point = quantisation.affine_parameters(x)
    off = impl.dequantize(impl.quantize(x, scale, zero_point), scale, zero_point) - x
    assert (off.abs() <= 1.0001 * scale).all(), "with a zero point, half a step, and half a one more at the ends"


# The linear layer


def exact(x: Tensor, weight: Tensor, weight_scale: Tensor, bias: Tensor | None) -> Tensor:
    """The same layer in Python's integers and fp64, number by number."""
    rows = []
    for token in x.reshape(-1, x.shape[-1]):
        step = float(token.abs().max()) / 127 or 1.0
        steps = [round(float(value) / step) for value in token.double()]
        sums = [sum(a * b for a, b in zip(steps, row, strict=True)) for row in weight.tolist()]
        rows.append([total * step * float(each) for total, each in zip(sums, weight_scale, strict=True)])
    output = torch.tensor(rows, dtype=torch.float64) + (0 if bias is None else bias.double())
    return output.reshape(*x.shape[:-1], len(weight))


@pytest.mark.parametrize("shape", [(1, 4), (3, 5), (2, 3, 6), (7,), (2, 2, 2, 9)])
@pytest.mark.parametrize("with_bias", [True, False])
def test_a_layer_is_integers_times_scales(impl: ModuleType, shape: tuple[int, ...], with_bias: bool) -> None:
    x = torch.randn(shape) * torch.linspace(0.1, 5, math.prod(shape[:-1])).reshape(*shape[:-1], 1)
    weight = torch.randint(-127, 128, (3, shape[-1]), dtype=torch.int8)
    scale, bias = torch.tensor([[0.01], [0.2], [3.0]]), torch.randn(3) if with_bias else None
    output = impl.int8_linear(x, weight, scale, bias)
    assert output.dtype == torch.float32
    torch.testing.assert_close(output.double(), exact(x, weight, scale, bias), rtol=1e-4, atol=1e-3)


def test_a_sum_may_be_large(impl: ModuleType) -> None:
    x, weight = torch.ones(2, 3000), torch.full((1, 3000), 127, dtype=torch.int8)
    output = impl.int8_linear(x, weight, torch.tensor([[1.0]]))
    torch.testing.assert_close(output, torch.full((2, 1), 127.0 * 3000))


def test_a_token_does_not_depend_on_its_neighbours(impl: ModuleType) -> None:
    x, weight = torch.randn(4, 8), torch.randint(-127, 128, (5, 8), dtype=torch.int8)
    scale = torch.rand(5, 1) / 100
    alone = impl.int8_linear(x[:1], weight, scale)
    x[1:] *= 1000
    torch.testing.assert_close(impl.int8_linear(x, weight, scale)[:1], alone)


def test_a_token_of_zeros_gives_the_bias(impl: ModuleType) -> None:
    weight, bias = torch.randint(-127, 128, (5, 8), dtype=torch.int8), torch.randn(5)
    assert torch.equal(impl.int8_linear(torch.zeros(2, 8), weight, torch.ones(5, 1), bias), bias.expand(2, 5))


def test_a_layer_is_close_to_torchs_dynamic_one(impl: ModuleType) -> None:
    linear, x = torch.nn.Linear(64, 32).requires_grad_(False), torch.randn(10, 64)
    scale = quantisation.symmetric_scale(linear.weight, dim=-1)
    found = impl.int8_linear(x, quantisation.quantize(linear.weight, scale), scale, linear.bias)
    qconfig = {torch.nn.Linear: torch.ao.quantization.per_channel_dynamic_qconfig}
    official = torch.ao.quantization.quantize_dynamic(torch.nn.Sequential(linear), qconfig)(x)
    noise = quantisation.signal_to_noise
    assert noise(linear(x), found) > noise(linear(x), official) - 3, "at most a little worse than PyTorch's own"


@pytest.mark.parametrize("vnni", [True, False])
def test_products_are_exact_with_and_without_instructions_for_int8(vnni: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if vnni and not torch.cpu._is_vnni_supported():
        pytest.skip("this processor has none")
    monkeypatch.setattr(torch.cpu, "_is_vnni_supported", lambda: vnni)
    for tokens, inner, out in ((1, 1, 1), (1, 5, 3), (17, 768, 33), (4, 3072, 8), (2, 100_000, 3)):
        left = torch.randint(-127, 128, (tokens, inner), dtype=torch.int8)
        right = torch.randint(-127, 128, (out, inner), dtype=torch.int8)
        left[0], right[0] = 127, -127
        product, plain = (way(left, right.T) for way in (quantisation.int_matmul, quantisation.int_matmul_plain))
        assert product.dtype == plain.dtype == torch.int32
        assert torch.equal(product, plain)
        assert torch.equal(product.long(), left.long() @ right.T.long())


# The error


def test_decibels_by_hand(impl: ModuleType) -> None:
    x = torch.tensor([30.0, -40.0])  # 2500
    assert impl.signal_to_noise(x, torch.tensor([30.0, -45.0])) == pytest.approx(20)
    assert impl.signal_to_noise(x, torch.tensor([0.0, 10.0])) == pytest.approx(10 * math.log10(2500 / 3400))
    assert impl.signal_to_noise(x, x.clone()) == math.inf
    assert isinstance(impl.signal_to_noise(x, x + 1), float)


def test_a_bit_is_worth_6_decibels() -> None:
    x = torch.rand(100_000) * 2 - 1
    scale = quantisation.symmetric_scale(x)
    fine, coarse = (
        quantisation.signal_to_noise(x, quantisation.dequantize(quantisation.quantize(x, step), step))
        for step in (scale, 2 * scale)
    )
    assert fine - coarse == pytest.approx(20 * math.log10(2), abs=0.1)
    assert fine == pytest.approx(10 * math.log10((1 / 3) / ((1 / 127) ** 2 / 12)), abs=0.1)  # variances
