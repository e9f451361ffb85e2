"""A GPU that is not there: code for GPUs runs on a machine without one, and mistakes show.

torch lets Python register a device of its own (PrivateUse1), in builds for CPUs as well. A tensor subclass says that it
lies on "gpu:0" and holds a CPU tensor inside. A dispatch mode takes every operator, checks where its arguments lie as
CUDA does, computes on the CPU tensors, and wraps what comes out. Values are real, so whole runs work; a wrong device
raises with CUDA's words; and every operation that makes the program wait for the device is counted with its line.

With `float64=False` it refuses float64, as Apple's GPUs do.
"""

import contextlib
import sys
import types
from collections import Counter
from collections.abc import Iterator
from typing import Any
from unittest import mock

import torch
import torch.utils.backend_registration
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_flatten, tree_map_only

torch.utils.backend_registration._setup_privateuseone_for_python_backend(
    "gpu",
    backend_module=types.SimpleNamespace(
        is_available=lambda: True,
        device_count=lambda: 1,
        current_device=lambda: 0,
        _is_in_bad_fork=lambda: False,
        manual_seed_all=lambda seed: None,
        is_initialized=lambda: True,
        _lazy_init=lambda: None,
        get_amp_supported_dtype=lambda: [torch.bfloat16, torch.float16],
        synchronize=lambda *_: note("synchronize"),
    ),
)
_fallthrough = torch.library.Library("_", "IMPL")
_fallthrough.fallback(torch.library.fallthrough_kernel, "AutocastPrivateUse1")  # casts: see __torch_function__
GPU = torch.device("gpu", 0)

# What torch.autocast does on CUDA (docs: "CUDA Ops that can autocast to float16" and "... to float32"), as far as used.
LOW = {F.linear, torch.matmul, torch.Tensor.matmul, torch.Tensor.__matmul__, torch.mm, torch.bmm}
HIGH = {
    F.layer_norm, F.cross_entropy, F.kl_div, F.cosine_similarity, F.mse_loss, F.softmax, F.log_softmax, torch.softmax,
    torch.Tensor.softmax, torch.Tensor.log_softmax, torch.log_softmax, F.normalize, torch.cosine_similarity,
}  # fmt: skip

# The program has to know the size or the value of what these give, so it waits for the device.
WAITS = {
    "_local_scalar_dense", "nonzero", "masked_select", "_unique2", "unique_consecutive", "equal", "is_nonzero",
    "repeat_interleave",
}  # fmt: skip
INDEXED = {"index", "index_put", "index_put_", "_unsafe_index", "_index_put_impl_", "_unsafe_index_put"}
TWO_DEVICES = "Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu!"
NO_FLOAT64 = "Cannot convert a MPS Tensor to float64 dtype as the MPS framework doesn't support float64."


