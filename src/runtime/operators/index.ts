// The operator table, filled family by family. SUPPORTED.md is generated from it.

import { defineActivations } from './activation';
import { defineConvolutions } from './conv';
import { defineDropout } from './dropout';
import { defineNormalisation } from './norm';
import { definePointwise } from './pointwise';
import { definePooling } from './pooling';
import { OperatorTable } from './registry';
import { defineResize } from './resize';

/** Every operator that the runtime has. */
export const operatorTable = new OperatorTable();

for (const define of [definePooling, defineResize, definePointwise, defineActivations, defineConvolutions, defineNormalisation, defineDropout]) {
  define(operatorTable);
}
