// Reads from a class's code what decides its behaviour: which calls depend on the mode, and whether they obey the flag.

import type { ClassDefinition, Expression, Statement } from './syntax';

/** How a call takes its mode: the literal in the code, or something computed from `self.training`. */
export type ModeArgument = boolean | 'flag';

/** A call in a class's code that behaves differently in train and eval. */
export interface ModeSite {
  readonly family: 'batch-norm' | 'instance-norm' | 'dropout' | 'recurrent' | 'attention' | 'activation';
  readonly mode: ModeArgument;
  /** Position in the code file. */
  readonly at: number;
  /** Literal arguments, by position; undefined for everything computed. */
  readonly literals: readonly (boolean | bigint | number | string | null | undefined)[];
}

/** What a class's code says about modes and about the modules that it calls. */
export interface ClassFacts {
  readonly sites: readonly ModeSite[];
  /** The code reads `self.training` itself. */
  readonly readsFlag: boolean;
  /** First call of each module, by its path relative to the class's own module: position in the code file. */
  readonly callsOf: ReadonlyMap<string, number>;
  /** Values of `Final[…]` constants that are literals. */
  readonly constants: ReadonlyMap<string, boolean | bigint | number | string | null>;
}

/** Where each mode-dependent operator takes its mode; from torch's schemas. */
const operatorSites: Readonly<Record<string, { family: ModeSite['family']; mode: number; unless?: number }>> = {
  batch_norm: { family: 'batch-norm', mode: 5 },
  native_batch_norm: { family: 'batch-norm', mode: 5 },
  instance_norm: { family: 'instance-norm', mode: 5 },
  dropout: { family: 'dropout', mode: 2 },
  feature_dropout: { family: 'dropout', mode: 2 },
  alpha_dropout: { family: 'dropout', mode: 2 },
  feature_alpha_dropout: { family: 'dropout', mode: 2 },
  native_dropout: { family: 'dropout', mode: 2 },
  rrelu: { family: 'activation', mode: 3 },
  // `unless` is the argument that switches the dependence off where it is zero: dropout between layers.
  lstm: { family: 'recurrent', mode: 6, unless: 5 },
  gru: { family: 'recurrent', mode: 6, unless: 5 },
  rnn_tanh: { family: 'recurrent', mode: 6, unless: 5 },
  rnn_relu: { family: 'recurrent', mode: 6, unless: 5 },
};

/** The same for torch.nn.functional, whose functions scripted code calls by name. */
const functionSites: Readonly<Record<string, { family: ModeSite['family']; mode: number }>> = {
  batch_norm: { family: 'batch-norm', mode: 5 },
  instance_norm: { family: 'instance-norm', mode: 5 },
  dropout: { family: 'dropout', mode: 2 },
  dropout1d: { family: 'dropout', mode: 2 },
  dropout2d: { family: 'dropout', mode: 2 },
  dropout3d: { family: 'dropout', mode: 2 },
  alpha_dropout: { family: 'dropout', mode: 2 },
  feature_alpha_dropout: { family: 'dropout', mode: 2 },
  rrelu: { family: 'activation', mode: 3 },
  multi_head_attention_forward: { family: 'attention', mode: 12 },
};

/** Reads all methods of a class. */
export function readClassFacts(definition: ClassDefinition): ClassFacts {
  const reader = new FactReader();
  for (const method of definition.methods.values()) {
    reader.startMethod(method.parameters[0]?.name ?? 'self');
    reader.statements(method.body);
  }
  const constants = new Map<string, boolean | bigint | number | string | null>();
  for (const { name, value } of definition.fields) {
    if (value?.kind === 'literal') constants.set(name, value.value);
  }
  return { sites: reader.sites, readsFlag: reader.readsFlag, callsOf: reader.callsOf, constants };
}

class FactReader {
  readonly sites: ModeSite[] = [];
  readonly callsOf = new Map<string, number>();
  readsFlag = false;
  /** Local names that stand for a module below self, or for a free function. */
  private aliases = new Map<string, string>();
  private functions = new Map<string, string>();
  /** Local names that hold a literal. */
  private literals = new Map<string, boolean | bigint | number | string | null>();

  startMethod(self: string): void {
    this.aliases = new Map([[self, '']]);
    this.functions = new Map();
    this.literals = new Map();
  }

  statements(statements: readonly Statement[]): void {
    for (const statement of statements) {
      switch (statement.kind) {
        case 'assign':
          this.expression(statement.value);
          this.assignment(statement.target, statement.value);
          break;
        case 'expression':
          this.expression(statement.value);
          break;
        case 'if':
          this.expression(statement.test);
          this.statements(statement.then);
          this.statements(statement.otherwise);
          break;
        case 'while':
          this.expression(statement.test);
          this.statements(statement.body);
          break;
        case 'for':
          this.expression(statement.iterable);
          this.statements(statement.body);
          break;
        case 'with':
          this.expression(statement.context);
          this.statements(statement.body);
          break;
        case 'return':
          if (statement.value !== undefined) this.expression(statement.value);
      }
    }
  }

