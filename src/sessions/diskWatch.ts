// Notices that an opened file was rewritten, replaced or deleted.

import { statSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Disposable } from '../util/disposable';

/** How the file on disk stands to what was read from it. */
export type DiskState = 'same' | 'changed' | 'deleted';

/** What tells two versions of a file apart without reading them; undefined where there is no file. */
type Fingerprint = string | undefined;

/**
 * Watches from now on, by looking at the file every `interval` milliseconds. Polling is what works on every file
 * system, also when a training script replaces the file by a rename, and costs one `stat` for each open model. A file
 * that is still being written is reported once it has stood still between two looks.
 */
export function watchFile(file: string, onChange: (state: DiskState) => void, interval = 1000): Disposable {
  let reported = fingerprintOf(() => statSync(file));
  let lastSeen = reported;
  let disposed = false;
  let timer: NodeJS.Timeout;

  const look = async (): Promise<void> => {
    const seen = await stat(file).then(
      (stats) => fingerprintOf(() => stats),
      () => undefined,
    );
    if (disposed) return;
    if (seen !== reported && seen === lastSeen) {
      reported = seen;
      onChange(seen === undefined ? 'deleted' : 'changed');
    }
    lastSeen = seen;
    wait();
  };
  const wait = (): void => {
    // `look` catches what can fail.
    timer = setTimeout(() => void look(), interval);
    timer.unref();
  };
  wait();
  return {
    dispose: () => {
      disposed = true;
      clearTimeout(timer);
    },
  };
}

function fingerprintOf(
  read: () => { readonly mtimeMs: number; readonly size: number; readonly ino: number },
): Fingerprint {
  try {
    const { mtimeMs, size, ino } = read();
    return `${String(mtimeMs)}/${String(size)}/${String(ino)}`;
  } catch {
    return undefined;
  }
}
