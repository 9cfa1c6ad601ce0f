// The syntax tree of serialized TorchScript: the part of Python that torch writes, with positions for error messages.

/** Literals keep Python's types apart as {@link Value} does: int is bigint, float is number. */
export type Literal = null | boolean | bigint | number | string;

export type Expression =
  | { readonly kind: 'literal'; readonly value: Literal; readonly at: number }
  | { readonly kind: 'name'; readonly name: string; readonly at: number }
  | { readonly kind: 'attribute'; readonly object: Expression; readonly name: string; readonly at: number }
  | {
      readonly kind: 'subscript';
      readonly object: Expression;
      readonly index: Expression;
      readonly text: string;
      readonly at: number;
    }
  | {
      readonly kind: 'call';
      readonly callee: Expression;
      readonly args: readonly Expression[];
      readonly keywords: readonly Keyword[];
      readonly at: number;
    }
  | { readonly kind: 'list' | 'tuple'; readonly items: readonly Expression[]; readonly at: number }
  | { readonly kind: 'dict'; readonly entries: readonly (readonly [Expression, Expression])[]; readonly at: number }
  | {
      readonly kind: 'conditional';
      readonly test: Expression;
      readonly then: Expression;
      readonly otherwise: Expression;
      readonly at: number;
    }
  | { readonly kind: 'unary'; readonly operator: string; readonly operand: Expression; readonly at: number }
  | {
      readonly kind: 'binary';
      readonly operator: string;
      readonly left: Expression;
      readonly right: Expression;
      readonly at: number;
    };

export interface Keyword {
  readonly name: string;
  readonly value: Expression;
}

export type Statement =
  | { readonly kind: 'expression'; readonly value: Expression; readonly at: number }
  | { readonly kind: 'assign'; readonly target: Expression; readonly value: Expression; readonly at: number }
  | {
      readonly kind: 'if';
      readonly test: Expression;
      readonly then: readonly Statement[];
      readonly otherwise: readonly Statement[];
      readonly at: number;
    }
  | { readonly kind: 'while'; readonly test: Expression; readonly body: readonly Statement[]; readonly at: number }
  | {
      readonly kind: 'for';
      readonly target: Expression;
      readonly iterable: Expression;
      readonly body: readonly Statement[];
      readonly at: number;
    }
  | {
      readonly kind: 'with';
      readonly context: Expression;
      readonly target: Expression | undefined;
      readonly body: readonly Statement[];
      readonly at: number;
    }
  | { readonly kind: 'return'; readonly value: Expression | undefined; readonly at: number };

export interface Parameter {
  readonly name: string;
  readonly type: string;
  readonly defaultValue: Expression | undefined;
}

export interface FunctionDefinition {
  readonly name: string;
  /** `self` included. */
  readonly parameters: readonly Parameter[];
  readonly body: readonly Statement[];
  readonly at: number;
}

export interface FieldDefinition {
  readonly name: string;
  readonly type: string;
  /** Value of a `Final[…]` constant. */
  readonly value: Expression | undefined;
}

export interface ClassDefinition {
  readonly name: string;
  /** `Module`, `NamedTuple`, `Interface`, `ModuleInterface`, `Enum`, or none for a script class. */
  readonly base: string | undefined;
  readonly fields: readonly FieldDefinition[];
  readonly methods: ReadonlyMap<string, FunctionDefinition>;
  /** Names in `__parameters__` and `__buffers__`. */
  readonly parameterNames: readonly string[];
  readonly bufferNames: readonly string[];
}

/** One code file of an archive. */
export interface CodeFile {
  /** `__torch__.torch.nn.functional` */
  readonly pythonModule: string;
  readonly text: string;
  readonly classes: ReadonlyMap<string, ClassDefinition>;
  readonly functions: ReadonlyMap<string, FunctionDefinition>;
}
