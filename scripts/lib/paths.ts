// Where the scripts find and put things; all that they make is ignored by git.

import path from 'node:path';

export const root = path.resolve(__dirname, '..', '..');
export const samples = path.join(root, 'samples');
/** Editors, servers and their data. */
export const editorFolder = path.join(root, '.vscode-test');
/** Reports, screenshots, parity data. */
export const cacheFolder = path.join(root, '.cache');
export const screenshots = path.join(cacheFolder, 'screenshots');

/** The path of a package's command, for running it with this Node. */
export function packageFile(...parts: readonly string[]): string {
  return path.join(root, 'node_modules', ...parts);
}
