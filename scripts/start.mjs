// `npm start`: VS Code with this extension, on samples/. Works on a fresh clone.

import { bootstrap } from './bootstrap.mjs';

bootstrap('startEditor.ts', process.argv.slice(2));
