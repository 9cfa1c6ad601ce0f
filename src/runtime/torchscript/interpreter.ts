// Runs serialized TorchScript: statements and expressions; operators and built-in functions come from their tables.

import { AppError, toAppError } from '../../util/errors';
import { isTorchFile, type SourceLocation } from '../../model/module';
import type { RunContext } from '../context';
import type { ProgramState } from '../deferral';
import { itemOf } from '../item';
import { located } from '../located';
import type { OperatorTable } from '../operators/registry';
import type { ScriptArchive } from '../program';
import { NotComputed } from '../storage';
import { Tensor } from '../tensor';
import { Dict, FunctionValue, itemsOf, ScriptObject, Tuple, typeName, type Value } from '../values';
import { callBuiltin, isTruthy, noMatch } from './builtins';
import type { CodeLibrary } from './codeLibrary';
import { lastUses } from './lastUse';
import { constructObject } from './objects';
import { upgradeCall } from './olderCalls';
import type { CodeFile, Expression, FunctionDefinition, Statement } from './syntax';
import { isInstance } from './types';

/** Calls deeper than this are taken for endless recursion. */
const maxCallDepth = 900;

/** One function being executed. */
interface Frame {
  readonly file: CodeFile;
  readonly locals: Map<string, Value>;
  /** The module or object whose method runs, if any. */
  readonly self: ScriptObject | undefined;
  /** Position of the statement or call that runs now, for error messages. */
  at: number;
}

/** Marks that a `return` was met while executing statements. */
class Returned {
  constructor(readonly value: Value) {}
}

/** Executes methods of the archive's objects in one run context. */
export class Interpreter implements ProgramState {
  /** Functions being executed, innermost last. */
  private readonly frames: Frame[] = [];
  /** Values of unfinished expressions, which no name holds. */
  private readonly unnamed: Value[] = [];
  private readonly traces = new WeakMap<AppError, Frame[]>();

  constructor(
    private readonly library: CodeLibrary,
    private readonly archive: Pick<ScriptArchive, 'constants' | 'version'>,
    readonly operators: OperatorTable,
    readonly context: RunContext,
    private readonly pathOf: (object: ScriptObject) => string | undefined,
  ) {
    context.deferral.program = this;
  }

  *live(): Iterable<Value> {
    for (const { locals } of this.frames) yield* locals.values();
    yield* this.unnamed;
  }

  place(): readonly Frame[] {
    return this.frames.map((frame) => ({ ...frame, locals: noLocals })).reverse();
  }

  blame(error: AppError, place: unknown): void {
    this.traces.set(error, [...(place as readonly Frame[])]);
  }

  /** Runs a method from outside. @throws AppError that names the module and the user's source line. */
  async run(self: ScriptObject, method: string, args: readonly Value[]): Promise<Value> {
    try {
      const result = await this.callMethod(self, method, args, noKeywords);
      await this.context.deferral.settleAll([result]);
      return result;
    } catch (error) {
      throw await this.whereItHappened(toAppError(error, 'program-error'));
    }
  }

  async callMethod(
    self: ScriptObject,
    name: string,
    args: readonly Value[],
    keywords: ReadonlyMap<string, Value>,
  ): Promise<Value> {
    const found = await this.library.findClass(self.className);
    const definition = found?.definition.methods.get(name);
    if (found === undefined || definition === undefined) {
      throw new AppError(
        'program-error',
        `The archive has no code for ${name}() of ${self.className}`,
        'Only a module with that method can run; export the model again.',
      );
    }
    const result = await this.callDefinition(found.file, definition, self, [self, ...args], keywords);
    await this.tellObserver(self, name, result);
    return result;
  }

  /** A trace has `forward1` for the second call of a module. */
  private async tellObserver(self: ScriptObject, method: string, result: Value): Promise<void> {
    if (this.context.observer === undefined || !/^forward\d*$/.test(method)) return;
    const path = this.pathOf(self);
    if (path !== undefined) await this.holding([result], () => this.context.moduleReturned(path, result));
  }

  /** Calls a function value, or the constructor of a class, by its qualified name. */
  async callQualified(name: string, args: readonly Value[], keywords: ReadonlyMap<string, Value>): Promise<Value> {
    if (name.endsWith('.__new__')) return new ScriptObject(name.slice(0, -'.__new__'.length), new Map());
    const found = await this.library.findFunction(name);
    if (found !== undefined) return this.callDefinition(found.file, found.definition, undefined, args, keywords);
    const ofClass = await this.library.findClass(name);
    if (ofClass !== undefined) return constructObject(this, name, ofClass.definition, args, keywords);
    throw new AppError('program-error', `The archive has no code for ${name}`);
  }

