// Runs inside the extension host of a real VS Code: mocha over the test files that the build put beside this one.

import fs from 'node:fs';
import path from 'node:path';
import Mocha from 'mocha';

/** VS Code calls this, and takes a rejection for failure. */
export async function run(): Promise<void> {
  process.setSourceMapsEnabled(true);
  const reporter = process.env['MODE_INSPECTOR_REPORTER'] ?? 'spec';
  const grep = process.env['MODE_INSPECTOR_GREP'];
  const mocha = new Mocha({ timeout: 60_000, forbidOnly: true, forbidPending: true, reporter, ...(grep && { grep }) });
  for (const file of fs.readdirSync(__dirname, { recursive: true, encoding: 'utf8' }).sort()) {
    if (file.endsWith('.test.js')) mocha.addFile(path.join(__dirname, file));
  }
  const failures = await new Promise<number>((resolve) => mocha.run(resolve));
  if (failures > 0) throw new Error(`${failures} of the integration tests failed`);
}
