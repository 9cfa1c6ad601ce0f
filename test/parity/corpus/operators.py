"""Single ATen operators, each in a tiny scripted module of its own, so that one that is missing fails one test."""

import torch

from .registry import bools, ints, op, randn

NAN = float("nan")
INF = float("inf")
F32, F64, F16, BF16 = torch.float32, torch.float64, torch.float16, torch.bfloat16
I64, I32, I16, I8, U8, BOOL = torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool
HALVES = (F64, F16, BF16)


def name_of(dtype: torch.dtype) -> str:
    return str(dtype)[6:]


def pointwise() -> None:
    family = "pointwise"
    any_sign = "abs neg sign exp exp2 expm1 sin cos tan atan sinh cosh tanh asinh sigmoid floor ceil round trunc frac relu square positive erf erfc sinc sgn".split()
    positive = "log log2 log10 log1p sqrt rsqrt reciprocal lgamma digamma".split()
    unit = "asin acos atanh erfinv".split()
    for name in any_sign + positive + unit:
        x = randn(3, 5) * 2
        if name in positive:
            x = x.abs() + 0.1
        elif name in unit:
            x = torch.tanh(x) * 0.9
        op(family, name, f"torch.{name}(x)", *({"x": x.to(d)} for d in (F32, F64)), x=x)
        if name in ("abs", "neg", "exp", "tanh", "sqrt", "relu", "sigmoid", "floor", "round", "reciprocal"):
            for dtype in (F16, BF16):
                op(family, f"{name}_{name_of(dtype)}", f"torch.{name}(x)", x=x.to(dtype))
        if name in ("abs", "neg", "sign", "square", "floor", "ceil", "round", "relu"):
            op(family, f"{name}_ints", f"torch.{name}(x)", {}, {"x": ints(3, 5, dtype=I32)}, x=ints(3, 5))
        elif name in ("exp", "sqrt", "sigmoid", "tanh", "log", "sin", "rsqrt", "erf"):
            op(
                family,
                f"{name}_of_ints",
                f"torch.{name}(x)",
                {},
                {"x": ints(3, low=1, dtype=I32)},
                {"x": bools(4)},
                x=ints(3, 5, low=1),
            )
    op(family, "acosh", "torch.acosh(x)", x=randn(4).abs() + 1.1)
    op(family, "logit", "(torch.logit(x), torch.logit(x, 0.3))", x=torch.rand(5) * 0.8 + 0.1)
    op(
        family,
        "round_half_even",
        "(torch.round(x), torch.round(x, decimals=1))",
        x=torch.tensor([0.5, 1.5, 2.5, -0.5, -1.5, 0.25, 0.349]),
    )
    op(
        family,
        "nan_to_num",
        "(torch.nan_to_num(x), torch.nan_to_num(x, 1.0, 2.0, -2.0))",
        x=torch.tensor([1.0, NAN, INF, -INF]),
    )
    op(family, "isnan", "(torch.isnan(x), torch.isinf(x), torch.isfinite(x))", x=torch.tensor([1.0, NAN, INF, -INF]))
    op(
        family,
        "nan_propagation",
        "(x + 1, torch.relu(x), torch.clamp(x, 0.0, 1.0), x > 0, x == x, torch.maximum(x, y), torch.fmax(x, y))",
        x=torch.tensor([NAN, -1.0, 2.0]),
        y=torch.tensor([1.0, NAN, 3.0]),
    )
    op(
        family,
        "addcmul",
        "(torch.addcmul(x, y, z, value=0.5), torch.addcdiv(x, y, z + 5, value=2))",
        x=randn(2, 3),
        y=randn(2, 3),
        z=torch.rand(3),
    )
    op(
        family,
        "lerp",
        "(torch.lerp(x, y, 0.25), torch.lerp(x, y, z))",
        x=randn(2, 3),
        y=randn(2, 3),
        z=torch.rand(2, 3),
    )
    op(family, "atan2", "(torch.atan2(x, y), torch.hypot(x, y))", x=randn(5), y=randn(5))
    op(family, "logaddexp", "(torch.logaddexp(x, y), torch.logaddexp2(x, y))", x=randn(5), y=randn(5))
    op(family, "xlogy", "torch.xlogy(x, y)", x=torch.tensor([0.0, 1.0, 2.0]), y=torch.tensor([0.0, 2.0, 3.0]))
    op(family, "copysign", "(torch.copysign(x, y), torch.heaviside(x, y), torch.signbit(x))", x=randn(5), y=randn(5))
    op(family, "deg2rad", "(torch.deg2rad(x), torch.rad2deg(x))", x=randn(5))
    op(family, "special_functions", "torch.special.expit(x) + torch.special.log1p(x.abs()) + torch.special.erf(x)", x=randn(5))

    for name in "add sub mul div true_divide".split():
        op(
            family,
            name,
            f"(torch.{name}(x, y), torch.{name}(x, 2), torch.{name}(x, 0.5))",
            {},
            {"x": randn(4, 1), "y": randn(3)},
            x=randn(2, 3),
            y=randn(3) + 3,
        )
        for dtype in HALVES:
            op(
                family,
                f"{name}_{name_of(dtype)}",
                f"torch.{name}(x, y)",
                x=randn(2, 3, dtype=dtype),
                y=randn(2, 3, dtype=dtype).abs() + 1,
            )
        op(
            family,
            f"{name}_ints",
            f"(torch.{name}(x, y), torch.{name}(x, 3), torch.{name}(x, 1.5))",
            {},
            {"x": ints(2, 3, dtype=I32), "y": ints(2, 3, low=1, dtype=I32)},
            x=ints(2, 3),
            y=ints(2, 3, low=1),
        )
    op(
        family,
        "add_alpha",
        "(torch.add(x, y, alpha=2), torch.sub(x, y, alpha=3), torch.rsub(x, y), torch.rsub(x, 2.0, alpha=0.5))",
        x=randn(2, 3),
        y=randn(3),
    )
    op(
        family,
        "operators",
        "(x + y, x - y, x * y, x / y, -x, 2 + x, 2 - x, 3 * x, 1 / y, x ** 2, 2 ** x)",
        x=randn(3),
        y=randn(3) + 4,
    )
    for mode in ("trunc", "floor"):
        op(
            family,
            f"div_{mode}",
            f"(torch.div(x, y, rounding_mode='{mode}'), torch.div(x, 2, rounding_mode='{mode}'))",
            {},
            {"x": randn(6) * 9, "y": torch.tensor([2.0, -2.0, 0.7, -0.7, 3.0, -3.0])},
            x=ints(6),
            y=torch.tensor([2, -2, 3, -3, 4, -4]),
        )
    op(
        family,
        "floor_divide",
        "(x // y, torch.floor_divide(x, 4))",
        {},
        {"x": randn(4) * 9, "y": randn(4) + 3},
        x=ints(4),
        y=torch.tensor([2, -2, 3, -3]),
    )
    op(
        family,
        "remainder",
        "(torch.remainder(x, y), x % 3, torch.fmod(x, y), torch.fmod(x, 3))",
        {},
        {"x": randn(4) * 9, "y": torch.tensor([2.0, -2.0, 1.5, -1.5])},
        x=ints(4),
        y=torch.tensor([2, -2, 3, -3]),
    )
    op(
        family,
        "pow",
        "(torch.pow(x, 2), torch.pow(x, 3.0), torch.pow(x, 0.5), x ** -1, torch.pow(x, y), torch.pow(2, y), x ** 2.5)",
        x=torch.rand(4) + 0.5,
        y=randn(4),
    )
    op(
        family,
        "pow_ints",
        "(x ** 2, torch.pow(x, 3), torch.pow(x, y), x ** 0.5)",
        x=ints(4, low=1),
        y=torch.tensor([0, 1, 2, 3]),
    )
    op(family, "pow_float64", "torch.pow(x, y)", x=torch.rand(4).double() + 0.5, y=randn(4, dtype=F64))
    for name in "maximum minimum fmax fmin".split():
        op(family, name, f"torch.{name}(x, y)", {}, {"x": ints(5), "y": ints(5)}, x=randn(2, 5), y=randn(5))
    op(family, "max_pair", "(torch.max(x, y), torch.min(x, y))", x=randn(2, 5), y=randn(5))
    op(
        family,
        "clamp",
        "(torch.clamp(x, -0.5, 0.5), x.clamp(min=0), x.clamp(max=0.3), torch.clip(x, 0, 1), x.clamp_min(0.1), x.clamp_max(0.1))",
        {},
        {"x": randn(4, dtype=F16)},
        x=randn(2, 5),
    )
    op(family, "clamp_ints", "(torch.clamp(x, -2, 3), x.clamp(min=0), x.clamp(0.5, 2.5))", x=ints(8))
    op(
        family,
        "clamp_tensor",
        "torch.clamp(x, y, z)",
        x=randn(2, 5),
        y=torch.full((5,), -0.5),
        z=torch.full((2, 5), 0.5),
    )
    op(family, "threshold", "torch.threshold(x, 0.1, 5.0)", x=randn(5))
    op(
        family,
        "cumulative",
        "(torch.cumsum(x, 0), torch.cumsum(x, -1), torch.cumprod(x, 1))",
        {},
        {"x": randn(3, 4, dtype=F64)},
        x=randn(3, 4),
    )
    op(
        family,
        "cumsum_types",
        "(torch.cumsum(x, 0), torch.cumsum(x, 0, dtype=torch.float32))",
        {},
        {"x": bools(5)},
        {"x": ints(5, dtype=I32)},
        x=ints(5),
    )
    op(family, "cummax", "(torch.cummax(x, 0), torch.cummin(x, 1), torch.logcumsumexp(x, 1))", x=randn(4, 5))
    op(family, "diff", "(torch.diff(x), torch.diff(x, n=2, dim=0))", x=randn(4, 5))
    op(family, "empty", "(x + 1, torch.relu(x), x * x)", x=randn(0, 3))
    op(
        family,
        "broadcast_mismatch",
        "x + y",
        x=randn(2, 3),
        y=randn(2, 4),
        error="The size of tensor a (3) must match the size of tensor b (4) at non-singleton dimension 1",
    )
    op(
        family,
        "activation_functions",
        "(F.elu(x), F.selu(x), F.celu(x, 0.5), F.gelu(x), F.silu(x), F.mish(x), F.softplus(x), F.hardtanh(x), F.hardswish(x), F.hardsigmoid(x), F.relu6(x), F.leaky_relu(x, 0.1), F.logsigmoid(x), F.softsign(x), F.tanhshrink(x), F.glu(x, 0))",
        x=randn(4, 3) * 3,
    )


