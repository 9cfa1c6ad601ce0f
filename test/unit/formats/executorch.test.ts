// ExecuTorch programs written by executorch 1.5.1, and hostile ones.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { createProgram } from '../../../src/runtime/createProgram';
import type { Program } from '../../../src/runtime/program';
import { AppError } from '../../../src/util/errors';
import { ascii, open } from './archives';

const bytesOf = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(join(__dirname, '../../fixtures/onnx', name)));

async function openProgram(bytes: Uint8Array): Promise<Program> {
  const { contents, format } = await open(bytes, 'net.pte');
  assert.equal(format, 'executorch');
  const unused = (): never => {
    throw new Error('a program needs no parser');
  };
  return createProgram(contents, { treeSitter: unused, pythonGrammar: unused });
}

async function rows(program: Program): Promise<string[]> {
  return (await program.describe()).map(({ path, type, behaviour }) => `${path} ${type} ${behaviour}`);
}

describe('ExecuTorch program', () => {
  it('shows its methods with their operators, BatchNorm as what it is for', async () => {
    const program = await openProgram(bytesOf('plain.pte'));
    assert.deepEqual(await rows(program), [
      ' Program eval',
      'forward Method eval',
      'forward.aten::_native_batch_norm_legit_no_training Operator eval',
      'forward.aten::mul Operator none',
      'forward.aten::add Operator none',
    ]);
    assert.deepEqual(program.capabilities, { setTraining: false, runForward: false });
    assert.match(program.problems[0]?.message ?? '', /no mode can be switched\.$/);
    await assert.rejects(() => program.forward([], undefined as never), { code: 'no-program' });
  });

  it('says that delegates can’t be looked into', async () => {
    const program = await openProgram(bytesOf('delegated.pte'));
    assert.ok((await rows(program)).includes('forward.BackendWithCompilerDemo Delegate unknown'));
    assert.match(program.problems[0]?.message ?? '', /compiled for BackendWithCompilerDemo/);
  });

  it('that is damaged gives an AppError', async () => {
    await assert.rejects(openProgram(ascii('\x1c\0\0\0ET12....')), { code: 'corrupt' });
    const original = bytesOf('plain.pte');
    // What follows the program are weights, which nobody reads.
    const programSize = new DataView(original.buffer).getUint32(16, true);
    for (let end = 8; end < programSize; end += 97) {
      await assert.rejects(openProgram(original.slice(0, end)), AppError, `cut at ${end}`);
    }
  });
});
