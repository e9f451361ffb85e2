"""Wrong int8 arithmetic that people really write."""

import math

import torch

from minidistil.course.misconceptions import misconception

_LARGEST, _STEPS = 127, 255


def _step(largest, integers=_LARGEST):
    return torch.where(largest == 0, 1.0, largest / integers)


def _magnitude(x, dim):
    return x.abs().amax() if dim is None else x.abs().amax(dim, keepdim=True)


_MATRIX = torch.tensor([[1.0, -8.0, 3.0], [5.0, 2.0, -4.0], [0.5, 0.25, -1.0]])
_BY_ROW = [(_MATRIX, -1), (_MATRIX[:2], -1)]
_WHOLE = [(_MATRIX,), (_MATRIX, -1)]


@misconception("symmetric_scale", "maximum instead of magnitude", inputs=[(_MATRIX,), (_MATRIX[:1], -1)])
def maximum_not_magnitude(x, dim=None):
    """The scale comes from the largest value, so a large negative value does not fit into the range.

    Take the absolute values first: x.abs().amax(...).
    """
    return _step(x.amax() if dim is None else x.amax(dim, keepdim=True))


@misconception("symmetric_scale", "128 instead of 127", inputs=_WHOLE)
def divided_by_128(x, dim=None):
    """Divided by 128, the largest magnitude becomes 128, which is not an int8.

    Divide by LARGEST, 127.
    """
    return _step(_magnitude(x, dim), 128)


@misconception("symmetric_scale", "magnitude spread over 255 steps", inputs=_WHOLE)
def spread_over_255(x, dim=None):
    """There are 255 steps between the two ends of int8, but only 127 between 0 and one end.

    From 0 to the largest magnitude there are 127 steps.
    """
    return _step(_magnitude(x, dim), 255)


@misconception("symmetric_scale", "scales along the wrong axis", inputs=_BY_ROW)
def wrong_axis(x, dim=None):
    """The maximum is taken over the other dimension: every column has a scale instead of every row.

    dim is the dimension that the maximum reduces: x.abs().amax(dim, keepdim=True).
    """
    if dim is None or x.dim() < 2:
        return _step(x.abs().amax())
    return _step(_magnitude(x, 0 if dim in (-1, x.dim() - 1) else -1))


@misconception("symmetric_scale", "one scale for everything", inputs=_BY_ROW)
def one_scale_for_all(x, dim=None):
    """dim is ignored: one large row makes the steps of all rows coarse.

    If dim is given, take the maximum along it and keep it with size 1.
    """
    return _step(x.abs().amax())


@misconception("symmetric_scale", "a scale of 0", symptom=lambda each: each(torch.zeros(2, 3), -1)[0, 0] == 0)
def zero_row(x, dim=None):
    """A row of zeros gets the scale 0, and dividing by it gives NaN.

    torch.where(largest == 0, 1.0, largest / LARGEST).
    """
    return _magnitude(x, dim) / _LARGEST


@misconception("symmetric_scale", "dimension dropped", inputs=_BY_ROW)
def dimension_dropped(x, dim=None):
    """The scales have lost the dimension, so they broadcast to the columns, or not at all.

    amax(dim, keepdim=True) gives (O, 1), which broadcasts to the rows.
    """
    return _step(x.abs().amax() if dim is None else x.abs().amax(dim))


@misconception("symmetric_scale", "scale upside down", inputs=_WHOLE)
def scale_upside_down(x, dim=None):
    """127 divided by the magnitude is the number of steps in a unit; the scale is the size of a step.

    Magnitude divided by 127: a number is its integer times the scale.
    """
    largest = _magnitude(x, dim)
    return torch.where(largest == 0, 1.0, _LARGEST / largest)


@misconception("symmetric_scale", "range divided by 255", inputs=_WHOLE)
def range_divided_by_255(x, dim=None):
    """(max - min) / 255 is the scale of the affine mapping. Without a zero point, one end of the range does not fit.

    The largest magnitude divided by 127.
    """
    if dim is None:
        return _step(x.amax() - x.amin(), _STEPS)
    return _step(x.amax(dim, keepdim=True) - x.amin(dim, keepdim=True), _STEPS)


@misconception("symmetric_scale", "mean instead of maximum", inputs=_WHOLE)
def mean_magnitude(x, dim=None):
    """The mean magnitude becomes 127, so about half of the values are clipped.

    .amax, the largest one.
    """
    return _step(x.abs().mean() if dim is None else x.abs().mean(dim, keepdim=True))


