// Which calls have no row of their own otherwise: their module is no layer for them, as nn.Dropout is for dropout.

import type { FunctionalCall, ModuleSpec } from '../model/module';

/** True for a call that no layer of the tree stands for; one that drops nothing matters to nobody. */
export function isFunctional(
  { qualifiedType, dropout, batchNorm, instanceNorm }: Layer,
  { family, p }: Pick<FunctionalCall, 'family' | 'p'>,
): boolean {
  if (p === 0) return false;
  switch (family) {
    case 'dropout':
      return dropout === undefined;
    case 'batch-norm':
    case 'instance-norm':
      return (batchNorm ?? instanceNorm) === undefined;
    case 'recurrent':
    case 'activation':
      return !torchLayer.test(qualifiedType);
    case 'attention':
      // Its dropout is an option that the class alone does not show.
      return true;
  }
}

/** What tells the layers of torch.nn. */
export type Layer = Pick<ModuleSpec, 'qualifiedType' | 'dropout' | 'batchNorm' | 'instanceNorm'>;

/** The field of a module; absent where there is no such call. */
export function functionalCalls(calls: readonly FunctionalCall[]): Pick<ModuleSpec, 'functionalCalls'> {
  return calls.length === 0 ? {} : { functionalCalls: calls };
}

const torchLayer = /^(?:__torch__\.)?torch\.nn\.modules\./;
