"""Loads copies that the extension wrote beside their originals, and says where they are not what was asked for.

Usage: copies.py FILE.json, a list of {"original", "copy", "kind": "script" | "module", "flags": {path: bool},
"statistics": {path: {"runningMean": [...], "runningVar": [...], "numBatchesTracked": n}}}. Prints one line a mistake.
"""

import json
import sys
from pathlib import Path
from typing import Any, Dict, List

import torch

sys.path.insert(0, str(Path(__file__).parent))


def load(file: str, kind: str) -> Any:
    if kind == "script":
        return torch.jit.load(file)
    loaded = torch.load(file, weights_only=False)
    return loaded["ema"] if isinstance(loaded, dict) else loaded


def sample(net: Any) -> torch.Tensor:
    torch.manual_seed(0)
    if "lstm" in dict(net.named_children()):
        return torch.randint(0, 200, (2, 12))
    return torch.randn(4, 3, 32, 32)


def bits(tensor: torch.Tensor) -> torch.Tensor:
    """NaN is not equal to itself, but its bytes are."""
    return tensor.detach().contiguous().flatten().view(torch.uint8)


def output(net: Any) -> List[torch.Tensor]:
    x = sample(net)
    torch.manual_seed(1)
    result = net(x)
    return [result] if isinstance(result, torch.Tensor) else list(result)


def mistakes(case: Dict[str, Any]) -> List[str]:
    original, copy = (load(case[key], case["kind"]) for key in ("original", "copy"))
    found = []
    modules = dict(copy.named_modules(remove_duplicate=False)) if case["kind"] == "module" else dict(copy.named_modules())
    for path, training in case["flags"].items():
        if path in modules and modules[path].training is not training:
            found.append(f"{path} is {modules[path].training}")
    if not set(modules) <= set(case["flags"]):
        found.append(f"flags are missing: {set(modules) - set(case['flags'])}")
    moved = set()
    for path, expected in case["statistics"].items():
        norm = modules[path]
        moved.update(f"{path}.{name}" for name in ("running_mean", "running_var", "num_batches_tracked"))
        values = norm.running_mean.double().tolist(), norm.running_var.double().tolist(), int(norm.num_batches_tracked)
        if values != (expected["runningMean"], expected["runningVar"], expected["numBatchesTracked"]):
            found.append(f"the statistics of {path} differ")
    state = copy.state_dict()
    for name, value in original.state_dict().items():
        if name not in moved and not torch.equal(bits(value), bits(state[name])):
            found.append(f"{name} differs")
    if case["kind"] == "script" and not case["statistics"]:
        # The original, switched by torch itself to the same modes, computes the same.
        for path, module in original.named_modules():
            module.training = case["flags"][path]
        for ours, theirs in zip(output(copy), output(original)):
            if not torch.equal(ours, theirs):
                found.append("the outputs differ")
    return found


def main() -> int:
    for case in json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")):
        for mistake in mistakes(case):
            print(f"{Path(case['copy']).name}: {mistake}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
