// Writes SUPPORTED.md from the operator table: npm run docs

import { writeFileSync } from 'node:fs';
import path from 'node:path';

import { supportedText } from './supportedText';

writeFileSync(path.join(__dirname, '..', 'SUPPORTED.md'), supportedText());