def comparison() -> None:
    family = "comparison"
    for name in "eq ne lt le gt ge".split():
        op(
            family,
            name,
            f"(torch.{name}(x, y), torch.{name}(x, 1), torch.{name}(x, 0.5))",
            {},
            {"x": ints(2, 4), "y": ints(2, 4)},
            {"x": randn(2, 4, dtype=F16), "y": randn(2, 4, dtype=F16)},
            {"x": ints(2, 4), "y": randn(4)},
            {"x": bools(2, 4), "y": bools(4)},
            x=randn(2, 4),
            y=randn(4),
        )
    for name in "logical_and logical_or logical_xor".split():
        op(
            family,
            name,
            f"torch.{name}(x, y)",
            {},
            {"x": bools(4), "y": bools(4)},
            {"x": ints(4, low=0, high=2), "y": bools(4)},
            x=torch.tensor([0.0, 1.0, -2.0]),
            y=torch.tensor([1.0, 0.0, 3.0]),
        )
    op(
        family,
        "logical_not",
        "torch.logical_not(x)",
        {},
        {"x": ints(4, low=0, high=2)},
        {"x": bools(4)},
        x=torch.tensor([0.0, 1.5]),
    )
    for name in "bitwise_and bitwise_or bitwise_xor".split():
        op(
            family,
            name,
            f"torch.{name}(x, y)",
            {},
            {"x": bools(5), "y": bools(5)},
            {"x": ints(5, dtype=I32), "y": ints(5, dtype=I32)},
            x=ints(5),
            y=ints(5),
        )
    op(
        family,
        "bitwise_not",
        "(torch.bitwise_not(x), ~x)",
        {},
        {"x": bools(5)},
        {"x": ints(5, low=0, dtype=U8)},
        x=ints(5),
    )
    op(family, "bit_operators", "(x & y, x | y, x ^ y, x & 3, x << 1, x >> 1)", x=ints(5), y=ints(5))
    op(family, "equal", "(torch.equal(x, x.clone()), torch.equal(x, x + 1), torch.allclose(x, x + 1e-9))", x=randn(3))
    op(family, "isclose", "torch.isclose(x, y, rtol=0.1, atol=0.1)", x=randn(5), y=randn(5))
    op(family, "isin", "torch.isin(x, y)", x=ints(8), y=torch.tensor([1, 2, -3]))
    op(
        family,
        "where",
        "(torch.where(x > 0, x, y), torch.where(x > 0, x, 0.0), torch.where(x > 0, 1, 2), torch.where(x > 0, 1.0, y))",
        x=randn(2, 3),
        y=randn(3),
    )
    op(family, "where_types", "torch.where(x > 0, y, z)", x=randn(3), y=ints(3), z=randn(3))
    op(family, "where_indices", "torch.where(x > 0)", x=randn(3, 3))
    op(
        family,
        "nonzero",
        "(torch.nonzero(x > 0), torch.count_nonzero(x), torch.argwhere(x > 0), x.nonzero())",
        x=randn(3, 3),
    )


def reductions() -> None:
    family = "reductions"
    for name in "sum mean prod logsumexp amax amin var std".split():
        whole = "" if name == "logsumexp" else f"torch.{name}(x), "
        dims = f"torch.{name}(x, 1), torch.{name}(x, -1, keepdim=True)"
        more = "" if name == "prod" else f", torch.{name}(x, [0, 2]), torch.{name}(x, [0, 2], keepdim=True)"
        for dtype in (F32,) + HALVES:
            suffix = "" if dtype == F32 else f"_{name_of(dtype)}"
            op(family, name + suffix, f"({whole}{dims}{more})", x=randn(2, 3, 4, dtype=dtype))
    op(
        family,
        "sum_ints",
        "(x.sum(), x.sum(0), x.sum(dtype=torch.float32), x.prod(), x.amax(0), x.float().mean())",
        {},
        {"x": ints(2, 3, dtype=I32)},
        {"x": ints(2, 3, low=0, dtype=U8)},
        x=ints(2, 3),
    )
    op(
        family,
        "sum_bools",
        "(x.sum(), x.sum(0, keepdim=True), x.to(torch.float32).mean(), x.any(), x.all())",
        x=bools(3, 4),
    )
    op(
        family,
        "mean_dtype",
        "(x.mean(dtype=torch.float32), x.mean(1, dtype=torch.float64), x.sum(1, dtype=torch.float64))",
        x=ints(2, 3),
    )
    op(
        family,
        "mean_ints_fails",
        "x.mean()",
        x=ints(3),
        error="mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype",
    )
    op(
        family,
        "variance",
        "(x.var(unbiased=False), x.var(1, unbiased=False), x.var(1, unbiased=True, keepdim=True), torch.var(x, [0, 2], correction=0), torch.var(x, dim=[1], correction=2), torch.std(x, 0, unbiased=False), x.std(unbiased=True))",
        x=randn(2, 3, 4),
    )
    op(
        family,
        "var_mean",
        "(torch.var_mean(x, 1), torch.std_mean(x, [0, 2], unbiased=False, keepdim=True), torch.var_mean(x, unbiased=False))",
        x=randn(2, 3, 4),
    )
    op(family, "var_of_one", "(torch.var(x), torch.var(x, unbiased=False))", x=randn(1))
    op(
        family,
        "norms",
        "(torch.norm(x), torch.norm(x, 1), torch.norm(x, 2.0, 1), torch.norm(x, 3.0, [0, 2], keepdim=True), torch.norm(x, p=float('inf')), x.norm(2, -1))",
        x=randn(2, 3, 4),
    )
    op(
        family,
        "linalg_norms",
        "(torch.linalg.vector_norm(x), torch.linalg.vector_norm(x, 1.0, [1]), torch.linalg.norm(x, dim=1), torch.linalg.vector_norm(x, float('inf'), [0], keepdim=True), torch.linalg.vector_norm(x, 0))",
        x=randn(3, 4),
    )
    op(
        family,
        "frobenius",
        "(torch.linalg.norm(x), torch.linalg.matrix_norm(x), torch.frobenius_norm(x, [0, 1]))",
        x=randn(3, 4),
    )
    op(
        family,
        "max_dim",
        "(torch.max(x), torch.max(x, 1), torch.max(x, -1, keepdim=True), torch.min(x, 0), torch.min(x), x.max(0)[0])",
        {},
        {"x": ints(3, 5)},
        {"x": randn(3, 5, dtype=F64)},
        x=randn(3, 5),
    )
    op(family, "max_named", "values, indices = torch.max(x, dim=1)\nreturn (values, indices)", x=randn(3, 5))
    op(
        family,
        "argmax",
        "(torch.argmax(x), torch.argmax(x, 1), torch.argmin(x, 0, keepdim=True), x.argmax(dim=-1))",
        {},
        {"x": ints(3, 4)},
        x=randn(3, 4),
    )
    op(
        family,
        "argmax_ties",
        "(torch.argmax(x), torch.argmin(x), torch.max(x, 0), torch.argmax(y))",
        x=torch.tensor([2.0, 5.0, 5.0, 2.0]),
        y=torch.tensor([1.0, NAN, 3.0]),
    )
    op(
        family,
        "any_all",
        "(torch.any(x), torch.all(x), torch.any(x, 1), torch.all(x, 0, keepdim=True))",
        {},
        {"x": torch.tensor([[0.0, 1.0], [2.0, 3.0]])},
        x=bools(3, 4),
    )
    op(family, "aminmax", "(torch.aminmax(x), torch.aminmax(x, dim=1))", x=randn(3, 4))
    op(
        family,
        "median",
        "(torch.median(x), torch.median(x, 1), torch.mode(y, 0))",
        x=randn(3, 5),
        y=torch.tensor([1, 2, 2, 3]),
    )
    op(
        family,
        "quantile",
        "(torch.quantile(x, 0.3), torch.quantile(x, 0.5, dim=1), torch.quantile(x, q))",
        x=randn(3, 5),
        q=torch.tensor([0.1, 0.9]),
    )
    op(family, "kthvalue", "torch.kthvalue(x, 2, 1)", x=randn(3, 5))
    op(family, "nansum", "(torch.nansum(x), torch.nanmean(x), torch.nanmedian(x))", x=torch.tensor([1.0, NAN, 3.0]))
    op(family, "empty", "(x.sum(), x.sum(0), x.prod(), x.mean(), x.any(), x.all())", x=randn(0, 3))
    op(
        family,
        "max_empty_fails",
        "x.max()",
        x=randn(0),
        error="Expected reduction dim to be specified for input.numel() == 0",
    )
    op(family, "zero_dim", "(x.sum(), x.mean(0), x.max(0), x.argmax())", x=torch.tensor(3.5))
    op(
        family,
        "trace_diag",
        "(torch.trace(x), torch.diag(x), torch.diag(x[0]), torch.diagonal(x, 1), torch.diag_embed(x))",
        x=randn(3, 3),
    )
    op(family, "histogram", "(torch.bincount(y), torch.histc(x, 4, -2.0, 2.0))", x=randn(20), y=ints(10, low=0, high=5))
    op(
        family,
        "cdist",
        "(torch.cdist(x, y), torch.cdist(x, y, 1.0), torch.dist(x[0], y[0]))",
        x=randn(4, 3),
        y=randn(5, 3),
    )


