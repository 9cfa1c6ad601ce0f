// The operator table: one entry an ATen overload, and the choice of the overload for a call.

import { AppError } from '../../util/errors';
import { convertElements, isFloating } from '../elements';
import type { RunContext } from '../context';
import { KernelCall } from '../kernels/graph';
import { scalarTypeName } from '../scalarTypes';
import { NotComputed } from '../storage';
import { contiguousStrides, sameShape, Tensor } from '../tensor';
import { OpaqueValue, Tuple, typeName, type Value } from '../values';
import { matchArguments, type Arguments } from './arguments';
import { parseSchema, type Schema } from './schema';

/**
 * What an operator does: it returns its result, a promise of it, or a {@link KernelCall} (then the result is the call's output;
 * a tuple where there are several).
 */
export type OperatorBody = (args: Arguments, context: RunContext) => Value | KernelCall | Promise<Value | KernelCall>;

export interface Operator {
  readonly schema: Schema;
  readonly body: OperatorBody;
  /**
   * Takes tensors whose elements are yet to be computed. Where it turns out to need elements it is run again, so that it may
   * draw no random number and write nothing before it reads.
   */
  readonly takesPromised: boolean;
}

/** Operators by name, each with its overloads in the order in which they are tried. */
export class OperatorTable {
  private readonly byName = new Map<string, Operator[]>();
  private takesPromised = false;

  /** Adds the operators of a family; `takesPromised` as in {@link Operator}, for those that write nothing. */
  family(define: (table: OperatorTable) => void, takesPromised: boolean): void {
    this.takesPromised = takesPromised;
    define(this);
    this.takesPromised = false;
  }

  /** Adds an overload by its ATen schema (without `aten::`). */
  define(schemaText: string, body: OperatorBody): void {
    this.add(schemaText, body, this.takesPromised && !schemaText.includes('!'));
  }

  private add(schemaText: string, body: OperatorBody, takesPromised: boolean): void {
    const operator = { schema: parseSchema(schemaText), body, takesPromised };
    const overloads = this.byName.get(operator.schema.name);
    if (overloads === undefined) this.byName.set(operator.schema.name, [operator]);
    else overloads.push(operator);
  }

