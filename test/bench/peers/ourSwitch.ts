// Peer: train() and eval() of a whole tree, with the modes that every module then shows: ourSwitch DIST MODEL

import { openProgram } from './ourModel';
import { serve } from './serve';

async function main(dist: string, file: string): Promise<void> {
  const program = await openProgram(file, dist);
  await serve({ modules: program.modes().training.length }, () => {
    for (const training of [true, false]) {
      program.setTraining('', training, true);
      const { behaviour } = program.modes();
      if (behaviour[0] !== (training ? 'train' : 'eval'))
        throw new Error(`The root shows ${behaviour[0] ?? 'nothing'}`);
    }
  });
}

const [dist = '', file = ''] = process.argv.slice(2);
main(dist, file).catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
