// Reads from a class's code what decides its behaviour: which calls depend on the mode, and whether they obey the flag.

import type { ModeFamily } from '../../model/module';
import { callOf, type ModeCall } from './modeCalls';
import type { ClassDefinition, Expression, Statement } from './syntax';

/** How a call takes its mode: the literal in the code, or something computed from `self.training`. */
export type ModeArgument = boolean | 'flag';

/** A number in the code, or the name of the module's attribute that holds it. */
export type NumberArgument = number | { readonly attribute: string };

/** A call in a class's code that behaves differently in train and eval. */
export interface ModeSite {
  /** `torch.nn.functional.dropout`, `torch.batch_norm`. */
  readonly function: string;
  readonly family: ModeFamily;
  readonly mode: ModeArgument;
  /** The probability of its dropout; absent where it has none, or the code computes it. */
  readonly p?: NumberArgument;
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

/** Of a local name: whoever assigns more of them to it computes what it is. */
const mostValues = 16;
/** Characters of a module's path: `x = x.a`, line by line, makes one as long as the code, and as many as it has lines. */
const longestPath = 1024;

class FactReader {
  readonly sites: ModeSite[] = [];
  readonly callsOf = new Map<string, number>();
  readsFlag = false;
  /** Local names that stand for a module below self, or for a free function. */
  private aliases = new Map<string, string>();
  private functions = new Map<string, string>();
  /** Everything that is assigned to a local name, in both branches of an `if` for one. */
  private assigned = new Map<string, Expression[]>();

  startMethod(self: string): void {
    this.aliases = new Map([[self, '']]);
    this.functions = new Map();
    this.assigned = new Map();
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
    const values = this.assigned.get(target.name);
    if (values === undefined) this.assigned.set(target.name, [value]);
    else if (values.length < mostValues) values.push(value);
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
    if (name.startsWith('torch.')) this.site(call, name);
    else if (target.replace(/___torch_mangle_\d+\./, '').startsWith('__torch__.torch.nn.functional.')) {
      this.site(call, `torch.nn.functional.${target.slice(target.lastIndexOf('.') + 1)}`);
    } else if (callee.kind === 'attribute') {
      const path = this.modulePath(callee.object);
      if (path !== undefined && path !== '' && !this.callsOf.has(path)) this.callsOf.set(path, call.at);
    }
  }

  private site(call: Expression & { kind: 'call' }, name: string): void {
    const known = callOf(name);
    if (known === undefined) return;
    const literals = call.args.map((arg) => this.literal(arg));
    if (known.unless !== undefined && Number(literals[known.unless]) === 0 && literals[known.unless] !== undefined)
      return;
    const probability = known.p === undefined ? undefined : call.args[known.p];
    const p = probability === undefined ? undefined : this.number(probability);
    const mode = this.mode(call, known, literals);
    if (mode === undefined) return;
    const { family } = known;
    this.sites.push({
      function: known.function ?? name,
      family,
      mode,
      ...(p === undefined ? {} : { p }),
      at: call.at,
      literals,
    });
  }

  private mode(
    call: Expression & { kind: 'call' },
    known: ModeCall,
    literals: ModeSite['literals'],
  ): ModeArgument | undefined {
    if (known.mode !== undefined) {
      const keyword = call.keywords.find(({ name }) => name === 'training' || name === 'train')?.value;
      const mode = keyword === undefined ? literals[known.mode] : this.literal(keyword);
      return typeof mode === 'boolean' ? mode : 'flag';
    }
    const probability = call.args[known.p ?? -1];
    if (probability === undefined) return undefined;
    const [value, other] = this.valuesOf(probability);
    if (other === undefined && value?.kind === 'literal') return Number(value.value) > 0 ? true : undefined;
    if (other === undefined && this.attribute(value) !== undefined) return true;
    // It is computed. Where the flag was looked at before, that is how.
    return this.readsFlag ? 'flag' : undefined;
  }

  /** The number that is meant: of `p if self.training else 0.` the one that is not zero. */
  private number(expression: Expression): NumberArgument | undefined {
    const numbers = this.valuesOf(expression).map((value): NumberArgument | undefined => {
      if (value.kind === 'literal') return value.value === null ? undefined : Number(value.value);
      const attribute = this.attribute(value);
      return attribute === undefined ? undefined : { attribute };
    });
    const [one, other] = numbers.length === 1 ? numbers : numbers.filter((number) => number !== 0);
    return other === undefined ? one : undefined;
  }

  /** What an expression can stand for: everything that was assigned to a name, both sides of a conditional. */
  private valuesOf(expression: Expression): readonly Expression[] {
    if (expression.kind === 'conditional') return [expression.then, expression.otherwise];
    return expression.kind === 'name' ? (this.assigned.get(expression.name) ?? [expression]) : [expression];
  }

  /** The attribute of self that an expression names: `self.p`. */
  private attribute(expression: Expression | undefined): string | undefined {
    if (expression?.kind !== 'attribute') return undefined;
    return this.modulePath(expression.object) === '' ? expression.name : undefined;
  }

  private literal(expression: Expression): boolean | bigint | number | string | null | undefined {
    if (expression.kind === 'literal') return expression.value;
    const [value, other] = this.valuesOf(expression);
    return expression.kind === 'name' && other === undefined && value?.kind === 'literal' ? value.value : undefined;
  }
}

function join(parent: string | undefined, name: string): string | undefined {
  if (parent === undefined || parent.length + name.length > longestPath) return undefined;
  return parent === '' ? name : `${parent}.${name}`;
}

function dotted(expression: Expression): string | undefined {
  if (expression.kind === 'name') return expression.name;
  if (expression.kind !== 'attribute') return undefined;
  const object = dotted(expression.object);
  return object === undefined ? undefined : `${object}.${expression.name}`;
}