@misconception(
    "symmetric_scale",
    "a small number instead of 1 for zeros",
    symptom=lambda function: 0 < function(torch.zeros(2, 3), -1)[0, 0] < 0.1,
)
def clamped_to_a_small_number(x, dim=None):
    """Where all values are 0, the scale is a tiny number; asked for is 1.

    torch.where(largest == 0, 1.0, largest / LARGEST).
    """
    return _magnitude(x, dim).clamp(min=1e-8) / _LARGEST


def _affine(low, high, steps=_STEPS):
    scale = torch.where(low == high, 1.0, (high - low) / steps)
    return scale, (-low / scale).round().to(torch.int32)


def _ends(x):
    return x.amin().clamp(max=0), x.amax().clamp(min=0)


_RANGES = [(torch.tensor([-0.17, 25.33]),), (torch.tensor([[-3.0, 1.0], [4.0, -1.7]]),)]


@misconception(
    "affine_parameters",
    "0 outside of the range",
    inputs=[(torch.tensor([100.0, 255.0]),), (torch.tensor([-9.0, -4.0]),)],
)
def zero_not_in_the_range(x):
    """If all values are on one side of 0, no integer stands for 0: the zero point is not between 0 and 255.

    Clamp the lowest value to at most 0 and the highest to at least 0.
    """
    return _affine(x.amin(), x.amax())


@misconception("affine_parameters", "zero point truncated instead of rounded", inputs=[(torch.tensor([-0.17, 25.33]),)])
def zero_point_truncated(x):
    """Converting to int32 drops the fraction: 1.7 becomes 1.

    Call round() before to(torch.int32).
    """
    low, high = _ends(x)
    scale, _ = _affine(low, high)
    return scale, (-low / scale).to(torch.int32)


@misconception("affine_parameters", "zero point with the wrong sign", inputs=_RANGES)
def zero_point_with_the_wrong_sign(x):
    """The zero point is negative; it is the number of steps from the lower end up to 0.

    -low / scale: low is negative or 0.
    """
    scale, zero_point = _affine(*_ends(x))
    return scale, -zero_point


@misconception("affine_parameters", "zero point always in the middle", inputs=_RANGES)
def zero_point_in_the_middle(x):
    """A range centred on 0 wastes half of its integers if the values are on one side.

    Use the lowest and the highest value, not the largest magnitude.
    """
    return _step(x.abs().amax(), _STEPS / 2), torch.tensor(128, dtype=torch.int32)


@misconception("affine_parameters", "256 steps", inputs=[(torch.tensor([0.0, 51.0]),), (torch.tensor([-10.0, 92.0]),)])
def divided_by_256(x):
    """256 values have 255 steps between them.

    Divide by STEPS, 255.
    """
    return _affine(*_ends(x), 256)


@misconception("affine_parameters", "a range without width", inputs=[(torch.zeros(3),)])
def no_width(x):
    """If all values are 0, the scale is 0 and the zero point is 0 / 0.

    torch.where(low == high, 1.0, ...).
    """
    low, high = _ends(x)
    scale = (high - low) / _STEPS
    return scale, (-low / scale).round().to(torch.int32)


@misconception("affine_parameters", "int8's zero point", inputs=_RANGES)
def zero_point_of_int8(x):
    """The zero point is 128 too low: that is the one for integers from -128 to 127.

    Here the integers go from 0 to 255: -low / scale, rounded.
    """
    scale, zero_point = _affine(*_ends(x))
    return scale, zero_point - 128


@misconception("affine_parameters", "highest value instead of the lowest", inputs=_RANGES)
def zero_point_from_the_top(x):
    """The zero point is counted from the upper end of the range.

    -low / scale: the number of steps from the lowest value up to 0.
    """
    low, high = _ends(x)
    scale, _ = _affine(low, high)
    return scale, (high / scale).round().to(torch.int32)


@misconception("affine_parameters", "scale upside down", inputs=_RANGES)
def affine_scale_upside_down(x):
    """The scale is the number of steps in 1, but it is the size of a step.

    (high - low) / STEPS.
    """
    low, high = _ends(x)
    scale, zero_point = _affine(low, high)
    return 1 / scale, zero_point


def _clipped(steps, zero_point, lowest=-_LARGEST):
    if zero_point is None:
        return steps.clamp(lowest, _LARGEST).to(torch.int8)
    return (steps + zero_point).clamp(0, _STEPS).to(torch.uint8)


