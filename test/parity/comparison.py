"""Writes a network in every form that runs, an input, and how far apart torch's own outputs in train and eval are.

Usage: comparison.py FOLDER. Writes scripted.pt, exported_eval.pt2, exported_train.pt2, exported_core.pt2, preserved.onnx,
module.pt, input.npy and expected.json: {"layers": {path: {"relativeL2", "cosine", "maxAbs"}}, "shifts": {path: {"meanShift", "varianceRatio"}}}.
The network has no dropout, so that nothing is drawn; batches of it are far from its running statistics.
"""

import json
import sys
import warnings
from pathlib import Path
from typing import Any, Dict

import numpy as np
import torch
from torch import nn


def network() -> nn.Module:
    torch.manual_seed(7)
    net = nn.Sequential()
    net.add_module("stem", nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(inplace=True)))
    net.add_module("pool", nn.MaxPool2d(2))
    net.add_module("body", nn.Sequential(nn.Conv2d(8, 6, 3), nn.BatchNorm2d(6, momentum=0.2, eps=1e-3), nn.ReLU()))
    net.add_module("flat", nn.Flatten())
    net.add_module("head", nn.Linear(6 * 4 * 4, 5))
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0.2, 0.3)
            module.running_var.uniform_(0.5, 2.0)
            nn.init.uniform_(module.weight, 0.5, 1.5)
    return net


def outputs(net: nn.Module, x: torch.Tensor, training: bool) -> Dict[str, torch.Tensor]:
    net.train(training)
    seen: Dict[str, torch.Tensor] = {}
    handles = [
        module.register_forward_hook(lambda _m, _i, out, path=path: seen.__setitem__(path, out.detach().double().clone()))
        for path, module in net.named_modules()
    ]
    with torch.no_grad():
        net(x)
    for handle in handles:
        handle.remove()
    return seen


def shifts(net: nn.Module, x: torch.Tensor) -> Dict[str, Any]:
    """Of each BatchNorm in train: its input's statistics against the running ones, as they were before."""
    found: Dict[str, Any] = {}

    def look(module: nn.Module, args: Any, path: str) -> None:
        values = args[0].detach().double().transpose(0, 1).flatten(1)
        spread = module.running_var.double() + module.eps
        apart = (values.mean(1) - module.running_mean.double()) / spread.sqrt()
        ratio = ((values.var(1, unbiased=False) + module.eps) / spread).log().mean().exp()
        found[path] = {"meanShift": apart.square().mean().sqrt().item(), "varianceRatio": ratio.item()}

    handles = [
        module.register_forward_pre_hook(lambda m, a, path=path: look(m, a, path))
        for path, module in net.named_modules()
        if isinstance(module, nn.BatchNorm2d)
    ]
    net.train()
    with torch.no_grad():
        net(x)
    for handle in handles:
        handle.remove()
    return found


def main(folder: Path) -> None:
    warnings.simplefilter("ignore")
    folder.mkdir(parents=True, exist_ok=True)
    x = torch.randn(4, 3, 12, 12) * 3 + 1
    np.save(folder / "input.npy", x.numpy())
    net = network()
    torch.save(net, folder / "module.pt")
    torch.jit.script(network()).save(str(folder / "scripted.pt"))
    for name, mode in (("eval", False), ("train", True)):
        torch.export.save(torch.export.export(network().train(mode), (x,)), folder / f"exported_{name}.pt2")
    core = torch.export.export(network().eval(), (x,)).run_decompositions()
    torch.export.save(core, folder / "exported_core.pt2")
    # In train the export would move the statistics that it writes.
    torch.onnx.export(
        network().eval(),
        (x,),
        str(folder / "preserved.onnx"),
        training=torch.onnx.TrainingMode.PRESERVE,
        do_constant_folding=False,
        dynamo=False,
    )
    evaluated = outputs(network(), x, False)
    trained = outputs(network(), x, True)
    layers: Dict[str, Any] = {}
    for path, reference in evaluated.items():
        other = trained[path]
        layers[path] = {
            "relativeL2": ((other - reference).norm() / reference.norm()).item(),
            "cosine": torch.nn.functional.cosine_similarity(other.flatten(), reference.flatten(), dim=0).item(),
            "maxAbs": (other - reference).abs().max().item(),
        }
    document = {"torch": torch.__version__, "layers": layers, "shifts": shifts(network(), x)}
    (folder / "expected.json").write_text(json.dumps(document))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
