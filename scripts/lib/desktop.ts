// Finds a desktop VS Code, or downloads one within a bounded time.

import fs from 'node:fs';
import path from 'node:path';
import { download } from '@vscode/test-electron';
import { editorFolder } from './paths';
import { SetupError } from './shell';

/** A desktop program needs a screen; without one, VS Code is served to a browser. */
export function hasScreen(): boolean {
  if (process.platform !== 'linux') return true;
  return Boolean(process.env['DISPLAY'] ?? process.env['WAYLAND_DISPLAY']);
}

/** VSCODE_EXECUTABLE if it is set (an error if it names no file), else the program behind `code` on PATH. */
export function findDesktop(): string | undefined {
  const named = process.env['VSCODE_EXECUTABLE'];
  if (named) {
    if (fs.existsSync(named)) return named;
    throw new SetupError(`VSCODE_EXECUTABLE names ${named}, which does not exist: correct it or unset it.`);
  }
  const code = findOnPath('code');
  return code === undefined || !hasScreen() ? undefined : electronBehind(code);
}

/** Downloads the current VS Code. Undefined, with the reason printed, if no answer or no more data comes. */
export async function downloadDesktop(): Promise<string | undefined> {
  const idleSeconds = 20;
  const totalMinutes = 10;
  console.log(
    `Trying to download VS Code (given up after ${idleSeconds} s without an answer, ${totalMinutes} min in all).`,
  );
  let giveUp: (error: Error) => void = () => undefined;
  const givenUp = new Promise<never>((_, reject) => {
    giveUp = reject;
  });
  const total = setTimeout(() => {
    giveUp(new Error(`not finished after ${totalMinutes} min`));
  }, totalMinutes * 60_000);
  let idle: NodeJS.Timeout | undefined;
  const heard = (): void => {
    clearTimeout(idle);
    idle = setTimeout(() => {
      giveUp(new Error(`no answer for ${idleSeconds} s`));
    }, idleSeconds * 1000);
  };
  heard();
  try {
    const reporter = { report: heard, error: heard };
    return await Promise.race([givenUp, download({ cachePath: editorFolder, timeout: idleSeconds * 1000, reporter })]);
  } catch (error) {
    console.log(`No VS Code could be downloaded: ${error instanceof Error ? error.message : String(error)}.`);
    return undefined;
  } finally {
    clearTimeout(total);
    clearTimeout(idle);
  }
}

/** The first program of that name on PATH. */
export function findOnPath(name: string): string | undefined {
  const endings = process.platform === 'win32' ? ['.exe', '.cmd'] : [''];
  for (const folder of (process.env['PATH'] ?? '').split(path.delimiter)) {
    for (const ending of endings) {
      const file = path.join(folder, name + ending);
      if (folder !== '' && fs.statSync(file, { throwIfNoEntry: false })?.isFile()) return file;
    }
  }
  return undefined;
}

/** `code` is a script beside the real program, which is what the tests must start. */
function electronBehind(code: string): string | undefined {
  const bin = path.dirname(fs.realpathSync(code));
  const candidates = [
    path.join(bin, '..', 'code'),
    path.join(bin, '..', 'Code.exe'),
    path.join(bin, '..', '..', '..', 'MacOS', 'Electron'),
    path.join(bin, '..', '..', '..', 'MacOS', 'Code'),
  ];
  // A `code` that only talks to an editor elsewhere, as in a remote terminal, has no such neighbour.
  return candidates.find((file) => fs.statSync(file, { throwIfNoEntry: false })?.isFile());
}
