// Modules of a state dict that differ in nothing but their paths, of which a large one has thousands, are looked at once.

import type { DType } from '../../model/dtype';
import type { ModuleSpec } from '../../model/module';
import type { BehaviourRule } from '../behaviour';
import type { StoredModule } from '../program';
import { SharedSpecs } from '../specs';
import { Tensor, type Shape } from '../tensor';
import type { Value } from '../values';
import { behaviourOf, layerSpec, typeOf } from './layerKinds';

/** What a module is by its class and its tensors. */
export interface ModuleKind {
  readonly rule: BehaviourRule;
  /** Without its path, its flag and what follows from the two. */
  readonly spec: ModuleSpec;
}

/** The kinds of the modules of one file. */
export class ModuleKinds {
  private readonly specs = new SharedSpecs();
  private readonly start = new Step('', undefined, undefined);

  of(module: StoredModule): ModuleKind {
    const { parameters, buffers, attributes, children } = module;
    // What a class makes of its options is not told by its tensors.
    if (module.qualifiedType !== '' || attributes.size > 0) return this.make(module);
    let step = this.start.next('', children.size > 0 ? 'children' : undefined);
    const follow = (value: Value, name: string): void => {
      step = step.next(name, value);
    };
    parameters.forEach(follow);
    step = step.next('', undefined);
    buffers.forEach(follow);
    return (step.kind ??= this.make(module));
  }

  private make(module: StoredModule): ModuleKind {
    const rule = behaviourOf(module);
    const { parameters, buffers, qualifiedType } = module;
    const spec: ModuleSpec = {
      path: '',
      type: typeOf(module),
      qualifiedType,
      training: null,
      behaviour: 'none',
      modeSensitive: rule.inTrain !== 'none',
      ...(rule.reason === undefined ? {} : { behaviourReason: rule.reason }),
      ...layerSpec(module),
      parameters: this.specs.of(parameters),
      buffers: this.specs.of(buffers),
    };
    return { rule, spec };
  }
}

/** More are not told apart at one place; what is new there then is a kind of its own. */
const maxFollowing = 64;

/** One thing that a module has, after all that came before it. */
class Step {
  kind: ModuleKind | undefined;
  private readonly following: Step[] = [];

  constructor(
    private readonly name: string,
    private readonly shape: Shape | string | undefined,
    private readonly dtype: DType | undefined,
  ) {}

  /** @param value a tensor is told by its dtype and its list of sizes, everything else by whether it is there. */
  next(name: string, value: Value | undefined): Step {
    const isTensor = value instanceof Tensor;
    const shape = isTensor ? value.shape : value === undefined || value === null ? undefined : 'there';
    const dtype = isTensor ? value.dtype : undefined;
    const { following } = this;
    for (let i = 0; i < following.length; i++) {
      const step = following[i]!;
      if (step.shape === shape && step.dtype === dtype && step.name === name) return step;
    }
    const made = new Step(name, shape, dtype);
    if (following.length < maxFollowing) following.push(made);
    return made;
  }
}
