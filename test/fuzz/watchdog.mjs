// A thread of the child process: cancels a forward that takes long, and ends the process when a mutant hangs. It measures
// processor time, so that a busy machine makes no hang.

import fs from 'node:fs';
import { workerData } from 'node:worker_threads';

/** @type {{ state: Int32Array, cancelFlag: Int32Array, output: number }} */
const { state, cancelFlag, output } = workerData;
const PERIOD = 50;
const SECOND = 1e6;
/**
 * By step: opening, a forward, the writing of a copy. A forward is cancelled long before, but one operator of a hundred million
 * elements does not look at the flag; the product stops its worker then.
 */
const limits = [2 * SECOND, 40 * SECOND, 2 * SECOND];
const CANCEL_AFTER = 1 * SECOND;
const FORWARD = 1;

const processorTime = () => {
  const { user, system } = process.cpuUsage();
  return user + system;
};

let seen = -1;
let start = 0;
setInterval(() => {
  const [count, step] = [Atomics.load(state, 0), Atomics.load(state, 1)];
  if (count !== seen) {
    seen = count;
    start = processorTime();
    return;
  }
  if (step < 0) return;
  const used = processorTime() - start;
  if (step === FORWARD && used > CANCEL_AFTER) Atomics.store(cancelFlag, 0, 1);
  if (used > limits[step]) {
    fs.writeSync(output, `hang ${JSON.stringify(['open', 'forward', 'copy'][step])}\n`);
    process.kill(process.pid, 'SIGKILL');
  }
}, PERIOD);
