"""Wrong arithmetic of int8 that people really write, each by its name."""

import math

import torch

from minidistil.course.misconceptions import Misconception

LARGEST, STEPS = 127, 255


def _of(x, dim, largest):
    return torch.where(largest == 0, 1.0, largest / LARGEST)


def maximum_not_magnitude(x, dim=None):
    return _of(x, dim, x.amax() if dim is None else x.amax(dim, keepdim=True))


def divided_by_128(x, dim=None):
    largest = x.abs().amax() if dim is None else x.abs().amax(dim, keepdim=True)
    return torch.where(largest == 0, 1.0, largest / 128)


def spread_over_255(x, dim=None):
    largest = x.abs().amax() if dim is None else x.abs().amax(dim, keepdim=True)
    return torch.where(largest == 0, 1.0, largest / 255)


def wrong_axis(x, dim=None):
    if dim is None or x.dim() < 2:
        return _of(x, dim, x.abs().amax())
    return _of(x, dim, x.abs().amax(0 if dim in (-1, x.dim() - 1) else -1, keepdim=True))


def one_scale_for_all(x, dim=None):
    return _of(x, dim, x.abs().amax())


def zero_row(x, dim=None):
    return (x.abs().amax() if dim is None else x.abs().amax(dim, keepdim=True)) / LARGEST


def dimension_dropped(x, dim=None):
    return _of(x, dim, x.abs().amax() if dim is None else x.abs().amax(dim))


def scale_upside_down(x, dim=None):
    largest = x.abs().amax() if dim is None else x.abs().amax(dim, keepdim=True)
    return torch.where(largest == 0, 1.0, LARGEST / largest)


def zero_not_in_the_range(x):
    low, high = x.amin(), x.amax()
    scale = torch.where(low == high, 1.0, (high - low) / STEPS)
    return scale, (-low / scale).round().to(torch.int32)


def zero_point_cut(x):
    low, high = x.amin().clamp(max=0), x.amax().clamp(min=0)
    scale = torch.where(low == high, 1.0, (high - low) / STEPS)
    return scale, (-low / scale).to(torch.int32)


def zero_point_with_the_wrong_sign(x):
    low, high = x.amin().clamp(max=0), x.amax().clamp(min=0)
    scale = torch.where(low == high, 1.0, (high - low) / STEPS)
    return scale, (low / scale).round().to(torch.int32)


def zero_point_in_the_middle(x):
    largest = x.abs().amax()
    return torch.where(largest == 0, 1.0, 2 * largest / STEPS), torch.tensor(128, dtype=torch.int32)


def divided_by_256(x):
    low, high = x.amin().clamp(max=0), x.amax().clamp(min=0)
    scale = torch.where(low == high, 1.0, (high - low) / 256)
    return scale, (-low / scale).round().to(torch.int32)


def no_width(x):
    low, high = x.amin().clamp(max=0), x.amax().clamp(min=0)
    scale = (high - low) / STEPS
    return scale, (-low / scale).round().to(torch.int32)


def truncated(x, scale, zero_point=None):
    steps = x / scale
    if zero_point is None:
        return steps.clamp(-LARGEST, LARGEST).to(torch.int8)
    return (steps + zero_point).clamp(0, STEPS).to(torch.uint8)


def rounded_down(x, scale, zero_point=None):
    steps = (x / scale).floor()
    if zero_point is None:
        return steps.clamp(-LARGEST, LARGEST).to(torch.int8)
    return (steps + zero_point).clamp(0, STEPS).to(torch.uint8)


def not_cut_off(x, scale, zero_point=None):
    steps = (x / scale).round()
    wrapped = steps if zero_point is None else steps + zero_point
    return wrapped.to(torch.int64).to(torch.int8 if zero_point is None else torch.uint8)