def ordering() -> None:
    family = "ordering"
    for dtype in (F32, F64, I64, I32):
        x = torch.randperm(20).reshape(4, 5).to(dtype)
        op(
            family,
            f"sort_{name_of(dtype)}",
            "(torch.sort(x), torch.sort(x, 0, descending=True), torch.argsort(x, 1), torch.msort(x))",
            x=x,
        )
        op(
            family,
            f"topk_{name_of(dtype)}",
            "(torch.topk(x, 2), torch.topk(x, 3, 0, largest=False), x.topk(1, dim=-1))",
            x=x,
        )
    op(family, "sort_stable", "torch.sort(x, stable=True, dim=0, descending=False)", x=torch.tensor([2, 1, 2, 1, 0]))
    op(family, "topk_too_many", "torch.topk(x, 9)", x=randn(4), error="selected index k out of range")
    op(family, "unique", "torch.unique(x)", x=ints(12, low=0, high=5))
    op(
        family,
        "searchsorted",
        "(torch.searchsorted(x, y), torch.searchsorted(x, y, right=True), torch.bucketize(y, x))",
        x=torch.tensor([1.0, 3.0, 5.0]),
        y=torch.tensor([0.0, 3.0, 6.0]),
    )


def indexing() -> None:
    family = "indexing"
    index = torch.tensor([[0, 2, 1], [1, 0, 2]])
    op(
        family,
        "gather",
        "(torch.gather(x, 1, i), torch.gather(x, 0, i % 2))",
        {},
        {"x": ints(2, 4)},
        x=randn(2, 4),
        i=index,
    )
    op(
        family,
        "scatter",
        "(x.scatter(1, i, y), x.scatter(1, i, 9.0), x.scatter_add(1, i, y), x.scatter(0, i % 2, y))",
        x=randn(2, 4),
        y=randn(2, 3),
        i=index,
    )
    op(
        family,
        "scatter_reduce",
        "(x.scatter_reduce(1, i, y, 'sum'), x.scatter_reduce(1, i, y, 'amax'), x.scatter_reduce(1, i, y, 'mean', include_self=False), x.scatter_reduce(1, i, y, 'prod'))",
        x=randn(2, 4),
        y=randn(2, 3),
        i=index,
    )
    op(
        family,
        "scatter_inplace",
        "x.scatter_(1, i, 1.0)\nx.scatter_add_(1, i, y)\nreturn x",
        x=torch.zeros(2, 4),
        y=randn(2, 3),
        i=index,
    )
    op(
        family,
        "index_select",
        "(torch.index_select(x, 1, i), x.index_select(0, j))",
        x=randn(2, 4),
        i=torch.tensor([3, 0, 3]),
        j=torch.tensor([1], dtype=I32),
    )
    op(
        family,
        "index_add",
        "(x.index_add(0, i, y), x.index_add(0, i, y, alpha=2), x.index_copy(0, i, y), x.index_fill(1, i, 5.0))",
        x=randn(3, 4),
        y=randn(2, 4),
        i=torch.tensor([2, 0]),
    )
    op(
        family,
        "index_tensor",
        "(x[i], x[:, i], x[i, i], x[i][:, None], x[..., 1])",
        x=randn(4, 5),
        i=torch.tensor([3, 0, 2]),
    )
    op(family, "index_negative", "(x[i], x[-1], x[-2:])", x=randn(4, 5), i=torch.tensor([-1, -4]))
    op(
        family,
        "index_broadcast",
        "(x[i, j], x[i.unsqueeze(1), j])",
        x=randn(4, 5),
        i=torch.tensor([3, 0]),
        j=torch.tensor([1, 2]),
    )
    op(
        family,
        "index_apart",
        "(x[i, :, j], x[:, i, j], x[i, 1, j])",
        x=randn(3, 4, 5),
        i=torch.tensor([2, 0]),
        j=torch.tensor([1, 4]),
    )
    op(family, "index_matrix", "x[i]", x=randn(4, 3), i=torch.tensor([[0, 1], [3, 3]]))
    op(family, "index_mask", "(x[m], x[x > 0], x[m[:, 0]], x[:, m[0]])", x=randn(3, 4), m=bools(3, 4))
    op(
        family,
        "index_out_of_range",
        "x[i]",
        x=randn(3),
        i=torch.tensor([5]),
        error="index 5 is out of bounds for dimension 0 with size 3",
    )
    op(
        family,
        "select_out_of_range",
        "x[7]",
        x=randn(3),
        error="index 7 out of range for tensor of size [3] at dimension 0",
    )
    op(
        family,
        "slices",
        "(x[1], x[:, 2], x[1:3], x[::2], x[:, 1::2], x[..., -1], x[None], x[:, None, 1], x[1:1], x[-3:-1, 5:])",
        x=randn(4, 5),
    )
    op(
        family,
        "index_put",
        "x[i] = y\nx[:, j] = 0.0\nx[i, j] += 1\nreturn x",
        x=randn(4, 5),
        y=randn(2, 5),
        i=torch.tensor([3, 0]),
        j=torch.tensor([1, 2]),
    )
    op(
        family,
        "index_put_accumulate",
        "(x.index_put([i], y, accumulate=True), x.index_put_([i], y), x)",
        x=randn(4),
        y=randn(3),
        i=torch.tensor([1, 1, 3]),
    )
    op(
        family,
        "mask_put",
        "x[x > 0] = 0.5\nx[m] = y\nreturn x",
        x=randn(4),
        m=torch.tensor([True, False, True, False]),
        y=torch.tensor([7.0, 8.0]),
    )
    op(
        family,
        "slice_put",
        "x[1:3] = 2\nx[:, ::2] = y\nx[0] = x[1] * 3\nx[-1, -1] = 9\nreturn x",
        x=randn(4, 5),
        y=randn(4, 1),
    )
    op(
        family,
        "masked_fill",
        "(x.masked_fill(m, 0.5), x.masked_fill(m, float('-inf')), torch.masked_fill(x, m, y), x.masked_fill(m[0], -1))",
        x=randn(3, 4),
        m=bools(3, 4),
        y=torch.tensor(3.0),
    )
    op(
        family,
        "masked_fill_halves",
        "x.masked_fill(m, -1e4)",
        {},
        {"x": randn(3, 4, dtype=BF16)},
        {"x": ints(3, 4)},
        x=randn(3, 4, dtype=F16),
        m=bools(3, 4),
    )
    op(
        family,
        "masked_select",
        "(torch.masked_select(x, m), x.masked_scatter(m, y))",
        x=randn(3, 4),
        m=bools(3, 4),
        y=randn(12),
    )
    op(
        family,
        "take",
        "(torch.take(x, i), torch.take_along_dim(x, j, 1))",
        x=randn(3, 4),
        i=torch.tensor([0, 11, 5]),
        j=torch.tensor([[0], [3], [1]]),
    )
    op(
        family,
        "select_scatter",
        "(torch.select_scatter(x, y, 0, 1), torch.slice_scatter(x, z, 1, 0, 2))",
        x=randn(3, 4),
        y=randn(4),
        z=randn(3, 2),
    )
    op(family, "embedding", "(F.embedding(i, w), torch.embedding(w, i), w[i])", w=randn(6, 3), i=index)
    op(family, "one_hot", "(F.one_hot(i, 4), F.one_hot(i))", i=index)
    op(
        family,
        "tril",
        "(torch.tril(x), torch.triu(x, 1), torch.tril(x, -1), x.tril(2))",
        {},
        {"x": torch.ones(3, 3, dtype=BOOL)},
        {"x": ints(4, 3)},
        x=randn(2, 3, 4),
    )
    op(family, "tril_indices", "(torch.tril_indices(3, 4), torch.triu_indices(3, 3, 1))")
    op(family, "meshgrid", "torch.meshgrid([x, y])", x=torch.arange(3), y=torch.arange(2))
    op(family, "meshgrid_xy", "torch.meshgrid([x, y], indexing='xy')", x=torch.arange(3), y=torch.arange(2))


