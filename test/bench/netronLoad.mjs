// Loads a model file with Netron's own model factory in a plain Node process: node netronLoad.mjs NETRON_FOLDER FILE
// Ends when Netron's model object, with its graph, exists; nothing is drawn. Prints the format and the number of nodes.

import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const [folder, file] = process.argv.slice(2);
const load = (name) => import(pathToFileURL(path.join(folder, name)).href);

const { ModelFactoryService } = await load('view.js');
const { FileStream } = await load('node.js');

/** What Netron's desktop program gives its loader: modules by name, and the metadata files beside them. */
const host = {
  require: (id) => load(`${id}.js`),
  asset: (name) => fs.promises.readFile(path.join(folder, name), 'utf8'),
  event: () => undefined,
};

const { size, mtimeMs } = fs.statSync(file);
const model = await new ModelFactoryService(host).open({
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

const nodes = model.modules.reduce((sum, graph) => sum + graph.nodes.length, 0);
console.log(JSON.stringify({ format: model.format, nodes }));
