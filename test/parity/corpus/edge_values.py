"""Edge values of single operators: every dtype, NaN and infinity, empty and 0-dim tensors, signs of integer division.

A case holds a group of expressions, to be quick to make; the test names the output that differs.
"""

from typing import List

import torch

from .operators import BF16, BOOL, F16, F32, F64, I8, I16, I32, I64, INF, NAN, U8, name_of
from .registry import bools, ints, op, randn

# For every dtype but bool; integers are promoted, wrapped or kept as torch has it.
NUMBERS = {
    "arithmetic": "x + y; x - y; x * y; -x; torch.add(x, y, alpha=2); torch.rsub(x, 3); torch.addcmul(x, x, y)",
    "division": "x / y; x // y; x % y; torch.fmod(x, y); torch.remainder(x, 2); torch.div(x, y, rounding_mode='trunc')",
    "powers": "x ** 2; torch.pow(x, y); x.square(); torch.atan2(x, y)",
    "signs": "x.abs(); torch.sign(x); torch.relu(x); x.floor(); torch.heaviside(x, y)",
    "limits": "torch.clamp(x, 1, 2); x.clamp(min=1); torch.maximum(x, y); torch.threshold(x, 1, 2)",
    "choices": "torch.where(x > 1, x, y); torch.flip(x, [0]); torch.unique(x)",
    "sums": "x.sum(); x.prod(1); torch.cumsum(x, 1); torch.cumprod(x, 0); x.trace(); x.logsumexp(1)",
    "counts": "x.count_nonzero(); x.any(1); x.all(0); x.diff()",
    "extremes": "x.amax(1); x.max(1); x.argmin(0); x.aminmax(); x.cummax(1)",
    "ordering": "x.sort(1); x.topk(2); x.median(); x.kthvalue(2); x.mode(1)",
}
BOOLS = {
    "arithmetic": "x + y; x * y; x / y; x + 1; x * 2; x + 1.5; x.square()",
    "logic": "x & y; x | y; x ^ y; ~x; x.logical_xor(y); x < y; x == y; x > 0; torch.where(x, x, y)",
    "sums": "x.sum(); x.prod(); torch.cumsum(x, 1); x.count_nonzero(1); x.any(1); x.all(0)",
    "extremes": "x.max(1); x.amax(1); torch.maximum(x, y); x.sort(1); torch.unique(x)",
    "functions": "torch.sin(x); torch.sqrt(x); torch.sign(x)",
}


def expressions(text: str) -> List[str]:
    return text.split("; ")


def dtypes() -> None:
    x = torch.tensor([[3, 1, 2, 0], [1, 3, 0, 2]])
    y = torch.tensor([[1, 2, 2, 1], [2, 1, 1, 3]])
    for dtype in (F32, F64, F16, BF16, I64, I32, I16, I8, U8, BOOL):
        family = f"edges_{name_of(dtype)}"
        for name, body in (BOOLS if dtype == BOOL else NUMBERS).items():
            op(family, name, expressions(body), x=x.to(dtype), y=y.to(dtype))
        if dtype.is_floating_point:
            op(family, "lerp", "torch.lerp(x, y, 0.5)", x=x.to(dtype), y=y.to(dtype))


SPECIAL = {
    "exponentials": "torch.exp(x); torch.expm1(x); x.exp2(); torch.log1p(x); torch.log2(x); torch.log10(x)",
    "roots": "torch.sqrt(x); torch.rsqrt(x); x ** 0.5; x ** 2; x ** -1; torch.reciprocal(x); torch.hypot(x, x)",
    "trigonometry": "torch.tanh(x); torch.tan(x[3:]); torch.acos(x); torch.sinc(x); torch.atan2(x, x.flip(0))",
    "rounding": "torch.floor(x); torch.round(x); torch.trunc(x); torch.frac(x)",
    "signs": "torch.sign(x); x.abs(); x.signbit(); torch.clamp(x, -1, 1)",
    "special_functions": "torch.erf(x); torch.erfc(x); torch.special.ndtr(x); torch.logit(x); x.xlogy(x)",
    "division": "x // 2; x % 3; torch.fmod(x, 3); x.floor_divide(0.0); x / 0; torch.div(x, 3, rounding_mode='floor')",
    # torch's gelu(inf) is NaN, though its limit, and ours, is inf: x[2:] leaves it out.
    "smooth_activations": "F.gelu(x[2:]); F.gelu(x[2:], approximate='tanh'); torch.sigmoid(x); F.silu(x); "
    "F.softplus(x); F.elu(x); F.selu(x); F.celu(x); F.mish(x); F.logsigmoid(x); F.tanhshrink(x)",
    "piecewise_activations": "torch.relu(x); F.relu6(x); F.hardtanh(x); F.leaky_relu(x); F.hardswish(x); "
    "F.hardsigmoid(x); F.softshrink(x); F.hardshrink(x); F.threshold(x, 0.1, 3.0); F.prelu(x, torch.tensor([0.2]))",
    "softmax": "torch.softmax(x[5:], 0); torch.log_softmax(x[3:], 0); F.softmin(x[5:], 0); torch.logsumexp(x[1:], 0)",
    "sums": "torch.sum(x); torch.nansum(x); x.mean(); x.var(); x.std(0); x.norm(); x.quantile(0.5)",
    "counts": "torch.histc(x[4:], 3); torch.bincount(x[4:6].long())",
    "extremes": "torch.amax(x, 0); torch.max(x); x.amin(); torch.argmax(x); x.argmin(); x.cummax(0)",
    "ordering": "torch.sort(x); x.topk(3); x.median(); x.nanmedian()",
    "pairs": "torch.maximum(x, x.flip(0)); torch.fmin(x, x.flip(0)); torch.logaddexp(x, x.flip(0)); "
    "torch.lerp(x, x * 0, 0.3)",
    "tests": "x.isfinite(); torch.isclose(x, x); torch.isclose(x, x, equal_nan=True); torch.nan_to_num(x); x.any(); "
    "x.all(); torch.logical_and(x, x); x.to(torch.bool)",
}


