// Opens a model with the built assets, for the peers that run our code in their own process.

import { openModel } from '../../../src/sessions/openModel';
import { assetsIn, parserAssets } from '../../../src/sessions/assets';
import type { Program } from '../../../src/runtime/program';

export async function openProgram(file: string, dist: string): Promise<Program> {
  const { program } = await openModel(file, parserAssets(assetsIn(dist)));
  await program.describe();
  return program;
}