_ONE, _TWO, _HALF = torch.tensor(1.0), torch.tensor(2.0), torch.tensor(0.5)
_ZERO_POINT = torch.tensor(10, dtype=torch.int32)
_VALUES = [(torch.tensor([0.9, -0.8, -5.7, 3.1]), _TWO), (torch.tensor([0.9, -2.8, 4.6]), _HALF, _ZERO_POINT)]
_FAR = [(torch.tensor([300.0, -200.0, 3.0]), _ONE), (torch.tensor([300.0, -20.0]), _ONE, _ZERO_POINT)]


@misconception("quantize", "truncated instead of rounded", inputs=_VALUES)
def truncated(x, scale, zero_point=None):
    """The fraction is dropped, so everything moves towards 0 by up to a whole step.

    Call round() before changing the type.
    """
    return _clipped(x / scale, zero_point)


@misconception("quantize", "rounded down", inputs=_VALUES)
def rounded_down(x, scale, zero_point=None):
    """floor moves everything down, by half a step on average, and such errors add up in a sum.

    round() goes to the nearest integer.
    """
    return _clipped((x / scale).floor(), zero_point)


@misconception("quantize", "overflow at the end of the range", inputs=_FAR)
def not_clipped(x, scale, zero_point=None):
    """300 does not fit into int8 and becomes 44: a very large value becomes an arbitrary one.

    clamp(-LARGEST, LARGEST) before to(torch.int8); with a zero point, clamp(0, STEPS).
    """
    steps = (x / scale).round() + (0 if zero_point is None else zero_point)
    return steps.to(torch.int64).to(torch.int8 if zero_point is None else torch.uint8)


@misconception("quantize", "-128 used", inputs=_FAR[:1])
def down_to_minus_128(x, scale, zero_point=None):
    """The range goes from -128 to 127, so -x is not always treated like x.

    clamp(-LARGEST, LARGEST).
    """
    return _clipped((x / scale).round(), zero_point, lowest=-128)


@misconception("quantize", "multiplied by the scale", inputs=_VALUES)
def multiplied(x, scale, zero_point=None):
    """The scale is the size of a step: the number of steps in x is a division.

    x / scale here, times the scale in dequantize.
    """
    return _clipped((x * scale).round(), zero_point)


@misconception(
    "quantize",
    "zero point subtracted instead of added",
    inputs=[(torch.tensor([0.9, 7.8]), torch.tensor(0.5), _ZERO_POINT)],
)
def zero_point_subtracted(x, scale, zero_point=None):
    """0 must become the zero point; here it becomes minus the zero point, which is clipped.

    Add it here, subtract it in dequantize.
    """
    return _clipped((x / scale).round(), None if zero_point is None else -zero_point)


@misconception(
    "quantize",
    "integers kept as fp32",
    symptom=lambda function: function(_MATRIX.clone(), _ONE).dtype == torch.float32,
)
def still_floating(x, scale, zero_point=None):
    """The values are whole numbers, but each still takes four bytes.

    End with to(torch.int8), or to(torch.uint8) if there is a zero point.
    """
    return _clipped((x / scale).round(), zero_point).float()


_UPPER = [(torch.tensor([100.0, 3.0, -4.0]), _HALF, _ZERO_POINT)]
_LOWER = [(torch.tensor([-3.0, -0.5, 4.0]), _HALF, _ZERO_POINT)]


@misconception("quantize", "clipped to int8 before the zero point", inputs=_UPPER)
def clipped_to_int8_first(x, scale, zero_point=None):
    """The integers are clipped to -127 and 127 before the zero point is added, so the upper part of uint8 is lost.

    First add the zero point, then clamp(0, STEPS).
    """
    steps = (x / scale).round().clamp(-_LARGEST, _LARGEST)
    return _clipped(steps, zero_point)


@misconception("quantize", "clipped to uint8 before the zero point", inputs=_LOWER)
def clipped_to_uint8_first(x, scale, zero_point=None):
    """The integers are clipped to 0 and 255 before the zero point is added, so every negative value becomes 0.

    First add the zero point, then clamp(0, STEPS).
    """
    steps = (x / scale).round()
    return _clipped(steps if zero_point is None else steps.clamp(0, _STEPS), zero_point)


@misconception("quantize", "one half added and truncated", inputs=[(torch.tensor([-0.9, -1.6, 0.9]), _ONE)])
def half_added_and_truncated(x, scale, zero_point=None):
    """Adding 0.5 and dropping the fraction rounds numbers above 0 only: -1.6 becomes -1.

    round(), or floor(x + 0.5), which goes down for negative numbers too.
    """
    return _clipped((x / scale + 0.5).trunc(), zero_point)


