// The error that people see keeps its code, hint and stack on its way out of the worker.

import assert from 'node:assert/strict';
import { AppError, fromErrorData, toAppError, toErrorData } from '../../../src/util/errors';

describe('AppError', () => {
  it('joins message and hint into one line', () => {
    assert.equal(new AppError('usage', 'No file\nwas given', 'Name one.').oneLine, 'No file was given. Name one.');
    assert.equal(new AppError('usage', 'Which file?').oneLine, 'Which file?');
  });

  it('cuts what a file makes it say, in the middle', () => {
    const error = new AppError(
      'bad-input',
      `It needs a value for 'x' (${'['.repeat(6000)}), and none is there`,
      'b'.repeat(6000),
    );
    assert.match(error.message, /^It needs a value for 'x' \(\[+ … \[+\), and none is there$/);
    assert.ok(error.oneLine.length < 1010, String(error.oneLine.length));
    assert.equal(fromErrorData(toErrorData(error, 'usage')).message, error.message);
  });

  it('crosses a boundary as structured-cloneable data', () => {
    const error = new AppError('corrupt', 'The archive ends early.', 'Download it again.');
    const copy = fromErrorData(structuredClone(toErrorData(error, 'usage')));
    assert.ok(copy instanceof AppError);
    assert.deepEqual(
      [copy.code, copy.message, copy.hint, copy.stack],
      [error.code, error.message, error.hint, error.stack],
    );
  });

  it('labels foreign errors with the fallback, and failed allocations as out of memory', () => {
    assert.equal(toAppError(new TypeError('x'), 'corrupt').code, 'corrupt');
    assert.equal(toAppError('text', 'usage').message, 'text');
    assert.equal(toAppError(new RangeError('Array buffer allocation failed'), 'corrupt').code, 'out-of-memory');
  });
});
