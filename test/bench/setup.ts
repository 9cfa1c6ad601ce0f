// Gets what the benchmark needs beyond `npm ci`: the build, Netron's sources, the models, the bundled peers.

import fs from 'node:fs';
import path from 'node:path';
import * as esbuild from 'esbuild';
import { build } from '../../scripts/lib/package';
import { cacheFolder, root } from '../../scripts/lib/paths';
import { findTorchPython } from '../../scripts/lib/python';
import { cleanEnvironment, run, runOrFail } from '../../scripts/lib/shell';

const folder = path.join(cacheFolder, 'bench');
/** Apart from the interpreter's own packages, which may be the user's. Only what is used, so no dependencies. */
const packages = [
  'netron==9.3.3',
  'onnx==1.23.2',
  'onnxscript==0.7.2',
  'onnx-ir==1.1.0',
  'protobuf==7.36.2',
  'ml_dtypes==0.6.0',
];

/** As models.py has them. */
const tensorCounts = [105, 1001, 10_003, 100_002];

export interface Setup {
  readonly python: string;
  /** Environment with which the interpreter finds the packages of the benchmark. */
  readonly pythonEnv: NodeJS.ProcessEnv;
  readonly netron: string;
  readonly dist: string;
  readonly resnet: string;
  readonly resnetOnnx: string;
  readonly tree: string;
  /** A state dict of 1.19 GB: 14,000 tensors of 2,000 blocks. */
  readonly checkpoint: string;
  /** State dicts of small tensors, by their number. */
  readonly growth: ReadonlyMap<number, string>;
  /** The bundled peer of that name. */
  readonly peer: (name: string) => string;
}

export async function setUp(): Promise<Setup> {
  const python = await findTorchPython();
  const site = path.join(folder, 'python');
  const pythonEnv = { PYTHONPATH: site };
  await build({ production: true });
  await installPackages(python, site);
  await makeModels(python, pythonEnv);
  const peers = await bundlePeers();
  return {
    python,
    pythonEnv,
    netron: copyNetron(site),
    dist: path.join(root, 'dist'),
    resnet: path.join(folder, 'resnet18.pt'),
    resnetOnnx: path.join(folder, 'resnet18.onnx'),
    tree: path.join(folder, 'tree41k.pt'),
    checkpoint: path.join(folder, 'checkpoint.pth'),
    growth: new Map(tensorCounts.map((count) => [count, path.join(folder, `growth${count}.pth`)])),
    peer: (name) => path.join(peers, `${name}.mjs`),
  };
}

async function installPackages(python: string, site: string): Promise<void> {
  const wanted = JSON.stringify(packages);
  const mark = path.join(site, 'installed.json');
  if (fs.existsSync(mark) && fs.readFileSync(mark, 'utf8') === wanted) return;
  console.log(`Installing ${packages.join(', ')} into ${path.relative(root, site)}.`);
  fs.rmSync(site, { recursive: true, force: true });
  const options = ['--no-deps', '--disable-pip-version-check', '--no-input', '--quiet', '--target', site];
  await runOrFail('Installing the packages', python, ['-m', 'pip', 'install', ...options, ...packages], {
    timeoutSeconds: 600,
  });
  fs.writeFileSync(mark, wanted);
}

/** Netron's sources are ES modules, which Node believes only where a package.json says so. */
function copyNetron(site: string): string {
  const netron = path.join(folder, 'netron');
  fs.rmSync(netron, { recursive: true, force: true });
  fs.cpSync(path.join(site, 'netron'), netron, { recursive: true });
  fs.writeFileSync(path.join(netron, 'package.json'), '{"type":"module"}\n');
  return netron;
}

async function makeModels(python: string, env: NodeJS.ProcessEnv): Promise<void> {
  const names = ['resnet18.pt', 'resnet18.onnx', 'tree41k.pt', 'checkpoint.pth'];
  const files = [...names, ...tensorCounts.map((count) => `growth${count}.pth`)].map((name) => path.join(folder, name));
  if (files.every((file) => fs.existsSync(file))) return;
  console.log('Making the models, 1.4 GB; the tree of 41,001 modules takes a minute.');
  const script = path.join(root, 'test', 'bench', 'models.py');
  await runOrFail('models.py', python, ['-W', 'ignore', script, folder], { env: cleanEnvironment(env) });
}

async function bundlePeers(): Promise<string> {
  const outdir = path.join(folder, 'peers');
  await esbuild.build({
    entryPoints: ['ourForward', 'ourSwitch', 'wholeGraph'].map((name) => `test/bench/peers/${name}.ts`),
    absWorkingDir: root,
    outdir,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    // All contenders share one copy of ONNX Runtime Web, the installed one.
    packages: 'external',
    outExtension: { '.js': '.mjs' },
    logLevel: 'warning',
  });
  return outdir;
}

/** Versions of what was measured, for the results. */
export async function versions({ python }: Setup): Promise<Readonly<Record<string, string>>> {
  const command = 'import torch, platform; print(torch.__version__, platform.python_version())';
  const [torch = 'unknown', pythonVersion = 'unknown'] = (await run(python, ['-c', command])).output.trim().split(' ');
  const ort = path.join(root, 'node_modules', 'onnxruntime-web', 'package.json');
  const { version } = JSON.parse(fs.readFileSync(ort, 'utf8')) as { version: string };
  const netron = (packages[0] ?? '').split('==')[1] ?? 'unknown';
  return { Node: process.versions.node, Python: pythonVersion, torch, 'onnxruntime-web': version, netron };
}
