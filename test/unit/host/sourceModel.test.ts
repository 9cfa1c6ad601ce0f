// Finding a recorded source file in the workspace.

import assert from 'node:assert/strict';
import { bestMatches } from '../../../src/host/sourceModel';

describe('source of a module', () => {
  it('is the file whose path ends most alike', () => {
    const candidates = ['/w/model.py', '/w/nets/model.py', '/w/other/model.py'];
    assert.deepEqual(bestMatches('/home/me/nets/model.py', candidates), ['/w/nets/model.py']);
    assert.deepEqual(bestMatches('C:\\me\\nets\\model.py', candidates), ['/w/nets/model.py']);
    assert.deepEqual(bestMatches('model.py', candidates), candidates);
    assert.deepEqual(bestMatches('/home/me/else.py', candidates), []);
  });
});
