// Lines of a text in a later version of it.

import assert from 'node:assert/strict';
import fc from 'fast-check';
import { movedLines } from '../../../src/views/movedLinesModel';

const before = ['import torch', '', 'model.train()', 'step()', 'model.eval()', 'score()'];

describe('lines of an edited text', () => {
  const all = (now: readonly string[]): (number | undefined)[] => {
    const lineIn = movedLines(before.join('\n'), now.join('\n'));
    return before.map((_, line) => lineIn(line));
  };

  it('stay where nothing was edited, and move with what is above them', () => {
    assert.deepEqual(all(before), [0, 1, 2, 3, 4, 5]);
    assert.deepEqual(all(['# A comment', ...before.slice(0, 3), 'more()', ...before.slice(3)]), [1, 2, 3, 5, 6, 7]);
    assert.deepEqual(all(before.toSpliced(1, 1)), [0, undefined, 1, 2, 3, 4]);
  });

  it('are gone when they were changed themselves', () => {
    assert.deepEqual(all(before.with(2, 'model.train(False)')), [0, 1, undefined, 3, 4, 5]);
    assert.deepEqual(
      all(['pass']),
      before.map(() => undefined),
    );
  });

  it('are the same whatever ends them', () => {
    const lineIn = movedLines(before.join('\r\n'), ['', ...before].join('\n'));
    assert.deepEqual([lineIn(2), lineIn(before.length)], [3, undefined]);
  });

  it('never become another line', () => {
    const text = fc.array(fc.constantFrom('model.train()', 'model.eval()', 'step()', ''), { maxLength: 12 });
    fc.assert(
      fc.property(text, text, (old, now) => {
        const lineIn = movedLines(old.join('\n'), now.join('\n'));
        const moved = old.flatMap((line, index) => {
          const at = lineIn(index);
          if (at !== undefined) assert.equal(now[at] ?? '', line);
          return at ?? [];
        });
        assert.deepEqual(
          moved,
          [...new Set(moved)].sort((a, b) => a - b),
          'in their order, each once',
        );
      }),
    );
  });
});
