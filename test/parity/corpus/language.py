"""What TorchScript takes of Python: control flow, containers, classes, interfaces, aliasing, numbers, errors."""

import math
import warnings
from typing import Dict, List, NamedTuple, Optional, Tuple, Union

import torch

from torch import Tensor, nn

from .registry import ints, model, op, randn, settle


class Loops(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(4, 4) for _ in range(3)])
        self.scale = 3

    def forward(self, x: Tensor, steps: int) -> Tuple[Tensor, int, List[int]]:
        i = 0
        while i < steps:
            if i % 2 == 0:
                i += 1
                continue
            x = x + i
            if i > 6:
                break
            i += self.scale
        order: List[int] = []
        for n, layer in enumerate(self.layers):
            x = torch.relu(layer(x))
            order.append(n)
        for a, b in zip([1, 2, 3], [4, 5, 6]):
            order.append(a * b)
        for k in range(10, 0, -4):
            order.append(k)
        for row in x:
            order.append(int(row.sum().item() > 0))
        return x, i, order


class Point(NamedTuple):
    x: Tensor
    label: str
    weight: float


class Containers(nn.Module):
    def forward(
        self, x: Tensor, names: List[str], table: Dict[str, Tensor]
    ) -> Tuple[Dict[str, Tensor], List[str], Point]:
        out: Dict[str, Tensor] = {}
        for i, name in enumerate(names):
            if name in table:
                out[name] = table[name] * i
            else:
                out["missing_" + name] = x
        out.update({"total": torch.stack([v.sum() for v in table.values()]).sum()})
        keys = [key.upper() for key in out.keys()]
        keys.sort()
        keys.extend(["z"] * 2)
        keys.insert(1, "inserted")
        last = keys.pop()
        removed = out.pop("total")
        text = "{} of {}: {:.2f}".format(last, len(keys), 0.5)
        keys.append(text)
        keys.append(f"{names[0]}-{len(out)}")
        keys.reverse()
        nested: Dict[int, List[Tuple[int, float]]] = {1: [(2, 0.5)]}
        nested[3] = [(4, 1.5)]
        nested[3].append((1, 0.25))
        weight = 0.0
        for k, pairs in nested.items():
            for a, b in pairs:
                weight += k * a * b
        return out, keys, Point(removed, keys[-1], weight)


class Optionals(nn.Module):
    bias: Optional[Tensor]
    cache: Optional[Tensor]

    def __init__(self, with_bias: bool):
        super().__init__()
        self.bias = torch.ones(3) if with_bias else None
        self.cache = None

    def forward(self, x: Tensor, scale: Optional[float], other: Optional[Tensor]) -> Tuple[Tensor, Optional[Tensor]]:
        bias = self.bias
        if bias is not None:
            x = x + bias
        if scale is not None and scale > 1.0:
            x = x * scale
        if other is None:
            other = torch.zeros_like(x)
        else:
            x = x - other
        previous = self.cache
        self.cache = x
        return x + other, previous


class Unions(nn.Module):
    def forward(self, x: Union[Tensor, List[Tensor]], key: Union[int, str]) -> Tensor:
        if isinstance(x, Tensor):
            out = x
        else:
            assert isinstance(x, list)
            out = torch.cat(x)
        if isinstance(key, str):
            return out + len(key)
        return out * key