def down_to_minus_128(x, scale, zero_point=None):
    steps = (x / scale).round()
    if zero_point is None:
        return steps.clamp(-128, 127).to(torch.int8)
    return (steps + zero_point).clamp(0, STEPS).to(torch.uint8)


def multiplied(x, scale, zero_point=None):
    steps = (x * scale).round()
    if zero_point is None:
        return steps.clamp(-LARGEST, LARGEST).to(torch.int8)
    return (steps + zero_point).clamp(0, STEPS).to(torch.uint8)


def zero_point_taken_off(x, scale, zero_point=None):
    steps = (x / scale).round()
    if zero_point is None:
        return steps.clamp(-LARGEST, LARGEST).to(torch.int8)
    return (steps - zero_point).clamp(0, STEPS).to(torch.uint8)


def still_floating(x, scale, zero_point=None):
    steps = (x / scale).round()
    return steps.clamp(-LARGEST, LARGEST) if zero_point is None else (steps + zero_point).clamp(0, STEPS)


def subtracted_in_uint8(quantized, scale, zero_point=None):
    if zero_point is None:
        return quantized.float() * scale
    return (quantized - zero_point.to(quantized.dtype)).float() * scale


def zero_point_forgotten_on_the_way_back(quantized, scale, zero_point=None):
    return quantized.float() * scale


def scaled_before_the_zero_point(quantized, scale, zero_point=None):
    return quantized.float() * scale - (0 if zero_point is None else zero_point)


def divided_on_the_way_back(quantized, scale, zero_point=None):
    return (quantized.float() - (0 if zero_point is None else zero_point)) / scale


def _steps(tokens):
    largest = tokens.abs().amax(-1, keepdim=True)
    scale = torch.where(largest == 0, 1.0, largest / LARGEST)
    return (tokens / scale).round().to(torch.int8), scale


def _finish(output, x, weight, bias):
    output = output if bias is None else output + bias
    return output.reshape(*x.shape[:-1], len(weight))


def sums_in_int8(x, weight, weight_scale, bias=None):
    steps, scale = _steps(x.reshape(-1, x.shape[-1]))
    return _finish((steps @ weight.T) * scale * weight_scale.T, x, weight, bias)


def one_scale_for_the_batch(x, weight, weight_scale, bias=None):
    tokens = x.reshape(-1, x.shape[-1])
    largest = tokens.abs().amax()
    scale = torch.where(largest == 0, 1.0, largest / LARGEST)
    steps = (tokens / scale).round().int()
    return _finish((steps @ weight.int().T).float() * scale * weight_scale.T, x, weight, bias)


def scale_of_the_weight_forgotten(x, weight, weight_scale, bias=None):
    steps, scale = _steps(x.reshape(-1, x.shape[-1]))
    return _finish((steps.int() @ weight.int().T).float() * scale, x, weight, bias)


def scale_of_the_tokens_forgotten(x, weight, weight_scale, bias=None):
    steps, _ = _steps(x.reshape(-1, x.shape[-1]))
    return _finish((steps.int() @ weight.int().T).float() * weight_scale.T, x, weight, bias)


def bias_rounded(x, weight, weight_scale, bias=None):
    bias = None if bias is None else (bias / weight_scale[:, 0]).round() * weight_scale[:, 0]
    steps, scale = _steps(x.reshape(-1, x.shape[-1]))
    return _finish((steps.int() @ weight.int().T).float() * scale * weight_scale.T, x, weight, bias)


def bias_before_the_scales(x, weight, weight_scale, bias=None):
    steps, scale = _steps(x.reshape(-1, x.shape[-1]))
    sums = (steps.int() @ weight.int().T).float() + (0 if bias is None else bias)
    return _finish(sums * scale * weight_scale.T, x, weight, None)


def bias_forgotten(x, weight, weight_scale, bias=None):
    steps, scale = _steps(x.reshape(-1, x.shape[-1]))
    return _finish((steps.int() @ weight.int().T).float() * scale * weight_scale.T, x, weight, None)