def shapes() -> None:
    family = "shapes"
    op(
        family,
        "view",
        "(x.view(6, 4), x.view(-1), x.view(2, -1, 2), x.reshape(4, 6), torch.reshape(x, [24]), x.view_as(x), x.reshape_as(x))",
        x=randn(2, 3, 4),
    )
    op(
        family,
        "view_fails",
        "x.t().view(-1)",
        x=randn(2, 3),
        error="view size is not compatible with input tensor's size and stride",
    )
    op(family, "reshape_fails", "x.reshape(5, 2)", x=randn(2, 3), error="shape '[5, 2]' is invalid for input of size 6")
    op(
        family,
        "reshape_copies",
        "y = x.t().reshape(-1)\ny += 1\nz = x.reshape(-1)\nz += 10\nreturn (x, y, z)",
        x=randn(2, 3),
    )
    op(
        family,
        "permute",
        "(x.permute(2, 0, 1), torch.permute(x, [1, 0, 2]), x.transpose(0, 2), x.transpose(-1, -2), x.swapaxes(0, 1), x.movedim(0, 2), x.mT)",
        x=randn(2, 3, 4),
    )
    op(family, "t", "(x.t(), x.T, x[0].t(), torch.t(x))", x=randn(2, 3))
    op(
        family,
        "squeeze",
        "(x.squeeze(), x.squeeze(1), x.squeeze(0), x.unsqueeze(0), x.unsqueeze(-1), torch.squeeze(x, [1, 3]))",
        x=randn(2, 1, 3, 1),
    )
    op(
        family,
        "flatten",
        "(x.flatten(), torch.flatten(x, 1), x.flatten(0, 1), x.unflatten(1, [3, 1]), x.ravel())",
        x=randn(2, 3, 4),
    )
    op(
        family,
        "flatten_zero_dim",
        "(x.flatten(), x.view(1), x.reshape([]), x.unsqueeze(0), x.expand(3))",
        x=torch.tensor(2.5),
    )
    op(
        family,
        "expand",
        "(x.expand(3, 4), x.expand(2, -1, 4), y.expand_as(x.expand(3, 4)), torch.broadcast_to(y, [3, 4]), torch.broadcast_tensors([x, y]))",
        x=randn(3, 1),
        y=randn(4),
    )
    op(
        family,
        "repeat",
        "(x.repeat(2, 3), x.repeat(2, 1, 1), torch.tile(x, [2]), x.repeat_interleave(2, dim=1), torch.repeat_interleave(x, 3), x.repeat_interleave(r, dim=0))",
        x=randn(2, 3),
        r=torch.tensor([2, 0]),
    )
    op(family, "unfold", "(x.unfold(1, 3, 2), x.unfold(0, 2, 1))", x=randn(3, 7))
    op(
        family,
        "narrow",
        "(x.narrow(1, 1, 2), torch.narrow(x, 0, 0, 1), x.select(1, 2), torch.select(x, 0, -1))",
        x=randn(3, 4),
    )
    op(
        family,
        "as_strided",
        "(torch.as_strided(x, [2, 2], [1, 2]), torch.as_strided(x, [2, 3], [0, 1], 2))",
        x=randn(9),
    )
    op(
        family,
        "cat",
        "(torch.cat([x, y]), torch.cat([x, x], 1), torch.cat((x, y), dim=-2), torch.concat([x, x]))",
        x=randn(2, 3),
        y=randn(1, 3),
    )
    op(
        family,
        "cat_types",
        "(torch.cat([x, y]), torch.cat([x, z]), torch.cat([y, z]))",
        x=ints(2),
        y=randn(3),
        z=bools(2),
    )
    op(family, "cat_empty", "torch.cat([x, y], 1)", x=randn(2, 0), y=randn(2, 3))
    op(
        family,
        "cat_fails",
        "torch.cat([x, y])",
        x=randn(2, 3),
        y=randn(2, 4),
        error="Sizes of tensors must match except in dimension 0. Expected size 3 but got size 4",
    )
    op(
        family,
        "stack",
        "(torch.stack([x, y]), torch.stack([x, y], 1), torch.stack((x, y), -1), torch.hstack([x, y]), torch.vstack([x, y]), torch.dstack([x, y]))",
        x=randn(2, 3),
        y=randn(2, 3),
    )
    op(
        family,
        "split",
        "(torch.split(x, 2, 1), x.split([1, 3, 1], dim=1), torch.chunk(x, 2, 1), x.chunk(3, dim=-1), x.unbind(0), torch.unbind(x, 1), torch.tensor_split(x, 2, 1))",
        x=randn(2, 5),
    )
    op(
        family,
        "split_writes_through",
        "a, b = x.split(2)\na += 1\nb.zero_()\nc, d, e, f = x.unbind(0)\nf.fill_(3)\nreturn (x, c)",
        x=randn(4, 3),
    )
    op(
        family,
        "flip_roll",
        "(torch.flip(x, [0]), x.flip([0, 1]), torch.roll(x, 1), torch.roll(x, [1, -1], [0, 1]), torch.rot90(x), x.fliplr())",
        x=randn(3, 4),
    )
    op(
        family,
        "contiguous",
        "y = x.t().contiguous()\nreturn (y, y.is_contiguous(), x.t().is_contiguous(), y.stride(0), x.t().stride(0), y.view(-1))",
        x=randn(2, 3),
    )
    op(
        family,
        "channels_last",
        "y = x.contiguous(memory_format=torch.channels_last)\nreturn (y, y + 1, y.is_contiguous(), y.stride(1))",
        x=randn(2, 3, 4, 4),
    )
    op(
        family,
        "sizes",
        "(x.size(), x.size(0), x.shape[1], x.dim(), x.numel(), list(x.stride()), x.storage_offset(), len(x))",
        x=randn(2, 3),
    )
    op(family, "atleast", "(torch.atleast_1d(x), torch.atleast_2d(x), torch.atleast_3d(x))", x=torch.tensor(2.0))
    op(family, "kron", "(torch.kron(x, y), torch.block_diag([x, y]))", x=randn(2, 2), y=randn(2, 3))
    op(
        family,
        "pixel_shuffle",
        "(F.pixel_shuffle(x, 2), F.pixel_unshuffle(F.pixel_shuffle(x, 2), 2), F.channel_shuffle(x, 2))",
        x=randn(1, 8, 2, 3),
    )
    op(
        family,
        "im2col",
        "(F.unfold(x, 2), F.unfold(x, [2, 3], dilation=1, padding=1, stride=2), F.fold(F.unfold(x, 2), [4, 5], 2))",
        x=randn(1, 2, 4, 5),
    )
    for mode in ("constant", "reflect", "replicate", "circular"):
        op(
            family,
            f"pad_{mode}",
            f"(F.pad(x, [1, 2], mode='{mode}'), F.pad(y, [1, 0, 2, 1], mode='{mode}'))",
            x=randn(2, 3, 5),
            y=randn(1, 2, 4, 4),
        )
    op(
        family,
        "pad_values",
        "(F.pad(x, [1, 2], value=3.5), F.pad(x, [-1, 1]), F.pad(x, [0, 0, 1, 1], 'constant', -1.0), F.pad(i, [1, 1], value=7.0), F.pad(b, [1, 1], value=1.0))",
        x=randn(2, 3, 5),
        i=ints(2, 3),
        b=bools(2, 3),
    )


