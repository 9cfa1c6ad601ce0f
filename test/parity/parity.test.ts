// Parity with torch: every fixture is opened with the project's reader and run on the bundled runtime, one test a case.

import assert from 'node:assert/strict';

import { Fixture, fixtureFolder, listCases } from './fixture';
import { replay } from './replay';

const folder = fixtureFolder();
const families = new Map<string, string[]>();
for (const casePath of listCases(folder)) {
  const family = casePath.slice(0, casePath.indexOf('/'));
  families.set(family, [...(families.get(family) ?? []), casePath]);
}

for (const [family, cases] of families) {
  describe(`parity with torch: ${family}`, () => {
    for (const casePath of cases) {
      it(casePath.slice(family.length + 1), async () => {
        const fixture = Fixture.read(folder, casePath);
        const differences = await replay(fixture);
        if (differences.length > 0) {
          assert.fail(`not as torch ${fixture.document.torch} in ${casePath}:\n${differences.join('\n')}`);
        }
      });
    }
  });
}
