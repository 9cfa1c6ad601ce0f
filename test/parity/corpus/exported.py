"""The models of the other files as programs of torch.export: exported in eval and in train, as they are and decomposed.

The runtime switches an exported program by rewriting its operators. What it has to come to is what the model itself does
after its own train() and eval(), so that the model is what torch runs here.
"""

import copy
import re
from typing import Any, Dict, List, Optional, Sequence, Tuple

import torch
from torch import nn

from . import dropout, fast_path, layers, modes, normalisation, sequence, vision  # noqa: F401  (they fill MODELS)
from .record import Recorder, class_name, options_of
from .registry import MODELS, Case, Inputs, Model, Plan, add, eval_plan, standard_plan

FORMS = ("export_eval", "export_train", "export_eval_decomposed", "export_train_decomposed")

MODE_CLASSES = (nn.modules.batchnorm._BatchNorm, nn.modules.dropout._DropoutNd)


class ExportRecorder(Recorder):
    """Also notes what each layer with a mode has to be shown to do."""

    watched: Sequence[str] = ()
    program: torch.export.ExportedProgram

    def set(self, path: str, training: bool, recursive: bool = True) -> None:
        super().set(path, training, recursive)
        self.steps[-1]["behaviour"] = self.behaviour()

    def refuse(self, *inputs: Any, error: str) -> None:
        """A forward that the exported program refuses, though the model would take it."""
        try:
            self.program.module()(*inputs)
        except Exception as thrown:
            if error not in str(thrown):
                raise ValueError(f"{self.name}: torch said {str(thrown)!r}, expected a part to be {error!r}") from thrown
        else:
            raise ValueError(f"{self.name}: torch ran the export, but was expected to say {error!r}")
        step = {"inputs": [self._value(value) for value in inputs], "outputs": None, "error": error, "compare": "close"}
        self.steps.append({"forward": {**step, "statistics": self._statistics()}})

    def behaviour(self) -> Dict[str, str]:
        modules = dict(self.copies[0].named_modules(remove_duplicate=False))
        return {path: "train" if modules[path].training else "eval" for path in self.watched}


def record_export(case: Case, stem, program: torch.export.ExportedProgram, eager: Optional[nn.Module]) -> Recorder:
    assert eager is not None
    torch.export.save(program, str(stem) + ".pt2")
    modules = describe_modules(program, eager, case.form)
    recorder = ExportRecorder(
        stem,
        case,
        load=lambda: copy.deepcopy(eager),
        describe=lambda _: modules,
    )
    recorder.program = program
    recorder.watched = [module["path"] for module in modules if module.pop("watched")]
    return recorder


def describe_modules(program: torch.export.ExportedProgram, eager: nn.Module, form: str) -> List[Dict[str, Any]]:
    """Every path with its class, where a call tells it, and the options that calls and tensors tell."""
    types = called_types(program)
    first_path: Dict[int, str] = {}
    described = []
    for path, module in eager.named_modules(remove_duplicate=False):
        entry: Dict[str, Any] = {"path": path, "type": class_name(module) if path in types else None, "training": None}
        first = first_path.setdefault(id(module), path)
        # A module is known again by its tensors, its own or those of the modules around it.
        if first != path:
            entry["sharedWith"] = first
        # What is decomposed loses some options; what nobody called has none.
        tracks = getattr(module, "track_running_stats", False)
        isdropout = isinstance(module, nn.modules.dropout._DropoutNd)
        stored = path in types and (tracks or (isdropout and not form.endswith("decomposed")))
        for key, options in options_of(module, form).items():
            if path in types or key != "dropout":
                # An export in eval does not tell None from 0: the momentum is unknown then, and not the cumulative average.
                known = {"momentum": module.momentum, "cumulative": False} if tracks else {}
                entry[key] = {**options, "stored": stored, **known}
        removed = isdropout and form == "export_eval_decomposed"
        untracked = isinstance(module, nn.modules.batchnorm._BatchNorm) and not tracks
        # With p of 0 there is no difference, and torch may leave it out.
        idle = isdropout and module.p == 0
        entry["watched"] = (
            path in types and isinstance(module, MODE_CLASSES) and not (removed or untracked or idle)
        )
        described.append(entry)
    return described


def called_types(program: torch.export.ExportedProgram) -> set:
    """Paths of the modules in whose forward a call stands."""
    paths = set()
    for module in program.graph_module.modules():
        if not isinstance(module, torch.fx.GraphModule):
            continue
        for node in module.graph.nodes:
            paths.update(path.split("@")[0] for path, _ in node.meta.get("nn_module_stack", {}).values())
    return paths


def export(model: Model, form: str) -> Tuple[torch.export.ExportedProgram, nn.Module]:
    eager = model.make().train("train" in form)
    program = torch.export.export(eager, model.inputs())
    return (program.run_decompositions() if form.endswith("decomposed") else program), eager