  async callValue(callee: Value, args: readonly Value[]): Promise<Value> {
    if (!(callee instanceof FunctionValue)) throw new AppError('program-error', `${typeName(callee)} can't be called`);
    if (callee.self !== undefined) return this.callMethod(callee.self, callee.qualifiedName, args, noKeywords);
    return this.callQualified(callee.qualifiedName, args, noKeywords);
  }

  private async callDefinition(
    file: CodeFile,
    definition: FunctionDefinition,
    self: ScriptObject | undefined,
    args: readonly Value[],
    keywords: ReadonlyMap<string, Value>,
  ): Promise<Value> {
    if (this.frames.length >= maxCallDepth)
      throw new AppError('program-error', `Calls nest deeper than ${maxCallDepth}`);
    const frame: Frame = { file, locals: new Map(), self, at: definition.at };
    this.frames.push(frame);
    try {
      await this.bind(definition, frame, args, keywords);
      const ending = lastUses(definition);
      for (const [i, statement] of definition.body.entries()) {
        const result = await this.executeOne(statement, frame);
        if (result !== undefined) return result.value;
        for (const name of ending[i] ?? []) frame.locals.delete(name);
      }
      return null;
    } catch (error) {
      const appError = toAppError(error, 'program-error');
      const trace = this.traces.get(appError);
      if (trace === undefined) this.traces.set(appError, [frame]);
      else trace.push(frame);
      throw appError;
    } finally {
      this.frames.pop();
    }
  }

  private async bind(
    definition: FunctionDefinition,
    frame: Frame,
    args: readonly Value[],
    keywords: ReadonlyMap<string, Value>,
  ): Promise<void> {
    const { parameters, name } = definition;
    if (args.length > parameters.length) {
      // People count without `self`.
      const own = frame.self === undefined ? 0 : 1;
      throw new AppError('bad-input', `${name}() takes ${parameters.length - own} arguments, got ${args.length - own}`);
    }
    for (let i = 0; i < parameters.length; i++) {
      const parameter = parameters[i] as (typeof parameters)[number];
      let value = i < args.length ? args[i] : keywords.get(parameter.name);
      if (value === undefined && parameter.defaultValue !== undefined)
        value = await this.evaluate(parameter.defaultValue, frame);
      if (value === undefined)
        throw new AppError('bad-input', `${name}() is missing a value for argument '${parameter.name}'`);
      frame.locals.set(parameter.name, value);
    }
  }

  private async execute(statements: readonly Statement[], frame: Frame): Promise<Returned | undefined> {
    for (const statement of statements) {
      const result = await this.executeOne(statement, frame);
      if (result !== undefined) return result;
    }
    return undefined;
  }

  private async executeOne(statement: Statement, frame: Frame): Promise<Returned | undefined> {
    frame.at = statement.at;
    switch (statement.kind) {
      case 'expression':
        await this.evaluate(statement.value, frame);
        return undefined;
      case 'assign':
        await this.assign(statement.target, await this.evaluate(statement.value, frame), frame);
        return undefined;
      case 'return':
        return new Returned(statement.value === undefined ? null : await this.evaluate(statement.value, frame));
      case 'if':
        return this.execute((await this.isTrue(statement.test, frame)) ? statement.then : statement.otherwise, frame);
      case 'while':
        while (await this.isTrue(statement.test, frame)) {
          this.context.throwIfCancelled();
          const result = await this.execute(statement.body, frame);
          if (result !== undefined) return result;
        }
        return undefined;
      case 'for': {
        const iterable = await this.evaluate(statement.iterable, frame);
        return this.holding([iterable], async () => {
          for (const item of iterate(iterable)) {
            this.context.throwIfCancelled();
            await this.assign(statement.target, item, frame);
            const result = await this.execute(statement.body, frame);
            if (result !== undefined) return result;
          }
          return undefined;
        });
      }
      case 'with':
        return this.executeWith(statement, frame);
    }
  }

  private async executeWith(statement: Statement & { kind: 'with' }, frame: Frame): Promise<Returned | undefined> {
    const manager = await this.evaluate(statement.context, frame);
    if (!(manager instanceof ScriptObject))
      throw new AppError('program-error', `${typeName(manager)} is no context manager`);
    const entered = await this.callMethod(manager, '__enter__', [], noKeywords);
    if (statement.target !== undefined) await this.assign(statement.target, entered, frame);
    let result: Returned | undefined;
    try {
      result = await this.execute(statement.body, frame);
      return result;
    } finally {
      await this.holding(result === undefined ? [] : [result.value], () =>
        this.callMethod(manager, '__exit__', [null, null, null], noKeywords),
      );
    }
  }

