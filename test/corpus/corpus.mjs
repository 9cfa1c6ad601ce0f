// `npm run corpus`: all published models of the corpus, where `npm test` opens the small ones.

import { bootstrap } from '../../scripts/bootstrap.mjs';

process.env.MODE_INSPECTOR_CORPUS = 'all';
bootstrap('runStages.ts', ['corpus']);