def matmul() -> None:
    family = "matmul"
    for dtype in (F32,) + HALVES:
        suffix = name_of(dtype)
        op(
            family,
            f"matmul_{suffix}",
            "(torch.matmul(x, y), x @ y, torch.mm(x, y), torch.matmul(x[0], y), torch.matmul(x, y[:, 0]), torch.dot(x[0], y[:, 0]))",
            x=randn(2, 3, dtype=dtype),
            y=randn(3, 4, dtype=dtype),
        )
        op(
            family,
            f"bmm_{suffix}",
            "(torch.bmm(x, y), torch.matmul(x, y), torch.matmul(x, y[0]), torch.matmul(x[0], y), torch.baddbmm(z, x, y, beta=0.5, alpha=2.0))",
            x=randn(2, 3, 4, dtype=dtype),
            y=randn(2, 4, 5, dtype=dtype),
            z=randn(2, 3, 5, dtype=dtype),
        )
        op(
            family,
            f"linear_{suffix}",
            "(F.linear(x, w, b), F.linear(x, w), F.linear(x[0, 0], w, b))",
            x=randn(2, 3, 4, dtype=dtype),
            w=randn(5, 4, dtype=dtype),
            b=randn(5, dtype=dtype),
        )
    op(
        family,
        "matmul_ints",
        "(torch.matmul(x, y), torch.mm(x, y), x @ y[:, 0])",
        {},
        {"x": ints(2, 3, dtype=I32), "y": ints(3, 4, dtype=I32)},
        x=ints(2, 3),
        y=ints(3, 4),
    )
    op(
        family,
        "matmul_broadcast",
        "(torch.matmul(x, y), torch.matmul(y.transpose(-1, -2), x.transpose(-1, -2)))",
        x=randn(2, 1, 3, 4),
        y=randn(5, 4, 2),
    )
    op(
        family,
        "matmul_fails",
        "torch.matmul(x, y)",
        x=randn(2, 3),
        y=randn(4, 5),
        error="mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)",
    )
    op(
        family,
        "matmul_types_fail",
        "torch.matmul(x, y)",
        x=randn(2, 3),
        y=randn(3, 4, dtype=F64),
        error="expected m1 and m2 to have the same dtype, but got: float != double",
    )
    op(
        family,
        "addmm",
        "(torch.addmm(b, x, y), torch.addmm(z, x, y, beta=0.5, alpha=2), torch.addmv(z[:, 0], x, y[:, 0]), torch.addbmm(z, x.unsqueeze(0), y.unsqueeze(0)), torch.addr(z, x[:, 0], y[0]))",
        x=randn(2, 3),
        y=randn(3, 4),
        z=randn(2, 4),
        b=randn(4),
    )
    op(
        family,
        "mv_outer",
        "(torch.mv(x, y), torch.outer(y, y), torch.ger(y, y), torch.inner(x, y), torch.linalg.multi_dot([x, x.t(), x]))",
        x=randn(2, 3),
        y=randn(3),
    )
    for name, equation in {
        "matmul": "ij,jk->ik",
        "bmm": "bij,bjk->bik",
        "scores": "bhqd,bhkd->bhqk",
        "transpose": "ij->ji",
        "diagonal": "ii->i",
        "sum": "ij->",
        "outer": "i,j->ij",
        "scores_heads_inside": "bqhd,bkhd->bhqk",
        "ellipsis": "...ij,...jk->...ik",
        "row_dot": "ij,ij->i",
        "implicit_output": "ij,jk",
    }.items():
        left, _, right = equation.split("->")[0].partition(",")
        sizes = {"i": 2, "j": 3, "k": 4, "b": 2, "h": 2, "q": 3, "d": 4, ".": 1}
        shape = lambda term: [sizes[c] for c in term.replace("...", ".")] if term != "ii" else [3, 3]  # noqa: E731
        arguments = {"x": randn(*shape(left))}
        if right:
            arguments["y"] = randn(*shape(right))
        op(family, f"einsum_{name}", f"torch.einsum('{equation}', [{', '.join(arguments)}])", **arguments)
    op(family, "einsum_three", "torch.einsum('bi,ij,bj->b', [x, w, y])", x=randn(2, 3), w=randn(3, 4), y=randn(2, 4))
    op(family, "tensordot", "torch.tensordot(x, y, 2)", x=randn(2, 3, 4), y=randn(3, 4, 5))
    op(family, "bilinear", "F.bilinear(x, y, w, b)", x=randn(2, 3), y=randn(2, 4), w=randn(5, 3, 4), b=randn(5))
    op(family, "cross", "(torch.cross(x, y, dim=1), torch.linalg.cross(x, y))", x=randn(2, 3), y=randn(2, 3))
    op(
        family,
        "inverse",
        "(torch.inverse(x), torch.linalg.solve(x, y), torch.det(x))",
        x=randn(3, 3) + 3 * torch.eye(3),
        y=randn(3, 2),
    )
    op(family, "matrix_power", "(torch.matrix_power(x, 3), torch.linalg.matrix_power(x, 0))", x=randn(3, 3))
    op(
        family,
        "attention",
        "(F.scaled_dot_product_attention(q, k, v), F.scaled_dot_product_attention(q, q, v[:, :, :3], is_causal=True), F.scaled_dot_product_attention(q, k, v, attn_mask=m, scale=0.3), F.scaled_dot_product_attention(q, k, v, attn_mask=m > 0))",
        q=randn(2, 2, 3, 4),
        k=randn(2, 2, 5, 4),
        v=randn(2, 2, 5, 4),
        m=torch.cat([torch.ones(3, 1), randn(3, 4)], 1),
    )
    op(
        family,
        "normalize",
        "(F.normalize(x), F.normalize(x, p=1.0, dim=0), F.cosine_similarity(x, y), F.pairwise_distance(x, y))",
        x=randn(3, 4),
        y=randn(3, 4),
    )


def convolution() -> None:
    family = "convolution"
    for dims, size in ((1, 9), (2, 7), (3, 5)):
        x = randn(2, 4, *[size] * dims)
        w = randn(6, 4, *[3] * dims) * 0.3
        grouped = randn(6, 2, *[3] * dims) * 0.3
        depthwise = randn(8, 1, *[3] * dims) * 0.3
        b = randn(6)
        conv = f"F.conv{dims}d"
        transposed = f"F.conv_transpose{dims}d"
        wt = randn(4, 6, *[3] * dims) * 0.3
        wtg = randn(4, 3, *[3] * dims) * 0.3
        for name, options, weight in (
            ("plain", "b", w),
            ("no_bias", "", w),
            ("stride_padding", "b, stride=2, padding=1", w),
            ("dilation", "b, dilation=2, padding=2", w),
            ("groups", "b, groups=2", grouped),
            ("depthwise", "groups=4, padding=1", depthwise),
            ("same", "b, padding='same', dilation=2", w),
            ("valid", "b, padding='valid', stride=2", w),
        ):
            op(family, f"conv{dims}d_{name}", f"{conv}(x, w{', ' + options if options else ''})", x=x, w=weight, b=b)
        op(family, f"conv{dims}d_unbatched", f"{conv}(x, w, b)", x=x[0], w=w, b=b)
        for name, options, weight in (
            ("plain", "b", wt),
            ("stride", "b, stride=2", wt),
            ("padding", "b, stride=2, padding=1", wt),
            ("output_padding", "b, stride=2, padding=1, output_padding=1", wt),
            ("groups", "b, stride=2, groups=2", wtg),
            ("dilation", "dilation=2, padding=1", wt),
        ):
            op(family, f"conv_transpose{dims}d_{name}", f"{transposed}(x, w, {options})", x=x, w=weight, b=b)
        for dtype in HALVES:
            op(
                family,
                f"conv{dims}d_{name_of(dtype)}",
                f"{conv}(x, w, b, padding=1)",
                x=x.to(dtype),
                w=w.to(dtype),
                b=b.to(dtype),
            )
            op(
                family,
                f"conv_transpose{dims}d_{name_of(dtype)}",
                f"{transposed}(x, w, b, stride=2)",
                x=x.to(dtype),
                w=wt.to(dtype),
                b=b.to(dtype),
            )
    op(
        family,
        "conv2d_asymmetric",
        "F.conv2d(x, w, None, [1, 2], [0, 2], [2, 1])",
        x=randn(1, 2, 8, 9),
        w=randn(3, 2, 3, 5),
    )
    op(family, "conv2d_even_kernel_same", "F.conv2d(x, w, padding='same')", x=randn(1, 2, 6, 7), w=randn(3, 2, 2, 4))
    op(family, "conv2d_empty_batch", "F.conv2d(x, w)", x=randn(0, 2, 6, 6), w=randn(3, 2, 3, 3))
    op(
        family,
        "conv2d_channels_fail",
        "F.conv2d(x, w)",
        x=randn(1, 3, 6, 6),
        w=randn(4, 2, 3, 3),
        error="expected input[1, 3, 6, 6] to have 2 channels, but got 3 channels instead",
    )
    op(
        family,
        "conv2d_kernel_fails",
        "F.conv2d(x, w)",
        x=randn(1, 2, 2, 2),
        w=randn(4, 2, 3, 3),
        error="Kernel size can't be greater than actual input size",
    )
    op(
        family,
        "convolution",
        "torch.convolution(x, w, b, [2, 2], [1, 1], [1, 1], False, [0, 0], 1)",
        x=randn(1, 2, 6, 6),
        w=randn(3, 2, 3, 3),
        b=randn(3),
    )
    op(
        family,
        "conv2d_noncontiguous",
        "F.conv2d(x.transpose(2, 3), w[:, :, ::2])",
        x=randn(1, 2, 6, 7),
        w=randn(3, 2, 5, 3),
    )