  private async assign(target: Expression, value: Value, frame: Frame): Promise<void> {
    switch (target.kind) {
      case 'name':
        frame.locals.set(target.name, value);
        return;
      case 'tuple':
      case 'list': {
        const items = itemsOf(value);
        if (items === undefined) throw new AppError('program-error', `${typeName(value)} can't be unpacked`);
        if (items.length !== target.items.length) {
          throw new AppError(
            'program-error',
            `Provided list of length ${items.length} where ${target.items.length} values are unpacked`,
          );
        }
        return this.holding(items, async () => {
          for (let i = 0; i < items.length; i++)
            await this.assign(target.items[i] as Expression, items[i] as Value, frame);
        });
      }
      case 'attribute': {
        const object = await this.evaluate(target.object, frame);
        if (!(object instanceof ScriptObject))
          throw new AppError('program-error', `${typeName(object)} has no attributes`);
        // It outlives the forward, and others look at it.
        await this.context.deferral.settle([value]);
        object.attributes.set(target.name, value);
        return;
      }
      case 'subscript':
        await this.callBuiltinOrOperator(
          '_set_item',
          [...(await this.holding([value], () => this.evaluateAll([target.object, target.index], frame))), value],
          noKeywords,
        );
        return;
      default:
        throw new AppError('program-error', 'The code assigns to something that is no name');
    }
  }

  private async evaluate(expression: Expression, frame: Frame): Promise<Value> {
    switch (expression.kind) {
      case 'literal':
        return expression.value;
      case 'name':
        return this.lookUp(expression.name, frame);
      case 'attribute':
        return this.attribute(expression, frame);
      case 'call':
        return this.call(expression, frame);
      case 'list':
        return this.evaluateAll(expression.items, frame);
      case 'tuple':
        return new Tuple(await this.evaluateAll(expression.items, frame));
      case 'dict': {
        const values = await this.evaluateAll(expression.entries.flat(), frame);
        const dict = new Dict();
        for (let i = 0; i < values.length; i += 2) dict.entries.set(values[i] as Value, values[i + 1] as Value);
        return dict;
      }
      case 'conditional':
        return this.evaluate(
          (await this.isTrue(expression.test, frame)) ? expression.then : expression.otherwise,
          frame,
        );
      case 'subscript':
        return this.callBuiltinOrOperator(
          '__getitem__',
          await this.evaluateAll([expression.object, expression.index], frame),
          noKeywords,
        );
      case 'unary':
        return this.unary(expression, frame);
      case 'binary':
        return this.binary(expression, frame);
    }
  }

  private async evaluateAll(items: readonly Expression[], frame: Frame): Promise<Value[]> {
    const held = this.unnamed.length;
    try {
      for (const item of items) this.unnamed.push(await this.evaluate(item, frame));
      return this.unnamed.slice(held);
    } finally {
      this.unnamed.length = held;
    }
  }

  /** Does something while nothing but this call still knows the values. */
  private async holding<T>(values: readonly Value[], work: () => Promise<T>): Promise<T> {
    const held = this.unnamed.length;
    this.unnamed.push(...values);
    try {
      return await work();
    } finally {
      this.unnamed.length = held;
    }
  }

  /** Python's truth of the expression's value. */
  private async isTrue(expression: Expression, frame: Frame): Promise<boolean> {
    const value = await this.evaluate(expression, frame);
    if (value instanceof Tensor) await this.context.deferral.settle([value]);
    return isTruthy(value);
  }

  private lookUp(name: string, frame: Frame): Value {
    const value = frame.locals.get(name);
    if (value !== undefined) return value;
    if (name === 'inf') return Infinity;
    if (name === 'nan') return NaN;
    throw new AppError('program-error', `The code uses the name ${name} before it is assigned`);
  }

  private async attribute(expression: Expression & { kind: 'attribute' }, frame: Frame): Promise<Value> {
    const path = dottedPath(expression);
    if (path !== undefined && !frame.locals.has(path.root)) return this.global(path.text, path.root);
    const object = await this.evaluate(expression.object, frame);
    return this.getAttribute(object, expression.name);
  }

  private global(text: string, root: string): Value {
    if (root === 'CONSTANTS') {
      const value = this.archive.constants[Number(text.slice('CONSTANTS.c'.length))];
      if (value !== undefined) return value;
    }
    if (root === '__torch__') return new FunctionValue(text);
    if (text === 'torch.inf' || text === 'math.inf') return Infinity;
    if (text === 'torch.nan' || text === 'math.nan') return NaN;
    throw new AppError('program-error', `The code uses ${text}, which the interpreter does not know`);
  }

