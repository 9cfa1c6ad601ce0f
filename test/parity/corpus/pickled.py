"""Modules saved by torch.save(module): containers and layers of torch.nn, which run without code in the file."""

from collections import OrderedDict

import torch
from torch import nn

from .normalisation import single_value_plan, two_norms_plan
from .registry import bools, eval_plan, ints, model, randn, settle
from .sequence import PADDING


def add(name, make, inputs, **options):
    model("pickled", name, make, inputs, forms=("pickle",), **options)


def image(size=16, channels=3, batch=3):
    return lambda: (randn(batch, channels, size, size),)


def lenet() -> nn.Module:
    return settle(
        nn.Sequential(
            nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2),
            nn.Flatten(), nn.Linear(16 * 2 * 2, 24), nn.Tanh(), nn.Linear(24, 10), nn.LogSoftmax(1),
        )
    )  # fmt: skip


def vgg() -> nn.Module:
    def block(inputs: int, outputs: int) -> nn.Module:
        return nn.Sequential(
            OrderedDict(
                conv=nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
                norm=nn.BatchNorm2d(outputs),
                act=nn.ReLU(inplace=True),
                pool=nn.MaxPool2d(2),
            )
        )

    head = nn.Sequential(nn.Flatten(), nn.Dropout(0.4), nn.Linear(8 * 16, 5))
    return settle(nn.Sequential(OrderedDict(features=nn.Sequential(block(3, 4), block(4, 8)), head=head)))


def generator() -> nn.Module:
    return settle(
        nn.Sequential(
            nn.ConvTranspose2d(6, 8, 4), nn.BatchNorm2d(8), nn.ReLU(True),
            nn.ConvTranspose2d(8, 4, 4, 2, 1), nn.InstanceNorm2d(4, affine=True, track_running_stats=True), nn.ReLU(True),
            nn.Upsample(scale_factor=2, mode="bilinear"), nn.ReflectionPad2d(1), nn.Conv2d(4, 3, 3), nn.Tanh(),
        )
    )  # fmt: skip


def shared() -> nn.Module:
    """One BatchNorm at two places, and one weight in two layers."""
    norm = nn.BatchNorm1d(4)
    first, second = nn.Linear(4, 4), nn.Linear(4, 4)
    second.weight = first.weight
    return settle(nn.Sequential(first, norm, nn.ReLU(), second, norm))


def mixed() -> nn.Module:
    net = vgg().train()
    net.features[0].eval()
    net.head[1].eval()
    return net


def late_failure(recorder, inputs):
    # At the failure the first layer has been updated, and the counter of the second too.
    two_norms_plan(recorder, inputs)
    recorder.forward(randn(1, 5, 5), error="expected 4D input (got 3D input)")


def parts_in_eval(recorder, inputs):
    recorder.forward(*inputs())
    recorder.train()
    recorder.eval("features.1")
    recorder.forward(*inputs())
    recorder.set("", False, recursive=False)
    recorder.forward(*inputs())
    recorder.set("features.1.norm", True, recursive=False)
    recorder.forward(*inputs())
    recorder.eval()
    recorder.forward(*inputs())


def one_of_two(recorder, inputs):
    recorder.train()
    recorder.eval("1")
    recorder.forward(*inputs())
    recorder.train("4")
    recorder.forward(*inputs())
    recorder.eval()
    recorder.forward(*inputs())


add("lenet", lenet, image(16, 1))
add("vgg", vgg, image(), random=True)
add("generator", generator, lambda: (randn(3, 6, 1, 1),))
add("shared", shared, lambda: (randn(5, 4),))
add("shared_one_flag", shared, lambda: (randn(5, 4),), plan=one_of_two)
add("mixed", mixed, image(), plan=parts_in_eval, random=True)
add("data_parallel", lambda: nn.DataParallel(lenet()), image(16, 1))
add("averaged", lambda: torch.optim.swa_utils.AveragedModel(vgg()), image(), plan=eval_plan)
add(
    "late_failure",
    lambda: settle(nn.Sequential(nn.BatchNorm2d(3), nn.AdaptiveAvgPool2d(1), nn.BatchNorm2d(3))),
    lambda: (),
    plan=late_failure,
)
add("sync", lambda: settle(nn.SyncBatchNorm(4)), lambda: (randn(6, 4, 5),))
add("sync_single_value", lambda: settle(nn.SyncBatchNorm(4, momentum=None)), lambda: (), plan=single_value_plan)
add("empty", nn.Sequential, lambda: (randn(2, 3),), plan=eval_plan)
add(
    "monte_carlo",
    lambda: settle(nn.Sequential(nn.BatchNorm1d(6), nn.Dropout(0.5), nn.BatchNorm1d(6), nn.Linear(6, 3))),
    lambda: (randn(8, 6),),
    random=True,
)