def tokens_not_rounded(x, weight, weight_scale, bias=None):
    return _finish(x.reshape(-1, x.shape[-1]) @ (weight.float() * weight_scale).T, x, weight, bias)


def tokens_cut_instead_of_scaled(x, weight, weight_scale, bias=None):
    tokens = x.reshape(-1, x.shape[-1]).round().clamp(-LARGEST, LARGEST).int()
    return _finish((tokens @ weight.int().T).float() * weight_scale.T, x, weight, bias)


def twenty_decibels(x, approximation):
    return 2 * _decibels(x, approximation)


def upside_down(x, approximation):
    return -_decibels(x, approximation)


def natural_logarithm(x, approximation):
    return _decibels(x, approximation) * math.log(10)


def approximation_as_noise(x, approximation):
    return _decibels(x, x - approximation)


def signed_error(x, approximation):
    signal, noise = float(x.double().sum()) ** 2, float((x.double() - approximation.double()).sum()) ** 2
    return 10 * math.log10(signal / noise) if noise and signal else math.inf


def _decibels(x, approximation):
    noise = float((x.double() - approximation.double()).square().sum())
    return 10 * math.log10(float(x.double().square().sum()) / noise) if noise else math.inf


MATRIX = torch.tensor([[1.0, -8.0, 3.0], [5.0, 2.0, -4.0], [0.5, 0.25, -1.0]])
SCALES = [(MATRIX, -1), (MATRIX[:2], -1)]
WHOLE = [(MATRIX,), (MATRIX, -1)]
RANGES = [(torch.tensor([-0.17, 25.33]),), (torch.tensor([[-3.0, 1.0], [4.0, -1.7]]),)]
ONE, TWO = torch.tensor(1.0), torch.tensor(2.0)
ZERO = torch.tensor(10, dtype=torch.int32)
VALUES = [(torch.tensor([0.9, -0.8, -5.7, 3.1]), TWO), (torch.tensor([0.9, -2.8, 4.6]), torch.tensor(0.5), ZERO)]
FAR = [(torch.tensor([300.0, -200.0, 3.0]), ONE), (torch.tensor([300.0, -20.0]), ONE, ZERO)]
SHIFTED = [(torch.tensor([8, 10, 200], dtype=torch.uint8), torch.tensor(0.5), ZERO)]
STEPPED = [*SHIFTED, (torch.tensor([[8, -10], [100, 3]], dtype=torch.int8), TWO)]
WEIGHT = torch.tensor([[127, -30, 5], [64, 100, -127]], dtype=torch.int8)
TOKENS = torch.tensor([[1.0, -2.0, 0.3], [30.0, 7.0, -9.0]])
OTHERS = torch.tensor([[[0.2, 0.7, 0.1]], [[3.0, 2.9, -1.1]]])
LAYER = [
    (TOKENS, WEIGHT, torch.tensor([[0.5], [0.02]]), torch.tensor([0.3, -1.7])),
    (OTHERS, WEIGHT, torch.tensor([[0.7], [0.1]]), torch.tensor([2.26, 0.57])),
]
NOISY = [
    (torch.tensor([3.0, -4.0, 1.0]), torch.tensor([3.5, -4.0, 0.2])),
    (torch.ones(4), torch.tensor([1.1, 1, 1, 1])),
]