def sampling() -> None:
    family = "sampling"
    modes = {
        1: ("nearest", "nearest-exact", "linear", "area"),
        2: ("nearest", "nearest-exact", "bilinear", "bicubic", "area"),
        3: ("nearest", "nearest-exact", "trilinear", "area"),
    }
    for dims, names in modes.items():
        x = randn(1, 2, *[5] * dims)
        for mode in names:
            smooth = mode in ("linear", "bilinear", "bicubic", "trilinear")
            clean = mode.replace("-", "_")
            op(
                family,
                f"interpolate{dims}d_{clean}_size",
                f"(F.interpolate(x, size=8, mode='{mode}'), F.interpolate(x, size=3, mode='{mode}'))",
                x=x,
            )
            op(
                family,
                f"interpolate{dims}d_{clean}_scale",
                f"(F.interpolate(x, scale_factor=2.0, mode='{mode}'), F.interpolate(x, scale_factor=0.6, mode='{mode}'))",
                x=x,
            )
            if smooth:
                op(
                    family,
                    f"interpolate{dims}d_{clean}_aligned",
                    f"(F.interpolate(x, size=8, mode='{mode}', align_corners=True), F.interpolate(x, size=3, mode='{mode}', align_corners=True), F.interpolate(x, scale_factor=1.7, mode='{mode}', align_corners=True))",
                    x=x,
                )
                op(
                    family,
                    f"interpolate{dims}d_{clean}_recompute",
                    f"F.interpolate(x, scale_factor=1.7, mode='{mode}', recompute_scale_factor=True)",
                    x=x,
                )
    op(
        family,
        "interpolate2d_antialias",
        "(F.interpolate(x, size=3, mode='bilinear', antialias=True), F.interpolate(x, size=3, mode='bicubic', antialias=True))",
        x=randn(1, 2, 7, 7),
    )
    op(
        family,
        "interpolate2d_mixed",
        "(F.interpolate(x, size=[3, 9], mode='bilinear'), F.interpolate(x, scale_factor=[2.0, 0.5], mode='nearest'))",
        x=randn(1, 2, 6, 4),
    )
    op(family, "upsample_functions", "torch.nn.functional.upsample(x, scale_factor=2.0)", x=randn(1, 2, 3, 4))
    for mode in ("bilinear", "nearest", "bicubic"):
        for padding in ("zeros", "border", "reflection"):
            op(
                family,
                f"grid_sample_{mode}_{padding}",
                f"(F.grid_sample(x, g, mode='{mode}', padding_mode='{padding}', align_corners=False), F.grid_sample(x, g, mode='{mode}', padding_mode='{padding}', align_corners=True))",
                x=randn(1, 2, 5, 6),
                g=torch.rand(1, 4, 3, 2) * 2.4 - 1.2,
            )
    op(
        family,
        "grid_sample_3d",
        "F.grid_sample(x, g, align_corners=False)",
        x=randn(1, 2, 3, 4, 5),
        g=torch.rand(1, 2, 2, 2, 3) * 2 - 1,
    )
    op(
        family,
        "affine_grid",
        "(F.affine_grid(t, [2, 1, 3, 4], align_corners=False), F.affine_grid(t, [2, 1, 3, 4], align_corners=True))",
        t=randn(2, 2, 3),
    )


def normalising() -> None:
    family = "normalising"
    for dtype in (F32,) + HALVES:
        suffix = name_of(dtype)
        op(
            family,
            f"softmax_{suffix}",
            "(torch.softmax(x, 1), F.softmax(x, dim=0), F.log_softmax(x, dim=-1), x.softmax(-1), F.softmin(x, dim=1))",
            x=randn(3, 5, dtype=dtype) * 3,
        )
        op(
            family,
            f"layer_norm_{suffix}",
            "(F.layer_norm(x, [4]), F.layer_norm(x, [4], w, b, 1e-3), F.layer_norm(x, [3, 4]))",
            x=randn(2, 3, 4, dtype=dtype),
            w=randn(4, dtype=dtype),
            b=randn(4, dtype=dtype),
        )
    op(
        family,
        "softmax_dtype",
        "(F.softmax(x, dim=1, dtype=torch.float64), torch.softmax(i, 0, dtype=torch.float32))",
        x=randn(3, 5),
        i=ints(4),
    )
    op(
        family,
        "softmax_extreme",
        "(torch.softmax(x, 0), F.log_softmax(x, dim=0), torch.logsumexp(x, 0))",
        {},
        {"x": torch.tensor([0.0, -INF, 1.0])},
        {"x": torch.tensor([-INF, -INF])},
        x=torch.tensor([1000.0, 999.0, -1000.0]),
    )
    op(family, "softmax_zero_dim", "torch.softmax(x, 0)", x=torch.tensor(2.0))
    op(
        family,
        "group_norm",
        "(F.group_norm(x, 2, w, b), F.group_norm(x, 4), F.group_norm(x, 1, w, None, 1e-2))",
        x=randn(2, 4, 3),
        w=randn(4),
        b=randn(4),
    )
    op(
        family,
        "batch_norm",
        "F.batch_norm(x, m, v, w, b, t, 0.2, 1e-3)",
        {},
        {"t": True},
        x=randn(3, 4, 2),
        m=randn(4),
        v=torch.rand(4) + 0.5,
        w=randn(4),
        b=randn(4),
        t=False,
    )
    op(
        family,
        "batch_norm_updates",
        "y = F.batch_norm(x, m, v, None, None, True, 0.3)\nreturn (y, m, v)",
        {},
        {"x": randn(5, 4)},
        x=randn(3, 4, 2),
        m=randn(4),
        v=torch.rand(4) + 0.5,
    )
    op(family, "batch_norm_no_statistics", "F.batch_norm(x, None, None, w, None, True)", x=randn(3, 4, 2), w=randn(4))
    op(
        family,
        "native_batch_norm",
        "y, mean, inv = torch.native_batch_norm(x, w, b, m, v, True, 0.1, 1e-5)\nreturn (y, mean, inv, m, v)",
        x=randn(3, 4, 2),
        m=randn(4),
        v=torch.rand(4) + 0.5,
        w=randn(4),
        b=randn(4),
    )
    op(
        family,
        "instance_norm",
        "(F.instance_norm(x), F.instance_norm(x, None, None, w, b), F.instance_norm(x, m, v, use_input_stats=False))",
        x=randn(2, 4, 5),
        m=randn(4),
        v=torch.rand(4) + 0.5,
        w=randn(4),
        b=randn(4),
    )
    op(family, "rms_norm", "(F.rms_norm(x, [4]), F.rms_norm(x, [4], w, 1e-3))", x=randn(2, 3, 4), w=randn(4))
    op(family, "local_response_norm", "F.local_response_norm(x, 3)", x=randn(2, 5, 4, 4))