  async getAttribute(object: Value, name: string): Promise<Value> {
    if (object instanceof ScriptObject) {
      const value = object.attributes.get(name);
      if (value !== undefined) return value;
      const found = await this.library.findClass(object.className);
      if (found?.definition.methods.has(name) === true) return new FunctionValue(name, object);
      const constant = found?.definition.fields.find((field) => field.name === name)?.value;
      if (found !== undefined && constant !== undefined) {
        return this.evaluate(constant, { file: found.file, locals: new Map(), self: undefined, at: constant.at });
      }
      throw new AppError('program-error', `${object.className} has no attribute ${name}`);
    }
    if (object instanceof Tuple && object.fieldNames !== undefined) {
      const index = object.fieldNames.indexOf(name);
      if (index >= 0) return object.items[index] as Value;
    }
    return this.callBuiltinOrOperator(name, [object], noKeywords);
  }

  private async call(expression: Expression & { kind: 'call' }, frame: Frame): Promise<Value> {
    const { callee } = expression;
    if (callee.kind === 'name' && !frame.locals.has(callee.name)) {
      // The second argument of these is a type, not a value.
      if (callee.name === 'annotate' || callee.name === 'unchecked_cast') {
        const value = await this.evaluate(expression.args[1] as Expression, frame);
        const type = numberType(expression.args[0]);
        if (!(value instanceof Tensor) || type === undefined) return value;
        await this.context.deferral.settle([value]);
        const item = itemOf(value);
        return type === 'float' ? Number(item) : item;
      }
      if (callee.name === 'uninitialized') return null;
      if (callee.name === 'isinstance') {
        return isInstance(
          await this.evaluate(expression.args[0] as Expression, frame),
          expression.args[1] as Expression,
        );
      }
    }
    const target = await this.callTarget(callee, frame);
    // The argument of `__new__` is the class itself, which is no value.
    if (target.kind === 'qualified' && target.name.endsWith('.__new__'))
      return this.callQualified(target.name, [], noKeywords);
    const owner = target.kind === 'method' ? [target.self] : [];
    const args = await this.holding(owner, () => this.evaluateAll(expression.args, frame));
    const keywords =
      expression.keywords.length === 0
        ? noKeywords
        : await this.holding([...owner, ...args], () => this.keywords(expression, frame));
    frame.at = expression.at;
    switch (target.kind) {
      case 'operator':
        return this.callBuiltinOrOperator(target.name, args, keywords);
      case 'qualified':
        return this.callQualified(target.name, args, keywords);
      case 'method':
        if (target.self instanceof ScriptObject) return this.callMethod(target.self, target.name, args, keywords);
        return this.callBuiltinOrOperator(target.name, [target.self, ...args], keywords);
      case 'value':
        return this.callValue(target.value, args);
    }
  }

  private async callTarget(callee: Expression, frame: Frame): Promise<CallTarget> {
    if (callee.kind === 'name') {
      const local = frame.locals.get(callee.name);
      return local === undefined ? { kind: 'operator', name: callee.name } : { kind: 'value', value: local };
    }
    if (callee.kind !== 'attribute') return { kind: 'value', value: await this.evaluate(callee, frame) };
    const path = dottedPath(callee);
    if (path !== undefined && !frame.locals.has(path.root)) {
      if (path.root === 'torch') return { kind: 'operator', name: path.text.slice('torch.'.length) };
      if (path.root === 'ops') return { kind: 'operator', name: path.text.replace(/^ops\.(aten\.)?/, '') };
      if (path.root === '__torch__') return { kind: 'qualified', name: path.text };
    }
    return { kind: 'method', self: await this.evaluate(callee.object, frame), name: callee.name };
  }

  private async keywords(expression: Expression & { kind: 'call' }, frame: Frame): Promise<ReadonlyMap<string, Value>> {
    const { keywords } = expression;
    const values = await this.evaluateAll(
      keywords.map(({ value }) => value),
      frame,
    );
    return new Map(keywords.map(({ name }, i) => [name, values[i] as Value]));
  }

  /** A built-in of the language where it takes these arguments, else an ATen operator. */
  async callBuiltinOrOperator(
    name: string,
    args: readonly Value[],
    keywords: ReadonlyMap<string, Value>,
  ): Promise<Value> {
    const result = await this.callBuiltin(name, args, keywords);
    if (result !== noMatch) return result;
    const call = upgradeCall({ name, args, keywords }, this.archive.version);
    return this.operators.call(call.name, call.args, call.keywords, this.context);
  }

