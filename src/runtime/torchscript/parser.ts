// Parses serialized TorchScript with tree-sitter's Python grammar into our syntax tree.

import { Language, Parser, type Node, type ParseState, type Tree } from 'web-tree-sitter';

import { AppError } from '../../util/errors';
import { unquote } from './pythonString';
import type {
  ClassDefinition,
  CodeFile,
  Expression,
  FieldDefinition,
  FunctionDefinition,
  Keyword,
  Literal,
  Parameter,
  Statement,
} from './syntax';

/** The two WASM files of the parser, read when the first code file is parsed. */
export interface ParserAssets {
  readonly treeSitter: () => Promise<Uint8Array>;
  readonly pythonGrammar: () => Promise<Uint8Array>;
}

export type ParseCode = (pythonModule: string, text: string) => CodeFile;

let loading: Promise<ParseCode> | undefined;

/** Loads the parser once a process (about 30 ms). */
export function loadParser(assets: ParserAssets): Promise<ParseCode> {
  loading ??= load(assets).catch((error: unknown) => {
    loading = undefined;
    throw error;
  });
  return loading;
}

async function load(assets: ParserAssets): Promise<ParseCode> {
  const [wasmBinary, grammar] = await Promise.all([assets.treeSitter(), assets.pythonGrammar()]);
  // What goes wrong in the parser comes as an error; it would also print it.
  await Parser.init({ wasmBinary, printErr: () => undefined });
  const parser = new Parser();
  parser.setLanguage(await Language.load(grammar));
  return (pythonModule, text) => {
    const tree = parse(parser, pythonModule, text);
    try {
      return readFile(pythonModule, text, tree.rootNode);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new AppError(
        'limit-exceeded',
        `The code of ${pythonModule} in the archive has expressions nested too deeply`,
        'Split the expression over several statements and export the model again.',
        { cause: error },
      );
    } finally {
      tree.delete();
    }
  };
}

/**
 * Ends at the first error that the parser has no way around: it would go on to the end, and take seconds for what is no Python at all.
 * The tree is then that of the text up to there. WebAssembly ends with an error of its own when its memory is full, and the parser with it.
 */
function parse(parser: Parser, pythonModule: string, text: string): Tree {
  let end = 0;
  const progressCallback = ({ hasError, currentOffset }: ParseState): boolean => {
    end = currentOffset / Uint16Array.BYTES_PER_ELEMENT + 1;
    return hasError;
  };
  try {
    const tree = parser.parse(text, null, { progressCallback });
    if (tree !== null) return tree;
    parser.reset();
    const start = parser.parse(text.slice(0, end));
    if (start?.rootNode.hasError === true) return start;
  } catch (error) {
    throw new AppError(
      'limit-exceeded',
      `The code of ${pythonModule} in the archive is too large to be parsed`,
      'Split the model and export its parts.',
      { cause: error },
    );
  }
  throw new AppError('corrupt', `The code of ${pythonModule} can't be parsed`);
}

function readFile(pythonModule: string, text: string, root: Node): CodeFile {
  if (root.hasError) throw syntaxError(pythonModule, root);
  const classes = new Map<string, ClassDefinition>();
  const functions = new Map<string, FunctionDefinition>();
  for (const node of named(root)) {
    if (node.type === 'class_definition') {
      const definition = readClass(node);
      classes.set(definition.name, definition);
    } else if (node.type === 'function_definition') {
      const definition = readFunction(node);
      functions.set(definition.name, definition);
    }
    // Imports of other code files carry no information: names are always qualified.
  }
  return { pythonModule, text, classes, functions };
}

function syntaxError(pythonModule: string, root: Node): AppError {
  const broken = firstError(root);
  const line = broken.startPosition.row + 1;
  return new AppError(
    'corrupt',
    `The code of ${pythonModule} in the archive is not valid at line ${line}`,
    'The file is damaged; export the model again.',
  );
}

function firstError(node: Node): Node {
  if (node.isError || node.isMissing) return node;
  for (const child of node.children) {
    if (child.hasError) return firstError(child);
  }
  return node;
}

function readClass(node: Node): ClassDefinition {
  const fields: FieldDefinition[] = [];
  const methods = new Map<string, FunctionDefinition>();
  let parameterNames: readonly string[] = [];
  let bufferNames: readonly string[] = [];
  for (const statement of named(field(node, 'body'))) {
    if (statement.type === 'function_definition') {
      const definition = readFunction(statement);
      methods.set(definition.name, definition);
      continue;
    }
    const assignment = statement.type === 'expression_statement' ? statement.firstNamedChild : null;
    if (assignment?.type !== 'assignment') continue;
    const type = assignment.childForFieldName('type');
    const right = assignment.childForFieldName('right');
    const target = field(assignment, 'left');
    if (target.text === '__parameters__') parameterNames = stringList(right);
    else if (target.text === '__buffers__') bufferNames = stringList(right);
    else if (target.type === 'identifier' || target.type === 'subscript') {
      const value = right === null ? undefined : readExpression(right);
      fields.push({ name: fieldName(target), type: type?.text ?? '', value });
    }
  }
  const base = node.childForFieldName('superclasses')?.firstNamedChild?.text;
  return { name: field(node, 'name').text, base, fields, methods, parameterNames, bufferNames };
}