def losses() -> None:
    family = "losses"
    target = torch.tensor([1, 0, 3])
    op(
        family,
        "cross_entropy",
        "(F.cross_entropy(x, t), F.cross_entropy(x, t, reduction='sum'), F.cross_entropy(x, t, reduction='none'), F.cross_entropy(x, t, w), F.cross_entropy(x, t, ignore_index=3), F.cross_entropy(x, t, label_smoothing=0.1))",
        x=randn(3, 4),
        t=target,
        w=torch.rand(4),
    )
    op(family, "cross_entropy_maps", "F.cross_entropy(x, t)", x=randn(2, 4, 3, 3), t=ints(2, 3, 3, low=0, high=4))
    op(family, "cross_entropy_probabilities", "F.cross_entropy(x, t)", x=randn(3, 4), t=torch.softmax(randn(3, 4), 1))
    op(
        family,
        "nll",
        "(F.nll_loss(x, t), F.nll_loss(x, t, reduction='none'), F.nll_loss(x, t, w))",
        x=torch.log_softmax(randn(3, 4), 1),
        t=target,
        w=torch.rand(4),
    )
    op(
        family,
        "nll_maps",
        "F.nll_loss(x, t)",
        x=torch.log_softmax(randn(2, 4, 3, 3), 1),
        t=ints(2, 3, 3, low=0, high=4),
    )
    for name in "mse_loss l1_loss smooth_l1_loss huber_loss soft_margin_loss".split():
        op(
            family,
            name,
            f"(F.{name}(x, y), F.{name}(x, y, reduction='sum'), F.{name}(x, y, reduction='none'))",
            x=randn(3, 4),
            y=torch.sign(randn(3, 4)),
        )
    op(
        family,
        "smooth_l1_beta",
        "(F.smooth_l1_loss(x, y, beta=0.5), F.huber_loss(x, y, delta=0.3))",
        x=randn(3, 4),
        y=randn(3, 4),
    )
    op(
        family,
        "bce",
        "(F.binary_cross_entropy(x, y), F.binary_cross_entropy(x, y, w, reduction='sum'))",
        x=torch.rand(3, 4),
        y=torch.rand(3, 4),
        w=torch.rand(3, 4),
    )
    op(
        family,
        "bce_logits",
        "(F.binary_cross_entropy_with_logits(x, y), F.binary_cross_entropy_with_logits(x, y, pos_weight=w), F.binary_cross_entropy_with_logits(x, y, w, reduction='none'))",
        x=randn(3, 4),
        y=torch.rand(3, 4),
        w=torch.rand(4),
    )
    op(
        family,
        "kl_div",
        "(F.kl_div(x, y, reduction='batchmean'), F.kl_div(x, y, reduction='none'), F.kl_div(x, y.log(), reduction='sum', log_target=True))",
        x=torch.log_softmax(randn(3, 4), 1),
        y=torch.softmax(randn(3, 4), 1),
    )
    op(family, "poisson", "F.poisson_nll_loss(x, y)", x=randn(4), y=torch.rand(4))
    op(family, "hinge_embedding", "F.hinge_embedding_loss(x, y)", x=randn(4), y=torch.tensor([1.0, -1.0, 1.0, -1.0]))
    op(
        family,
        "margin_ranking",
        "F.margin_ranking_loss(x, y, s, 0.2)",
        x=randn(4),
        y=randn(4),
        s=torch.tensor([1.0, -1.0, 1.0, -1.0]),
    )
    op(
        family,
        "cosine_embedding",
        "F.cosine_embedding_loss(x, y, s)",
        x=randn(2, 4),
        y=randn(2, 4),
        s=torch.tensor([1.0, -1.0]),
    )
    op(family, "triplet", "F.triplet_margin_loss(x, y, z)", x=randn(2, 4), y=randn(2, 4), z=randn(2, 4))


def creation() -> None:
    family = "creation"
    for name in "zeros ones".split():
        op(
            family,
            name,
            f"(torch.{name}(2, 3), torch.{name}([2, 3]), torch.{name}([2], dtype=torch.int64), torch.{name}([2], dtype=torch.bool), torch.{name}([0, 2]), torch.{name}([]))",
        )
        op(
            family,
            f"{name}_like",
            f"(torch.{name}_like(x), torch.{name}_like(x, dtype=torch.float64), x.new_{name}([2, 2]), x.new_{name}([2], dtype=torch.int32))",
            {},
            {"x": ints(2, 2)},
            {"x": bools(2)},
            {"x": randn(2, dtype=F16)},
            x=randn(2, 3),
        )
    op(
        family,
        "full",
        "(torch.full([2, 3], 1.5), torch.full([2], 3), torch.full([2], True), torch.full([2], 3, dtype=torch.float32), torch.full_like(x, 7.0), x.new_full([2], 2.0))",
        x=randn(2),
    )
    op(
        family,
        "empty_shapes",
        "(torch.empty([2, 3]).shape, torch.empty_like(x).shape, x.new_empty([4]).shape, torch.empty([2]).fill_(3.0))",
        x=randn(2, 3),
    )
    op(
        family,
        "arange",
        "(torch.arange(5), torch.arange(1, 6), torch.arange(0, 10, 3), torch.arange(5.0), torch.arange(0, 1, 0.25), torch.arange(5, 0, -2), torch.arange(4, dtype=torch.float32), torch.arange(3, dtype=torch.int32))",
    )
    op(
        family,
        "linspace",
        "(torch.linspace(0, 1, 5), torch.linspace(-2, 3, 4, dtype=torch.float64), torch.linspace(1, 1, 1), torch.logspace(0, 2, 3))",
    )
    op(family, "eye", "(torch.eye(3), torch.eye(2, 4), torch.eye(2, dtype=torch.int64))")
    op(
        family,
        "tensor",
        "(torch.tensor(a), torch.tensor([a, 2.5]), torch.tensor(3), torch.tensor([1, 2], dtype=torch.int32), torch.tensor([[True], [False]]), torch.as_tensor(a))",
        a=0.1,
    )
    op(family, "scalar_tensor", "(torch.scalar_tensor(3.0), torch.scalar_tensor(2, dtype=torch.int64))")
    op(family, "vander", "(torch.vander(x), torch.combinations(x), torch.cartesian_prod([x, x]))", x=torch.arange(3))
    op(family, "hann_window", "(torch.hann_window(6), torch.hamming_window(6), torch.bartlett_window(6))")
    op(family, "clone_detach", "y = x.clone()\nz = x.detach()\ny += 1\nz += 2\nreturn (x, y, z, x.data)", x=randn(2))
    for name, body in {
        "rand": "torch.rand([3, 4])",
        "randn": "torch.randn([3, 4])",
        "randint": "(torch.randint(0, 5, [3]), torch.randint(5, [2, 2]))",
        "randperm": "torch.randperm(6)",
        "rand_like": "(torch.rand_like(x), torch.randn_like(x), torch.bernoulli(x.sigmoid()), torch.randint_like(x, 3))",
        "inplace_random": "(x.uniform_(0.0, 2.0), x.normal_(0.0, 1.0), x.bernoulli_(0.5), x.exponential_(1.0), x.random_(0, 9))",
        "multinomial": "torch.multinomial(x.softmax(1), 2)",
        "normal": "(torch.normal(x, x.abs()), torch.normal(0.0, 1.0, [2, 3]))",
        "dropout_functions": "(F.dropout(x, 0.5), F.dropout2d(x.view(1, 3, 2, 2), 0.5), F.alpha_dropout(x, 0.5, training=True), F.rrelu(x, training=True), F.gumbel_softmax(x))",
        "dropout_aten": "(torch.dropout(x, 0.5, True), torch.feature_dropout(x, 0.5, True), torch.alpha_dropout(x, 0.2, True), torch.feature_alpha_dropout(x, 0.2, True), torch.native_dropout(x, 0.5, True))",
    }.items():
        op(family, f"random_{name}", body, x=randn(3, 4), random=True)
    op(
        family,
        "dropout_off",
        "(torch.dropout(x, 0.5, False), F.dropout(x, 0.5, False), torch.feature_dropout(x, 0.5, False), F.alpha_dropout(x, 0.5), F.rrelu(x), torch.dropout(x, 0.0, True), torch.dropout(x, 1.0, True))",
        x=randn(3, 4),
    )
    op(
        family,
        "dropout_bad_p",
        "torch.dropout(x, a, True)",
        x=randn(3),
        a=1.5,
        error="dropout probability has to be between 0 and 1, but got 1.5",
    )


