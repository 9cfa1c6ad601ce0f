// Packages the extension as people install it.

import fs from 'node:fs';
import path from 'node:path';
import { editorFolder, packageFile, root } from './paths';
import { runOrFail } from './shell';

/** @param options `production`: small, without source maps, as people install it. */
export async function build({ production = false } = {}): Promise<void> {
  const command = [path.join(root, 'esbuild.js'), ...(production ? ['--production'] : [])];
  await runOrFail('The build', process.execPath, command, { cwd: root, output: 'show' });
}

/** Makes a .vsix of what is built, or of another extension's folder; returns its path. */
export async function packageExtension(folder = root): Promise<string> {
  fs.mkdirSync(editorFolder, { recursive: true });
  const name = folder === root ? 'mode-inspector' : path.basename(folder);
  const file = path.join(editorFolder, `${name}.vsix`);
  const args = [
    packageFile('@vscode', 'vsce', 'vsce'),
    'package',
    '--no-dependencies',
    '--allow-missing-repository',
    ...(folder === root ? [] : ['--skip-license']),
    // There is no repository address yet that links could be rewritten to.
    '--no-rewrite-relative-links',
    '--out',
    file,
  ];
  await runOrFail('Packaging the extension', process.execPath, args, { cwd: folder });
  return file;
}
