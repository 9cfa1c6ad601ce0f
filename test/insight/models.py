"""Writes two corpora of model files: healthy ones, in which no rule may warn, and hazards that people reported, each rebuilt in a few lines.

OUT/index.json lists the files: for a hazard the rule that must name it, the module, and the least severity.
"""

import argparse
import copy
import functools
import json
import warnings
from pathlib import Path
from typing import Any, Callable, Dict, List

import torch
import torch.nn.functional as F
from torch import Tensor, nn

OUT: Path
index: List[Dict[str, Any]] = []


def healthy(name: str, file: str, **more: Any) -> Path:
    index.append({"name": name, "file": file, "kind": "healthy", **more})
    return OUT / file


def hazard(name: str, file: str, rule: str, path: str, severity: str, thread: str) -> Path:
    index.append({"name": name, "file": file, "kind": "hazard", "rule": rule, "path": path, "severity": severity, "thread": thread})
    return OUT / file


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.bn(self.conv(x)))


class Net(nn.Module):
    """A small residual network with dropout before its head."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU())
        self.blocks = nn.Sequential(Block(8), Block(8))
        self.drop = nn.Dropout(0.3)
        self.fc = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.blocks(self.stem(x)).mean(3).mean(2)
        return self.fc(self.drop(x))


def images(n: int = 16) -> Tensor:
    return torch.randn(n, 3, 8, 8) * 1.5 + 0.2


def train(model: nn.Module, steps: int, batch: Callable[[], Tensor] = images) -> nn.Module:
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], 0.01)
    model.train()
    for _ in range(steps):
        optimizer.zero_grad()
        model(batch()).square().mean().backward()
        optimizer.step()
    return model


@functools.cache
def once_trained() -> nn.Module:
    torch.manual_seed(1)
    return train(Net(), 60)


def trained() -> Any:
    """A trained network, still in train; each call gives one of its own."""
    return copy.deepcopy(once_trained())


def norms(model: nn.Module) -> List[nn.Module]:
    return [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]


def script(model: nn.Module, path: Path) -> None:
    torch.jit.script(model).save(str(path))


def trace(model: nn.Module, path: Path) -> None:
    torch.jit.trace(model, images(4), check_trace=False).save(str(path))


def export(model: nn.Module, path: Path) -> None:
    torch.export.save(torch.export.export(model, (images(4),), strict=False), str(path))


def onnx(model: nn.Module, path: Path, **options: Any) -> None:
    torch.onnx.export(model, (images(4),), str(path), verbose=False, **options)


PRESERVE = {"dynamo": False, "training": torch.onnx.TrainingMode.PRESERVE, "do_constant_folding": False}


class Attention(nn.Module):
    """dropout_p has no mode: what it is given decides."""

    def __init__(self, p: float, always: float = 0.0) -> None:
        super().__init__()
        self.p, self.always = p, always
        self.drop = nn.Dropout(0.1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.scaled_dot_product_attention(x, x, x, dropout_p=self.p if self.training else 0.0)
        return self.drop(F.scaled_dot_product_attention(x, x, x, dropout_p=self.always))


# Healthy models.


def write_healthy() -> None:
    torch.manual_seed(0)
    script(Net(), healthy("a fresh model, scripted in train", "fresh.pt"))
    torch.save(Net(), healthy("a fresh model, pickled in train", "fresh.pth"))
    torch.save(Net().state_dict(), healthy("the tensors of a fresh model", "fresh_state.pth"))

    net = trained()
    script(net, healthy("in the middle of training", "training.pt"))
    torch.save(train(Net(), 3), healthy("after three steps, still in train", "three_steps.pth"))
    net.eval()
    script(net, healthy("trained, in eval, scripted", "trained.pt"))
    trace(net, healthy("trained, in eval, traced", "traced_eval.pt"))
    frozen = torch.jit.freeze(torch.jit.script(net))
    frozen.save(str(healthy("trained, frozen TorchScript", "frozen.pt")))
    torch.save(net, healthy("trained, in eval, pickled", "trained.pth"))
    torch.save(net, healthy("trained, in eval, in the layout of torch before 1.6", "legacy.pth"), _use_new_zipfile_serialization=False)
    torch.save(net.state_dict(), healthy("the tensors of a trained model", "trained_state.pth"))
    export(net, healthy("exported in eval", "exported.pt2"))
    onnx(net, healthy("ONNX in eval, from TorchScript", "eval.onnx"), dynamo=False)
    onnx(net, healthy("ONNX in eval, with its BatchNorms kept", "preserved.onnx"), **PRESERVE)

    tuned = trained()
    for module in norms(tuned):
        module.eval()
        for parameter in module.parameters():
            parameter.requires_grad_(False)
    torch.save(tuned, healthy("fine-tuned with its BatchNorm frozen on purpose", "frozen_norms.pth"))
    script(tuned, healthy("the same, scripted", "frozen_norms.pt"))

    old = trained().eval()
    for module in norms(old):
        module.num_batches_tracked.zero_()
    torch.save(old, healthy("pretrained by a version that kept no counter", "no_counter.pth"))
    few = copy.deepcopy(old)
    train(few, 4)
    torch.save(few.eval(), healthy("fine-tuned for four steps from such statistics", "no_counter_tuned.pth"))

    dead = trained().eval()
    dead.stem[1].running_var[2] = 0
    torch.save(dead, healthy("a pretrained model with a dead channel, as torchvision's", "dead_channel.pth"))

    torch.manual_seed(2)
    table = nn.Sequential(nn.BatchNorm1d(5), nn.Linear(5, 8), nn.ReLU(), nn.Dropout(0.1), nn.Linear(8, 1))
    train(table, 60, lambda: torch.rand(32, 5) * torch.tensor([1.0, 10.0, 1e3, 1e5, 1e-3]))
    torch.save(table.eval(), healthy("a table normalised by BatchNorm, with incomes in it", "table.pth"))

    generator = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16, track_running_stats=False), nn.ReLU(), nn.Linear(16, 2))
    torch.save(generator.eval(), healthy("a generator that normalises by the batch on purpose", "by_batch.pth"))

    average = trained()
    for module in norms(average):
        module.reset_running_stats()
        module.momentum = None
    with torch.no_grad():
        for _ in range(5):
            average(images())
    for module in norms(average):
        module.momentum = 0.1
    torch.save(average.eval(), healthy("averaged weights, statistics by update_bn", "averaged.pth"))

    plain = nn.Sequential(nn.Linear(4, 8), nn.LayerNorm(8), nn.ReLU(), nn.Linear(8, 2))
    torch.save(plain, healthy("a model without any layer that depends on the mode, in train", "plain.pth"))
    torch.save(nn.Sequential(nn.Conv2d(3, 4, 1), nn.InstanceNorm2d(4)).eval(), healthy("instance normalisation", "instance.pth"))

    torch.manual_seed(3)
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2)
    torch.save(encoder.eval(), healthy("a transformer in eval", "transformer.pth"))
    torch.save(nn.LSTM(4, 4, 2, dropout=0.2).eval(), healthy("an LSTM in eval", "lstm.pth"))
    script(Attention(0.1).eval(), healthy("attention that drops in train alone, scripted", "attention.pt"))
    export(Attention(0.1).eval(), healthy("the same, exported in eval", "attention.pt2"))

    pair = {"generator": trained(), "discriminator": trained().eval()}
    torch.save(pair, healthy("two models in one checkpoint, each in its own mode", "pair.pth"))
    listed = trained().eval()
    listed.order = [listed.stem, listed.blocks]
    torch.save(listed, healthy("a list of modules that are registered too", "listed.pth"))


# Hazards.


class FunctionalDropout(nn.Module):
    """pytorch#26338: F.dropout's `training` is True unless somebody says otherwise."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        return F.dropout(self.fc(x), 0.5)


