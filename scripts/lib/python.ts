// Finds or makes a Python that has torch, for the stages that compare with it.

import fs from 'node:fs';
import path from 'node:path';
import { root } from './paths';
import { SetupError, cleanEnvironment, run, runOrFail } from './shell';

const torchVersion = '2.13.0';
/** What the interpreter must have: the module that is imported, and what pip installs for it. */
const packages = [
  ['torch', `torch==${torchVersion}`],
  ['numpy', 'numpy'],
  // torch's ONNX exporter needs it.
  ['onnx', 'onnx==1.23.2'],
  // The debugger of the integration tests.
  ['debugpy', 'debugpy==1.8.22'],
  // Their notebook kernel.
  ['ipykernel', 'ipykernel==7.4.0'],
] as const;
const modules = packages.map(([module]) => module).join(', ');
const candidates = ['python3', 'python3.13', 'python3.12', 'python3.11', 'python3.10', 'python'];

/** MODE_INSPECTOR_PYTHON if it has torch, else .venv, made on first use with a pinned torch. */
export async function findTorchPython(): Promise<string> {
  const named = process.env['MODE_INSPECTOR_PYTHON'];
  if (named) {
    const { status, output } = await run(named, ['-c', `import ${modules}`]);
    if (status === 0) return named;
    throw new SetupError(
      `MODE_INSPECTOR_PYTHON names ${named}, which can't import ${modules}: ${lastLine(output)}. Install them there, or unset it.`,
    );
  }
  const folder = path.join(root, '.venv');
  const python = path.join(folder, ...(process.platform === 'win32' ? ['Scripts', 'python.exe'] : ['bin', 'python']));
  if (!fs.existsSync(python)) await makeEnvironment(folder);
  if (!(await hasTorch(python))) await installTorch(python);
  return python;
}

async function hasTorch(python: string): Promise<boolean> {
  const test = `import ${modules}; assert torch.__version__.split('+')[0] == '${torchVersion}'`;
  return (await run(python, ['-c', test])).status === 0;
}

async function makeEnvironment(folder: string): Promise<void> {
  for (const candidate of candidates) {
    const { status } = await run(candidate, ['-c', 'import sys; sys.exit(sys.version_info < (3, 10))']);
    if (status !== 0) continue;
    console.log(`Making a virtual environment in .venv with ${candidate}.`);
    const made = await run(candidate, ['-m', 'venv', folder], { timeoutSeconds: 180 });
    if (made.status === 0) return;
    fs.rmSync(folder, { recursive: true, force: true });
    throw new SetupError(
      `${candidate} can't make a virtual environment (Debian: apt-get install python3-venv).\n${made.output.trim()}`,
    );
  }
  throw new SetupError(
    `Python 3.10 or newer is needed to compare with PyTorch ${torchVersion}: install it (https://www.python.org), or name one that has torch in MODE_INSPECTOR_PYTHON.`,
  );
}

async function installTorch(python: string): Promise<void> {
  const requirements = packages.map(([, requirement]) => requirement);
  console.log(`Installing ${requirements.join(', ')} into .venv.`);
  const pip = ['-m', 'pip', 'install', '--disable-pip-version-check', '--progress-bar', 'off', '--no-input'];
  const options = { output: 'show', env: cleanEnvironment(), timeoutSeconds: 1200 } as const;
  // On Linux the wheel of the package index brings 3 GB of CUDA; PyTorch's own index has one for the processor alone.
  if (process.platform === 'linux') {
    const index = ['--retries', '0', '--timeout', '20', '--extra-index-url', 'https://download.pytorch.org/whl/cpu'];
    const { status } = await run(python, [...pip, ...index, ...requirements], options);
    if (status === 0) return;
    console.log('That failed; trying again without download.pytorch.org.');
  }
  await runOrFail(`Installing torch ${torchVersion}`, python, [...pip, ...requirements], options);
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}
