// The Python processes of this user, as the system tells of them; on Linux those that have torch loaded, and no others.

import { execFile } from 'node:child_process';
import { readdir, readFile, readlink, stat } from 'node:fs/promises';
import { promisify } from 'node:util';

const execute = promisify(execFile);

export interface PythonProcess {
  readonly id: number;
  /** Its words, joined by spaces. */
  readonly command: string;
  /** The interpreter’s file. */
  readonly executable: string;
  readonly folder?: string;
}

/** Whether {@link pythonProcesses} leaves out processes without torch; elsewhere that can’t be seen from outside. */
export const knowsTorch = process.platform === 'linux';

/** The newest first. What can’t be read (it has ended, it is another user’s) is left out. */
export async function pythonProcesses(): Promise<readonly PythonProcess[]> {
  const found =
    process.platform === 'linux' ? await onLinux() : process.platform === 'win32' ? await onWindows() : await onMac();
  return found.filter(({ id }) => id !== process.pid).sort((a, b) => b.id - a.id);
}

async function onLinux(folder = '/proc'): Promise<PythonProcess[]> {
  const names = (await readdir(folder)).filter((name) => /^\d+$/.test(name));
  const read = await Promise.all(
    names.map((name) => readLinux(`${folder}/${name}`, Number(name)).catch(() => undefined)),
  );
  return read.filter((each) => each !== undefined);
}

async function readLinux(folder: string, id: number): Promise<PythonProcess | undefined> {
  if ((await stat(folder)).uid !== process.getuid?.()) return undefined;
  if (!mapsTorch(await readFile(`${folder}/maps`, 'utf8'))) return undefined;
  const command = parseCommandLine(await readFile(`${folder}/cmdline`, 'utf8'));
  return { id, command, executable: await readlink(`${folder}/exe`), folder: await readlink(`${folder}/cwd`) };
}

/** Whether `/proc/PID/maps` shows torch’s library for Python; that of C++ programs is not enough. */
export function mapsTorch(maps: string): boolean {
  return /\/libtorch_python\b|\/torch\/lib\//.test(maps);
}

/** `/proc/PID/cmdline`: words that end in a zero byte. */
export function parseCommandLine(text: string): string {
  return text.replace(/\0+$/, '').replaceAll('\0', ' ');
}

async function onMac(): Promise<PythonProcess[]> {
  const user = String(process.getuid?.() ?? '');
  const list = async (column: string): Promise<string> =>
    (await execute('ps', ['-ww', '-U', user, '-o', `pid=,${column}=`], { maxBuffer: 1 << 24 })).stdout;
  return parsePs(await list('comm'), await list('command'));
}

/** Output of `ps` twice: process ids with the path of each program, and with its words. */
export function parsePs(programs: string, commands: string): PythonProcess[] {
  const words = columns(commands);
  return [...columns(programs)]
    .filter(([, program]) => isPython(program))
    .map(([id, executable]) => ({ id, executable, command: words.get(id) ?? executable }));
}

async function onWindows(): Promise<PythonProcess[]> {
  const script =
    'Get-CimInstance Win32_Process -Filter "Name LIKE \'python%\'" | Select-Object ProcessId,CommandLine,ExecutablePath | ConvertTo-Json -Compress';
  const { stdout } = await execute('powershell.exe', ['-NoProfile', '-NonInteractive', '-Command', script], {
    maxBuffer: 1 << 24,
    windowsHide: true,
  });
  return parseCim(stdout);
}

/** JSON of Windows’ processes: an array, one object alone, or nothing. Those of other users come without a command. */
export function parseCim(text: string): PythonProcess[] {
  const parsed: unknown = text.trim() === '' ? [] : JSON.parse(text);
  const rows: readonly unknown[] = Array.isArray(parsed) ? parsed : [parsed];
  return rows.flatMap((row) => {
    if (typeof row !== 'object' || row === null) return [];
    const {
      ProcessId: id,
      CommandLine: command,
      ExecutablePath: executable,
    } = row as Readonly<Record<string, unknown>>;
    return typeof id === 'number' && typeof command === 'string' && typeof executable === 'string'
      ? [{ id, command, executable }]
      : [];
  });
}

function columns(text: string): Map<number, string> {
  const rows = text.split('\n').map((line) => /^\s*(\d+)\s+(.*?)\s*$/.exec(line));
  return new Map(rows.flatMap((row) => (row === null ? [] : [[Number(row[1]), row[2] ?? '']])));
}

function isPython(program: string): boolean {
  return /^python[\d.]*$/i.test(program.slice(program.lastIndexOf('/') + 1));
}
