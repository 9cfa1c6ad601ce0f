// The operator table, filled family by family. SUPPORTED.md is generated from it.

import { defineActivations } from './activation';
import { defineConvolutions } from './conv';
import { defineDropout } from './dropout';
import { defineNormalisation } from './norm';
import { definePointwise } from './pointwise';
import { OperatorTable } from './registry';

/** Every operator that the runtime has. */
export const operatorTable = new OperatorTable();

for (const define of [definePointwise, defineActivations, defineConvolutions, defineNormalisation, defineDropout]) {
  define(operatorTable);
}
