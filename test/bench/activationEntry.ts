// Runs inside the extension host: activates the extensions named in BENCH_EXTENSIONS and writes the times to BENCH_REPORT.

import fs from 'node:fs';
import * as vscode from 'vscode';

/** VS Code calls this. */
export async function run(): Promise<void> {
  // The extension host is busy with the built-in extensions just after its start; a person's first click comes later.
  await new Promise((resolve) => setTimeout(resolve, 3000));
  const milliseconds: Record<string, number> = {};
  for (const id of (process.env['BENCH_EXTENSIONS'] ?? '').split(',')) {
    const extension = vscode.extensions.getExtension(id);
    if (extension === undefined) throw new Error(`VS Code has not loaded ${id}`);
    if (extension.isActive) throw new Error(`${id} was active already, so that its activation can't be measured`);
    const start = performance.now();
    await extension.activate();
    milliseconds[id] = performance.now() - start;
  }
  fs.writeFileSync(process.env['BENCH_REPORT'] ?? '', JSON.stringify({ vscode: vscode.version, milliseconds }));
}