@misconception("quantize", "zero point forgotten in quantize", inputs=_VALUES[1:])
def zero_point_not_added(x, scale, zero_point=None):
    """The type is uint8, but the zero point is not added: every negative value is clipped to 0.

    Add zero_point before clamp(0, STEPS).
    """
    return _clipped((x / scale).round(), None if zero_point is None else 0)


_SHIFTED = [(torch.tensor([8, 10, 200], dtype=torch.uint8), _HALF, _ZERO_POINT)]


@misconception("dequantize", "zero point subtracted in uint8", inputs=_SHIFTED)
def subtracted_in_uint8(quantized, scale, zero_point=None):
    """uint8 has no negative numbers: 8 - 10 becomes 254.

    quantized.float() first, then subtract.
    """
    shift = 0 if zero_point is None else zero_point.to(quantized.dtype)
    return (quantized - shift).float() * scale


@misconception("dequantize", "zero point forgotten", inputs=_SHIFTED)
def zero_point_forgotten(quantized, scale, zero_point=None):
    """The integers are multiplied with the zero point still in them: everything is shifted.

    (quantized.float() - zero_point) * scale.
    """
    return quantized.float() * scale


@misconception("dequantize", "zero point subtracted after scaling", inputs=_SHIFTED)
def scaled_before_the_zero_point(quantized, scale, zero_point=None):
    """The zero point is an integer, so it belongs to the integers, not to the scaled numbers.

    Subtract first, then multiply.
    """
    return quantized.float() * scale - (0 if zero_point is None else zero_point)


@misconception(
    "dequantize",
    "divided by the scale again",
    inputs=[*_SHIFTED, (torch.tensor([[8, -10], [100, 3]], dtype=torch.int8), _TWO)],
)
def divided_again(quantized, scale, zero_point=None):
    """quantize divided by the scale, so dequantize must multiply by it.

    A number is its integer times the scale.
    """
    return (quantized.float() - (0 if zero_point is None else zero_point)) / scale


@misconception("dequantize", "zero point added", inputs=_SHIFTED)
def zero_point_added(quantized, scale, zero_point=None):
    """The zero point is added once more instead of being removed.

    quantize added it, so subtract it here.
    """
    return (quantized.float() + (0 if zero_point is None else zero_point)) * scale


@misconception("dequantize", "scale forgotten", inputs=_SHIFTED)
def scale_forgotten(quantized, scale, zero_point=None):
    """The integers are returned as they are, without their scale.

    Multiply by the scale at the end.
    """
    return quantized.float() - (0 if zero_point is None else zero_point)


def _rounded_tokens(x):
    tokens = x.reshape(-1, x.shape[-1])
    scale = _step(tokens.abs().amax(-1, keepdim=True))
    return (tokens / scale).round().to(torch.int8), scale


def _sums(x, weight):
    steps, scale = _rounded_tokens(x)
    return (steps.int() @ weight.int().T).float(), scale


def _output(values, x, weight, bias):
    values = values if bias is None else values + bias
    return values.reshape(*x.shape[:-1], len(weight))


_WEIGHT = torch.tensor([[127, -30, 5], [64, 100, -127]], dtype=torch.int8)
_TOKENS = torch.tensor([[1.0, -2.0, 0.3], [30.0, 7.0, -9.0]])
_OTHERS = torch.tensor([[[0.2, 0.7, 0.1]], [[3.0, 2.9, -1.1]]])
_LAYER = [
    (_TOKENS, _WEIGHT, torch.tensor([[0.5], [0.02]]), torch.tensor([0.3, -1.7])),
    (_OTHERS, _WEIGHT, torch.tensor([[0.7], [0.1]]), torch.tensor([2.26, 0.57])),
]


@misconception("int8_linear", "sums in int8", inputs=_LAYER)
def sums_in_int8(x, weight, weight_scale, bias=None):
    """The matrix product of int8 tensors is int8 in PyTorch, and every sum above 127 overflows silently.

    Use int_matmul, whose sums are int32.
    """
    steps, scale = _rounded_tokens(x)
    return _output((steps @ weight.T) * scale * weight_scale.T, x, weight, bias)