class WithFunctional(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(3)
        self.head = FunctionalDropout()
        self.fc = nn.Linear(3, 8)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.fc(self.norm(x).mean(3).mean(2)))


def write_hazards() -> None:
    torch.manual_seed(0)
    fresh = Net().eval()
    script(fresh, hazard("eval with statistics that never moved", "never.pt", "batchnorm/never-updated", "stem.1", "warning", "pytorch#4741"))
    torch.save(fresh, hazard("the same, pickled", "never.pth", "batchnorm/never-updated", "blocks.0.bn", "warning", "pytorch#4741"))
    export(fresh, hazard("the same, exported", "never.pt2", "batchnorm/never-updated", "blocks.1.bn", "warning", "pytorch#4741"))
    torch.save(
        fresh.state_dict(),
        hazard("tensors of a model that never trained", "never_state.pth", "batchnorm/never-updated", "stem.1", "information", "pytorch#4741"),
    )

    few = train(Net(), 3).eval()
    script(few, hazard("eval after three batches", "share.pt", "batchnorm/initial-share", "stem.1", "warning", "pytorch#5406"))
    slow = Net()
    for module in norms(slow):
        module.momentum = 0.001
    torch.save(train(slow, 60).eval(), hazard("eval with a small momentum", "share.pth", "batchnorm/initial-share", "blocks.0.bn", "warning", "pytorch#1206"))

    # SparseConvNet#190: the variance of one value.
    nan = trained().eval()
    nan.stem[1].running_var[0] = float("nan")
    script(nan, hazard("NaN in a running variance", "nan.pt", "batchnorm/non-finite", "stem.1", "error", "SparseConvNet#190"))
    infinite = trained().eval()
    infinite.blocks[1].bn.running_mean[3] = float("inf")
    torch.save(
        infinite.state_dict(),
        hazard("infinity in a state dict", "inf_state.pth", "batchnorm/non-finite", "blocks.1.bn", "error", "pytorch#1206"),
    )
    negative = trained().eval()
    negative.stem[1].running_var[1] = -0.1
    torch.save(negative, hazard("a negative variance", "negative.pth", "batchnorm/negative-variance", "stem.1", "error", "pytorch#60624"))

    # apple/coreai-torch#54: running_var beyond 65504 becomes infinite in float16.
    large = trained().eval()
    large.stem[1].running_var[1] = 1e5
    torch.save(large, hazard("a variance beyond float16", "large.pth", "batchnorm/half-overflow", "stem.1", "information", "coreai-torch#54"))
    large.fc.half()
    torch.save(large, hazard("the same in a model with float16 weights", "large_half.pth", "batchnorm/half-overflow", "stem.1", "warning", "coreai-torch#54"))
    constant = trained().eval()
    constant.blocks[0].bn.running_var.zero_()
    torch.save(constant, hazard("no variance in any channel", "dead.pth", "batchnorm/dead-channels", "blocks.0.bn", "warning", "pytorch#126525"))
    one = trained().eval()
    one.blocks[0].bn.running_var[0] = 0
    torch.save(one, hazard("no variance in one channel", "dead_one.pth", "batchnorm/dead-channels", "blocks.0.bn", "information", "pytorch#126525"))

    meta = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4, track_running_stats=False)).eval()
    script(meta, hazard("no running statistics", "untracked.pt", "batchnorm/no-running-stats", "1", "information", "pytorch#38084"))
    for value, name in ((0.0, "momentum_0"), (1.0, "momentum_1"), (None, "momentum_none")):
        model = train(nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4, momentum=value)), 60, lambda: torch.randn(8, 4))
        torch.save(model, hazard(f"momentum {value}", f"{name}.pth", "batchnorm/momentum", "1", "information", "Lightning#14866"))

    # Lightning#19820, peft#3753: parts in other modes than the rest.
    adapter = trained().eval()
    adapter.drop.train()
    script(adapter, hazard("an adapter's dropout left in train", "adapter.pt", "mode/mixed", "", "information", "peft#3753"))
    torch.save(adapter, hazard("the same, pickled", "adapter.pth", "mode/mixed", "", "information", "peft#3753"))
    wrapped = nn.Sequential(trained().eval())
    torch.save(wrapped, hazard("a wrapper in train around a model in eval", "wrapper.pth", "mode/mixed", "", "information", "pytorch#132986"))

    trace(trained(), hazard("traced in train", "traced_train.pt", "mode/baked", "blocks.0.bn", "warning", "pytorch#43661"))
    flagged = torch.jit.trace(trained(), images(4), check_trace=False)
    flagged.eval()
    flagged.save(str(hazard("traced in train, then set to eval", "traced_flagged.pt", "mode/baked", "drop", "warning", "pytorch#43661")))
    trace(trained().eval(), hazard("traced in eval", "traced_eval_baked.pt", "mode/baked", "drop", "information", "pytorch#29177"))
    export(trained(), hazard("exported in train", "exported_train.pt2", "mode/baked", "drop", "warning", "pytorch#151726"))
    export(trained().eval(), hazard("exported in eval", "exported_eval.pt2", "mode/baked", "stem.1", "information", "pytorch#103681"))
    torch.save(trained().state_dict(), hazard("a state dict", "state.pth", "mode/not-stored", "", "information", "pytorch#4741"))

    model = WithFunctional()
    train(model, 60)
    model.eval()
    script(model, hazard("F.dropout without training=, scripted", "functional.pt", "dropout/ignores-eval", "head", "warning", "pytorch#26338"))
    script(model.train(), hazard("the same, in train", "functional_train.pt", "dropout/ignores-eval", "head", "warning", "timm#1978"))
    export(model.eval(), hazard("the same, exported in eval", "functional.pt2", "dropout/ignores-eval", "head", "warning", "pytorch#124464"))

    script(Attention(0.1, 0.3), hazard("attention that drops always, scripted", "attention_drops.pt", "dropout/ignores-eval", "", "warning", "pytorch#124464"))
    export(Attention(0.1, 0.3).eval(), hazard("the same, exported in eval", "attention_drops.pt2", "dropout/ignores-eval", "", "warning", "pytorch#124464"))

    # pytorch#1053: modules in a plain list.
    hidden = trained()
    hidden.heads = [nn.Sequential(nn.Linear(8, 2), nn.Dropout(0.5))]
    hidden.by_name = {"extra": nn.BatchNorm1d(8)}
    torch.save(hidden.eval(), hazard("modules in a plain list and dict", "hidden.pth", "module/unregistered", "", "warning", "pytorch#1053"))

    onnx(trained(), hazard("ONNX that keeps train", "train.onnx", "mode/baked", "stem.1", "warning", "pytorch#52867"), **PRESERVE)


def main() -> None:
    global OUT
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    OUT = parser.parse_args().out
    OUT.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    write_healthy()
    write_hazards()
    (OUT / "index.json").write_text(json.dumps({"torch": torch.__version__, "models": index}, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