  /** A built-in that turns out to read elements is called again when they are there; none writes before. */
  private async callBuiltin(
    name: string,
    args: readonly Value[],
    keywords: ReadonlyMap<string, Value>,
  ): Promise<Value | typeof noMatch> {
    try {
      return await callBuiltin(this, name, args, keywords);
    } catch (error) {
      if (!(error instanceof NotComputed)) throw error;
      await this.context.deferral.settle(args);
      return callBuiltin(this, name, args, keywords);
    }
  }

  private async unary(expression: Expression & { kind: 'unary' }, frame: Frame): Promise<Value> {
    if (expression.operator === 'not') return !(await this.isTrue(expression.operand, frame));
    const operand = await this.evaluate(expression.operand, frame);
    const name = { '-': 'neg', '+': 'positive', '~': 'bitwise_not' }[expression.operator];
    return this.callBuiltinOrOperator(name ?? expression.operator, [operand], noKeywords);
  }

  private async binary(expression: Expression & { kind: 'binary' }, frame: Frame): Promise<Value> {
    if (expression.operator === 'and' || expression.operator === 'or') {
      const left = await this.evaluate(expression.left, frame);
      await this.context.deferral.settle([left]);
      return isTruthy(left) === (expression.operator === 'and') ? this.evaluate(expression.right, frame) : left;
    }
    const name = binaryOperators[expression.operator];
    if (name === undefined)
      throw new AppError('program-error', `The interpreter does not know the operator ${expression.operator}`);
    return this.callBuiltinOrOperator(
      name,
      await this.evaluateAll([expression.left, expression.right], frame),
      noKeywords,
    );
  }

  /** Adds to an error the innermost module and the innermost line of the user's own source. */
  private async whereItHappened(error: AppError): Promise<AppError> {
    const trace = this.traces.get(error) ?? [];
    const inner = trace.find((frame) => frame.self !== undefined && this.pathOf(frame.self) !== undefined);
    const path = inner?.self === undefined ? undefined : this.pathOf(inner.self);
    let location: SourceLocation | undefined;
    for (const frame of trace) {
      location = await this.library.locate(frame.file, frame.at);
      if (location !== undefined && !isTorchFile(location.file)) break;
    }
    return located(error, path, location);
  }
}

type CallTarget =
  | { readonly kind: 'operator'; readonly name: string }
  | { readonly kind: 'qualified'; readonly name: string }
  | { readonly kind: 'method'; readonly self: Value; readonly name: string }
  | { readonly kind: 'value'; readonly value: Value };

const noKeywords: ReadonlyMap<string, Value> = new Map();
const noLocals = new Map<string, Value>();

const binaryOperators: Readonly<Record<string, string>> = {
  '+': 'add',
  '-': 'sub',
  '*': 'mul',
  '/': 'div',
  '//': 'floordiv',
  '%': 'remainder',
  '**': 'pow',
  '&': '__and__',
  '|': '__or__',
  '^': '__xor__',
  '<<': '__lshift__',
  '>>': '__rshift__',
  '@': 'matmul',
  '==': 'eq',
  '!=': 'ne',
  '<': 'lt',
  '<=': 'le',
  '>': 'gt',
  '>=': 'ge',
  is: '__is__',
  'is not': '__isnot__',
  in: '__in__',
};

/** `a.b.c` as text, where the expression is nothing but names. */
function dottedPath(expression: Expression): { text: string; root: string } | undefined {
  if (expression.kind === 'name') return { text: expression.name, root: expression.name };
  if (expression.kind !== 'attribute') return undefined;
  const object = dottedPath(expression.object);
  return object === undefined ? undefined : { text: `${object.text}.${expression.name}`, root: object.root };
}

/** `annotate(int, tensor)` is how serialized code writes that a tensor is taken for a number. */
function numberType(type: Expression | undefined): 'int' | 'float' | 'number' | undefined {
  if (type?.kind !== 'name') return undefined;
  return (['int', 'float', 'number'] as const).find((name) => name === type.name);
}

function iterate(value: Value): readonly Value[] {
  if (Array.isArray(value)) return value;
  if (value instanceof Tuple) return value.items;
  if (value instanceof Dict) return [...value.entries.keys()];
  if (typeof value === 'string') return [...value];
  if (value instanceof Tensor) throw new AppError('program-error', 'The code iterates over a tensor');
  throw new AppError('program-error', `${typeName(value)} can't be iterated`);
}
