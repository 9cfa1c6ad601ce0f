// The words of Save a Copy.

import assert from 'node:assert/strict';
import path from 'node:path';
import { savedSentence, suggestedCopy } from '../../../src/commands/saveCopyModel';
import { moduleSpec } from '../support/models';

describe('saving a copy, in words', () => {
  it('suggests a name that tells the mode', () => {
    const named = (...flags: (boolean | null)[]): string =>
      suggestedCopy(
        path.join('models', 'net.v2.pt'),
        flags.map((training, i) => moduleSpec(`m${String(i)}`, 'Linear', { training })),
      );
    assert.equal(named(true, null), path.join('models', 'net.v2-train.pt'));
    assert.equal(named(false, false), path.join('models', 'net.v2-eval.pt'));
    assert.equal(named(true, false), path.join('models', 'net.v2-modes.pt'));
  });

  it('says what differs, and what to know about it', () => {
    assert.equal(
      savedSentence('/m/copy.pt', { changed: ['a'], statistics: ['a', 'b'], problems: [{ message: 'But.' }] }),
      'Saved copy.pt: it differs from the original in 1 flag and the running statistics of 2 layers. But.',
    );
  });
});
