"""The list of cases, and the short forms in which the corpus files add to it."""

import math
import re
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple, Union

import torch
import torch.nn.functional as F
from torch import nn

from .record import Recorder, describe_modules

Inputs = Callable[[], Tuple[Any, ...]]
Plan = Callable[[Recorder, Inputs], None]
CASES: Dict[str, "Case"] = {}


class Model(NamedTuple):
    """What was given to `model`."""

    family: str
    name: str
    make: Callable[[], nn.Module]
    inputs: Inputs
    plan: Optional[Plan]
    random: bool


MODELS: List[Model] = []


@dataclass
class Case:
    family: str
    name: str
    form: str
    random: bool
    # Returns what to save and, for models, the eager module that it was made from.
    build: Callable[[], Tuple[Any, Optional[nn.Module]]]
    run: Callable[[Recorder], None]
    # Saves it and returns the recorder for what torch runs in its place.
    record: Callable[["Case", Path, Any, Optional[nn.Module]], Recorder]

    @property
    def path(self) -> str:
        return f"{self.family}/{self.name}"

    def generate(self, out: Path) -> None:
        torch.manual_seed(zlib.crc32(self.path.encode()))
        stem = out / self.family / self.name
        stem.parent.mkdir(parents=True, exist_ok=True)
        recorder = self.record(self, stem, *self.build())
        self.run(recorder)
        recorder.save()


def record_saved(case: Case, stem: Path, model: Any, eager: Optional[nn.Module]) -> Recorder:
    """TorchScript and pickled modules are run as torch loads the saved file."""
    file = str(stem) + ".pt"
    pickled = case.form == "pickle"
    (torch.save if pickled else torch.jit.save)(model, file)
    return Recorder(
        stem,
        case,
        load=lambda: torch.load(file, weights_only=False) if pickled else torch.jit.load(file),
        describe=lambda loaded: describe_modules(loaded, eager, case.form),
    )


def add(case: Case) -> None:
    if not re.fullmatch(r"[a-z0-9_]+/[A-Za-z0-9_]+", case.path):
        raise ValueError(f"{case.path}: a case's name is letters, digits and underscores")
    if case.path in CASES:
        raise ValueError(f"{case.path} is there twice")
    CASES[case.path] = case


def model(
    family: str,
    name: str,
    make: Callable[[], nn.Module],
    inputs: Callable[[], Tuple[Any, ...]],
    *,
    forms: Sequence[str] = ("script",),
    plan: Optional[Plan] = None,
    random: bool = False,
) -> None:
    """Adds one case for each form: script, trace_eval, trace_train, freeze, pickle. `inputs` draws anew at each call.

    What is made of torch's own classes alone also runs without code in the file, and gets the form pickle by itself.
    """
    MODELS.append(Model(family, name, make, inputs, plan, random))
    if "pickle" not in forms and is_torchs_own(make) and f"{family}/{name}_pickle" not in CASES:
        forms = (*forms, "pickle")
    for form in forms:
        suffix = "" if form == "script" else f"_{form}"
        chosen = plan or (frozen_plan if form == "freeze" else standard_plan)
        # A trace in eval and a frozen model have no dropout left that could be random.
        stays_random = random and form not in ("trace_eval", "freeze")
        add(
            Case(
                family,
                name + suffix,
                form,
                stays_random,
                lambda form=form: convert(make(), inputs, form),
                lambda recorder, chosen=chosen: chosen(recorder, inputs),
                record_saved,
            )
        )


def is_torchs_own(make: Callable[[], nn.Module]) -> bool:
    # Looking must not change what the other cases draw.
    with torch.random.fork_rng():
        module = make()
    return all(type(each).__module__.startswith("torch.nn.modules.") for each in module.modules())


def convert(eager: nn.Module, inputs: Callable[[], Tuple[Any, ...]], form: str) -> Tuple[Any, nn.Module]:
    if form == "script":
        return torch.jit.script(eager), eager
    if form == "pickle":
        return eager, eager
    if form == "freeze":
        return torch.jit.freeze(torch.jit.script(eager.eval())), eager
    eager.train(form == "trace_train")
    with warnings.catch_warnings():
        # The tracer warns of shapes that become constants; that is what a trace is.
        warnings.simplefilter("ignore")
        return torch.jit.trace(eager, inputs(), check_trace=False), eager


