// Forwards of a live model: what they take, and what comes back.

import type { InputSpec } from '../model/description';
import type { DType } from '../model/dtype';
import { isDType } from '../model/dtype';
import type { ModuleSpec, TensorSpec } from '../model/module';
import type { AgentInputs } from '../protocol/agent';
import { suggestInput } from '../runtime/inputs';
import { AppError } from '../util/errors';

/** The arguments of a forward, the first with the shape that the first layer suggests. */
export function liveInputs(inputs: AgentInputs, modules: readonly ModuleSpec[]): readonly InputSpec[] {
  const suggestion = suggestInput(
    modules.map(({ path, type, parameters }) => ({
      path,
      type,
      tensor: (name: string): TensorSpec | undefined => parameters.find((parameter) => parameter.name === name),
      attribute: () => undefined,
    })),
  );
  return inputs.map((input, position) =>
    position === 0 && suggestion !== undefined ? { ...input, suggestion } : input,
  );
}

/** Whether an output is of a dtype that views can show; complex ones are not. */
export function hasKnownType<T extends { readonly dtype: string }>(output: T): output is T & { readonly dtype: DType } {
  return isDType(output.dtype);
}

/** What runs in another process can't be stopped from here; who gives up no longer waits for it. */
export function orAborted<T>(running: Promise<T>, title: string, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return running;
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => {
      reject(new AppError('cancelled', `The forward of ${title} is no longer waited for.`));
    });
    running.then(resolve, reject);
  });
}
