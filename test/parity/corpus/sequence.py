"""Recurrent layers, transformers, attention and embeddings."""

import math
from typing import List, Optional, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from .registry import bools, eval_plan, ints, model, randn, settle


class Tagger(nn.Module):
    """Embedding, a recurrent encoder and a head; `kind` is LSTM, GRU or RNN."""

    def __init__(self, kind: str, **options):
        super().__init__()
        self.embedding = nn.Embedding(20, 6, padding_idx=0)
        self.encoder = getattr(nn, kind)(6, 5, **options)
        self.head = nn.Linear(10 if options.get("bidirectional") else 5, 3)

    def forward(self, tokens: Tensor) -> Tensor:
        out, _ = self.encoder(self.embedding(tokens))
        return F.log_softmax(self.head(out), dim=-1)


class StatefulLSTM(nn.Module):
    def __init__(self, **options):
        super().__init__()
        self.rnn = nn.LSTM(4, 5, **options)

    def forward(self, x: Tensor, h: Tensor, c: Tensor) -> Tuple[Tensor, Tuple[Tensor, Tensor]]:
        return self.rnn(x, (h, c))


class StatefulGRU(nn.Module):
    def __init__(self, **options):
        super().__init__()
        self.rnn = nn.GRU(4, 5, **options)

    def forward(self, x: Tensor, h: Optional[Tensor]) -> Tuple[Tensor, Tensor]:
        return self.rnn(x, h)


class Packed(nn.Module):
    def __init__(self, kind: str, enforce_sorted: bool, **options):
        super().__init__()
        self.rnn = getattr(nn, kind)(4, 5, batch_first=True, **options)
        self.enforce_sorted = enforce_sorted

    def forward(self, x: Tensor, lengths: Tensor) -> Tuple[Tensor, Tensor]:
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=self.enforce_sorted)
        out, _ = self.rnn(packed)
        return pad_packed_sequence(out, batch_first=True, padding_value=-1.0)


class Cells(nn.Module):
    """One step at a time, in a Python loop."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTMCell(4, 5)
        self.gru = nn.GRUCell(5, 5)
        self.rnn = nn.RNNCell(5, 3, nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        h = torch.zeros(x.size(1), 5)
        c = torch.zeros(x.size(1), 5)
        g = torch.zeros(x.size(1), 5)
        outputs: List[Tensor] = []
        for t in range(x.size(0)):
            h, c = self.lstm(x[t], (h, c))
            g = self.gru(h, g)
            outputs.append(self.rnn(g))
        return torch.stack(outputs)


class PositionalEncoding(nn.Module):
    def __init__(self, width: int, length: int, p: float):
        super().__init__()
        self.dropout = nn.Dropout(p)
        position = torch.arange(length).unsqueeze(1)
        scale = torch.exp(torch.arange(0, width, 2) * (-math.log(10000.0) / width))
        table = torch.zeros(length, 1, width)
        table[:, 0, 0::2] = torch.sin(position * scale)
        table[:, 0, 1::2] = torch.cos(position * scale)
        self.register_buffer("pe", table)

    def forward(self, x: Tensor) -> Tensor:
        return self.dropout(x + self.pe[: x.size(0)])


class TransformerClassifier(nn.Module):
    def __init__(self, p: float = 0.1, norm_first: bool = False, batch_first: bool = True, activation: str = "relu"):
        super().__init__()
        layer = nn.TransformerEncoderLayer(
            8, 2, 16, p, activation=activation, norm_first=norm_first, batch_first=batch_first
        )
        self.encoder = nn.TransformerEncoder(layer, 2, norm=nn.LayerNorm(8), enable_nested_tensor=False)

    def forward(self, x: Tensor, mask: Optional[Tensor] = None, padding: Optional[Tensor] = None) -> Tensor:
        return self.encoder(x, mask=mask, src_key_padding_mask=padding)


class LanguageModel(nn.Module):
    """As in torch's word-language-model tutorial."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(20, 8)
        self.position = PositionalEncoding(8, 16, 0.1)
        self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, 0.1), 1, enable_nested_tensor=False)
        self.decoder = nn.Linear(8, 20)

    def forward(self, tokens: Tensor) -> Tensor:
        size = tokens.size(0)
        mask = torch.triu(torch.full((size, size), float("-inf")), diagonal=1)
        x = self.position(self.embedding(tokens) * math.sqrt(8.0))
        return self.decoder(self.encoder(x, mask))