def standard_plan(recorder: Recorder, inputs: Callable[[], Tuple[Any, ...]]) -> None:
    """As saved, eval, three steps of training, and eval on what they left."""
    recorder.eval()
    recorder.forward(*inputs())
    recorder.train()
    for _ in range(3):
        recorder.forward(*inputs())
    recorder.eval()
    recorder.forward(*inputs())


def eval_plan(recorder: Recorder, inputs: Callable[[], Tuple[Any, ...]]) -> None:
    """For layers that no mode changes."""
    recorder.eval()
    recorder.forward(*inputs())


def frozen_plan(recorder: Recorder, inputs: Callable[[], Tuple[Any, ...]]) -> None:
    """A frozen file has no flags to set."""
    recorder.forward(*inputs())
    recorder.forward(*inputs())


Variant = Dict[str, Any]


def op(
    family: str,
    name: str,
    body: Union[str, Sequence[str]],
    *variants: Variant,
    types: Optional[Dict[str, str]] = None,
    random: bool = False,
    error: Optional[str] = None,
    **arguments: Any,
) -> None:
    """Adds one tiny scripted module whose forward is `body`: an expression, or statements with a return.

    Several expressions become one tuple; the test names the item that differs. Arguments are given by keyword; each
    extra variant is one more forward with these arguments replaced. Their types follow from the values, and `types`
    overrides them. What is `random` is compared by shapes, and has to repeat with a seed and vary without.
    """
    if not isinstance(body, str):
        body = f"({', '.join(body)},)"
    sets = [{**arguments, **variant} for variant in (variants or ({},))]
    signature = ", ".join(f"{key}: {(types or {}).get(key) or type_of(value)}" for key, value in sets[0].items())
    lines = body.strip().splitlines() if "\n" in body or "return " in body else [f"return {body}"]
    source = "\n".join(
        [f"def forward(self{', ' if signature else ''}{signature}):", *(f"    {line}" for line in lines), ""]
    )

    def build() -> Tuple[Any, None]:
        return define(source, f"operators_{family}/{name}"), None

    def run(recorder: Recorder) -> None:
        for values in sets:
            recorder.forward(*values.values(), error=error)

    add(Case(f"operators_{family}", name, "script", random, build, run, record_saved))


NAMES = {
    "ValueError": ValueError,
    "RuntimeError": RuntimeError,
    "torch": torch,
    "F": F,
    "math": math,
    "List": List,
    "Dict": Dict,
    "Optional": Optional,
    "Tuple": Tuple,
}


def define(source: str, where: str) -> Any:
    # A class of its own, since torch shares the compiled methods of a class among its instances.
    module = type("Operator", (torch.jit.ScriptModule,), {})()
    try:
        # As ScriptModule.define does, but with the names that operator bodies use.
        module._c._define(module._concrete_type, source, NAMES.get)
    except Exception as thrown:
        raise RuntimeError(f"{where}: torch can't compile it: {thrown}") from thrown
    return module


def type_of(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        return "Tensor"
    if isinstance(value, list):
        return f"List[{type_of(value[0])}]"
    if isinstance(value, tuple):
        return f"Tuple[{', '.join(type_of(item) for item in value)}]"
    if isinstance(value, dict):
        key, item = next(iter(value.items()))
        return f"Dict[{type_of(key)}, {type_of(item)}]"
    return type(value).__name__


def randn(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(shape).to(dtype)


def ints(*shape: int, low: int = -9, high: int = 10, dtype: torch.dtype = torch.int64) -> torch.Tensor:
    return torch.randint(low, high, shape).to(dtype)


def bools(*shape: int) -> torch.Tensor:
    return torch.rand(shape) > 0.5


def settle(module: nn.Module, scale: float = 0.3) -> nn.Module:
    """Gives every parameter and running statistic a value of its own, so that none is left at 0 or 1."""
    for key, tensor in list(module.named_parameters()) + list(module.named_buffers()):
        if key.endswith("running_var"):
            tensor.data.copy_(torch.rand_like(tensor) + 0.5)
        elif key.endswith("num_batches_tracked"):
            continue
        elif tensor.dim() <= 1 and tensor.dtype.is_floating_point:
            tensor.data.add_(torch.randn_like(tensor) * scale)
    return module