LAYERS = {
    "bilinear": (lambda: nn.Bilinear(4, 3, 5), lambda: (randn(6, 4), randn(6, 3))),
    "cosine": (lambda: nn.CosineSimilarity(dim=1), lambda: (randn(2, 5), randn(2, 5))),
    "pairwise": (lambda: nn.PairwiseDistance(2.0, keepdim=True), lambda: (randn(2, 5), randn(2, 5))),
    "flatten": (lambda: nn.Flatten(0, -2), lambda: (randn(2, 3, 4),)),
    "unflatten": (lambda: nn.Unflatten(1, (4, -1)), lambda: (randn(2, 12),)),
    "conv_same_reflect": (
        lambda: nn.Conv2d(2, 3, (4, 3), padding="same", padding_mode="reflect", dilation=(1, 2)),
        lambda: (randn(1, 2, 8, 9),),
    ),
    "conv_valid_circular": (lambda: nn.Conv1d(2, 3, 3, padding="valid", padding_mode="circular"), lambda: (randn(1, 2, 8),)),
    "conv_padding_mode_2d": (
        lambda: nn.Conv2d(2, 3, 3, padding=(2, 1), padding_mode="replicate", stride=(1, 2)),
        lambda: (randn(1, 2, 5, 6),),
    ),
    "lrn": (lambda: nn.LocalResponseNorm(3, alpha=0.2), lambda: (randn(2, 5, 4, 3),)),
    "cross_map_lrn": (lambda: nn.CrossMapLRN2d(3, alpha=0.3, k=2), lambda: (randn(2, 6, 3, 3),)),
    "cross_map_lrn_wide": (lambda: nn.CrossMapLRN2d(9, alpha=0.3), lambda: (randn(2, 3, 3, 3),)),
    "cross_map_lrn_even": (lambda: nn.CrossMapLRN2d(4, alpha=0.3), lambda: (randn(2, 7, 2, 3),)),
    "adaptive_avg_none": (lambda: nn.AdaptiveAvgPool2d((None, 2)), lambda: (randn(2, 3, 5, 8),)),
    "adaptive_max_none": (lambda: nn.AdaptiveMaxPool3d((2, None, 1)), lambda: (randn(2, 3, 5, 8, 4),)),
    "lp_infinite": (lambda: nn.LPPool2d(float("inf"), 2), lambda: (randn(2, 3, 5, 8),)),
    "upsample_area": (lambda: nn.Upsample(scale_factor=0.6, mode="area"), lambda: (randn(1, 2, 7, 9),)),
    "upsample_exact": (lambda: nn.Upsample(size=(5, 7), mode="nearest-exact"), lambda: (randn(1, 2, 3, 4),)),
    "upsample_linear": (lambda: nn.Upsample(scale_factor=2.5, mode="linear", align_corners=False), lambda: (randn(1, 2, 5),)),
    "upsample_trilinear": (lambda: nn.Upsample(size=4, mode="trilinear", align_corners=True), lambda: (randn(1, 2, 2, 3, 3),)),
    "upsample_recomputed": (
        lambda: nn.Upsample(scale_factor=1.7, mode="bilinear", recompute_scale_factor=True),
        lambda: (randn(1, 2, 5, 4),),
    ),
    "upsampling_nearest": (lambda: nn.UpsamplingNearest2d(scale_factor=2), lambda: (randn(1, 2, 3, 4),)),
    "upsampling_bilinear": (lambda: nn.UpsamplingBilinear2d(size=(5, 6)), lambda: (randn(1, 2, 3, 4),)),
    "fold": (lambda: nn.Fold((4, 5), 2), lambda: (randn(1, 8, 12),)),
    "embedding_negative_padding": (lambda: nn.Embedding(10, 4, padding_idx=-1), lambda: (ints(2, 3, low=0, high=10),)),
    "bag_sum": (lambda: nn.EmbeddingBag(12, 4, mode="sum"), lambda: (ints(3, 4, low=0, high=12),)),
    "bag_weights": (
        lambda: nn.EmbeddingBag(12, 4, mode="sum"),
        lambda: (ints(3, 4, low=0, high=12), None, randn(3, 4)),
    ),
    "bag_max_norm": (lambda: nn.EmbeddingBag(12, 4, mode="mean", max_norm=0.5), lambda: (ints(3, 4, low=0, high=12),)),
    "bag_offsets": (
        lambda: nn.EmbeddingBag(12, 4, mode="max", padding_idx=2),
        lambda: (ints(8, low=0, high=12), torch.tensor([0, 3, 3, 7])),
    ),
    "bag_last_offset": (
        lambda: nn.EmbeddingBag(12, 4, include_last_offset=True),
        lambda: (ints(8, low=0, high=12, dtype=torch.int32), torch.tensor([0, 3, 8], dtype=torch.int32)),
    ),
    "rnn_cell": (lambda: nn.RNNCell(4, 5), lambda: (randn(3, 4),)),
    "rnn_cell_relu": (lambda: nn.RNNCell(4, 5, nonlinearity="relu", bias=False), lambda: (randn(3, 4), randn(3, 5))),
    "gru_cell_unbatched": (lambda: nn.GRUCell(4, 5), lambda: (randn(4), randn(5))),
    "lstm_cell": (lambda: nn.LSTMCell(4, 5), lambda: (randn(3, 4), (randn(3, 5), randn(3, 5)))),
    "lstm_cell_unbatched": (lambda: nn.LSTMCell(4, 5), lambda: (randn(4),)),
}  # fmt: skip
for name, (make, inputs) in LAYERS.items():
    add(name, lambda m=make: settle(m()), inputs, plan=eval_plan)

