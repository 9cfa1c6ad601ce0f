// ExecuTorch programs (.pte): the operators and delegates of each method. Layout: schema/program.fbs of ExecuTorch.

import type { ExecuTorchCall, ExecuTorchMethod } from '../runtime/program';
import { beyondLimit, damaged, type ByteSource } from './byteSource';
import { FlatTable } from './flatbuffer';
import type { Format, OpenedFile } from './format';
import type { Peek } from './peek';

/** Without delegates and segments, weights lie inside the program. */
const MAX_PROGRAM = 2 ** 30;
const MAX_CALLS = 1_000_000;

export const execuTorch: Format = {
  name: 'ExecuTorch',
  extensions: ['pte'],
  match: (peek) => /^.{4}ET\d\d/s.test(peek.text().slice(0, 8)),
  open: openExecuTorch,
};

async function openExecuTorch(peek: Peek): Promise<OpenedFile> {
  const { source } = peek;
  const size = await programSize(source);
  if (size > MAX_PROGRAM) throw beyondLimit(source.name, `the program in it takes ${size} bytes`);
  const program = FlatTable.root(source.name, await source.read(0, size));
  const methods = program.tables(1).map((plan) => readMethod(plan, source.name));
  if (methods.length === 0) throw damaged(source.name, 'it has no method');
  return { format: 'executorch', contents: { kind: 'executorch', methods }, problems: [] };
}

/** An extended header at byte 8 tells where the program ends and the segments of weights begin. */
async function programSize(source: ByteSource): Promise<number> {
  if (source.size < 24) return source.size;
  const header = await source.read(8, 16);
  if (!/^eh\d\d/.test(String.fromCharCode(...header.subarray(0, 4)))) return source.size;
  const size = Number(new DataView(header.buffer, header.byteOffset + 8, 8).getBigUint64(0, true));
  if (size > source.size) throw damaged(source.name, `its program should take ${size} of ${source.size} bytes`);
  return size;
}

/** Members of the unions of the schema. */
const KERNEL_CALL = 1;
const DELEGATE_CALL = 2;
const BOOL = 3;

function readMethod(plan: FlatTable, file: string): ExecuTorchMethod {
  const values = plan.tables(2);
  const operators = plan.tables(6).map((operator) => ({ name: operator.text(0), overload: operator.text(1) }));
  const delegates = plan.tables(7).map((delegate) => delegate.text(0));
  const calls: ExecuTorchCall[] = [];
  for (const chain of plan.tables(5)) {
    for (const instruction of chain.tables(2)) {
      const call = instruction.table(1);
      const kind = instruction.byte(0);
      if (call === undefined || (kind !== KERNEL_CALL && kind !== DELEGATE_CALL)) continue;
      if (calls.length >= MAX_CALLS) throw beyondLimit(file, `it has more than ${MAX_CALLS} calls`);
      if (kind === DELEGATE_CALL) calls.push({ kind: 'delegate', name: known(delegates[call.int(0)], file) });
      else {
        const flags = call.ints(1).map((index) => boolOf(known(values[index], file)));
        calls.push({ kind: 'operator', ...known(operators[call.int(0)], file), flags });
      }
    }
  }
  return { name: plan.text(0), calls };
}

function boolOf(value: FlatTable): boolean | null {
  return value.byte(0) === BOOL ? value.table(1)?.byte(0) === 1 : null;
}

function known<T>(item: T | undefined, file: string): T {
  if (item === undefined) throw damaged(file, 'a call in it names something that is not there');
  return item;
}
