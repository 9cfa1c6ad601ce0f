// Loads a model file with Netron's own model factory: node netronLoad.mjs NETRON_FOLDER FILE
// Ends when Netron's model object, with its graph, exists. Prints the format and the number of nodes.

import { loadNetron } from './netron.mjs';

const [folder, file] = process.argv.slice(2);
const open = await loadNetron(folder);
const model = await open(file);
const nodes = model.modules.reduce((sum, graph) => sum + graph.nodes.length, 0);
console.log(JSON.stringify({ format: model.format, nodes }));