@misconception("int8_linear", "one scale for the whole batch", inputs=_LAYER)
def one_scale_for_the_batch(x, weight, weight_scale, bias=None):
    """A token's result depends on the other texts in the batch: one large value makes all steps coarse.

    symmetric_scale(tokens, dim=-1), a scale for each token.
    """
    tokens = x.reshape(-1, x.shape[-1])
    scale = _step(tokens.abs().amax())
    steps = (tokens / scale).round().int()
    return _output((steps @ weight.int().T).float() * scale * weight_scale.T, x, weight, bias)


@misconception("int8_linear", "scale of the weight forgotten", inputs=_LAYER)
def scale_of_the_weight_forgotten(x, weight, weight_scale, bias=None):
    """The sums are multiplied by the tokens' scales, but not by those of the weight's rows.

    sums * scale * weight_scale.T.
    """
    sums, scale = _sums(x, weight)
    return _output(sums * scale, x, weight, bias)


@misconception("int8_linear", "scale of the tokens forgotten", inputs=_LAYER)
def scale_of_the_tokens_forgotten(x, weight, weight_scale, bias=None):
    """The sums are multiplied by the scales of the weight's rows, but not by those of the tokens.

    sums * scale * weight_scale.T.
    """
    sums, _ = _sums(x, weight)
    return _output(sums * weight_scale.T, x, weight, bias)


@misconception("int8_linear", "bias rounded with the weight's scale", inputs=_LAYER)
def bias_rounded(x, weight, weight_scale, bias=None):
    """The bias is rounded to steps of the weight's scale, which has nothing to do with it.

    Leave the bias in fp32 and add it at the end.
    """
    bias = None if bias is None else (bias / weight_scale[:, 0]).round() * weight_scale[:, 0]
    sums, scale = _sums(x, weight)
    return _output(sums * scale * weight_scale.T, x, weight, bias)


@misconception("int8_linear", "bias added to the integers", inputs=_LAYER)
def bias_before_the_scales(x, weight, weight_scale, bias=None):
    """The bias is added before the sums are multiplied by the scales, so it is scaled as well.

    First both scales, then the bias.
    """
    sums, scale = _sums(x, weight)
    return _output((sums + (0 if bias is None else bias)) * scale * weight_scale.T, x, weight, None)


@misconception("int8_linear", "bias left out", inputs=_LAYER)
def bias_left_out(x, weight, weight_scale, bias=None):
    """The bias is never added.

    output + bias, unless bias is None.
    """
    sums, scale = _sums(x, weight)
    return _output(sums * scale * weight_scale.T, x, weight, None)


@misconception("int8_linear", "tokens not rounded", inputs=_LAYER)
def tokens_not_rounded(x, weight, weight_scale, bias=None):
    """Only the weight is rounded; it is converted back to fp32 and multiplied as before, which saves no time.

    quantize the tokens too, and multiply with int_matmul.
    """
    return _output(x.reshape(-1, x.shape[-1]) @ (weight.float() * weight_scale).T, x, weight, bias)


@misconception("int8_linear", "tokens rounded without a scale", inputs=_LAYER)
def tokens_clipped_instead_of_scaled(x, weight, weight_scale, bias=None):
    """The tokens are rounded to whole numbers as they are; most of them are below 1 and become 0.

    Divide by symmetric_scale(tokens, dim=-1) first.
    """
    tokens = x.reshape(-1, x.shape[-1]).round().clamp(-_LARGEST, _LARGEST).int()
    return _output((tokens @ weight.int().T).float() * weight_scale.T, x, weight, bias)


_SQUARE = [(_TOKENS, _WEIGHT, torch.tensor([[0.5], [0.02]]), None)]  # as many tokens as rows of the weight


@misconception("int8_linear", "scale of the weight not transposed", inputs=_SQUARE)
def weight_scale_not_transposed(x, weight, weight_scale, bias=None):
    """(O, 1) is multiplied with the rows of the (N, O) sums, which are tokens. It fits if N is O, and is wrong.

    weight_scale.T is (1, O): one scale for each column of the sums.
    """
    sums, scale = _sums(x, weight)
    return _output(sums * scale * weight_scale, x, weight, bias)


@misconception("int8_linear", "tokens truncated", inputs=_LAYER)
def tokens_truncated(x, weight, weight_scale, bias=None):
    """The tokens lose their fraction instead of being rounded, which makes all of them smaller.

    quantize rounds to the nearest integer.
    """
    tokens = x.reshape(-1, x.shape[-1])
    scale = _step(tokens.abs().amax(-1, keepdim=True))
    sums = ((tokens / scale).int() @ weight.int().T).float()
    return _output(sums * scale * weight_scale.T, x, weight, bias)