def special_values() -> None:
    x = torch.tensor([NAN, INF, -INF, -0.0, 0.0, 1.5, -2.5, 1e-8, -1e-8, 50.0, -50.0, 88.0])
    for name, body in SPECIAL.items():
        op("edges_special", name, expressions(body), x=x)


# What takes a 0-dim tensor too, and what needs a second dimension.
ANY_SHAPE = {
    "sums": "x.sum(); x.mean(0); x.norm(); x.std(); x.var(0); x.logsumexp(0); x.cumprod(0); x.count_nonzero()",
    "pointwise": "x.clamp(0, 1); torch.where(x > 0, x, x); F.gelu(x); F.prelu(x, torch.tensor([0.1])); x.eq(x); "
    "x // 2; x % 2; x ** 2; torch.floor(x)",
    "extremes": "x.all(); x.max(0); x.argmax(0); x.amax(0); x.median(0)",
    "ordering": "x.argsort(0); torch.unique(x); x.topk(0)",
    "loss": "F.mse_loss(x, x)",
}
MATRIX = {
    "rows": "x.sum(1); x.prod(1); x.any(1); x.sort(1); x.cumsum(1); torch.softmax(x, 1)",
    "pairs": "torch.cat([x, x]); torch.cdist(x.t(), x.t())",
}


def sizes() -> None:
    family = "edges_sizes"
    empty, zero_dim, one = torch.zeros(2, 0), torch.tensor(1.5), torch.tensor([[1.5]])
    for name, body in ANY_SHAPE.items():
        op(family, name, expressions(body), {"x": zero_dim}, {"x": one}, x=empty)
    for name, body in MATRIX.items():
        op(family, name, expressions(body), {"x": one}, x=empty)
    op(family, "glu_empty", "F.glu(x.t(), 0)", x=torch.zeros(2, 0).t())
    op(family, "quantile_of_one", "x.quantile(0.5, 1)", x=one)


def integers() -> None:
    family = "edges_integers"
    division = "x // y; x % y; torch.fmod(x, y); torch.div(x, y, rounding_mode='trunc')"
    x, y = torch.tensor([-7, 7, -8, 8, 0]), torch.tensor([3, -3, 2, -2, 5])
    op(family, "division_signs", expressions(division), x=x, y=y)
    op(family, "bits", expressions("x << 1; x >> 1; x & y; torch.pow(x, 2); x ** 3"), x=x, y=y)
    # Neighbours that are one number as doubles.
    large = "x.max(0); x.argmin(0); x.amax(0); x.sort(0); x.median(0); x.mode(0); x.cummax(0); x.cummin(0)"
    op(family, "beyond_doubles", expressions(large), x=torch.tensor([2**53, 2**53 + 1, 2**53, -(2**62), 1 - 2**62]))
    counts = "torch.unique(x, return_inverse=True, return_counts=True)"
    op(family, "unique_counts", counts, {"x": torch.tensor([2**53, 2**53 + 1])}, x=torch.tensor([[3, 1], [1, 2]]))
    op(
        family,
        "unique_rows",
        expressions("torch.unique(x, dim=0); torch.unique_consecutive(y)"),
        x=torch.tensor([[3, 1], [1, 2], [3, 1]]),
        y=torch.tensor([1, 1, 2, 2, 1]),
    )


