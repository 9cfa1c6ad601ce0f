// `npm run bench`: works on a fresh clone, as `npm test` does.

import { bootstrap } from '../../scripts/bootstrap.mjs';

bootstrap('../test/bench/run.ts', process.argv.slice(2));