class Pretended(torch.Tensor):
    """Says that it lies on the GPU; `inner` is a CPU tensor."""

    inner: Any

    @staticmethod
    def __new__(cls, inner: Tensor, requires_grad: bool = False) -> "Pretended":
        self = torch.Tensor._make_wrapper_subclass(
            cls, inner.size(), strides=inner.stride(), storage_offset=inner.storage_offset(), dtype=inner.dtype,
            layout=inner.layout, device=GPU, requires_grad=requires_grad,
        )  # fmt: skip
        self.inner = inner
        return self

    def __repr__(self) -> str:  # type: ignore[override]
        return f"Pretended({self.inner})"

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if id(self) not in memo:
            with torch.no_grad():
                new = self.detach().clone()
            memo[id(self)] = nn.Parameter(new, self.requires_grad) if getattr(self, "_is_param", False) else new
        return memo[id(self)]

    @classmethod
    def __torch_function__(cls, func: Any, kinds: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is torch.Tensor.tolist:
            note("tolist")
            return args[0].inner.tolist()
        if func in (torch.Tensor.numpy, torch.Tensor.__array__):
            raise TypeError("can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() to copy it first.")
        if func is torch.Tensor.data_ptr:
            return args[0].inner.data_ptr()
        if func is torch.Tensor.untyped_storage:
            return args[0].inner.untyped_storage()
        low = torch.is_autocast_enabled("gpu")
        if func is F.scaled_dot_product_attention:
            return _attention(*(_cast((args, kwargs), torch.bfloat16) if low else (args, kwargs)))
        if low and func in LOW | HIGH:
            args, kwargs = _cast((args, kwargs), torch.bfloat16 if func in LOW else torch.float32)
        with torch._C.DisableTorchFunctionSubclass():
            return func(*args, **kwargs)

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, func: Any, kinds: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        if _mode is None:
            raise RuntimeError(f"{func} on the imitated device outside of `imitated_gpu`")
        return _mode.run(func, args, kwargs or {})


class _Attention(torch.autograd.Function):
    """torch's fused attention as one operator there and one back."""

    @staticmethod
    def forward(ctx: Any, query: Any, key: Any, value: Any, mask: Any, dropout: float, scale: Any) -> Any:
        ctx.save_for_backward(query, key, value)
        ctx.rest, ctx.state = (mask, dropout), torch.get_rng_state()
        ctx.scale = scale
        with torch.no_grad():
            out = F.scaled_dot_product_attention(query.inner, key.inner, value.inner, mask, dropout, scale=scale)
        return Pretended(out)

    @staticmethod
    def backward(ctx: Any, gradient: Any) -> Any:
        leaves = [each.inner.detach().requires_grad_() for each in ctx.saved_tensors]
        with torch.enable_grad(), torch.random.fork_rng(devices=[]):
            torch.set_rng_state(ctx.state)
            query, key, value = leaves
            mask, dropout = ctx.rest
            out = F.scaled_dot_product_attention(query, key, value, mask, dropout, scale=ctx.scale)
            found = torch.autograd.grad(out, leaves, gradient.inner.to(out.dtype))
        return *(Pretended(each) for each in found), None, None, None


def _attention(args: Any, kwargs: Any) -> Any:
    def call(query: Any, key: Any, value: Any, attn_mask: Any = None, dropout_p: float = 0.0, scale: Any = None) -> Any:
        given = [each for each in (query, key, value, attn_mask) if each is not None]
        if not all(isinstance(each, Pretended) for each in given):
            raise RuntimeError(TWO_DEVICES)
        assert _mode is not None
        _mode.attention["without a mask" if attn_mask is None else "with a mask"] += 1
        return _Attention.apply(query, key, value, None if attn_mask is None else attn_mask.inner, dropout_p, scale)

    return call(*args, **kwargs)


def _cast(tree: Any, dtype: torch.dtype) -> Any:
    def one(tensor: Pretended) -> Any:
        if tensor.dtype == dtype or not tensor.is_floating_point() or tensor.dtype == torch.float64:
            return tensor
        with torch._C.DisableTorchFunctionSubclass():
            return tensor.to(dtype)

    return tree_map_only(Pretended, one, tree)


class Mode(TorchDispatchMode):
    """The imitated device while it is there, and what was noticed: `waits` by kind and line, attention by mask."""

    def __init__(self, float64: bool):
        super().__init__()
        self.float64 = float64
        self.waits: Counter[tuple[str, str]] = Counter()
        self.attention: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, kinds: Any, args: Any = (), kwargs: Any = None) -> Any:
        return self.run(func, args, kwargs or {})

    def run(self, func: Any, args: Any, kwargs: Any) -> Any:
        """One operator, as the device would do it."""
        name = func._schema.name.removeprefix("aten::")
        tensors = [each for each in tree_flatten((args, kwargs))[0] if isinstance(each, Tensor)]
        here = [each for each in tensors if isinstance(each, Pretended)]
        wanted = kwargs.get("device")
        if not here and not _is_gpu(wanted):
            return func(*args, **kwargs)
        if name in ("_to_copy", "copy_"):
            return self._copy(name, args, kwargs)
        self._check(func, name, args, kwargs, [each for each in tensors if not isinstance(each, Pretended)])
        if name in WAITS or (name in INDEXED and _boolean(args[1])):
            note("boolean index" if name in INDEXED else name)
        inner_args, inner_kwargs = tree_map_only(Pretended, lambda each: each.inner, (args, dict(kwargs)))
        if _is_gpu(wanted):
            inner_kwargs["device"] = torch.device("cpu")
        out = func(*inner_args, **inner_kwargs)
        if not isinstance(out, Tensor | tuple | list):
            return out
        if not self.float64 and any(
            isinstance(each, Tensor) and each.dtype == torch.float64 for each in tree_flatten(out)[0]
        ):
            raise TypeError(NO_FLOAT64)
        if wanted is not None and not _is_gpu(wanted):
            return out
        known = {id(each.inner): each for each in here}
        out = tree_map_only(Tensor, lambda each: known[id(each)] if id(each) in known else Pretended(each), out)
        if here and (func.is_view or func._schema.is_mutable):
            return return_and_correct_aliasing(func, args, kwargs, out)
        return out

    def _copy(self, name: str, args: Any, kwargs: Any) -> Any:
        if name == "copy_":
            target, source = args[:2]
            if isinstance(target, Pretended) != isinstance(source, Pretended):
                note("copy")
            with torch.no_grad():
                _inner(target).copy_(_inner(source))
            return target
        source, wanted = args[0], kwargs.get("device")
        is_there = isinstance(source, Pretended)
        to_there = is_there if wanted is None else _is_gpu(wanted)
        if is_there != to_there and not kwargs.get("non_blocking"):
            note("copy")
        if not self.float64 and to_there and (kwargs.get("dtype") or source.dtype) == torch.float64:
            raise TypeError(NO_FLOAT64)
        rest = {key: value for key, value in kwargs.items() if key not in ("device", "non_blocking", "pin_memory")}
        out = torch.ops.aten._to_copy.default(_inner(source), **rest)
        return Pretended(out) if to_there else out

    def _check(self, func: Any, name: str, args: Any, kwargs: Any, plain: list[Tensor]) -> None:
        """Raise where CUDA would."""
        here = [each for each in tree_flatten((args, kwargs))[0] if isinstance(each, Pretended)]
        if kwargs.get("generator") is not None:
            raise RuntimeError("Expected a 'cuda' device type for generator but found 'cpu'")
        if name in INDEXED:
            indices = [each for each in args[1] if each is not None]
            if not isinstance(args[0], Pretended):
                if any(isinstance(each, Pretended) for each in indices):
                    raise RuntimeError("indices should be either on cpu or on the same device as the indexed tensor")
            else:  # CUDA takes indices from the CPU, and copies them
                for _ in (each for each in indices if not isinstance(each, Pretended)):
                    note("copy")
                plain = [each for each in args[2:] if isinstance(each, Tensor) and not isinstance(each, Pretended)]
        if here and any(each.dim() > 0 for each in plain):
            raise RuntimeError(f"{TWO_DEVICES} [{func}]")


