// Names the files that we can't show, from their first bytes or their zip directory, and says what to do with them.

import { AppError, type AppErrorCode } from '../util/errors';
import type { Peek } from './peek';
import type { ZipArchive } from './zip';

const OPENS =
  'Mode Inspector opens TorchScript archives, programs of torch.export, files of torch.save, safetensors, ONNX and ExecuTorch files.';

/** `sentence` follows the file's name: "net.pth is a state_dict, …". */
interface Finding {
  readonly code: AppErrorCode;
  readonly sentence: string;
  readonly hint?: string;
}

/** The error for a file that no format takes: what it seems to be, and what to do. */
export function unrecognised(peek: Peek): AppError {
  const { name, size } = peek.source;
  const found = peek.zip === undefined ? bySignature(peek, size) : byDirectory(peek.zip);
  return new AppError(found.code, `${name} ${found.sentence}`, found.hint ?? OPENS);
}

const known = (sentence: string, hint?: string): Finding => ({
  code: 'unsupported-format',
  sentence,
  ...(hint === undefined ? {} : { hint }),
});
const noModel = (sentence: string, hint?: string): Finding => ({ ...known(sentence, hint), code: 'not-a-model' });

const signatures: readonly (readonly [text: string, offset: number, finding: Finding])[] = [
  ['\x89HDF\r\n\x1a\n', 0, known('is an HDF5 file, as Keras writes them')],
  ['GGUF', 0, known('is a GGUF file of llama.cpp')],
  ['\x93NUMPY', 0, known('is a NumPy array')],
  ['TFL3', 4, known('is a TensorFlow Lite model')],
  ['\x1f\x8b', 0, known('is compressed with gzip', 'Unpack it first.')],
  [
    'version https://git-lfs',
    0,
    noModel('is a Git LFS pointer, not the model itself', 'Fetch the model with: git lfs pull'),
  ],
];

function bySignature(peek: Peek, size: number): Finding {
  if (size === 0) return noModel('is empty', 'Save or download the file again.');
  for (const [text, offset, finding] of signatures) if (peek.startsWith(text, offset)) return finding;
  const { head } = peek;
  if (head[0] === 0x80 && head[1]! <= 5) return known('is a Python pickle without code that could run');
  const start = peek.text().trimStart().toLowerCase();
  if (/^<(!doctype|html|head|body)/.test(start)) {
    return noModel(
      'is a web page, not a model',
      'The download probably ended on a login or error page; download it again.',
    );
  }
  if (start.startsWith('{') || start.startsWith('[')) return noModel('is a JSON file, not a model');
  if (/^[\t\n\r\x20-\x7e]+$/.test(start)) return noModel('is a text file, not a model');
  return noModel('is no model file that we know');
}

function byDirectory(zip: ZipArchive): Finding {
  const names = zip.entries.keys();
  const has = (pattern: RegExp): boolean => names.some((name) => pattern.test(name));
  if (has(/^[^/]+\/model\.json$/) && has(/^[^/]+\/tensors\//))
    return known('is a TorchScript archive of a PyTorch before 1.4', 'Load it in a newer PyTorch and save it again.');
  if (has(/(^|\/)\.data\/extern_modules$/))
    return known('is a torch.package, a program with its data', 'Save the scripted model in it with torch.jit.save.');
  if (has(/(^|\/)MAR-INF\/MANIFEST\.json$/))
    return known('is a TorchServe package', 'Unpack it as a zip; it holds the model.');
  if (has(/(^|\/)model\.weights\.h5$/)) return known('is a Keras model');
  if (has(/\.npy$/)) return known('is a NumPy archive');
  if (names.length === 0) return noModel('is an empty zip archive');
  return noModel('is a zip archive without a model');
}
