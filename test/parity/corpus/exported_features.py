"""What exported programs have beyond the models of the other files: dynamic shapes, nested arguments, and inner graphs."""

from collections import OrderedDict
from typing import Any, Callable, Dict, List, Optional, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.export import Dim

from .exported import record_export
from .registry import Case, Inputs, Plan, add, bools, ints, randn, settle, standard_plan


class Dynamic(nn.Module):
    """Sizes that the caller chooses, and arithmetic with them."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(2, 4, 3, padding=1)
        self.norm = nn.BatchNorm1d(4)
        self.fc = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tuple[Tensor, Tensor, Tensor]:
        batch, _, length = x.shape
        y = self.norm(self.conv(x))
        halves = y[:, :, : length // 2].reshape(batch, -1)
        padded = F.pad(y, (0, 2 * length - length))
        positions = torch.arange(length).float() / length
        return self.fc(y.mean(2)), halves, padded.sum(1) + torch.cat([positions, positions]) * batch


class Nested(nn.Module):
    """Arguments and results in dicts, lists and tuples; some by keyword, some left at their defaults."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(3)

    def forward(
        self, batch: Dict[str, Tensor], pair: Tuple[Tensor, List[Tensor]], *, scale: Tensor, offset: Optional[Tensor] = None
    ) -> Dict[str, Any]:
        x = self.norm(batch["x"]) * scale + pair[0]
        y = batch["y"] - pair[1][0] + pair[1][1]
        if offset is not None:
            x = x + offset
        return {"sum": x + y, "parts": (x, [y, (x * y,)]), "size": x.shape[1], "ordered": OrderedDict(a=x, b=None)}


class Blocks(nn.Module):
    """A block under no_grad, a condition that is only known when it runs, and a tensor that is no buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(4)
        self.drop = nn.Dropout(0.0)
        self.offsets = torch.tensor([1.0, 2.0, 3.0, 4.0])
        self.register_buffer("seen", torch.zeros(4))
        self.register_buffer("ratio", torch.full((4,), 0.5), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            self.seen.add_(x.sum(0))
            y = self.norm(x) + self.offsets * self.ratio
        y = torch.cond(x.sum() > 0, lambda t: t.sin() + 1, lambda t: t.cos() * 2, (y,))
        return self.drop(y) + self.seen


class TwoPaths(nn.Module):
    """One encoder under two names, run three times."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.ReLU())
        self.second = self.first
        self.spare = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.first(self.first(x)))


class Decoding(nn.Module):
    """Values of tensors as sizes and indices, with the checks that torch writes for them."""

    def forward(self, x: Tensor, mask: Tensor, index: Tensor) -> Tuple[Tensor, Tensor, int]:
        count = index.sum().item()
        torch._check(count >= 1)
        torch._check(count <= 100)
        found = x.masked_fill(mask, float("-inf"))
        return found[:, 1:], torch.full((3,), 1.0) * count, count


class Writing(nn.Module):
    """Overwrites its argument."""

    def forward(self, x: Tensor) -> Tensor:
        x.mul_(2).add_(1)
        return x.relu()


def one_mode(recorder, inputs: Inputs) -> None:
    recorder.forward(*inputs())
    recorder.forward(*inputs())


def lengths(recorder, inputs: Inputs) -> None:
    """Other sizes than those of the export."""
    for batch, length in ((3, 8), (5, 6), (2, 11)):
        recorder.eval()
        recorder.forward(randn(batch, 2, length))
        recorder.train()
        recorder.forward(randn(batch, 2, length))


def refused(recorder, inputs: Inputs) -> None:
    recorder.eval()
    recorder.forward(*inputs())
    # The model itself takes any batch.
    recorder.refuse(randn(3, 4), error="Guard failed: x.size()[0] == 2")


class Plain(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x)


def program(
    name: str,
    make: Callable[[], nn.Module],
    inputs: Inputs,
    *,
    kwargs: Callable[[], Dict[str, Any]] = dict,
    dynamic: Any = None,
    plan: Plan = standard_plan,
    forms: Tuple[str, ...] = ("export_eval", "export_train", "export_eval_decomposed", "export_train_decomposed"),
) -> None:
    """Adds one case for each form. Keyword arguments follow the positional ones in the fixture's inputs."""

    def export(form: str):
        eager = make().train("train" in form)
        exported = torch.export.export(eager, inputs(), kwargs(), dynamic_shapes=dynamic)
        return (exported.run_decompositions() if form.endswith("decomposed") else exported), eager

    for form in forms:
        add(
            Case(
                "exported_features",
                f"{name}_{form[len('export_'):]}",
                form,
                False,
                lambda form=form: export(form),
                lambda recorder: plan(recorder, inputs),
                record_export,
            )
        )


program(
    "dynamic",
    lambda: settle(Dynamic()),
    lambda: (randn(3, 2, 8),),
    dynamic={"x": {0: Dim.DYNAMIC, 2: Dim.DYNAMIC}},
    plan=lengths,
)


class NestedCall(nn.Module):
    """Passes the last argument by keyword, as the export has it."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = settle(Nested())

    def forward(self, batch, pair, *, scale):
        return self.inner(batch, pair, scale=scale)


def nested_inputs() -> Tuple[Any, ...]:
    batch = {"x": randn(4, 3), "y": randn(4, 3)}
    return batch, (randn(4, 3), [randn(4, 3), randn(3)])


def nested_plan(recorder, inputs: Inputs) -> None:
    for training in (False, True, True, False):
        recorder.set("", training)
        recorder.forward(*inputs(), keywords={"scale": randn(3)})


program("nested", NestedCall, nested_inputs, kwargs=lambda: {"scale": randn(3)}, plan=nested_plan)
program("blocks", lambda: settle(Blocks()), lambda: (randn(5, 4),), forms=("export_eval", "export_train"))
program("two_paths", lambda: settle(TwoPaths()), lambda: (randn(6, 4),), forms=("export_eval", "export_train"))
program(
    "decoding",
    Decoding,
    lambda: (randn(2, 5), bools(2, 5), ints(3, low=1, high=9)),
    plan=one_mode,
    forms=("export_eval", "export_eval_decomposed"),
)
program("writing", Writing, lambda: (randn(2, 3),), plan=one_mode, forms=("export_eval", "export_eval_decomposed"))
program("refused", Plain, lambda: (randn(2, 4),), plan=refused, forms=("export_eval",))