@misconception("int8_linear", "divided by the scales", inputs=_LAYER)
def divided_by_the_scales(x, weight, weight_scale, bias=None):
    """The sums are divided by both scales; an integer stands for itself times its scale.

    sums * scale * weight_scale.T.
    """
    sums, scale = _sums(x, weight)
    return _output(sums / scale / weight_scale.T, x, weight, bias)


@misconception("int8_linear", "a scale for each feature", inputs=_LAYER)
def scale_for_each_feature(x, weight, weight_scale, bias=None):
    """The tokens are divided by a scale for each feature, which cannot be taken out of the sum over the features.

    One scale for each token: symmetric_scale(tokens, dim=-1).
    """
    tokens = x.reshape(-1, x.shape[-1])
    scale = _step(tokens.abs().amax(0, keepdim=True))
    sums = ((tokens / scale).round().int() @ weight.int().T).float()
    return _output(sums * scale.mean() * weight_scale.T, x, weight, bias)


def _decibels(x, approximation):
    noise = float((x.double() - approximation.double()).square().sum())
    return 10 * math.log10(float(x.double().square().sum()) / noise) if noise else math.inf


_NOISY = [
    (torch.tensor([3.0, -4.0, 1.0]), torch.tensor([3.5, -4.0, 0.2])),
    (torch.ones(4), torch.tensor([1.1, 1, 1, 1])),
]
_CANCELLING = [
    (torch.tensor([3.0, -4.0, 2.0]), torch.tensor([3.5, -4.2, 2.0])),
    (torch.ones(3), torch.tensor([1.1, 0.8, 1])),
]


@misconception("signal_to_noise", "20 before the logarithm", inputs=_NOISY)
def twenty_decibels(x, approximation):
    """20 belongs to a ratio of amplitudes; here squares are compared.

    10 * math.log10(signal / noise).
    """
    return 2 * _decibels(x, approximation)


@misconception("signal_to_noise", "noise over signal", inputs=_NOISY)
def upside_down(x, approximation):
    """The ratio is upside down: good approximations get negative decibels.

    Divide the signal by the noise.
    """
    return -_decibels(x, approximation)


@misconception("signal_to_noise", "natural logarithm", inputs=_NOISY)
def natural_logarithm(x, approximation):
    """math.log has base e; decibels need base 10.

    math.log10.
    """
    return _decibels(x, approximation) * math.log(10)


@misconception("signal_to_noise", "approximation used as the error", inputs=_NOISY)
def approximation_as_noise(x, approximation):
    """The second argument is used as if it were the error; it is the approximation.

    noise = ((x - approximation) ** 2).sum().
    """
    return _decibels(x, x - approximation)


@misconception("signal_to_noise", "errors that cancel", inputs=_CANCELLING)
def signed_error(x, approximation):
    """The errors are added up with their signs, so positive and negative errors cancel.

    Square first, then add up.
    """
    signal, noise = float(x.double().sum()) ** 2, float((x.double() - approximation.double()).sum()) ** 2
    return 10 * math.log10(signal / noise) if noise and signal else math.inf


@misconception("signal_to_noise", "signal of the approximation", inputs=_NOISY)
def signal_of_the_approximation(x, approximation):
    """The signal is computed from the approximation, which contains the error.

    The exact values are the signal: (x ** 2).sum().
    """
    ratio = float(approximation.double().square().sum() / x.double().square().sum())
    return _decibels(x, approximation) + (10 * math.log10(ratio) if ratio else -math.inf)


@misconception("signal_to_noise", "largest value as the signal", inputs=_NOISY[:1])
def peak_signal(x, approximation):
    """The largest square is compared with the mean squared error: that is the peak signal-to-noise ratio of images.

    The sum of all squares over the sum of the squared errors.
    """
    noise = float((x.double() - approximation.double()).square().mean())
    return 10 * math.log10(float(x.double().square().max()) / noise) if noise else math.inf


_POSITIVE = [(torch.tensor([3.0, 4.0, 1.0]), torch.tensor([3.5, 4.0, 0.2]))]


@misconception("signal_to_noise", "mean subtracted from the signal", inputs=_POSITIVE)
def variance_as_the_signal(x, approximation):
    """The variance is taken for the signal, so what all values have in common does not count.

    The sum of the squares, without subtracting a mean.
    """
    signal, noise = x.double().var(correction=0), (x.double() - approximation.double()).square().mean()
    return 10 * math.log10(float(signal / noise)) if noise else math.inf