MISCONCEPTIONS = [
    Misconception(
        name="maximum instead of magnitude",
        exercise="symmetric_scale",
        what="The largest value is taken, so a large negative one does not fit into the range.",
        look="Take the absolute values first: x.abs().amax(...).",
        wrong=maximum_not_magnitude,
        inputs=[(MATRIX,), (MATRIX[:1], -1)],
    ),
    Misconception(
        name="128 instead of 127",
        exercise="symmetric_scale",
        what="Divided by 128, the largest magnitude becomes 128, which int8 has not on the positive side.",
        look="Divide by LARGEST, 127.",
        wrong=divided_by_128,
        inputs=WHOLE,
    ),
    Misconception(
        name="magnitude spread over 255 steps",
        exercise="symmetric_scale",
        what="255 steps lie between the two ends of int8, but only 127 between 0 and one end.",
        look="From 0 to the largest magnitude it is 127 steps.",
        wrong=spread_over_255,
        inputs=WHOLE,
    ),
    Misconception(
        name="scales along the wrong axis",
        exercise="symmetric_scale",
        what="The largest is taken over the other dimension: every column has a scale instead of every row.",
        look="dim is the dimension that disappears in the maximum: x.abs().amax(dim, keepdim=True).",
        wrong=wrong_axis,
        inputs=SCALES,
    ),
    Misconception(
        name="one scale for everything",
        exercise="symmetric_scale",
        what="dim is not looked at: one large row makes the steps of all rows coarse.",
        look="Where dim is given, take the maximum along it and keep it as 1.",
        wrong=one_scale_for_all,
        inputs=SCALES,
    ),
    Misconception(
        name="a scale of 0",
        exercise="symmetric_scale",
        what="A row of zeros gets the scale 0, and dividing by it gives nan.",
        look="torch.where(largest == 0, 1.0, largest / LARGEST).",
        wrong=zero_row,
        inputs=[(torch.zeros(2, 2), -1), (torch.tensor([[0.0, 0.0], [3.0, 4.0]]), -1)],
    ),
    Misconception(
        name="dimension dropped",
        exercise="symmetric_scale",
        what="The scales have lost the dimension, so they are laid along the columns, or do not fit at all.",
        look="amax(dim, keepdim=True) gives (O, 1), which broadcasts to the rows.",
        wrong=dimension_dropped,
        inputs=SCALES,
    ),
    Misconception(
        name="scale upside down",
        exercise="symmetric_scale",
        what="127 over the magnitude is how many steps a unit has; the scale is how large a step is.",
        look="Magnitude over 127: a number is its integer times the scale.",
        wrong=scale_upside_down,
        inputs=WHOLE,
    ),
    Misconception(
        name="0 outside of the range",
        exercise="affine_parameters",
        what="Where all values are on one side of 0, no integer stands for 0: the zero point is not in 0 to 255.",
        look="Clamp the lowest value to at most 0 and the highest to at least 0.",
        wrong=zero_not_in_the_range,
        inputs=[(torch.tensor([100.0, 255.0]),), (torch.tensor([-9.0, -4.0]),)],
    ),
    Misconception(
        name="zero point cut instead of rounded",
        exercise="affine_parameters",
        what="Changing to int32 drops what is behind the point: 1.7 becomes 1.",
        look="Call round() before to(torch.int32).",
        wrong=zero_point_cut,
        inputs=[(torch.tensor([-0.17, 25.33]),)],
    ),
    Misconception(
        name="zero point with the wrong sign",
        exercise="affine_parameters",
        what="The zero point is negative; it counts the steps from the lower end up to 0.",
        look="-low / scale: low is negative or 0.",
        wrong=zero_point_with_the_wrong_sign,
        inputs=RANGES,
    ),
    Misconception(
        name="zero point always in the middle",
        exercise="affine_parameters",
        what="A range around 0 wastes half of its integers where the values lie to one side.",
        look="Take lowest and highest each on its own, not the largest magnitude.",
        wrong=zero_point_in_the_middle,
        inputs=RANGES,
    ),
    Misconception(
        name="256 steps",
        exercise="affine_parameters",
        what="256 values have 255 steps between them, as ten fingers have nine gaps.",
        look="Divide by STEPS, 255.",
        wrong=divided_by_256,
        inputs=[(torch.tensor([0.0, 51.0]),), (torch.tensor([-10.0, 92.0]),)],
    ),
    Misconception(
        name="a range without width",
        exercise="affine_parameters",
        what="If all values are 0, the scale is 0 and the zero point 0 / 0.",
        look="torch.where(low == high, 1.0, ...).",
        wrong=no_width,
        inputs=[(torch.zeros(3),)],
    ),
    Misconception(
        name="truncated instead of rounded",
        exercise="quantize",
        what="What is behind the point is dropped, so everything moves towards 0 by up to a whole step.",
        look="Call round() before changing the type.",
        wrong=truncated,
        inputs=VALUES,
    ),
    Misconception(
        name="rounded down",
        exercise="quantize",
        what="floor moves everything down, by half a step on the average, and such errors add up in a sum.",
        look="round() goes to the nearest integer.",
        wrong=rounded_down,
        inputs=VALUES,
    ),
    Misconception(
        name="wrapped around at the end of the range",
        exercise="quantize",
        what="300 does not fit into int8 and comes out as 44: a very large value becomes an arbitrary one.",
        look="clamp(-LARGEST, LARGEST) before to(torch.int8); with a zero point, clamp(0, STEPS).",
        wrong=not_cut_off,
        inputs=FAR,
    ),
    Misconception(
        name="-128 used",
        exercise="quantize",
        what="The range goes to -128 on one side and to 127 on the other, so -x is not always treated as x is.",
        look="clamp(-LARGEST, LARGEST).",
        wrong=down_to_minus_128,
        inputs=FAR[:1],
    ),
    Misconception(
        name="multiplied by the scale",
        exercise="quantize",
        what="The scale is the size of a step: how many fit into x is a division.",
        look="x / scale here, times the scale on the way back.",
        wrong=multiplied,
        inputs=VALUES,
    ),
    Misconception(
        name="zero point taken off instead of added",
        exercise="quantize",
        what="0 must become the zero point; here it becomes minus the zero point, which is cut off.",
        look="Add it here, take it off in dequantize.",
        wrong=zero_point_taken_off,
        inputs=[(torch.tensor([0.9, 7.8]), torch.tensor(0.5), ZERO)],
    ),
    Misconception(
        name="integers kept as fp32",
        exercise="quantize",
        what="The values are whole numbers, but each still takes four bytes.",
        look="End with to(torch.int8), or to(torch.uint8) where there is a zero point.",
        wrong=still_floating,
        symptom=lambda function: function(MATRIX, ONE).dtype == torch.float32,
    ),
    Misconception(
        name="zero point taken off in uint8",
        exercise="dequantize",
        what="uint8 has no negative numbers: 8 - 10 wraps around to 254.",
        look="quantized.float() first, then subtract.",
        wrong=subtracted_in_uint8,
        inputs=SHIFTED,
    ),
    Misconception(
        name="zero point forgotten",
        exercise="dequantize",
        what="The integers are multiplied with the zero point still in them: everything is shifted.",
        look="(quantized.float() - zero_point) * scale.",
        wrong=zero_point_forgotten_on_the_way_back,
        inputs=SHIFTED,
    ),
    Misconception(
        name="zero point taken off after scaling",
        exercise="dequantize",
        what="The zero point is an integer, so it belongs to the integers, not to the scaled numbers.",
        look="Subtract first, multiply then.",
        wrong=scaled_before_the_zero_point,
        inputs=SHIFTED,
    ),
    Misconception(
        name="divided by the scale on the way back",
        exercise="dequantize",
        what="quantize divided; dividing again makes small numbers of large ones.",
        look="A number is its integer times the scale.",
        wrong=divided_on_the_way_back,
        inputs=STEPPED,
    ),
    Misconception(
        name="sums in int8",
        exercise="int8_linear",
        what="The matrix product of int8 tensors is int8 in PyTorch, and every sum above 127 wraps around in silence.",
        look="Use int_matmul, whose sums are int32.",
        wrong=sums_in_int8,
        inputs=LAYER,
    ),
    Misconception(
        name="one scale for the whole batch",
        exercise="int8_linear",
        what="A token's result depends on the other texts in the batch: one large value makes all coarse.",
        look="symmetric_scale(tokens, dim=-1), a scale for each token.",
        wrong=one_scale_for_the_batch,
        inputs=LAYER,
    ),
    Misconception(
        name="scale of the weight forgotten",
        exercise="int8_linear",
        what="The sums get the tokens' scales but not those of the weight's rows.",
        look="sums * scale * weight_scale.T.",
        wrong=scale_of_the_weight_forgotten,
        inputs=LAYER,
    ),
    Misconception(
        name="scale of the tokens forgotten",
        exercise="int8_linear",
        what="The sums get the scales of the weight's rows but not those of the tokens.",
        look="sums * scale * weight_scale.T.",
        wrong=scale_of_the_tokens_forgotten,
        inputs=LAYER,
    ),
    Misconception(
        name="bias rounded with the weight's scale",
        exercise="int8_linear",
        what="The bias is rounded to steps of the weight's scale, which has nothing to do with it.",
        look="Leave the bias in fp32 and add it at the end.",
        wrong=bias_rounded,
        inputs=LAYER,
    ),
    Misconception(
        name="bias added to the integers",
        exercise="int8_linear",
        what="The bias is added before the sums have got their value back, so it is scaled along with them.",
        look="First both scales, then the bias.",
        wrong=bias_before_the_scales,
        inputs=LAYER,
    ),
    Misconception(
        name="bias left out",
        exercise="int8_linear",
        what="The bias is never added.",
        look="output + bias, unless bias is None.",
        wrong=bias_forgotten,
        inputs=LAYER,
    ),
    Misconception(
        name="tokens not rounded",
        exercise="int8_linear",
        what="Only the weight is rounded; it is turned back to fp32 and multiplied as before, which saves no time.",
        look="quantize the tokens too, and let int_matmul multiply.",
        wrong=tokens_not_rounded,
        inputs=LAYER,
    ),
    Misconception(
        name="tokens rounded without a scale",
        exercise="int8_linear",
        what="The tokens are rounded to whole numbers as they are; most of them are below 1 and vanish.",
        look="Divide by symmetric_scale(tokens, dim=-1) first.",
        wrong=tokens_cut_instead_of_scaled,
        inputs=LAYER,
    ),
    Misconception(
        name="20 in front of the logarithm",
        exercise="signal_to_noise",
        what="20 belongs to a ratio of amplitudes; here squares are compared.",
        look="10 * math.log10(signal / noise).",
        wrong=twenty_decibels,
        inputs=NOISY,
    ),
    Misconception(
        name="noise over signal",
        exercise="signal_to_noise",
        what="The ratio is upside down: good approximations get negative decibels.",
        look="Signal above, noise below.",
        wrong=upside_down,
        inputs=NOISY,
    ),
    Misconception(
        name="natural logarithm",
        exercise="signal_to_noise",
        what="math.log has base e; a decibel is a tenth of a power of ten.",
        look="math.log10.",
        wrong=natural_logarithm,
        inputs=NOISY,
    ),
    Misconception(
        name="approximation taken for the error",
        exercise="signal_to_noise",
        what="The second argument is divided by as if it were the error; it is the approximation.",
        look="noise = ((x - approximation) ** 2).sum().",
        wrong=approximation_as_noise,
        inputs=NOISY,
    ),
    Misconception(
        name="errors that cancel",
        exercise="signal_to_noise",
        what="The errors are added up with their signs, so those in different directions hide one another.",
        look="Square first, then add up.",
        wrong=signed_error,
        inputs=[
            (torch.tensor([3.0, -4.0, 2.0]), torch.tensor([3.5, -4.2, 2.0])),
            (torch.ones(3), torch.tensor([1.1, 0.8, 1])),
        ],
    ),
]
