"""Transformer encoders and attention on torch's fused inference kernels, which eval without gradients chooses."""

from typing import Optional, Set, Tuple

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from .registry import model, randn, settle
from .sequence import PADDING, TransformerClassifier

ENCODER = "aten::_transformer_encoder_layer_fwd"
ATTENTION = "aten::_native_multi_head_attention"
CAUSAL = torch.triu(torch.ones(5, 5, dtype=torch.bool), 1)


class NestedEncoder(nn.Module):
    """Padding turns the batch into a nested tensor, whose padded places come out as zeros."""

    def __init__(self, norm_first: bool, activation: str):
        super().__init__()
        layer = nn.TransformerEncoderLayer(
            8, 2, 16, 0.1, batch_first=True, norm_first=norm_first, activation=activation
        )
        self.encoder = nn.TransformerEncoder(layer, 2, norm=nn.LayerNorm(8))

    def forward(self, x: Tensor, padding: Tensor) -> Tensor:
        return self.encoder(x, src_key_padding_mask=padding)


class SelfAttention(nn.Module):
    """The fast path asks for query, key and value to be one tensor."""

    def __init__(self, need_weights: bool = True, average: bool = True):
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.need_weights = need_weights
        self.average = average

    def forward(
        self, x: Tensor, padding: Optional[Tensor] = None, mask: Optional[Tensor] = None
    ) -> Tuple[Tensor, Optional[Tensor]]:
        out, weights = self.attention(
            x, x, x, key_padding_mask=padding, need_weights=self.need_weights, attn_mask=mask,
            average_attn_weights=self.average,
        )  # fmt: skip
        # The weights that nobody asked for are an undefined tensor, which torch can't hand out.
        return out, weights if self.need_weights else None


def without_gradients(module: nn.Module) -> nn.Module:
    """Parameters that require gradients keep torch from the fast path."""
    return settle(module).requires_grad_(False)


class Calls(TorchDispatchMode):
    """Keeps the names of the operators that run."""

    def __init__(self) -> None:
        super().__init__()
        self.names: Set[str] = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.names.add(func._schema.name)
        return func(*args, **(kwargs or {}))


def fused(operator: str):
    """Runs in eval, and makes sure that torch took the fast path: else the case compares nothing new."""

    def plan(recorder, inputs) -> None:
        recorder.eval()
        recorder.forward(*inputs())
        with Calls() as calls:
            recorder.copies[0](*inputs())
        if operator not in calls.names:
            raise ValueError(f"{recorder.name}: torch did not run {operator}")

    return plan


def sequences() -> Tuple[Tensor]:
    return (randn(3, 5, 8),)


for norm_first in (False, True):
    for activation in ("relu", "gelu"):
        suffix = f"{'pre' if norm_first else 'post'}norm_{activation}"
        options = {"norm_first": norm_first, "activation": activation}
        for name, inputs in {
            "encoder": sequences,
            "encoder_causal": lambda: (randn(3, 5, 8), nn.Transformer.generate_square_subsequent_mask(5)),
            "encoder_masks": lambda: (randn(3, 5, 8), CAUSAL, PADDING),
        }.items():
            model(
                "fast_path",
                f"{name}_{suffix}",
                lambda o=options: without_gradients(TransformerClassifier(**o)),
                inputs,
                plan=fused(ENCODER),
            )
        model(
            "fast_path",
            f"encoder_{suffix}",
            lambda o=options: without_gradients(TransformerClassifier(**o)),
            sequences,
            forms=("freeze",),
        )
        model(
            "fast_path",
            f"nested_{suffix}",
            lambda o=options: without_gradients(NestedEncoder(**o)),
            lambda: (randn(3, 5, 8), PADDING),
            plan=fused(ENCODER),
        )

for name, make, inputs in (
    ("attention", SelfAttention, sequences),
    ("attention_no_weights", lambda: SelfAttention(need_weights=False), sequences),
    ("attention_per_head", lambda: SelfAttention(average=False), sequences),
    ("attention_padding", SelfAttention, lambda: (randn(3, 5, 8), PADDING)),
    ("attention_masks", SelfAttention, lambda: (randn(3, 5, 8), PADDING, CAUSAL)),
):
    model("fast_path", name, lambda m=make: without_gradients(m()), inputs, plan=fused(ATTENTION))
