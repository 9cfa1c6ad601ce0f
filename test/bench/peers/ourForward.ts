// Peer: the bundled runtime's forward of a model in eval: ourForward DIST MODEL THREADS

import { RunContext } from '../../../src/runtime/context';
import { KernelExecutor } from '../../../src/runtime/kernels/executor';
import { createOrtWebBackend } from '../../../src/runtime/kernels/ortWeb';
import { Tensor } from '../../../src/runtime/program';
import { Generator } from '../../../src/runtime/random';
import { assetsIn, onnxRuntimePrefix } from '../../../src/sessions/assets';
import { openProgram } from './ourModel';
import { serve, wave } from './serve';

async function main(dist: string, file: string, threads: number): Promise<void> {
  const program = await openProgram(file, dist);
  program.setTraining('', false, true);
  const wasmFolder = onnxRuntimePrefix(assetsIn(dist));
  const executor = new KernelExecutor(() => createOrtWebBackend({ wasmFolder, threads }));
  const shape = [1, 3, 224, 224];
  const input = Tensor.of('float32', shape, wave(3 * 224 * 224));
  const forward = () => program.forward([input], new RunContext(executor, new Generator(0)));
  const output = await forward();
  if (!(output instanceof Tensor)) throw new Error('The model returns no tensor');
  await serve({ output: Array.from(output.toNumbers()) }, async () => {
    await forward();
  });
}

const [dist = '', file = '', threads = '1'] = process.argv.slice(2);
main(dist, file, Number(threads)).catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
