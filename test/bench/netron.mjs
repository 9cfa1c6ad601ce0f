// Netron's own factory of models in a plain Node process, with what its desktop program gives it; nothing is drawn.

import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

/** Loads Netron from its folder of sources; resolves to what opens a file: Netron's model, with its graph. */
export async function loadNetron(folder) {
  const load = (name) => import(pathToFileURL(path.join(folder, name)).href);
  const { ModelFactoryService } = await load('view.js');
  const { FileStream } = await load('node.js');
  /** Modules by name, and the metadata files beside them. */
  const host = {
    require: (id) => load(`${id}.js`),
    asset: (name) => fs.promises.readFile(path.join(folder, name), 'utf8'),
    event: () => undefined,
  };
  return (file) => {
    const { size, mtimeMs } = fs.statSync(file);
    return new ModelFactoryService(host).open({
      identifier: path.basename(file),
      stream: new FileStream(file, 0, size, mtimeMs),
      entries: new Map(),
      require: host.require,
      asset: host.asset,
      fetch: () => Promise.reject(new Error('A model of a single file needs no other.')),
      error: (error) => {
        throw error;
      },
    });
  };
}