for dims in (1, 2, 3):
    transposed = getattr(nn, f"ConvTranspose{dims}d")
    size = [9, 10, 9][:dims]
    add(
        f"transposed{dims}d_output_size",
        lambda c=transposed: settle(c(2, 3, 3, stride=2, padding=1)),
        lambda d=dims, s=size: (randn(1, 2, *[5] * d), s),
        plan=eval_plan,
    )
    unpool = getattr(nn, f"MaxUnpool{dims}d")
    add(
        f"unpool{dims}d",
        lambda c=unpool: c(2),
        lambda d=dims: getattr(nn.functional, f"max_pool{d}d")(randn(2, 3, *[6] * d), 2, return_indices=True),
        plan=eval_plan,
    )
    add(
        f"unpool{dims}d_output_size",
        lambda c=unpool: c(2, stride=2),
        lambda d=dims: (
            *getattr(nn.functional, f"max_pool{d}d")(randn(2, 3, *[7] * d), 2, return_indices=True),
            [7] * d,
        ),
        plan=eval_plan,
    )

for kind in ("RNN", "LSTM", "GRU"):
    low = kind.lower()
    rnn = getattr(nn, kind)
    sequences = lambda: (randn(6, 3, 4),)  # noqa: E731
    add(f"{low}", lambda c=rnn: c(4, 5), sequences)
    add(f"{low}_batch_first", lambda c=rnn: c(4, 5, batch_first=True, bias=False), sequences)
    add(
        f"{low}_deep",
        lambda c=rnn: c(4, 5, num_layers=3, bidirectional=True, dropout=0.3),
        sequences,
        random=True,
    )
    add(f"{low}_unbatched", lambda c=rnn: c(4, 5, batch_first=True), lambda: (randn(6, 4),), plan=eval_plan)
add("rnn_relu", lambda: nn.RNN(4, 5, nonlinearity="relu"), lambda: (randn(6, 3, 4), randn(1, 3, 5)))
add("gru_states", lambda: nn.GRU(4, 5, num_layers=2), lambda: (randn(5, 3, 4), randn(2, 3, 5)), plan=eval_plan)
add(
    "lstm_projection",
    lambda: nn.LSTM(4, 5, proj_size=2, bidirectional=True),
    lambda: (randn(5, 3, 4), (randn(2, 3, 2), randn(2, 3, 5))),
    plan=eval_plan,
)
add(
    "lstm_states_unbatched",
    lambda: nn.LSTM(4, 5),
    lambda: (randn(5, 4), (randn(1, 5), randn(1, 5))),
    plan=eval_plan,
)


def wrong_recurrent(recorder, inputs):
    recorder.eval()
    recorder.forward(randn(5, 3, 4))
    recorder.forward(randn(5, 3, 6), error="input.size(-1) must be equal to input_size. Expected 4, got 6")
    recorder.forward(randn(5, 3, 4), randn(1, 2, 5), error="Expected hidden size (1, 3, 5), got [1, 2, 5]")
    recorder.forward(randn(5), error="Expected input to be 2D or 3D, got 1D")


add("gru_wrong", lambda: nn.GRU(4, 5), lambda: (), plan=wrong_recurrent)


