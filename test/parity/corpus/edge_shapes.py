"""Edges of layout: views of views, indices that share or split dimensions, and the products and layers above them.

A case holds a group of expressions, to be quick to make; the test names the output that differs.
"""

import torch

from .operators import BF16, F16, F64, NAN
from .registry import bools, ints, op, randn

PAIR = torch.tensor([1, 3])


def views() -> None:
    family = "edges_views"
    op(
        family,
        "reshape_strided",
        (
            "x.permute(0, 2, 1).reshape(4, -1)",
            "x[:, :1].view(2, 4)",
            "x.transpose(0, 1)[:, :, 1:3].unsqueeze(2).reshape(3, -1)",
            "x[:, ::2].reshape(-1)",
            "x.expand(2, 3, 4).view(6, 4)",
            "x.unsqueeze(1).expand(2, 5, 3, 4).reshape(10, 12)",
        ),
        x=randn(2, 3, 4),
    )
    op(
        family,
        "view_strided",
        (
            "x.permute(1, 0, 2).unsqueeze(2).view(3, 1, 2, 1, 4)",
            "y[:, None].expand(3, 2, 4).view(3, 2, 2, 2)",
            "x.squeeze().view(2, 12)",
        ),
        x=randn(2, 3, 4),
        y=randn(3, 4),
    )
    op(
        family,
        "movedim",
        ("torch.movedim(x, [0, 1], [2, 0])", "torch.swapdims(x, 0, 2)", "x.adjoint()", "torch.moveaxis(x, 2, 0)"),
        x=randn(2, 3, 4),
    )
    op(
        family,
        "roll",
        (
            "torch.roll(x, 5)",
            "torch.roll(x, [2, 3], [0, 1])",
            "torch.roll(x, -7, 1)",
            "torch.rot90(x, 2, [0, 1])",
            "torch.rot90(x, 3, [1, 0])",
            "torch.rot90(x, -1)",
        ),
        x=randn(3, 4),
    )
    op(
        family,
        "diagonals",
        (
            "torch.diagonal(x, -1, 0, 2)",
            "torch.diag_embed(x[0], 1)",
            "torch.diag_embed(x[0], -2, 0, 2)",
            "torch.diagflat(x[0])",
            "torch.diag(x[0], -1)",
        ),
        x=randn(2, 3, 4),
    )
    op(
        family,
        "fill_diagonal",
        "x.fill_diagonal_(2.0)\ny.fill_diagonal_(3.0, True)\nreturn (x, y)",
        x=randn(3, 4),
        y=randn(9, 3),
    )
    op(
        family,
        "splits",
        (
            "torch.hsplit(x, 2)",
            "torch.vsplit(x, [1])",
            "torch.tensor_split(x, 3, 1)",
            "torch.tensor_split(x, [1, 3], 1)",
            "torch.chunk(x, 5, 1)",
            "torch.split(x, 3)",
        ),
        x=randn(2, 6),
    )
    op(
        family,
        "stacks",
        ("torch.hstack([x, y])", "torch.vstack([x, y])", "torch.dstack([x, y])", "torch.column_stack([x, y])"),
        x=randn(3),
        y=randn(3),
    )
    op(
        family,
        "cat_mixed",
        ("torch.cat([x, y], 0)", "torch.stack([x, x], -1)", "torch.cat([e, x])"),
        x=randn(2, 3, dtype=F16),
        y=randn(1, 3),
        e=torch.zeros(0),
    )
    op(
        family,
        "repeats",
        (
            "torch.tile(x, [2, 1, 2])",
            "x.repeat_interleave(2)",
            "x.repeat_interleave(torch.tensor([1, 2, 0]), 1)",
            "torch.repeat_interleave(r)",
        ),
        x=randn(2, 3),
        r=torch.tensor([2, 0, 1]),
    )
    op(
        family,
        "operators_on_views",
        (
            "x.t().sum(0)",
            "x.t().max(1)",
            "x[:, 1:].sort(0)",
            "x.t().cumsum(1)",
            "x[:, ::2].softmax(1)",
            "x.t() + x.t()",
            "x.t().topk(1, 0)",
            "x[1].argmax()",
        ),
        x=randn(3, 4),
    )
    op(
        family,
        "writes_through_views",
        "x.t().add_(1)\nx[:, 1].clamp_(min=0.5)\nx[0].sub_(x[1])\nx.mul_(x > 0)\n"
        "y = x.clone()\nx.eq_(x)\nreturn (x, y)",
        x=randn(3, 4),
    )
    op(
        family,
        "channels_last",
        "y = x.contiguous(memory_format=torch.channels_last)\n"
        "z = x.clone(memory_format=torch.channels_last)\n"
        "last = z.is_contiguous(memory_format=torch.channels_last)\n"
        "strides = (y.stride(), x.to(memory_format=torch.channels_last).stride())\n"
        "return (y.permute(0, 2, 3, 1).view(-1), strides, last)",
        x=randn(2, 3, 4, 5),
    )