/** Fields whose names are no identifiers are written as `__annotations__["0"] = Type`. */
function fieldName(target: Node): string {
  if (target.type === 'identifier') return target.text;
  const key = target.childForFieldName('subscript');
  return key?.type === 'string' ? unquote(key.text) : target.text;
}

function stringList(list: Node | null): string[] {
  return list === null ? [] : named(list).map((item) => unquote(item.text));
}

function readFunction(node: Node): FunctionDefinition {
  const parameters = named(field(node, 'parameters')).map(readParameter);
  return { name: field(node, 'name').text, parameters, body: readBlock(field(node, 'body')), at: node.startIndex };
}

function readParameter(node: Node): Parameter {
  const name = node.type === 'identifier' ? node : (node.childForFieldName('name') ?? node.firstNamedChild);
  const value = node.childForFieldName('value');
  return {
    name: name?.text ?? '',
    type: node.childForFieldName('type')?.text ?? 'Tensor',
    defaultValue: value === null ? undefined : readExpression(value),
  };
}

function readBlock(node: Node): Statement[] {
  const statements: Statement[] = [];
  for (const child of named(node)) {
    const statement = readStatement(child);
    if (statement !== undefined) statements.push(statement);
  }
  return statements;
}

function readStatement(node: Node): Statement | undefined {
  const at = node.startIndex;
  switch (node.type) {
    case 'pass_statement':
    case 'comment':
      return undefined;
    case 'expression_statement': {
      const inner = onlyChild(node);
      if (inner.type !== 'assignment') return { kind: 'expression', value: readExpression(inner), at };
      const right = inner.childForFieldName('right');
      if (right === null) return undefined;
      return { kind: 'assign', target: readExpression(field(inner, 'left')), value: readExpression(right), at };
    }
    case 'return_statement': {
      const value = node.firstNamedChild;
      return { kind: 'return', value: value === null ? undefined : readExpression(value), at };
    }
    case 'if_statement':
      return readIf(node);
    case 'while_statement':
      return {
        kind: 'while',
        test: readExpression(field(node, 'condition')),
        body: readBlock(field(node, 'body')),
        at,
      };
    case 'for_statement':
      return {
        kind: 'for',
        target: readExpression(field(node, 'left')),
        iterable: readExpression(field(node, 'right')),
        body: readBlock(field(node, 'body')),
        at,
      };
    case 'with_statement':
      return readWith(node);
    default:
      throw unsupported(node);
  }
}

function readIf(node: Node): Statement {
  const alternatives = named(node).filter((child) => child.type === 'else_clause' || child.type === 'elif_clause');
  let otherwise: Statement[] = [];
  for (const clause of alternatives.reverse()) {
    if (clause.type === 'else_clause') otherwise = readBlock(field(clause, 'body'));
    else {
      const then = readBlock(field(clause, 'consequence'));
      otherwise = [
        { kind: 'if', test: readExpression(field(clause, 'condition')), then, otherwise, at: clause.startIndex },
      ];
    }
  }
  const then = readBlock(field(node, 'consequence'));
  return { kind: 'if', test: readExpression(field(node, 'condition')), then, otherwise, at: node.startIndex };
}

function readWith(node: Node): Statement {
  const item = node.descendantsOfType('with_item')[0];
  const value = item?.childForFieldName('value');
  if (value === undefined || value === null) throw unsupported(node);
  const body = readBlock(field(node, 'body'));
  if (value.type !== 'as_pattern') {
    return { kind: 'with', context: readExpression(value), target: undefined, body, at: node.startIndex };
  }
  const [context, target] = named(value);
  if (context === undefined || target === undefined) throw unsupported(node);
  const name = readExpression(target.type === 'as_pattern_target' ? onlyChild(target) : target);
  return { kind: 'with', context: readExpression(context), target: name, body, at: node.startIndex };
}