class Attention(nn.Module):
    def __init__(self, need_weights: bool = True, average: bool = True, **options):
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, **options)
        self.need_weights = need_weights
        self.average = average

    def forward(
        self, q: Tensor, k: Tensor, v: Tensor, padding: Optional[Tensor] = None, mask: Optional[Tensor] = None
    ) -> Tuple[Tensor, Optional[Tensor]]:
        return self.attention(
            q, k, v, key_padding_mask=padding, need_weights=self.need_weights, attn_mask=mask,
            average_attn_weights=self.average,
        )  # fmt: skip


class CausalSelfAttention(nn.Module):
    def __init__(self, width: int, heads: int, p: float):
        super().__init__()
        self.c_attn = nn.Linear(width, 3 * width)
        self.c_proj = nn.Linear(width, width)
        self.resid_dropout = nn.Dropout(p)
        self.heads = heads
        self.width = width
        self.dropout = p

    def forward(self, x: Tensor) -> Tensor:
        b, t, c = x.size()
        q, k, v = self.c_attn(x).split(self.width, dim=2)
        k = k.view(b, t, self.heads, c // self.heads).transpose(1, 2)
        q = q.view(b, t, self.heads, c // self.heads).transpose(1, 2)
        v = v.view(b, t, self.heads, c // self.heads).transpose(1, 2)
        y = F.scaled_dot_product_attention(
            q, k, v, attn_mask=None, dropout_p=self.dropout if self.training else 0.0, is_causal=True
        )
        y = y.transpose(1, 2).contiguous().view(b, t, c)
        return self.resid_dropout(self.c_proj(y))


class Block(nn.Module):
    def __init__(self, width: int, heads: int, p: float):
        super().__init__()
        self.ln_1 = nn.LayerNorm(width)
        self.attn = CausalSelfAttention(width, heads, p)
        self.ln_2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(approximate="tanh"), nn.Linear(4 * width, width), nn.Dropout(p)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class GPT(nn.Module):
    def __init__(self, p: float = 0.1) -> None:
        super().__init__()
        self.transformer = nn.ModuleDict(
            {
                "wte": nn.Embedding(30, 8),
                "wpe": nn.Embedding(16, 8),
                "drop": nn.Dropout(p),
                "h": nn.ModuleList([Block(8, 2, p) for _ in range(2)]),
                "ln_f": nn.LayerNorm(8),
            }
        )
        self.lm_head = nn.Linear(8, 30, bias=False)
        self.transformer["wte"].weight = self.lm_head.weight

    def forward(self, idx: Tensor, targets: Optional[Tensor] = None) -> Tuple[Tensor, Optional[Tensor]]:
        t = idx.size(1)
        assert t <= 16, f"Cannot forward sequence of length {t}"
        pos = torch.arange(0, t, dtype=torch.long, device=idx.device)
        x = self.transformer["drop"](self.transformer["wte"](idx) + self.transformer["wpe"](pos))
        for block in self.transformer["h"]:
            x = block(x)
        logits = self.lm_head(self.transformer["ln_f"](x))
        loss: Optional[Tensor] = None
        if targets is not None:
            loss = F.cross_entropy(logits.view(-1, logits.size(-1)), targets.view(-1), ignore_index=-1)
        return logits, loss


class GPTGenerator(GPT):
    @torch.jit.export
    def generate(self, idx: Tensor, steps: int) -> Tensor:
        for _ in range(steps):
            logits, _loss = self.forward(idx if idx.size(1) <= 16 else idx[:, -16:], None)
            chosen = torch.argmax(logits[:, -1, :], dim=-1, keepdim=True)
            idx = torch.cat((idx, chosen), dim=1)
        return idx


class Seq2Seq(nn.Module):
    """The whole nn.Transformer: encoder, decoder, cross attention."""

    def __init__(self) -> None:
        super().__init__()
        self.transformer = nn.Transformer(8, 2, 1, 1, 16, dropout=0.1, batch_first=True)

    def forward(self, src: Tensor, tgt: Tensor) -> Tensor:
        size = tgt.size(1)
        mask = torch.triu(torch.full((size, size), float("-inf")), diagonal=1)
        return self.transformer(src, tgt, tgt_mask=mask)


class Bag(nn.Module):
    def __init__(self, mode: str, **options):
        super().__init__()
        self.bag = nn.EmbeddingBag(12, 4, mode=mode, **options)

    def forward(self, tokens: Tensor, offsets: Optional[Tensor] = None) -> Tensor:
        return self.bag(tokens, offsets)


class WeightedBag(nn.Module):
    """`offsets` ends with the number of tokens, as a CSR row pointer does."""

    def __init__(self) -> None:
        super().__init__()
        self.bag = nn.EmbeddingBag(12, 4, mode="sum", include_last_offset=True)

    def forward(self, tokens: Tensor, offsets: Tensor, weights: Tensor) -> Tensor:
        return self.bag(tokens, offsets, weights)


def gpt_plan(recorder, inputs):
    recorder.eval()
    recorder.forward(ints(2, 6, low=0, high=30), None)
    recorder.forward(ints(2, 6, low=0, high=30), ints(2, 6, low=-1, high=30))
    recorder.forward(ints(1, 4, low=0, high=30), 5, method="generate")
    recorder.train()
    recorder.forward(ints(2, 6, low=0, high=30), None)
    recorder.forward(ints(1, 17, low=0, high=30), None, error="Cannot forward sequence of length 17")
    recorder.eval()
    recorder.forward(ints(2, 3, low=0, high=30), None)


def tokens():
    return (ints(3, 7, low=0, high=20),)


for kind in ("LSTM", "GRU", "RNN"):
    low = kind.lower()
    model("recurrent", f"{low}_plain", lambda k=kind: Tagger(k), tokens, forms=("script", "trace_eval", "trace_train"))
    model(
        "recurrent",
        f"{low}_batch_first",
        lambda k=kind: Tagger(k, batch_first=True),
        tokens,
        forms=("script", "freeze"),
    )
    model("recurrent", f"{low}_no_bias", lambda k=kind: Tagger(k, bias=False), tokens)
    model(
        "recurrent",
        f"{low}_bidirectional",
        lambda k=kind: Tagger(k, bidirectional=True),
        tokens,
        forms=("script", "trace_eval"),
    )
    model(
        "recurrent",
        f"{low}_dropout",
        lambda k=kind: Tagger(k, num_layers=3, bidirectional=True, dropout=0.3, batch_first=True),
        tokens,
        forms=("script", "trace_eval", "trace_train"),
        random=True,
    )
    for sorted_ in (True, False):
        lengths = torch.tensor([6, 4, 1]) if sorted_ else torch.tensor([2, 6, 3])
        model(
            "recurrent",
            f"{low}_packed_{'sorted' if sorted_ else 'unsorted'}",
            lambda k=kind, s=sorted_: Packed(k, s, num_layers=2, bidirectional=True),
            lambda n=lengths: (randn(3, 6, 4), n),
        )
    model(
        "recurrent",
        f"{low}_float64",
        lambda k=kind: Packed(k, True, num_layers=2, bidirectional=True).double(),
        lambda: (randn(3, 6, 4, dtype=torch.float64), torch.tensor([6, 4, 1])),
    )
    model(
        "recurrent", f"{low}_bfloat16", lambda k=kind: Tagger(k, bidirectional=True).bfloat16(), tokens, plan=eval_plan
    )
model("recurrent", "rnn_relu", lambda: Tagger("RNN", nonlinearity="relu"), tokens)
model(
    "recurrent",
    "lstm_states",
    lambda: StatefulLSTM(num_layers=2),
    lambda: (randn(5, 3, 4), randn(2, 3, 5), randn(2, 3, 5)),
)
model(
    "recurrent",
    "lstm_projection",
    lambda: StatefulLSTM(proj_size=2),
    lambda: (randn(5, 3, 4), randn(1, 3, 2), randn(1, 3, 5)),
)
model(
    "recurrent",
    "lstm_projection_bidirectional",
    lambda: StatefulLSTM(proj_size=2, num_layers=2, bidirectional=True),
    lambda: (randn(5, 3, 4), randn(4, 3, 2), randn(4, 3, 5)),
)
model("recurrent", "lstm_unbatched", lambda: StatefulLSTM(), lambda: (randn(5, 4), randn(1, 5), randn(1, 5)))
model("recurrent", "gru_states", lambda: StatefulGRU(num_layers=2), lambda: (randn(5, 3, 4), randn(2, 3, 5)))
model("recurrent", "gru_no_state", lambda: StatefulGRU(), lambda: (randn(5, 3, 4), None))
model("recurrent", "cells", Cells, lambda: (randn(4, 2, 4),), forms=("script", "trace_eval"))


def sequences():
    return (randn(3, 5, 8),)


for first in (False, True):
    for activation in ("relu", "gelu"):
        model(
            "transformer",
            f"encoder_{'pre' if first else 'post'}norm_{activation}",
            lambda f=first, a=activation: settle(TransformerClassifier(norm_first=f, activation=a)),
            sequences,
            forms=("script", "trace_eval", "trace_train") if activation == "relu" else ("script",),
            random=True,
        )
model(
    "transformer",
    "encoder_time_first",
    lambda: settle(TransformerClassifier(batch_first=False)),
    sequences,
    random=True,
)
model("transformer", "encoder_no_dropout", lambda: settle(TransformerClassifier(p=0.0)), sequences)
model(
    "transformer",
    "encoder_mask",
    lambda: settle(TransformerClassifier()),
    lambda: (randn(3, 5, 8), nn.Transformer.generate_square_subsequent_mask(5)),
    random=True,
)
PADDING = torch.tensor([[False] * 5, [False] * 3 + [True] * 2, [False] * 4 + [True]])
for first in (False, True):
    model(
        "transformer",
        f"encoder_padding_{'pre' if first else 'post'}norm",
        lambda f=first: settle(TransformerClassifier(norm_first=f)),
        lambda: (randn(3, 5, 8), None, PADDING),
        random=True,
    )
model(
    "transformer",
    "encoder_mask_and_padding",
    lambda: settle(TransformerClassifier()),
    lambda: (randn(3, 5, 8), torch.triu(torch.ones(5, 5, dtype=torch.bool), 1), PADDING),
    random=True,
)
model(
    "transformer",
    "language_model",
    lambda: settle(LanguageModel()),
    lambda: (ints(6, 2, low=0, high=20),),
    forms=("script", "trace_train"),
    random=True,
)
model("transformer", "seq2seq", lambda: settle(Seq2Seq()), lambda: (randn(2, 5, 8), randn(2, 4, 8)), random=True)
model(
    "transformer",
    "gpt",
    lambda: settle(GPTGenerator(), 0.1),
    lambda: (ints(2, 6, low=0, high=30),),
    plan=gpt_plan,
    random=True,
)
model(
    "transformer",
    "gpt_loss",
    lambda: settle(GPT(), 0.1),
    lambda: (ints(2, 6, low=0, high=30), ints(2, 6, low=0, high=30)),
    forms=("trace_eval", "trace_train"),
    random=True,
)


def self_attention():
    x = randn(5, 3, 8)
    return (x, x, x)


model("transformer", "mha_self", lambda: settle(Attention()), self_attention)
model("transformer", "mha_dropout", lambda: settle(Attention(dropout=0.4)), self_attention, random=True)
model("transformer", "mha_per_head", lambda: settle(Attention(average=False)), self_attention)
model("transformer", "mha_no_weights", lambda: settle(Attention(need_weights=False, batch_first=True)), self_attention)
model(
    "transformer",
    "mha_cross",
    lambda: settle(Attention(kdim=6, vdim=4)),
    lambda: (randn(5, 3, 8), randn(7, 3, 6), randn(7, 3, 4)),
)
model("transformer", "mha_bias_zero", lambda: settle(Attention(add_bias_kv=True, add_zero_attn=True)), self_attention)
model(
    "transformer",
    "mha_masks",
    lambda: settle(Attention(batch_first=True)),
    lambda: (
        randn(3, 5, 8),
        randn(3, 5, 8),
        randn(3, 5, 8),
        PADDING,
        torch.triu(torch.ones(5, 5, dtype=torch.bool), 1),
    ),
)
model("transformer", "mha_unbatched", lambda: settle(Attention()), lambda: (randn(5, 8), randn(4, 8), randn(4, 8)))

model(
    "embedding",
    "embedding",
    lambda: nn.Embedding(10, 4),
    lambda: (ints(2, 3, low=0, high=10),),
    forms=("script", "trace_eval"),
    plan=eval_plan,
)
model(
    "embedding",
    "embedding_int32",
    lambda: nn.Embedding(10, 4),
    lambda: (ints(2, 3, low=0, high=10, dtype=torch.int32),),
    plan=eval_plan,
)
model(
    "embedding",
    "embedding_max_norm",
    lambda: nn.Embedding(10, 4, max_norm=1.0),
    lambda: (ints(2, 3, low=0, high=10),),
    plan=eval_plan,
)
for mode in ("sum", "mean", "max"):
    model("embedding", f"bag_{mode}", lambda m=mode: Bag(m), lambda: (ints(3, 4, low=0, high=12), None), plan=eval_plan)
    model(
        "embedding",
        f"bag_{mode}_offsets",
        lambda m=mode: Bag(m),
        lambda: (ints(8, low=0, high=12), torch.tensor([0, 3, 3, 7])),
        plan=eval_plan,
    )
model(
    "embedding",
    "bag_padding",
    lambda: Bag("mean", padding_idx=2),
    lambda: (ints(4, 6, low=0, high=5), None),
    plan=eval_plan,
)
model(
    "embedding",
    "bag_weights",
    WeightedBag,
    lambda: (ints(8, low=0, high=12), torch.tensor([0, 3, 8]), randn(8)),
    plan=eval_plan,
)