def indices() -> None:
    family = "edges_indices"
    column = torch.tensor([0, 2])
    op(
        family,
        "with_new_dimensions",
        ("x[:, None, i]", "x[i, None, j]", "x[None, :, m]", "x[i][:, j]"),
        x=randn(4, 5),
        i=PAIR,
        j=column,
        m=bools(5),
    )
    op(
        family,
        "put_apart",
        "x[i, :, j] = y\nx[:, m] += 1\nx[..., 0] = 3\nreturn x",
        x=randn(3, 4, 5),
        i=column,
        j=torch.tensor([1, 4]),
        y=randn(2, 4),
        m=bools(4, 5),
    )
    op(
        family,
        "put_in_view",
        "v = x.t()\nv[i] = 5.0\nv[:, 0] = y\nv[v > 4] -= 1\nreturn (x, v)",
        x=randn(3, 4),
        i=PAIR,
        y=randn(4),
    )
    op(
        family,
        "take_along",
        ("torch.take_along_dim(x, x.argsort(1), 1)", "torch.take_along_dim(x, i)"),
        x=randn(3, 4),
        i=torch.tensor([3, 7]),
    )
    rows = torch.tensor([[0, 1, 2, 0], [0, 0, 2, 1]])
    op(
        family,
        "scatter_reductions",
        (
            "x.scatter(0, i, y, reduce='add')",
            "x.scatter(0, i, 2.0, reduce='multiply')",
            "x.scatter_reduce(0, i, y, 'amin', include_self=False)",
            "x.scatter_reduce(0, i, y, 'mean')",
        ),
        {"x": randn(3, 4, dtype=F64), "y": randn(2, 4, dtype=F64)},
        x=randn(3, 4),
        y=randn(2, 4),
        i=rows,
    )
    op(
        family,
        "accumulating_halves",
        ("x.scatter_add(0, i, y)", "x.index_add(0, j, y)", "x.index_put([j], y, accumulate=True)"),
        {"x": randn(3, 4, dtype=BF16), "y": randn(2, 4, dtype=BF16)},
        {"x": ints(3, 4), "y": ints(2, 4)},
        x=randn(3, 4, dtype=F16),
        y=randn(2, 4, dtype=F16),
        i=rows,
        j=column,
    )
    op(
        family,
        "masked_scatter_put",
        "x.masked_scatter_(m, y)\nreturn (x, x.put(i, z), x.put(i, z, True))",
        x=randn(3, 4),
        m=bools(3, 4),
        y=randn(12),
        # An index that is there twice would make the last write win, in no certain order.
        i=torch.tensor([1, 3, 5]),
        z=randn(3),
    )
    op(family, "put_accumulates", "x.put(i, z, True)", x=randn(3, 4), i=torch.tensor([1, 1, 5]), z=randn(3))
    op(
        family,
        "searchsorted",
        (
            "torch.searchsorted(s, v)",
            "torch.searchsorted(s, v, side='right')",
            "torch.bucketize(v, s[0], right=True, out_int32=True)",
            "torch.bucketize(2.5, s[0])",
        ),
        s=torch.tensor([[1.0, 2.0, 3.0, 4.0], [0.0, 2.0, 2.0, 5.0]]),
        v=torch.tensor([[2.0, 9.0], [2.0, -1.0]]),
    )