function readExpression(node: Node): Expression {
  const at = node.startIndex;
  switch (node.type) {
    case 'parenthesized_expression':
      return readExpression(onlyChild(node));
    case 'identifier':
      return { kind: 'name', name: node.text, at };
    case 'integer':
    case 'float':
    case 'string':
    case 'concatenated_string':
    case 'true':
    case 'false':
    case 'none':
      return { kind: 'literal', value: readLiteral(node), at };
    case 'attribute':
      return {
        kind: 'attribute',
        object: readExpression(field(node, 'object')),
        name: field(node, 'attribute').text,
        at,
      };
    case 'subscript':
      return readSubscript(node);
    case 'call':
      return readCall(node);
    case 'list':
    case 'list_pattern':
      return { kind: 'list', items: named(node).map(readExpression), at };
    case 'tuple':
    case 'expression_list':
    case 'pattern_list':
    case 'tuple_pattern':
      return { kind: 'tuple', items: named(node).map(readExpression), at };
    case 'dictionary':
      return { kind: 'dict', entries: named(node).map(readPair), at };
    case 'conditional_expression': {
      const [then, test, otherwise] = named(node).map(readExpression);
      if (then === undefined || test === undefined || otherwise === undefined) throw unsupported(node);
      return { kind: 'conditional', test, then, otherwise, at };
    }
    case 'unary_operator':
      return readUnary(node);
    case 'not_operator':
      return { kind: 'unary', operator: 'not', operand: readExpression(field(node, 'argument')), at };
    case 'boolean_operator':
    case 'binary_operator':
      return {
        kind: 'binary',
        operator: field(node, 'operator').text,
        left: readExpression(field(node, 'left')),
        right: readExpression(field(node, 'right')),
        at,
      };
    case 'comparison_operator':
      return readComparison(node);
    default:
      throw unsupported(node);
  }
}

function readSubscript(node: Node): Expression {
  const keys = node.childrenForFieldName('subscript');
  const [key] = keys;
  const index: Expression =
    keys.length === 1 && key !== undefined
      ? readExpression(key)
      : { kind: 'tuple', items: keys.map(readExpression), at: node.startIndex };
  return {
    kind: 'subscript',
    object: readExpression(field(node, 'value')),
    index,
    text: node.text,
    at: node.startIndex,
  };
}

function readCall(node: Node): Expression {
  const args: Expression[] = [];
  const keywords: Keyword[] = [];
  for (const arg of named(field(node, 'arguments'))) {
    if (arg.type === 'keyword_argument') {
      keywords.push({ name: field(arg, 'name').text, value: readExpression(field(arg, 'value')) });
    } else args.push(readExpression(arg));
  }
  return { kind: 'call', callee: readExpression(field(node, 'function')), args, keywords, at: node.startIndex };
}

function readPair(node: Node): readonly [Expression, Expression] {
  return [readExpression(field(node, 'key')), readExpression(field(node, 'value'))];
}

function readUnary(node: Node): Expression {
  const operand = readExpression(field(node, 'argument'));
  const operator = field(node, 'operator').text;
  if (operator === '-' && operand.kind === 'literal') {
    if (typeof operand.value === 'bigint') return { ...operand, value: -operand.value, at: node.startIndex };
    if (typeof operand.value === 'number') return { ...operand, value: -operand.value, at: node.startIndex };
  }
  return { kind: 'unary', operator, operand, at: node.startIndex };
}

function readComparison(node: Node): Expression {
  const [left, right] = named(node);
  if (left === undefined || right === undefined || node.namedChildCount !== 2) throw unsupported(node);
  const operator = node.children
    .filter((child) => !child.isNamed)
    .map((child) => child.text)
    .join(' ');
  return { kind: 'binary', operator, left: readExpression(left), right: readExpression(right), at: node.startIndex };
}

function readLiteral(node: Node): Literal {
  const { text } = node;
  switch (node.type) {
    case 'true':
      return true;
    case 'false':
      return false;
    case 'none':
      return null;
    case 'integer':
      return BigInt(text.replace(/_/g, ''));
    case 'float':
      return Number(text);
    case 'concatenated_string':
      return named(node)
        .map((part) => unquote(part.text))
        .join('');
    default:
      return unquote(text);
  }
}

function named(node: Node): Node[] {
  return node.namedChildren.filter((child) => child.type !== 'comment');
}

function field(node: Node, name: string): Node {
  const child = node.childForFieldName(name);
  if (child === null) throw unsupported(node);
  return child;
}

function onlyChild(node: Node): Node {
  const child = node.firstNamedChild;
  if (child === null) throw unsupported(node);
  return child;
}

function unsupported(node: Node): AppError {
  const line = node.text.split('\n', 1)[0] ?? '';
  return new AppError(
    'unsupported-format',
    `The code holds a construct that the interpreter does not know (${node.type}): ${line.slice(0, 80)}`,
    'Report it with the model’s code; the tree and the statistics still show.',
  );
}
