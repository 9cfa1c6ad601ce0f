"""Models of the other families as ONNX files, as torch's TorchScript exporter writes them with every mode kept."""

import copy
import warnings
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Tuple

import numpy
import onnx
import onnx.numpy_helper
import torch
from torch import nn

from .record import Recorder, options_of
from .registry import MODELS, Case, Model, add, randn, standard_plan


def record_onnx(case: Case, stem: Path, model: Model, eager: nn.Module) -> Recorder:
    """The file is compared with the eager module, which then holds the statistics that the file holds."""
    training = eager.training
    inputs = model.inputs()
    export(copy.deepcopy(eager), inputs, f"{stem}.onnx")
    load_statistics(eager, f"{stem}.onnx")
    return OnnxRecorder(
        stem,
        case,
        load=lambda: copy.deepcopy(eager),
        describe=lambda loaded: describe_layers(loaded, training),
    )


class OnnxRecorder(Recorder):
    """A graph returns its tensors one beside the other, and keeps no counter."""

    def _value(self, value: Any) -> Any:
        tensors = list(flat(value)) if isinstance(value, (tuple, list, dict)) else [value]
        return super()._value(tensors[0] if len(tensors) == 1 else tuple(tensors))

    def _statistics(self) -> Dict[str, Any]:
        found = super()._statistics()
        return {path: {**entry, "numBatchesTracked": None} for path, entry in found.items()}


def flat(value: Any):
    if isinstance(value, dict):
        value = value.values()
    for item in value:
        if isinstance(item, torch.Tensor):
            yield item
        else:
            yield from flat(item)


def export(eager: nn.Module, inputs: Tuple[Any, ...], file: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            eager,
            inputs,
            file,
            dynamo=False,
            training=torch.onnx.TrainingMode.PRESERVE,
            do_constant_folding=False,
            opset_version=17,
        )


def load_statistics(eager: nn.Module, file: str) -> None:
    """Exporting runs the model, and a run in training moves the statistics: those of the file are what counts."""
    graph = onnx.load(file).graph
    tensors = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for node in graph.node:
        # Equal initializers are one, and the others are made of it.
        if node.op_type == "Identity" and node.input[0] in tensors:
            tensors[node.output[0]] = tensors[node.input[0]]
    with torch.no_grad():
        for name, tensor in eager.state_dict().items():
            if name in tensors:
                tensor.copy_(torch.from_numpy(numpy.array(tensors[name])))


def describe_layers(eager: nn.Module, training: bool) -> List[Dict[str, Any]]:
    """The layers that the mode changes: of the rest, the graph tells no classes. In eval, no Dropout is written."""
    layers = []
    for path, module in eager.named_modules():
        options = options_of(module, "onnx")
        if "batchNorm" in options or ("dropout" in options and training):
            layers.append({"path": path, "type": type(module).__name__, "training": None, **options})
    return layers


def onnx_file(source: str, training: bool, inputs: Optional[Callable[[], Tuple[Any, ...]]] = None) -> None:
    """Adds the model of another family as a file exported in this mode. `inputs` are for a plan that brings its own."""
    model = next(model for model in MODELS if f"{model.family}/{model.name}" == source)
    if inputs is not None:
        model = model._replace(inputs=inputs)
    name = f"{source.split('/')[1]}_{'train' if training else 'eval'}"
    plan = model.plan or standard_plan
    add(
        Case(
            "onnx",
            name,
            "onnx",
            model.random and training,
            lambda: (model, model.make().train(training)),
            lambda recorder: plan(recorder, model.inputs),
            record_onnx,
        )
    )


# Exported in train mode: a file keeps Dropout, and a BatchNorm that trains until it is switched.
TRAIN = {
    "architectures": "resnet_basic resnet_bottleneck mobilenet_v3 unet_transposed unet_bilinear densenet densenet_dropout vgg_bn_1d"
    " vgg_bn_3d",
    "dropout": "dropout dropout_1 dropout_float64 dropout_float16 monte_carlo monte_carlo_dropout_only",
    "modes": "block_eval encoder_eval dropout_train as_stored frozen_parameters",
    "batchnorm": "batchnorm1d batchnorm2d batchnorm3d batchnorm2d_momentum_0 batchnorm2d_momentum_half batchnorm1d_no_affine"
    " batchnorm2d_no_tracking batchnorm2d_float64 batchnorm2d_float16 batchnorm1d_float16_float32_statistics batchnorm1d_matrix"
    " many_steps nan_input infinite_input large_offset no_grad",
    "instancenorm": "instancenorm2d_affine",
    "recurrent": "lstm_states gru_bidirectional",
    "transformer": "encoder_postnorm_relu encoder_mask_and_padding language_model seq2seq mha_dropout",
}
# Exported in eval: Dropout is gone, BatchNorm is switched to train and back.
EVAL = {
    "architectures": "resnet_basic resnet_bottleneck unet_nearest densenet",
    "modes": "block_eval as_stored",
    "batchnorm": "batchnorm1d batchnorm2d many_steps sync",
    "recurrent": "cells",
    "transformer": "mha_masks",
}
for training, families in ((True, TRAIN), (False, EVAL)):
    for family, names in families.items():
        for name in names.split():
            onnx_file(f"{family}/{name}", training)
onnx_file("batchnorm/single_value", True, lambda: (randn(4, 4),))