# Expression, message; on x = bools(2, 3).
BOOL_ERRORS = {
    "argmax": ("x.argmax(0)", "argmax(): does not support bool input"),
    "abs": ("x.abs()", "\"abs_cpu\" not implemented for 'Bool'"),
    "topk": ("x.topk(2)", "topk does not support bool dtypes on CPU"),
    "median": ("x.median()", "\"median_cpu\" not implemented for 'Bool'"),
    "nanmedian": ("x.nanmedian(1)", "\"median_out\" not implemented for 'Bool'"),
    "kthvalue": ("x.kthvalue(1)", "\"kthvalue_cpu\" not implemented for 'Bool'"),
}
FLOAT_ERRORS = {
    "bitwise": ("x & 1", "\"bitwise_and_cpu\" not implemented for 'Float'"),
    "dimension": ("x.sum(3)", "Dimension out of range (expected to be in range of [-2, 1], but got 3)"),
    "zero_dim_dimension": ("x[0, 0].sum(1)", "Dimension out of range (expected to be in range of [-1, 0], but got 1)"),
    "zero_dim_cat": ("torch.cat([x[0, 0]])", "zero-dimensional tensor (at position 0) cannot be concatenated"),
    "zero_dim_glu": ("F.glu(x[0, 0], 0)", "glu does not support scalars because halving size must be even"),
    "odd_glu": ("F.glu(x, 1)", "Halving dimension must be even, but dimension 1 is size 3"),
    "cdist": ("torch.cdist(x[0], x)", "cdist only supports at least 2D tensors, X1 got: 1D"),
    "empty_max": ("x[:, :0].max()", "max(): Expected reduction dim to be specified for input.numel() == 0"),
    "empty_max_dim": ("x[:, :0].max(1)", "max(): Expected reduction dim 1 to have non-zero size."),
    "empty_amin": ("x[:, :0].amin(1)", "amin(): Expected reduction dim 1 to have non-zero size."),
    "empty_argmin": ("x[:0].argmin(0)", "argmin(): Expected reduction dim 0 to have non-zero size."),
    "empty_median": ("x[:, :0].median(-1)", "median(): Expected reduction dim 1 to have non-zero size."),
    "empty_mode": ("x[:, :0].mode(1)", "mode(): Expected reduction dim 1 to have non-zero size."),
    "empty_kthvalue": ("x[:, :0].kthvalue(1, 1)", "kthvalue(): Expected reduction dim 1 to have non-zero size."),
    "quantile": ("x[:, :0].quantile(0.5, 1)", "quantile() input tensor must be non-empty"),
    "layer_norm": (
        "F.layer_norm(x, [5])",
        "Given normalized_shape=[5], expected input with shape [*, 5], but got input of size[2, 3]",
    ),
}
INTEGER_ERRORS = {
    "floor_divide_zero": ("x // 0", "ZeroDivisionError"),
    "addcdiv": ("torch.addcdiv(x, x, x)", "Integer division with addcdiv"),
    "lerp": ("torch.lerp(x, x, 0.5)", "\"lerp_kernel_scalar\" not implemented for 'Long'"),
    "lerp_tensor": ("torch.lerp(x, x, x)", "\"lerp_kernel_tensor\" not implemented for 'Long'"),
    "quantile": ("x.quantile(0.5)", "quantile() input tensor must be either float or double dtype"),
}


def errors() -> None:
    family = "edges_errors"
    for kind, x, table in (
        ("bool", bools(2, 3), BOOL_ERRORS),
        ("float", randn(2, 3), FLOAT_ERRORS),
        ("int", ints(2, 3), INTEGER_ERRORS),
    ):
        for name, (body, message) in table.items():
            op(family, f"{kind}_{name}", body, x=x, error=message)
    x = randn(2, 3)
    target = torch.tensor([0, 5])
    op(family, "target_range", "F.cross_entropy(x, t)", x=x, t=target, error="Target 5 is out of bounds")
    message = "expected target dtype to be Long or Byte, but got Int"
    op(family, "target_dtype", "F.cross_entropy(x, t)", x=x, t=target.int(), error=message)
    op(family, "embedding", "F.embedding(i, w)", i=torch.tensor([7]), w=x, error="index out of range in self")
    message = "Float, Double; but got torch.CharTensor instead (while checking arguments for embedding_bag)"
    table, chosen = ints(4, 3, dtype=torch.int8), torch.tensor([[1, 2]])
    op(family, "embedding_bag_dtype", "F.embedding_bag(i, w)", i=chosen, w=table, error=message)
    op(family, "index_select", "x.index_select(0, i)", x=x, i=torch.tensor([2]), error="index out of range in self")
    op(
        family,
        "linear_shapes",
        "F.linear(x, w)",
        x=x,
        w=randn(4, 5),
        error="mat1 and mat2 shapes cannot be multiplied (2x3 and 5x4)",
    )
    op(family, "linear_dtypes", "F.linear(x, w)", x=x, w=randn(4, 3, dtype=F16), error="have the same dtype")
    op(
        family,
        "bmm_shapes",
        "torch.bmm(x, y)",
        x=randn(2, 3, 4),
        y=randn(2, 5, 4),
        error="Expected size for first two dimensions of batch2 tensor to be: [2, 4] but got: [2, 5].",
    )


for add_family in (dtypes, special_values, sizes, integers, errors):
    add_family()