def wrong_dropout(recorder, inputs):
    recorder.train()
    recorder.forward(randn(3, 4, 2))
    recorder.forward(randn(3), error="dropout1d: Expected 2D or 3D input, but received a 1D input")


add("dropout1d_wrong", lambda: nn.Dropout1d(0.5), lambda: (), plan=wrong_dropout, random=True)

CAUSAL = nn.Transformer.generate_square_subsequent_mask(5)


def self_attention():
    x = randn(5, 3, 8)
    return (x, x, x)


def three():
    return (randn(3, 5, 8), randn(3, 5, 8), randn(3, 5, 8))


def attention(name, inputs, **options):
    plan = {} if options.get("dropout") else {"plan": eval_plan}
    add(
        f"mha_{name}",
        lambda: settle(nn.MultiheadAttention(8, 2, **options)),
        inputs,
        random="dropout" in options,
        **plan,
    )


attention("self", self_attention)
attention("dropout", self_attention, dropout=0.4)
attention("batch_first", three, batch_first=True)
attention("no_weights", lambda: (*three(), None, False), batch_first=True)
attention("per_head", lambda: (*self_attention(), None, True, None, False), bias=False)
attention("cross", lambda: (randn(5, 3, 8), randn(7, 3, 6), randn(7, 3, 4)), kdim=6, vdim=4)
attention("bias_zero", lambda: (*three(), bools(5, 3), True, bools(3, 3)), add_bias_kv=True, add_zero_attn=True)
attention("masks", lambda: (*three(), PADDING, True, CAUSAL), batch_first=True)
attention("masks_no_weights", lambda: (*three(), PADDING, False, CAUSAL), batch_first=True)
attention("causal", lambda: (*three(), None, False, CAUSAL, True, True), batch_first=True)
attention("unbatched", lambda: (randn(5, 8), randn(4, 8), randn(4, 8)))
add(
    "mha_fused",
    lambda: settle(nn.MultiheadAttention(8, 2, batch_first=True)).requires_grad_(False),
    lambda: (lambda x: (x, x, x, PADDING, True, torch.triu(torch.ones(5, 5, dtype=torch.bool), 1)))(randn(3, 5, 8)),
    plan=eval_plan,
)


def encoder_layer(**options):
    return nn.TransformerEncoderLayer(8, 2, 16, **{"dropout": 0.1, "batch_first": True, **options})


def encoder(**options):
    return settle(nn.TransformerEncoder(encoder_layer(**options), 2, norm=nn.LayerNorm(8)))


def decoder(**options):
    layer = nn.TransformerDecoderLayer(8, 2, 16, **{"dropout": 0.1, "batch_first": True, **options})
    return settle(nn.TransformerDecoder(layer, 2))


for first in (False, True):
    for activation in ("relu", "gelu", nn.functional.silu, torch.tanh, nn.GELU(approximate="tanh")):
        options = {"norm_first": first, "activation": activation}
        name = activation if isinstance(activation, str) else getattr(activation, "__name__", "module")
        suffix = f"{'pre' if first else 'post'}norm_{name}"
        add(f"encoder_{suffix}", lambda o=options: encoder(**o), lambda: (randn(3, 5, 8),), random=True)
        add(
            f"encoder_{suffix}_fused",
            lambda o=options: encoder(**o).requires_grad_(False),
            lambda: (randn(3, 5, 8), None, PADDING),
            random=True,
        )
    add(
        f"encoder_{'pre' if first else 'post'}norm_masks",
        lambda f=first: encoder(norm_first=f),
        lambda: (randn(3, 5, 8), CAUSAL, PADDING),
        random=True,
    )
    add(
        f"decoder_{'pre' if first else 'post'}norm",
        lambda f=first: decoder(norm_first=f),
        lambda: (randn(3, 5, 8), randn(3, 4, 8), CAUSAL),
        random=True,
    )
add("encoder_time_first", lambda: encoder(batch_first=False), lambda: (randn(5, 3, 8), CAUSAL), random=True)
add("encoder_unbatched", lambda: encoder(dropout=0.0), lambda: (randn(5, 8),))
add("encoder_layer_no_bias", lambda: settle(encoder_layer(bias=False, dropout=0.0)), lambda: (randn(3, 5, 8),))
add("decoder_layer", lambda: settle(decoder().layers[0]), lambda: (randn(3, 5, 8), randn(3, 4, 8)), random=True)
add(
    "transformer",
    lambda: settle(nn.Transformer(8, 2, 1, 1, 16, dropout=0.1, batch_first=True)),
    lambda: (randn(2, 5, 8), randn(2, 5, 8), CAUSAL, CAUSAL),
    random=True,
)
