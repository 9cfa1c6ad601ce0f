// `npm test [-- stage…]`: every check and test of the project, or the named ones. Works on a fresh clone.

import { bootstrap } from './bootstrap.mjs';

bootstrap('runStages.ts', process.argv.slice(2));