def norms_only(recorder: Recorder, inputs: Inputs) -> None:
    """A decomposition in eval removes dropout for good, so that only normalisation is switched."""
    recorder.eval()
    recorder.forward(*inputs())
    for path in recorder.watched:  # type: ignore[attr-defined]
        recorder.train(path)
    for _ in range(3):
        recorder.forward(*inputs())
    recorder.eval()
    recorder.forward(*inputs())


def add_export(model: Model, form: str) -> None:
    plan: Plan = model.plan or standard_plan
    stays_random = model.random
    if (model.random or model.family == "dropout") and form == "export_eval_decomposed":
        plan, stays_random = norms_only, False
    add(
        Case(
            f"exported_{model.family}",
            f"{model.name}_{form[len('export_'):]}",
            form,
            stays_random,
            lambda: export(model, form),
            lambda recorder: plan(recorder, model.inputs),
            record_export,
        )
    )


# Whole families are exported as they are; decomposing takes long, and the models of one family meet the same operators.
FAMILIES = (
    "architectures",
    "modes",
    "dropout",
    "batchnorm",
    "instancenorm",
    "norms",
    "layers",
    "recurrent",
    "transformer",
    "embedding",
)
DECOMPOSED = re.compile(
    r"architectures/(resnet_basic|mobilenet_v3|unet_bilinear|densenet_dropout|vgg_bn_3d)"
    r"|dropout/(dropout|dropout2d|dropout_inplace|mixed_ways|monte_carlo|rrelu)"
    r"|batchnorm/(batchnorm2d(_momentum_none|_momentum_half|_no_tracking|_bare)?|no_grad)"
    r"|instancenorm/instancenorm2d(_statistics(_affine)?)?|modes/(block_eval|as_stored)|norms/(layernorm|groupnorm|rmsnorm)"
    r"|recurrent/(lstm|gru|rnn)|transformer/mha_dropout|layers/(conv2d|linear|bilinear)|embedding/.*max_norm"
)

# Patterns of the paths that cases would have, under the reason for which they are left out.
LEFT_OUT = (
    # Other forms of these compare the other dtypes and numbers of dimensions.
    r"exported_(batchnorm/batchnorm[13]d|instancenorm/instancenorm[13]d)_\w+",
    r"exported_(batchnorm|dropout|norms)/\w+_(b?float(16|64))\w*",
    # torch.export refuses: momentum None makes the momentum a tensor's value, masks are compared by their values, packed
    # sequences and empty argument lists can't be traced.
    r"exported_batchnorm/.*(momentum_none|cumulative)_train.*",
    r"exported_\w+/(single_value|wrong_shape)\w*",
    r"exported_recurrent/\w+_(packed_(un)?sorted|float64)_.*",
    r"exported_transformer/(encoder_mask|encoder_mask_and_padding|language_model|seq2seq)_(eval|train).*",
    # torch can't decompose a train export with a module that is called twice.
    r"exported_batchnorm/shared_train_decomposed",
    # The code branches on self.training; an export keeps one of the branches, whatever it is switched to.
    r"exported_architectures/(convnext|inception|stochastic_depth)_.*",
    r"exported_modes/branching_.*",
    r"exported_dropout/noise_.*",
    # An overridden train() is Python code, which no export keeps.
    r"exported_modes/overridden_.*",
    # An export in eval writes 0 for both a momentum of 0 and None; in train it runs as None, which is the common one.
    r"exported_(batchnorm|instancenorm)/.*_momentum_0_eval.*",
    # Alpha dropout is decomposed into arithmetic with its mask that has no eval form; the runtime says so.
    r"exported_dropout/(alpha|feature_alpha|mixed_ways)_train_decomposed",
    # F.dropout without a mode is train even here, and can't be compared with a copy that draws other numbers.
    r"exported_dropout/mixed_ways_eval_decomposed",
    # torch drops the dropout between the layers when it decomposes a recurrent layer, without a trace.
    r"exported_recurrent/\w+_dropout_\w+_decomposed",
    # The plan calls another method, or forward with another number of arguments.
    r"exported_transformer/gpt_.*",
    # In eval attention is written without dropout, and nothing tells how much there was.
    r"exported_transformer/mha_dropout_eval.*",
)


def is_left_out(path: str) -> bool:
    return any(re.fullmatch(pattern, path) for pattern in LEFT_OUT)


def main() -> None:
    for model in {(model.family, model.name): model for model in reversed(MODELS)}.values():
        if model.family not in FAMILIES:
            continue
        path = f"{model.family}/{model.name}"
        forms = FORMS if re.fullmatch(DECOMPOSED, path) else FORMS[:2]
        # A layer that no mode changes is the same in both.
        if model.plan is eval_plan or model.family in ("norms", "layers", "embedding"):
            forms = [form for form in forms if "eval" in form]
        for form in forms:
            if not is_left_out(f"exported_{path}_{form[len('export_'):]}"):
                add_export(model, form)


main()
