// Bundles a file of this folder into one that VS Code can run in its extension host.

import path from 'node:path';
import * as esbuild from 'esbuild';
import { root } from '../../scripts/lib/paths';

/** Resolves to the bundle's path in `folder`. */
export async function bundleEntry(name: string, folder: string): Promise<string> {
  const outfile = path.join(folder, `${name}.js`);
  await esbuild.build({
    entryPoints: [`test/bench/${name}.ts`],
    absWorkingDir: root,
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    external: ['vscode'],
    logLevel: 'warning',
  });
  return outfile;
}