_mode: Mode | None = None


def note(what: str) -> None:
    """Count a wait for the device, with the innermost line of the package."""
    if _mode is None:
        return
    frame: Any = sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_filename
        if "/minidistil/ch" in name or "/minidistil/runs" in name or "/minidistil/bench" in name:
            break
        frame = frame.f_back
    place = f"{frame.f_code.co_filename.rpartition('/minidistil/')[2]}:{frame.f_lineno}" if frame else "?"
    _mode.waits[what, place] += 1


def _inner(tensor: Tensor) -> Tensor:
    return tensor.inner if isinstance(tensor, Pretended) else tensor


def _is_gpu(device: Any) -> bool:
    return device is not None and torch.device(device).type == "gpu"


def _boolean(indices: Any) -> bool:
    return any(each is not None and each.dtype in (torch.bool, torch.uint8) for each in indices)


_module_to = nn.Module.to


def _to(self: nn.Module, *args: Any, **kwargs: Any) -> nn.Module:
    """As Module.to; parameters become new objects here, and tied ones have to stay tied, as they do on CUDA."""
    places: dict[int, list[str]] = {}
    for name, parameter in self.named_parameters(remove_duplicate=False):
        places.setdefault(id(parameter), []).append(name)
    moved = _module_to(self, *args, **kwargs)
    for first, *others in places.values():
        for other in others:
            owner, _, name = other.rpartition(".")
            moved.get_submodule(owner)._parameters[name] = moved.get_parameter(first)
    return moved


@contextlib.contextmanager
def imitated_gpu(float64: bool = True) -> Iterator[Mode]:
    """A machine with a device "gpu:0", which MINIDISTIL_DEVICE names."""
    global _mode
    from minidistil.ch08_training import checkpoints

    save_file = checkpoints.save_file

    def save(tensors: dict[str, Tensor], *args: Any, **kwargs: Any) -> None:  # safetensors knows real devices only
        save_file({name: _inner(tensor) for name, tensor in tensors.items()}, *args, **kwargs)

    before = torch._C._only_lift_cpu_tensors()
    with (
        mock.patch.object(nn.Module, "to", _to),
        mock.patch.object(checkpoints, "save_file", save),
        mock.patch.dict("os.environ", MINIDISTIL_DEVICE="gpu:0"),
        Mode(float64) as _mode,
    ):
        torch._C._set_only_lift_cpu_tensors(True)
        try:
            yield _mode
        finally:
            torch._C._set_only_lift_cpu_tensors(before)
            _mode = None
