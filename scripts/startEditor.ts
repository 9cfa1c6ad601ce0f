// Opens VS Code with this extension on samples/: on the desktop where there is one, else served to a browser.

import { spawn } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { workbenchUrl } from './lib/browser';
import { downloadDesktop, findDesktop, hasScreen } from './lib/desktop';
import { build, packageExtension } from './lib/package';
import { editorFolder, root, samples } from './lib/paths';
import { SetupError, cleanEnvironment, endOnSignals } from './lib/shell';
import { startServer } from './lib/server';

async function main(): Promise<void> {
  endOnSignals();
  console.log('Building the extension.');
  await build();
  fs.mkdirSync(samples, { recursive: true });
  const desktop = findDesktop() ?? (hasScreen() ? await downloadDesktop() : undefined);
  if (desktop !== undefined) await openDesktop(desktop);
  else await serve();
}

async function openDesktop(program: string): Promise<void> {
  console.log(
    `Opening ${program} on ${path.relative(root, samples)}/ with the extension. Close its window, or press Ctrl-C, to end.`,
  );
  const args = [`--extensionDevelopmentPath=${root}`, '--new-window', '--wait', samples];
  const child = spawn(program, args, { env: cleanEnvironment(), stdio: 'inherit' });
  await new Promise<void>((resolve, reject) => {
    child.once('error', (error) => {
      reject(new SetupError(`${program} could not be started: ${error.message}. Name another in VSCODE_EXECUTABLE.`));
    });
    child.once('exit', (status) => {
      process.exitCode = status ?? 1;
      resolve();
    });
  });
}

async function serve(): Promise<void> {
  console.log(
    hasScreen() ? 'No desktop VS Code: serving one to the browser.' : 'No screen here: serving VS Code to the browser.',
  );
  // Installed as a package: development folders can only be loaded by a browser that these scripts drive.
  const file = await packageExtension();
  // A terminal is part of the editor, so that the address carries a secret.
  const token = crypto.randomBytes(16).toString('hex');
  const server = await startServer({
    data: path.join(editorFolder, 'start'),
    packages: [file],
    preferredPort: 8421,
    token,
  });
  console.log(
    `\nVS Code with Mode Inspector is at\n\n  ${workbenchUrl(server, { folder: samples, token })}\n\nPress Ctrl-C to stop it.`,
  );
  await new Promise(() => undefined);
}

main().catch((error: unknown) => {
  console.error(error instanceof SetupError ? error.message : error);
  process.exit(1);
});