  /** Adds an overload and its in-place twin (`relu` and `relu_`), which writes the result through `self`. */
  defineWithInplace(schemaText: string, body: OperatorBody): void {
    this.define(schemaText, body);
    const inplace = schemaText.replace(/^(\w+)(\.\w+)?\(Tensor (self|input)/, '$1_$2(Tensor(a!) $3');
    this.defineInplace(inplace.replace(/-> Tensor$/, '-> Tensor(a!)'), body);
  }

  /** Adds an in-place overload whose first argument takes the result of `body`. */
  defineInplace(schemaText: string, body: OperatorBody): void {
    const inplace: OperatorBody = async (args, context) => {
      const target = args.values[0] as Tensor;
      const result = (await finish(await body(args, context), context)) as Tensor;
      const fresh = !args.values.some((value) => value instanceof Tensor && value.storage === result.storage);
      if (fresh && takesPlace(target, result)) {
        target.storage.adopt(result.storage);
        return target;
      }
      if (result !== target) await context.deferral.settleAll([target, result]);
      return assignInplace(target, result, args.schema.name, fresh);
    };
    // An argument besides `self` that is written needs everything computed.
    this.add(schemaText, inplace, this.takesPromised && !schemaText.includes('(b!)'));
  }

  /** All entries, for the generated list of supported operators. */
  all(): readonly Operator[] {
    return [...this.byName.values()].flat();
  }

  /**
   * Runs the first overload of `name` that fits the arguments, as torch's own matching does: exact types first.
   * @throws AppError `unsupported-operator` where there is none.
   */
  async call(
    name: string,
    positional: readonly Value[],
    keywords: ReadonlyMap<string, Value>,
    context: RunContext,
  ): Promise<Value> {
    const overloads = this.byName.get(name);
    if (overloads === undefined) {
      // Operators of other libraries keep their namespace: `ops.torchvision.nms`.
      const qualified = name.includes('.') ? name.replace('.', '::') : `aten::${name}`;
      throw new AppError('unsupported-operator', `The runtime has no operator ${qualified}`, seeSupported);
    }
    for (const strict of [true, false]) {
      for (const operator of overloads) {
        const args = matchArguments(operator.schema, positional, keywords, strict);
        if (args !== undefined) return invoke(operator, args, context);
      }
    }
    const out = keywords.get('out');
    if (out instanceof Tensor) {
      const others = new Map([...keywords].filter(([key]) => key !== 'out'));
      const result = await this.call(name, positional, others, context);
      await context.deferral.settleAll([out, result]);
      return writeOut(out, result, name);
    }
    throw unfitting(name, positional, keywords);
  }

  /**
   * Runs one overload (`''` for the default one) with its arguments by name, as graphs of torch.export name them.
   * @throws AppError `unsupported-operator` where the table lacks it.
   */
  async callOverload(
    name: string,
    overload: string,
    args: ReadonlyMap<string, Value>,
    context: RunContext,
  ): Promise<Value> {
    const overloads = this.byName.get(name) ?? [];
    const operator = overloads.find(({ schema }) => schema.overload === overload);
    if (operator === undefined) {
      const qualified = overload === '' ? name : `${name}.${overload}`;
      throw new AppError('unsupported-operator', `The runtime has no operator aten::${qualified}`, seeSupported);
    }
    // A graph may give a plain number for a tensor (`add.Tensor(x, 1)`), which the overload for numbers takes.
    for (const { schema, body } of [operator, ...overloads]) {
      const matched = matchArguments(schema, [], args, true) ?? matchArguments(schema, [], args, false);
      if (matched !== undefined) return finish(await body(matched, context), context);
    }
    throw unfitting(name, [], args);
  }
}

/** The error for arguments that no overload takes. */
function unfitting(name: string, positional: readonly Value[], keywords: ReadonlyMap<string, Value>): AppError {
  for (const value of [...positional, ...keywords.values()]) {
    if (!(value instanceof OpaqueValue) || value.reason === undefined) continue;
    const words = `aten::${name} needs a ${typeName(value)} of the file that can't be used: ${value.reason}`;
    return new AppError('corrupt', words, 'Save or download the file again.');
  }
  const given = [...positional.map(typeName), ...[...keywords].map(([key, value]) => `${key}=${typeName(value)}`)];
  const words = `The runtime has no overload of aten::${name} for (${given.join(', ')})`;
  return new AppError('unsupported-operator', words, seeSupported);
}

const seeSupported = 'SUPPORTED.md lists the operators that run.';

/** Operators that may write, or read at any time, find nothing waiting. */
async function invoke({ body, takesPromised }: Operator, args: Arguments, context: RunContext): Promise<Value> {
  if (!takesPromised) await context.deferral.settleAll(args.values);
  try {
    return await finish(await body(args, context), context);
  } catch (error) {
    if (!takesPromised || !(error instanceof NotComputed)) throw error;
    await context.deferral.settle(args.values);
    return finish(await body(args, context), context);
  }
}

/** Whether the result, still to be computed, can stand for all that the target's storage holds, which is so too. */
function takesPlace(target: Tensor, result: Tensor): boolean {
  if (!target.isPromised || !result.isPromised || target.dtype !== result.dtype) return false;
  return target.isWhole && result.isWhole && sameShape(target.shape, result.shape);
}

/** Takes a kernel call that a body described instead of running it. */
export async function finish(result: Value | KernelCall, context: RunContext): Promise<Value> {
  if (!(result instanceof KernelCall)) return result;
  const outputs = await context.deferral.defer(result);
  return outputs.length === 1 ? (outputs[0] as Tensor) : new Tuple(outputs);
}

/**
 * Writes `result` through `self`, as `self.copy_(result)` but without broadcasting. `fresh` says that nobody else holds the
 * result's storage. @throws AppError where torch refuses the type or shape.
 */
export function assignInplace(self: Tensor, result: Tensor, name: string, fresh: boolean): Tensor {
  if (result === self) return self;
  if (isFloating(result.dtype) && !isFloating(self.dtype)) {
    const [from, to] = [scalarTypeName(result.dtype), scalarTypeName(self.dtype)];
    throw new AppError('bad-input', `${name}: result type ${from} can't be cast to the desired output type ${to}`);
  }
  if (result.shape.length !== self.shape.length || result.shape.some((size, d) => size !== self.shape[d])) {
    throw new AppError(
      'bad-input',
      `${name}: output with shape [${self.shape.join(', ')}] doesn't match the broadcast shape [${result.shape.join(', ')}]`,
    );
  }
  refuseOverlap(self);
  const elements = result.contiguousElements();
  if (result.dtype === self.dtype) self.write(elements, fresh && elements.length === result.storage.length);
  else self.write(convertElements(elements, result.dtype, self.dtype), true);
  return self;
}

/** The `out` argument of an operator takes the result, and the result's shape where its storage is large enough. */
function writeOut(out: Tensor, result: Value, name: string): Tensor {
  if (!(result instanceof Tensor))
    throw new AppError('unsupported-operator', `The runtime has no out= of aten::${name}`, seeSupported);
  if (out.elementCount !== result.elementCount && result.elementCount > out.storage.length - out.offset) {
    throw new AppError(
      'unsupported-operator',
      `aten::${name} would have to enlarge the tensor given as out=`,
      'Give it the size of the result.',
    );
  }
  const sameShape = out.rank === result.rank && out.shape.every((size, d) => size === result.shape[d]);
  if (!sameShape) [out.shape, out.strides] = [result.shape, contiguousStrides(result.shape)];
  return assignInplace(out, result, name, false);
}

/** @throws AppError where several elements of the tensor are one place in memory, as in an expanded one. */
export function refuseOverlap(self: Tensor): void {
  if (self.shape.some((size, d) => size > 1 && self.strides[d] === 0)) {
    throw new AppError(
      'bad-input',
      'unsupported operation: more than one element of the written-to tensor refers to a single memory location. Please clone() the tensor before performing the operation.',
    );
  }
}
