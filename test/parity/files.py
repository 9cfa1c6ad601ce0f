"""Writes one model in every layout of torch.save and safetensors, and what a reader must find: modules, flags, statistics.

Called by generate.py. OUT/index.json lists the files, each with the modules that `named_modules()` has and whether the layout
stores classes and flags.
"""

import io
import json
import pickle
import struct
import tarfile
from collections import OrderedDict
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping

import torch
from torch import nn


class Attention(nn.Module):
    """A class of the user's, which a file names but does not hold."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(6)
        self.mix = nn.MultiheadAttention(6, 2, dropout=0.1)
        self.extra = {"a": [nn.Dropout(0.9)]}

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, momentum=None, eps=1e-3), nn.Dropout2d(0.25))
        self.blocks = nn.ModuleList([nn.BatchNorm1d(5, affine=False), nn.InstanceNorm1d(5, track_running_stats=True)])
        self.plain = nn.BatchNorm1d(3, track_running_stats=False)
        self.half = nn.BatchNorm1d(3).half()
        self.rnn = nn.LSTM(3, 4, 2, dropout=0.5)
        self.user = Attention()
        self.again = self.stem[1]
        self.act = nn.RReLU()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


def make() -> nn.Module:
    torch.manual_seed(3)
    net = Net()
    for name, buffer in net.named_buffers():
        with torch.no_grad():
            if buffer.dtype == torch.int64:
                buffer.fill_(len(name))
            else:
                buffer.copy_(torch.rand(buffer.shape) + 0.5)
    net.user.eval()
    net.stem[2].eval()
    return net


def describe(net: nn.Module, prefix: str = "") -> List[Dict[str, Any]]:
    """Every module under each of its paths, with the figures that a file can hold."""
    modules = []
    for path, module in net.named_modules(remove_duplicate=False):
        entry: Dict[str, Any] = {"path": prefix + path, "type": type(module).__name__, "training": module.training}
        if isinstance(module, nn.modules.batchnorm._NormBase) and module.running_mean is not None:
            entry["norm"] = {
                "eps": module.eps,
                "momentum": module.momentum,
                "affine": module.affine,
                "numFeatures": module.num_features,
                "numBatchesTracked": int(module.num_batches_tracked),
                "runningMean": module.running_mean.double().tolist(),
                "runningVar": module.running_var.double().tolist(),
            }
        if isinstance(module, nn.modules.dropout._DropoutNd):
            entry["dropout"] = module.p
        modules.append(entry)
    return modules


def save_tar(tensors: Mapping[str, torch.Tensor], path: Path) -> None:
    """As the first versions of torch did, by the rules of torch.serialization's own reader of such files."""
    storages = OrderedDict((t.untyped_storage()._cdata, t) for t in tensors.values())
    kinds = {torch.float32: "Float", torch.int64: "Long", torch.float16: "Half"}
    storage_entry, tensor_entry, pickle_entry = io.BytesIO(), io.BytesIO(), io.BytesIO()
    pickle.dump(len(storages), storage_entry, 2)
    for key, tensor in storages.items():
        pickle.dump((key, "cpu", getattr(torch, kinds[tensor.dtype] + "Storage")), storage_entry, 2)
        storage_entry.write(struct.pack("<q", tensor.numel()) + tensor.numpy().tobytes())
    pickle.dump([], storage_entry, 2)
    pickle.dump(len(tensors), tensor_entry, 2)
    numbers = {}
    for number, tensor in enumerate(tensors.values()):
        numbers[id(tensor)] = str(number)
        kind = getattr(torch, kinds[tensor.dtype] + "Tensor")
        pickle.dump((number, tensor.untyped_storage()._cdata, kind), tensor_entry, 2)
        layout = [tensor.dim(), *tensor.shape, *tensor.stride(), tensor.storage_offset()]
        tensor_entry.write(struct.pack(f"<{len(layout)}q", *layout))

    class Pickler(pickle.Pickler):
        def persistent_id(self, value: Any) -> Any:
            return numbers[id(value)] if isinstance(value, torch.Tensor) else None

    Pickler(pickle_entry, 2).dump(OrderedDict(tensors))
    entries = {"sys_info": io.BytesIO(pickle.dumps({}, 2)), "pickle": pickle_entry}
    entries.update(tensors=tensor_entry, storages=storage_entry)
    with tarfile.open(path, "w:", format=tarfile.PAX_FORMAT) as tar:
        for name, content in entries.items():
            info = tarfile.TarInfo(name)
            info.size = len(content.getvalue())
            content.seek(0)
            tar.addfile(info, content)
    loaded = torch.load(path, weights_only=False)
    assert all(torch.equal(loaded[name], tensor) for name, tensor in tensors.items()), "torch reads another file"