  private assignment(target: Expression, value: Expression): void {
    if (target.kind !== 'name') return;
    const module = this.modulePath(value);
    if (module !== undefined) this.aliases.set(target.name, module);
    const name = dotted(value);
    if (name?.startsWith('__torch__.') === true) this.functions.set(target.name, name);
    // A name that is assigned twice (in both branches of an `if`) holds no literal.
    if (value.kind === 'literal' && !this.literals.has(target.name)) this.literals.set(target.name, value.value);
    else this.literals.delete(target.name);
  }

  /** Path below self of an expression that names a module: `self.layer1`, `getattr(layers, "0")`, a local name. */
  private modulePath(expression: Expression): string | undefined {
    if (expression.kind === 'name') return this.aliases.get(expression.name);
    if (expression.kind === 'attribute') return join(this.modulePath(expression.object), expression.name);
    if (expression.kind === 'call' && expression.callee.kind === 'name' && expression.callee.name === 'getattr') {
      const [object, name] = expression.args;
      if (object !== undefined && name?.kind === 'literal') return join(this.modulePath(object), String(name.value));
    }
    return undefined;
  }

  private expression(expression: Expression): void {
    switch (expression.kind) {
      case 'call':
        this.call(expression);
        for (const arg of expression.args) this.expression(arg);
        for (const { value } of expression.keywords) this.expression(value);
        this.expression(expression.callee);
        break;
      case 'attribute':
        if (expression.name === 'training' && this.modulePath(expression.object) === '') this.readsFlag = true;
        this.expression(expression.object);
        break;
      case 'subscript':
        this.expression(expression.object);
        this.expression(expression.index);
        break;
      case 'list':
      case 'tuple':
        expression.items.forEach((item) => {
          this.expression(item);
        });
        break;
      case 'dict':
        for (const [key, value] of expression.entries) {
          this.expression(key);
          this.expression(value);
        }
        break;
      case 'conditional':
        this.expression(expression.test);
        this.expression(expression.then);
        this.expression(expression.otherwise);
        break;
      case 'unary':
        this.expression(expression.operand);
        break;
      case 'binary':
        this.expression(expression.left);
        this.expression(expression.right);
        break;
      case 'literal':
      case 'name':
    }
  }

  private call(call: Expression & { kind: 'call' }): void {
    const { callee } = call;
    const name = dotted(callee) ?? '';
    const target = callee.kind === 'name' ? (this.functions.get(callee.name) ?? '') : name;
    if (name.startsWith('torch.')) this.site(call, operatorSites[name.slice('torch.'.length).replace(/_$/, '')]);
    else if (target.replace(/___torch_mangle_\d+\./, '').startsWith('__torch__.torch.nn.functional.')) {
      this.site(call, functionSites[target.slice(target.lastIndexOf('.') + 1)]);
    } else if (callee.kind === 'attribute') {
      const path = this.modulePath(callee.object);
      if (path !== undefined && path !== '' && !this.callsOf.has(path)) this.callsOf.set(path, call.at);
    }
  }

  private site(
    call: Expression & { kind: 'call' },
    known: { family: ModeSite['family']; mode: number; unless?: number } | undefined,
  ): void {
    if (known === undefined) return;
    const literals = call.args.map((arg) => this.literal(arg));
    if (known.unless !== undefined && Number(literals[known.unless]) === 0 && literals[known.unless] !== undefined)
      return;
    const keyword = call.keywords.find(({ name }) => name === 'training' || name === 'train')?.value;
    const mode = keyword === undefined ? literals[known.mode] : this.literal(keyword);
    this.sites.push({ family: known.family, mode: typeof mode === 'boolean' ? mode : 'flag', at: call.at, literals });
  }

  private literal(expression: Expression): boolean | bigint | number | string | null | undefined {
    if (expression.kind === 'literal') return expression.value;
    return expression.kind === 'name' ? this.literals.get(expression.name) : undefined;
  }
}

function join(parent: string | undefined, name: string): string | undefined {
  if (parent === undefined) return undefined;
  return parent === '' ? name : `${parent}.${name}`;
}

function dotted(expression: Expression): string | undefined {
  if (expression.kind === 'name') return expression.name;
  if (expression.kind !== 'attribute') return undefined;
  const object = dotted(expression.object);
  return object === undefined ? undefined : `${object}.${expression.name}`;
}
