// Peer: ONNX Runtime Web running the whole exported graph with its default options: wholeGraph DIST MODEL.onnx THREADS

import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import * as ort from 'onnxruntime-web';
import { serve, wave } from './serve';

async function main(dist: string, file: string, threads: number): Promise<void> {
  ort.env.wasm.wasmPaths = pathToFileURL(path.join(dist, '/')).href;
  ort.env.wasm.numThreads = threads;
  const session = await ort.InferenceSession.create(await readFile(file), { executionProviders: ['wasm'] });
  const [input, output] = [session.inputNames[0] ?? '', session.outputNames[0] ?? ''];
  const feeds = { [input]: new ort.Tensor('float32', wave(3 * 224 * 224), [1, 3, 224, 224]) };
  const forward = async () => (await session.run(feeds))[output]?.data as Float32Array;
  await serve({ output: [...(await forward())] }, async () => {
    await forward();
  });
}

const [dist = '', file = '', threads = '1'] = process.argv.slice(2);
main(dist, file, Number(threads)).catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