def save_safetensors(tensors: Mapping[str, torch.Tensor], path: Path) -> None:
    kinds = {torch.float32: "F32", torch.int64: "I64", torch.float16: "F16"}
    header: Dict[str, Any] = {"__metadata__": {"format": "pt"}}
    data = bytearray()
    for name, tensor in tensors.items():
        start = len(data)
        data += tensor.contiguous().numpy().tobytes()
        header[name] = {"dtype": kinds[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [start, len(data)]}
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(data))


def save_shards(tensors: Mapping[str, torch.Tensor], index: Path, save: Callable[[Any, Path], None], ending: str) -> None:
    names = list(tensors)
    weight_map = {}
    for number, part in enumerate((names[: len(names) // 2], names[len(names) // 2 :]), 1):
        file = index.with_name(f"{index.name.split('.')[0]}-{number:05}-of-00002.{ending}")
        save({name: tensors[name] for name in part}, file)
        weight_map.update({name: file.name for name in part})
    index.write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": weight_map}))


def write_files(out: Path) -> int:
    """Writes all files. Returns their number."""
    out.mkdir(parents=True, exist_ok=True)
    net = make()
    state = net.state_dict()
    bare = {name: tensor.detach().clone() for name, tensor in state.items()}
    optimizer = torch.optim.Adam(net.parameters())
    for parameter in net.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    modules = describe(net)
    index: List[Dict[str, Any]] = []

    def add(file: str, format: str, found: List[Dict[str, Any]], *, flags: bool, whole: bool) -> None:
        # `whole`: the layout lists modules without tensors too.
        index.append({"file": file, "format": format, "modules": found, "flags": flags, "whole": whole})

    def saved(file: str, value: Any, format: str, found: List[Dict[str, Any]], **options: Any) -> None:
        torch.save(value, out / file, **options)
        bare_names = format == "state-dict" and value is bare
        add(file, format, found, flags=format == "module", whole=not bare_names)

    old = {"_use_new_zipfile_serialization": False}
    saved("module.pt", net, "module", modules)
    saved("module_legacy.pt", net, "module", modules, **old)
    for protocol in (3, 4, 5):
        saved(f"module_protocol{protocol}.pt", net, "module", modules, pickle_protocol=protocol)
    saved("module_in_checkpoint.pt", {"epoch": 3, "ema": net, "optimizer": optimizer.state_dict()}, "module", modules)
    compiled = [{"path": "", "type": "OptimizedModule", "training": None}, *describe(net, "_orig_mod.")]
    compiled[1]["path"] = "_orig_mod"
    saved("compiled.pt", torch.compile(net, backend="eager"), "module", compiled)
    saved("state_dict.pth", state, "state-dict", modules)
    saved("state_dict_legacy.pth", state, "state-dict", modules, **old)
    saved("bare.bin", bare, "state-dict", modules)
    checkpoint = {"model": state, "optimizer": optimizer.state_dict(), "args": {"lr": 0.1}, "best": torch.ones(2)}
    saved("checkpoint.pth", checkpoint, "state-dict", modules)
    lightning = {"epoch": 2, "global_step": 70, "pytorch-lightning_version": "2.4.0", "state_dict": state}
    best = {"best_k_models": {"runs/epoch=1-step=9.ckpt": torch.tensor(0.5)}, "best_model_score": torch.tensor(0.5)}
    callbacks = {"Ema": {"best": torch.ones(1)}, "ModelCheckpoint{'monitor': 'loss'}": best}
    lightning.update(loops={}, callbacks=callbacks, optimizer_states=[optimizer.state_dict()])
    saved("lightning.ckpt", {**lightning, "hyper_parameters": {"width": 4}}, "state-dict", modules)
    parallel = nn.DataParallel(net)
    saved("parallel.pth", parallel.state_dict(), "state-dict", describe(parallel))
    twins = [{"path": path, "training": None} for path in ("", "generator", "critic")]
    twins += [*describe(net, "generator.")[1:], *describe(net, "critic.")[1:]]
    saved("twins.pth", {"generator": state, "critic": state, "step": 4}, "state-dict", twins)
    save_tar(bare, out / "first_versions.pth.tar")
    add("first_versions.pth.tar", "state-dict", modules, flags=False, whole=False)
    save_safetensors(bare, out / "weights.safetensors")
    add("weights.safetensors", "safetensors", modules, flags=False, whole=False)
    save_shards(bare, out / "model.safetensors.index.json", save_safetensors, "safetensors")
    add("model.safetensors.index.json", "safetensors", modules, flags=False, whole=False)
    save_shards(bare, out / "pytorch_model.bin.index.json", torch.save, "bin")
    add("pytorch_model.bin.index.json", "state-dict", modules, flags=False, whole=False)
    (out / "index.json").write_text(json.dumps(index))
    return len(index)