def products() -> None:
    family = "edges_products"
    op(
        family,
        "einsum",
        (
            "torch.einsum('nchw,nvw->ncvh', [x, y])",
            "torch.einsum('b...->...b', [x])",
            "torch.einsum('bchw,bchw->b', [x, x])",
            "torch.einsum('Abcd,Aed->ce', [x, z])",
        ),
        x=randn(2, 3, 4, 5),
        y=randn(2, 6, 5),
        z=randn(2, 3, 5),
    )
    op(family, "einsum_ints", "torch.einsum('ij,jk->ik', [x, y])", x=ints(2, 3), y=ints(3, 4))
    op(
        family,
        "contractions",
        (
            "torch.tensordot(x, y, ([1, 0], [0, 1]))",
            "torch.inner(x, x)",
            "torch.chain_matmul(x, y, x)",
            "torch.linalg.vecdot(x, x)",
            "torch.linalg.vecdot(x, x, dim=0)",
        ),
        x=randn(3, 4),
        y=randn(4, 3),
    )
    op(
        family,
        "beta_0_ignores_nan",
        ("torch.addmm(z, x, y, beta=0.0)", "torch.baddbmm(z[None], x[None], y[None], beta=0.0, alpha=3.0)"),
        x=randn(2, 3),
        y=randn(3, 4),
        z=torch.full((2, 4), NAN),
    )
    op(
        family,
        "addmm_ints",
        ("torch.addmm(i, i, j)", "torch.addmm(i, i, j, alpha=2, beta=3)"),
        i=ints(3, 3),
        j=ints(3, 3),
    )
    op(family, "linear_ints", "F.linear(x, w)", x=ints(2, 3), w=ints(4, 3))
    op(family, "linear_vector", "F.linear(x, v)", x=randn(2, 3), v=randn(3))
    op(
        family,
        "linalg",
        (
            "torch.linalg.slogdet(x)",
            "torch.logdet(x)",
            "torch.linalg.inv(x)",
            "torch.linalg.solve(x, y[..., 0])",
            "torch.linalg.det(x)",
        ),
        {"x": randn(2, 3, 3, dtype=F64) + 3 * torch.eye(3, dtype=F64), "y": randn(2, 3, 2, dtype=F64)},
        x=randn(2, 3, 3) + 3 * torch.eye(3),
        y=randn(2, 3, 2),
    )
    op(
        family,
        "norms",
        (
            "torch.norm(x)",
            "torch.norm(x, 0.5)",
            "torch.norm(x, 2, [0, 1])",
            "torch.linalg.norm(x, 'fro')",
            "torch.linalg.norm(x, 1)",
            "torch.linalg.matrix_norm(x, float('inf'))",
            "torch.linalg.vector_norm(x, -float('inf'))",
        ),
        x=randn(3, 4),
    )
    heads = {key: randn(2, count, 3, width) for key, count, width in (("q", 4, 4), ("k", 2, 4), ("v", 2, 5))}
    op(
        family,
        "grouped_query_attention",
        (
            "F.scaled_dot_product_attention(q, k, v, enable_gqa=True)",
            # A row that attends to nothing gives zeros.
            "F.scaled_dot_product_attention(q, k, v, attn_mask=m, enable_gqa=True)",
            "F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True, scale=0.7)",
        ),
        {},
        {key: value.to(F16) for key, value in heads.items()},
        {key: value.to(F64) for key, value in heads.items()},
        **heads,
        m=torch.tensor([[True, False, True], [False, False, False], [True, True, True]]),
    )


def functions() -> None:
    family = "edges_functions"
    op(
        family,
        "native_norms",
        ("torch.native_layer_norm(x, [4], w, b, 1e-5)", "torch.native_group_norm(y, w, b, 2, 4, 6, 2, 1e-5)"),
        x=randn(2, 3, 4),
        y=randn(2, 4, 2, 3),
        w=randn(4),
        b=randn(4),
    )
    op(
        family,
        "weight_norm",
        ("torch._weight_norm(v, g, 0)", "torch._weight_norm(v, h, 1)", "torch.norm_except_dim(v, 2, -1)"),
        v=randn(3, 4, 2),
        g=randn(3, 1, 1),
        h=randn(1, 4, 1),
    )
    op(family, "renorm", ("torch.renorm(x, 2, 0, 1.0)", "torch.renorm(x, 1, 1, 0.5)"), x=randn(3, 4))
    op(
        family,
        "fold_strided",
        "F.fold(F.unfold(x, 3, padding=1, stride=2), [5, 6], 3, padding=1, stride=2)",
        x=randn(1, 2, 5, 6),
    )
    op(family, "rrelu_eval", ("F.rrelu(x)", "F.rrelu(x, 0.1, 0.3, False)"), x=randn(5))
    op(
        family,
        "class_losses",
        (
            "F.nll_loss(x, t, ignore_index=-100)",
            "F.cross_entropy(x, t, w, label_smoothing=0.2)",
            "F.cross_entropy(x, p, w, label_smoothing=0.2)",
            "F.cross_entropy(x[0], t[0])",
            "F.nll_loss(x[0], t[0])",
        ),
        {},
        {"t": torch.tensor([1, -100, 3])},
        x=randn(3, 4),
        t=torch.tensor([1, 0, 3]),
        w=torch.rand(4),
        p=torch.rand(3, 4),
    )
    op(
        family,
        "distances",
        (
            "F.multi_margin_loss(x, t)",
            "F.multilabel_soft_margin_loss(x, p)",
            "F.pairwise_distance(x, p)",
            "F.cosine_similarity(x, p)",
            "F.cosine_similarity(x, p, 0)",
            "F.mse_loss(x, p, reduction='sum')",
        ),
        x=randn(3, 4),
        t=torch.tensor([1, 0, 3]),
        p=torch.rand(3, 4),
    )


for add_family in (views, indices, products, functions):
    add_family()