def conversions() -> None:
    family = "conversions"
    dtypes = (F32, F64, F16, BF16, I64, I32, I16, I8, U8, BOOL)
    for source in dtypes:
        x = torch.tensor([0.0, 1.0, 3.7, 100.0, 2.5]).to(source)
        targets = ", ".join(f"x.to({dtype})" for dtype in dtypes)
        op(family, f"from_{name_of(source)}", f"({targets})", x=x)
    op(
        family,
        "methods",
        "(x.float(), x.double(), x.half(), x.long(), x.int(), x.short(), x.char(), x.byte())",
        x=torch.tensor([0.0, 1.9, 3.0]),
    )
    op(
        family,
        "negative_to_int",
        "(x.long(), x.int(), x.to(torch.int8))",
        {},
        {"x": torch.tensor([-1.9, -0.5, -100.0], dtype=F64)},
        x=torch.tensor([-1.9, -0.5, -100.0]),
    )
    op(
        family,
        "wraps",
        "(x.to(torch.int32), x.to(torch.int8), x.to(torch.uint8))",
        x=torch.tensor([2**31 + 5, -1, 300]),
    )
    op(
        family,
        "half_range",
        "(x.half(), x.half().float(), x.to(torch.bfloat16).float())",
        x=torch.tensor([65504.0, 70000.0, 1e-8, 1.0009765, 6e-5]),
    )
    op(
        family,
        "to_other",
        "(x.to(y), x.type_as(y), x.to(torch.float64, copy=True), x.to('cpu'), x.cpu())",
        x=ints(3),
        y=randn(1),
    )
    op(
        family,
        "to_same_is_alias",
        "y = x.to(torch.float32)\ny += 1\nz = x.to(torch.float32, copy=True)\nz += 10\nreturn (x, y, z)",
        x=randn(3),
    )
    op(
        family,
        "result_type",
        "((x + y).dtype == torch.float64, torch.is_floating_point(x), torch.result_type(x, y) == torch.float64)",
        x=randn(2),
        y=randn(2, dtype=F64),
    )
    pairs = [
        (F32, F64),
        (F32, F16),
        (F16, BF16),
        (F32, I64),
        (F16, I64),
        (BF16, I32),
        (I64, I32),
        (I32, I16),
        (U8, I8),
        (U8, I64),
        (BOOL, I64),
        (BOOL, F32),
        (BOOL, U8),
        (BOOL, BOOL),
        (F64, I64),
    ]
    for one, other in pairs:
        # Full tensors, then a 0-dim tensor on either side: it does not promote within a category.
        a, b = torch.tensor([1, 2, 3]).to(one), torch.tensor([2, 1, 1]).to(other)
        op(
            family,
            f"promote_{name_of(one)}_{name_of(other)}",
            "(x + y, x * y, torch.maximum(x, y), x == y, torch.where(x > 1, x, y), torch.cat([x.view(-1), y.view(-1)]))",
            {},
            {"y": b[0]},
            {"x": a[0]},
            {"x": a[0], "y": b[0]},
            x=a,
            y=b,
        )
    for dtype in dtypes:
        op(
            family,
            f"scalars_{name_of(dtype)}",
            "(x + 2, x * 2, x + 1.5, x * True, x / 2, 3 - x.to(torch.int64), x > 1.5, x == 1)",
            {},
            {"x": torch.tensor(2).to(dtype)},
            x=torch.tensor([0, 1, 2]).to(dtype),
        )
    op(
        family,
        "bool_minus_fails",
        "x - y",
        x=bools(2),
        y=bools(2),
        error="Subtraction, the `-` operator, with two bool tensors is not supported",
    )
    op(family, "div_ints_true", "(x / y, x / 2, torch.true_divide(x, y))", x=ints(4), y=ints(4, low=1))
    op(
        family,
        "large_ints",
        "(x + 1, x * 2, x // 3, x == x, x.float(), x.double(), x - x)",
        x=torch.tensor([2**53 + 1, -(2**60), 2**40]),
    )
    op(
        family,
        "float16_arithmetic",
        "(x + y, x * y, x / y, (x * 1000).sum(), x.exp(), torch.matmul(x.view(1, -1), y.view(-1, 1)))",
        x=randn(8, dtype=F16),
        y=randn(8, dtype=F16) + 2,
    )
    op(
        family,
        "bfloat16_arithmetic",
        "(x + y, x * y, x / y, (x * 1000).sum(), x.exp(), torch.matmul(x.view(1, -1), y.view(-1, 1)))",
        x=randn(8, dtype=BF16),
        y=randn(8, dtype=BF16) + 2,
    )


def inplace() -> None:
    family = "inplace"
    for name in "abs neg exp sqrt sigmoid tanh relu floor round sin cos log reciprocal square sign erf trunc".split():
        op(family, f"{name}_", f"y = x\nz = x.view(-1)\nx.{name}_()\nreturn (x, y, z)", x=torch.rand(2, 3) + 0.5)
    for name in "add sub mul div".split():
        op(
            family,
            f"{name}_",
            f"v = x[0]\nx.{name}_(y)\nx.{name}_(2)\nv.{name}_(3.0)\nreturn (x, v)",
            x=randn(2, 3),
            y=randn(3) + 3,
        )
    op(
        family,
        "augmented",
        "v = x.t()\nx += 1\nx -= y\nx *= 2\nx /= 4\nx **= 2\nreturn (x, v)",
        x=randn(2, 3),
        y=randn(3),
    )
    op(family, "augmented_ints", "x += 2\nx -= 1\nx *= y\nx = x // 2\nx %= 5\nreturn x", x=ints(5), y=ints(5))
    op(
        family,
        "keeps_dtype",
        "(x.add_(y), i.mul_(2), x.fill_(3), i.copy_(y))",
        x=randn(3),
        y=torch.tensor([1.7, -2.7, 3.2], dtype=F64),
        i=ints(3),
    )
    op(
        family,
        "int_plus_float_fails",
        "x.add_(0.5)",
        x=ints(3),
        error="result type Float can't be cast to the desired output type",
    )
    op(
        family,
        "fill_copy",
        "x[0].fill_(2)\nx[1].zero_()\nx[2].copy_(y)\nx[:, 0].copy_(x[:, 1])\nreturn x",
        x=randn(3, 4),
        y=randn(4),
    )
    op(family, "clamp_", "x.clamp_(-0.5, 0.5)\nx[0].clamp_(min=0)\nx[1].clamp_min_(0.2)\nreturn x", x=randn(2, 4))
    op(
        family,
        "masked_fill_",
        "x.masked_fill_(x > 0, -1.0)\nx.t()[0].masked_fill_(m, 5.0)\nreturn x",
        x=randn(3, 3),
        m=torch.tensor([True, False, True]),
    )
    op(
        family,
        "unsqueeze_",
        "y = x\nx.unsqueeze_(0)\nx.squeeze_(0)\nx.t_()\nx.transpose_(0, 1)\nreturn (x, y)",
        x=randn(2, 3),
    )
    op(
        family,
        "out_argument",
        "o = torch.zeros([2, 3])\nr = torch.add(x, y, out=o)\nr += 1\nreturn (o, r)",
        x=randn(2, 3),
        y=randn(2, 3),
    )
    op(
        family,
        "out_matmul",
        "o = torch.zeros([2, 2])\ntorch.mm(x, x.t(), out=o)\ntorch.sigmoid(o, out=o)\nreturn o",
        x=randn(2, 3),
    )
    op(
        family,
        "view_of_view",
        "a = x[1:]\nb = a[:, ::2]\nc = b.t()\nc[0] = 9\nc.mul_(2)\nreturn (x, a, b, c)",
        x=randn(3, 4),
    )
    op(family, "view_after_write", "v = x.view(6)\nx += 1\nv[2] = 100\nx[0, 0] = -5\nreturn (x, v)", x=randn(2, 3))
    op(family, "expanded_read", "e = x.expand(3, 4)\nx += 1\nreturn (e, e.sum())", x=randn(3, 1))
    op(
        family,
        "expanded_write_fails",
        "x.expand(3, 4).add_(1)",
        x=randn(3, 1),
        error="unsupported operation: more than one element of the written-to tensor refers to a single memory location",
    )
    op(family, "self_overlap", "x[1:] = x[:-1].clone()\nx.add_(x)\nx.mul_(x[0].clone())\nreturn x", x=randn(4))
    op(
        family,
        "addcmul_",
        "x.addcmul_(y, y, value=0.5)\nx.lerp_(y, 0.3)\nx.addmm_(m, m)\nreturn x",
        x=randn(3, 3),
        y=randn(3, 3),
        m=randn(3, 3),
    )
    op(family, "softmax_through_view", "x[0].copy_(torch.softmax(x[0], 0))\nreturn x", x=randn(2, 3))
    op(
        family,
        "activations_",
        "F.relu_(x[0])\nF.leaky_relu_(x[1], 0.2)\nF.elu_(x[2])\nF.hardtanh_(x[3])\nF.threshold_(x[4], 0.0, 7.0)\nF.selu_(x[5])\nreturn x",
        x=randn(6, 4),
    )
    op(
        family,
        "index_ops_",
        "x.index_fill_(0, i, 4.0)\nx.index_add_(0, i, y)\nx.index_copy_(0, i, y * 2)\nreturn x",
        x=randn(3, 4),
        y=randn(2, 4),
        i=torch.tensor([2, 0]),
    )
    op(family, "set_item_dtype", "x[0] = 3.9\nx[1] = True\nx[2] = y\nreturn x", x=ints(3), y=torch.tensor(7.2))
    op(family, "list_holds_alias", "l = [x, x[0]]\nl[1].zero_()\nl[0] += 1\nreturn l", x=randn(2, 2))
    op(family, "tril_", "x.tril_()\nx.cumsum_(0)\nreturn x", x=randn(3, 3))


for add_family in (
    pointwise,
    comparison,
    reductions,
    ordering,
    indexing,
    shapes,
    matmul,
    convolution,
    sampling,
    normalising,
    losses,
    creation,
    conversions,
    inplace,
):
    add_family()


# Operators that only decomposed graphs call.
op(
    "decomposed",
    "functional_draws",
    [
        "torch.ops.aten.uniform(x, 1.0, 2.0)",
        "torch.ops.aten.normal_functional(x, 3.0, 0.5)",
        "torch.ops.aten.exponential(x, 2.0)",
        "x * 1",
    ],
    x=randn(40, 3),
    random=True,
)
op(
    "decomposed",
    "cdist_forward",
    ["torch.ops.aten._cdist_forward(x, y, 2.0, None)", "torch.ops.aten._cdist_forward(x, y, 1.0, None)"],
    x=randn(4, 3),
    y=randn(5, 3),
)
op(
    "decomposed",
    "empty_layouts",
    [
        "torch.ops.aten.empty_strided([2, 3], [3, 1], dtype=torch.int64).zero_()",
        "torch.ops.aten.empty_permuted([2, 3], [1, 0]).fill_(2.0) + x",
    ],
    x=randn(2, 3),
)