class Raises(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(3)

    def forward(self, x: Tensor, limit: int) -> Tensor:
        x = self.norm(x)
        if x.size(0) > limit:
            raise ValueError(f"batch of {x.size(0)} is beyond {limit}")
        assert x.dim() == 2, "two dimensions, please"
        return x


class Vocabulary(nn.Module):
    """A list longer than a function of JavaScript takes arguments, as tokenizers have one."""

    codes: List[int]

    def __init__(self) -> None:
        super().__init__()
        self.codes = [7 * i for i in range(200_000)]

    def forward(self, x: Tensor) -> Tensor:
        return x + self.codes[-1] + len(self.codes)


def affine(x: Tensor, scale: float = 2.0, shift: float = 1.0) -> Tensor:
    return x * scale + shift


def fibonacci(n: int) -> int:
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return a


class Functions(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.offset = nn.Parameter(torch.randn(3))

    @torch.jit.export
    def encode(self, x: Tensor) -> Tensor:
        return affine(x, shift=0.5) + self.offset

    @torch.jit.export
    def decode(self, x: Tensor, times: int = 2) -> Tensor:
        for _ in range(times):
            x = x - self.offset
        return x

    def forward(self, x: Tensor) -> Tuple[Tensor, int]:
        return self.decode(self.encode(x), 2), fibonacci(10)


@torch.jit.script
class Accumulator:
    def __init__(self, start: float):
        self.total = start
        self.seen: List[float] = []

    def add(self, value: float) -> "Accumulator":
        self.total += value
        self.seen.append(value)
        return self

    def mean(self) -> float:
        return self.total / len(self.seen)


class UsesClass(nn.Module):
    def forward(self, x: Tensor) -> Tuple[float, List[float]]:
        accumulator = Accumulator(0.5)
        alias = accumulator
        for i in range(x.size(0)):
            alias = alias.add(float(x[i].item()))
        return accumulator.mean(), accumulator.seen


@torch.jit.interface
class LayerInterface(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        pass


class Doubler(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * 2


class Norming(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(4)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x)


class Interfaces(nn.Module):
    first: LayerInterface
    second: LayerInterface

    def __init__(self) -> None:
        super().__init__()
        self.first = Doubler()
        self.second = Norming()

    def forward(self, x: Tensor) -> Tensor:
        current: LayerInterface = self.first
        x = current.forward(x)
        current = self.second
        return current.forward(x)


class Constants(nn.Module):
    scales: List[float]

    def __init__(self) -> None:
        super().__init__()
        self.scales = [0.5, 2.0, -1.0]
        self.kernel = (3, 5)
        self.name = "constants"
        self.table = {"a": 1, "b": 2}
        self.register_buffer("steps", torch.zeros(1, dtype=torch.long))
        self.register_buffer("scratch", torch.ones(3), persistent=False)

    def forward(self, x: Tensor) -> Tuple[Tensor, Tensor, str]:
        self.steps += 1
        self.steps[0] += self.table["b"]
        self.scratch = self.scratch * 2
        total = 0.0
        for scale in self.scales:
            total += scale
        self.scales[1] = 3.0
        return x * total + self.kernel[0] * self.kernel[1] + self.scratch, self.steps.clone(), self.name


class Aliasing(nn.Module):
    """Writes through views, in every way that torch has."""

    def forward(self, x: Tensor) -> List[Tensor]:
        base = x.clone()
        row = base[1]
        row += 10
        base[:, ::2] *= 2
        base.t()[0].zero_()
        column = base.select(1, 3)
        column.copy_(torch.arange(column.size(0)))
        base[0, 1:3] = torch.tensor([5.0, 6.0])
        base[base > 11] = -1.0
        base[torch.tensor([0, 2]), torch.tensor([1, 2])] = 7.0
        flat = base.view(-1)
        flat[-1] = 99.0
        expanded = base[2].unsqueeze(0).expand(2, -1)
        base[2].fill_(4.0)
        parts = base.split(1)
        parts[0].add_(0.5)
        diagonal = base.diagonal()
        diagonal.mul_(-1)
        left, right = base.chunk(2, dim=1)
        left.sub_(right)
        return [base, row, column, flat, expanded, diagonal, x]


class EarlyReturns(nn.Module):
    def forward(self, x: Tensor, mode: int) -> Tensor:
        if mode == 0:
            return x
        elif mode == 1:
            for i in range(x.size(0)):
                if bool(x[i].sum() > 0):
                    return x[i] + i
        if mode > 5 or (mode < 0 and not self.training):
            return -x
        return x.sum(0) if mode == 2 else x.mean(0)


class Attributes(nn.Module):
    def forward(self, x: Tensor) -> Tuple[List[int], int, bool, bool, int, Tensor]:
        shape = list(x.shape)
        y = torch.zeros(x.shape, dtype=x.dtype, device=x.device)
        y = y.to(torch.float64).type_as(x).to("cpu")
        count = x.numel() + x.dim() + x.ndim + len(x) + x.size(-1)
        fits = x.dtype == torch.float32 and x.is_floating_point() and not x.is_cuda
        return shape, count, fits, x.requires_grad, x.element_size(), y + x.T


class Warns(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        if x.size(0) > 1:
            warnings.warn("more than one row")
            print("rows:", x.size(0))
        return x + 1


class Nested(nn.Module):
    """Modules in dicts and lists, reached by key and by index, and one called twice."""

    def __init__(self) -> None:
        super().__init__()
        self.branches = nn.ModuleDict({"left": nn.Linear(4, 4), "right": nn.Sequential(nn.Linear(4, 4), nn.Tanh())})
        self.blocks = nn.ModuleList([nn.ModuleList([nn.Linear(4, 4), nn.BatchNorm1d(4)]) for _ in range(2)])
        self.weights = nn.ParameterList([nn.Parameter(torch.randn(4)) for _ in range(2)])

    def forward(self, x: Tensor) -> Dict[str, Tensor]:
        out: Dict[str, Tensor] = {}
        for name, branch in self.branches.items():
            out[name] = branch(x)
        x = self.branches["left"](out["right"])
        for pair in self.blocks:
            for layer in pair:
                x = layer(x)
        for weight in self.weights:
            x = x * weight
        out["x"] = self.blocks[0][0](x)
        return out


class TensorConditions(nn.Module):
    """Tensors as conditions, and a method that is not compiled."""

    def __init__(self) -> None:
        super().__init__()
        self.limit = torch.nn.Parameter(torch.tensor(0.5))

    @torch.jit.unused
    def debug(self, x: Tensor) -> Tensor:
        return x

    def forward(self, x: Tensor) -> Tensor:
        if x.max() > self.limit:
            x = x / x.max()
        while bool((x.abs() > 0.1).any()):
            x = x * 0.5
        if not torch.jit.is_scripting():
            x = self.debug(x)
        return x


def raises_plan(recorder, inputs):
    recorder.train()
    recorder.forward(randn(3, 3), 4)
    # The layer before the raise has run, so its statistics have moved.
    recorder.forward(randn(5, 3), 4, error="batch of 5 is beyond 4")
    recorder.forward(randn(3, 3, 2), 4, error="two dimensions, please")
    recorder.forward(randn(3, 3), 4)
    recorder.forward(randn(3, 7), 4, error="running_mean should contain 7 elements not 3")
    recorder.eval()
    recorder.forward(randn(1, 3), 4)


def each(*variants):
    def plan(recorder, inputs):
        for arguments in variants:
            recorder.forward(*arguments)

    return plan


def functions_plan(recorder, inputs):
    x = randn(2, 3)
    recorder.forward(x)
    recorder.forward(x, method="encode")
    recorder.forward(x, 3, method="decode")


def branches_plan(recorder, inputs):
    recorder.eval()
    for mode in (0, 1, 2, 3, 6, -1):
        recorder.forward(randn(3, 2), mode)
    recorder.train()
    recorder.forward(randn(3, 2), -1)


NONE: Tuple = ()
model("language", "loops", Loops, lambda: NONE, plan=each((randn(3, 4), 0), (randn(3, 4), 5), (randn(2, 4), 20)))
model(
    "language",
    "containers",
    Containers,
    lambda: (randn(2, 2), ["a", "b", "c"], {"a": randn(2), "c": randn(3)}),
    plan=lambda r, i: r.forward(*i()),
)
model(
    "language",
    "optionals",
    lambda: Optionals(True),
    lambda: NONE,
    plan=each((randn(2, 3), None, None), (randn(2, 3), 2.0, randn(2, 3)), (randn(2, 3), 0.5, None)),
)
model(
    "language",
    "optionals_none",
    lambda: Optionals(False),
    lambda: NONE,
    plan=each((randn(2, 3), None, None), (randn(2, 3), 2.0, None)),
)
model("language", "unions", Unions, lambda: NONE, plan=each((randn(2, 3), 2), ([randn(1, 3), randn(2, 3)], "four")))
model("language", "raises", lambda: settle(Raises()), lambda: NONE, plan=raises_plan)
model("language", "functions", Functions, lambda: NONE, plan=functions_plan)
model("language", "script_class", UsesClass, lambda: (randn(4),))
model("language", "interfaces", lambda: settle(Interfaces()), lambda: (randn(3, 4),))
model("language", "constants", Constants, lambda: (randn(3),))
model("language", "vocabulary", Vocabulary, lambda: (ints(3),))
model("language", "aliasing", Aliasing, lambda: (randn(4, 6),))
model("language", "early_returns", EarlyReturns, lambda: NONE, plan=branches_plan)
model("language", "attributes", Attributes, lambda: (randn(3, 3),))
model("language", "warns", Warns, lambda: (randn(2, 2),))
model("language", "nested_modules", lambda: settle(Nested()), lambda: (randn(3, 4),))
model("language", "tensor_conditions", TensorConditions, lambda: (randn(3, 4),))

INT = {"a": 7, "b": 3}
SIGNS = ({"a": -7, "b": 3}, {"a": 7, "b": -3}, {"a": -7, "b": -3}, {"a": 0, "b": 5})
FLOATS = ({"a": -7.5, "b": 2.0}, {"a": 7.5, "b": -2.0}, {"a": 0.0, "b": 3.0})
for name, body in {
    "int_add": "a + b, a - b, a * b, -a",
    "int_divide": "a / b",
    "int_floordiv": "a // b",
    "int_mod": "a % b",
    "int_bits": "a & b, a | b, a ^ b, a << 2, a >> 1",
    "int_compare": "a < b, a <= b, a > b, a >= b, a == b, a != b",
    "int_minmax": "min(a, b), max(a, b), abs(a), int(bool(a))",
    "int_to_float": "float(a), str(a), a * 0.5, a + 1.5",
}.items():
    op("language", name, f"({body})", {}, *SIGNS, **INT)
op("language", "int_pow", "(a ** b, pow(a, b), 2 ** 3, a ** 2)", {}, {"a": -2, "b": 5}, **INT)
op("language", "int_large", "(a + 1, a * 3, a // 7, a % 1000, a - b)", a=2**53 + 1, b=2**60)
op("language", "int_overflow", "(a + 1, a * 2)", a=2**63 - 1)
op("language", "int_divide_by_zero", "a // b", a=1, b=0, error="division by 0")
op("language", "int_divide_to_infinity", "(a / b, -a / b)", a=1, b=0)
for name, body in {
    "float_arithmetic": "a + b, a - b, a * b, a / b, -a, a // b, a % b",
    "float_compare": "a < b, a <= b, a > b, a == b, a != b",
    "float_convert": "int(a), bool(a), round(a), math.floor(a), math.ceil(a), abs(a)",
}.items():
    op("language", name, f"({body})", {}, *FLOATS, a=7.25, b=2.5)
op(
    "language",
    "float_math",
    "(math.sqrt(a), math.exp(a), math.log(a), math.sin(a), math.pow(a, 2.0), math.pi, math.tanh(a))",
    a=1.75,
)
op("language", "float_special", "(a - a, a, -a, math.isnan(a - a), math.isinf(a))", a=math.inf)
op(
    "language",
    "float_text",
    "(str(a), '{}'.format(a), '{:.3f}'.format(a))",
    {"a": 1e-7},
    {"a": 1e22},
    {"a": 3.0},
    a=0.1,
)
op("language", "bool_logic", "(a and b, a or b, not a, a == b, int(a) + int(b), a ^ b)", {"a": False}, a=True, b=False)
op("language", "list_basics", "(a[0], a[-1], a[1:3], a[::2], a[:-1], len(a), 3 in a, a + [9], a * 2)", a=[1, 2, 3, 4])
op(
    "language",
    "list_methods",
    "b = a.copy()\nb.append(1)\nb.sort()\nb.remove(1)\nc = b.index(3)\nb.reverse()\nd = a.count(2)\na.clear()\nreturn (b, c, d, a)",
    a=[3, 2, 2],
)
op(
    "language",
    "list_reductions",
    "(sum(a), min(a), max(a), any([x > 2 for x in a]), all([x > 0 for x in a]), sorted(a))",
    a=[3, 1, 2],
)
op("language", "list_float", "(sum(a), min(a), max(a), a == [0.5, -1.0], sorted(a))", a=[0.5, -1.0])
op("language", "list_set_slice", "a[1] = 7\ndel a[0]\nreturn a", a=[1, 2, 3])
op("language", "list_out_of_range", "a[5]", a=[1, 2], error="list index out of range")
op("language", "list_unpack", "x, y, z = a\nreturn x * y + z", a=[1, 2, 3])
op("language", "list_of_tensors", "(torch.stack(a), len(a), a[1])", a=[randn(2), randn(2)])
op("language", "string_basics", "(a + b, len(a), a[0], a[-2:], a == b, a in b)", a="ab", b="cab")
op(
    "language",
    "string_methods",
    "(a.upper(), a.lower(), a.strip(), a.split(','), a.startswith('X'), a.replace(',', ';'), a.find('Y'), ','.join(['p', 'q']))",
    a="X,yY ",
)
op("language", "string_format", "('{}'.format(a), '{} {}'.format(a, 'b'), '%d%s' % (a, 'c'))", a=3)
op(
    "language",
    "dict_basics",
    "(a['x'], len(a), 'y' in a, a.get('z'), a.get('x', 5), list(a.keys()), list(a.values()))",
    a={"x": 1, "y": 2},
)
op(
    "language",
    "dict_change",
    "a['z'] = 3\na['x'] += 1\ndel a['y']\nb = a.setdefault('w', 4)\nreturn (a, b, a.copy(), list(a.items()))",
    a={"x": 1, "y": 2},
)
op("language", "dict_missing_key", "a['nope']", a={"x": 1}, error="nope")
op("language", "tuple_basics", "(a[0], a[1], len(a), a[-1])", a=(1, 0.5, "s"))
op(
    "language",
    "comprehension",
    "([x * 2 for x in a], {x: x * x for x in a}, [[y + x for y in a] for x in a])",
    a=[1, 2, 3],
)
op(
    "language",
    "range_forms",
    "s = 0\nfor i in range(a):\n    s += i\nfor i in range(2, a):\n    s += i * 10\nfor i in range(a, 0, -2):\n    s += i * 100\nreturn s",
    {"a": 0},
    {"a": 7},
    a=5,
)
op(
    "language",
    "while_break_continue",
    "n = 0\nt = 0\nwhile True:\n    n += 1\n    if n % 2 == 0:\n        continue\n    t += n\n    if n > a:\n        break\nreturn (n, t)",
    a=9,
)
op(
    "language",
    "nested_loops",
    "s = 0\nfor i in range(a):\n    for j in range(i):\n        if j == 2:\n            break\n        s += i * j\n    else_ = i\nreturn s",
    a=6,
)
op("language", "ternary_chain", "'neg' if a < 0 else ('zero' if a == 0 else 'pos')", {"a": 0}, {"a": 4}, a=-1)
op("language", "compare_chain", "0 < a and a < 10", {"a": 0}, a=5)
op("language", "is_none", "(a is None, a is not None)", {"a": None}, a=2, types={"a": "Optional[int]"})
op("language", "tensor_scalars", "(int(x), float(x), bool(x))", x=torch.tensor(2.75))
op("language", "tensor_item_int", "(int(x.item()), float(x), x.item() == 3)", x=torch.tensor(3))
op("language", "tensor_tolist", "y: List[List[int]] = x.tolist()\nreturn y", x=ints(2, 3))
op("language", "tensor_in_loop", "out = torch.zeros(3)\nfor row in x:\n    out = out + row\nreturn out", x=randn(4, 3))
op("language", "tensor_unbind_assign", "a, b = x.unbind(0)\nc, d = x[0].chunk(2)\nreturn (a - b, c, d)", x=randn(2, 4))
op(
    "language",
    "tensor_literal",
    "(torch.tensor([1, 2, 3]), torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor(5), torch.tensor(True), torch.tensor([0.5], dtype=torch.float64))",
)
op("language", "free_functions", "(F.relu(x) + torch.sigmoid(x) * math.pi).sum()", x=randn(3))
op(
    "language",
    "annotate",
    "y = torch.jit.annotate(List[float], [])\ny.append(a)\nz: Dict[str, int] = {}\nz['k'] = 1\nreturn (y, z)",
    a=0.5,
)
op("language", "unwrap_optional", "assert a is not None\nreturn a + 1", a=2, types={"a": "Optional[int]"})
op(
    "language",
    "enumerate_zip",
    "out: List[int] = []\nfor i, (u, v) in enumerate(zip(a, b)):\n    out.append(i * u + v)\nreturn out",
    a=[1, 2, 3],
    b=[4, 5, 6],
)
op("language", "assert_fails", "assert a > 3, 'too small'\nreturn a", a=1, error="too small")
op(
    "language",
    "raise_value_error",
    "if a > 0:\n    raise ValueError('positive: ' + str(a))\nreturn a",
    a=1,
    error="positive: 1",
)
op("language", "raise_runtime_error", "if a > 0:\n    raise RuntimeError('stop')\nreturn a", a=1, error="stop")
op("language", "with_no_grad", "with torch.no_grad():\n    y = x * 2\nreturn y", x=randn(2))
op(
    "language",
    "unused_branch_types",
    "if a > 0:\n    y = x\nelse:\n    y = x + 1\nreturn y",
    {"a": -1},
    a=1,
    x=randn(2),
)
op(
    "language",
    "dtype_values",
    "d = x.dtype\nreturn torch.zeros([2], dtype=d) + torch.ones([2], dtype=torch.int32).to(d)",
    x=torch.zeros(1, dtype=torch.float64),
)
op("language", "device_values", "torch.zeros([2], device=x.device).to(torch.device('cpu'))", x=randn(1))
