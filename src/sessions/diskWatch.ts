// Notices that an opened file was rewritten or deleted.

import { unwatchFile, watchFile as watchStats } from 'node:fs';
import type { StatsListener } from 'node:fs';
import type { Disposable } from '../util/disposable';

/** How the file on disk stands to what was read from it. */
export type DiskState = 'same' | 'changed' | 'deleted';

/**
 * Looks at the file every `interval` milliseconds. Polling is what works on every file system, also when a training
 * script replaces the file by a rename, and costs one `stat` for each open model. A file that is still being written
 * is reported once it has stood still for one interval.
 */
export function watchFile(file: string, onChange: (state: DiskState) => void, interval = 1000): Disposable {
  let settle: NodeJS.Timeout | undefined;
  const listener: StatsListener = (current, previous) => {
    clearTimeout(settle);
    if (current.mtimeMs === 0) {
      onChange('deleted');
      return;
    }
    if (current.mtimeMs === previous.mtimeMs && current.size === previous.size && current.ino === previous.ino) return;
    settle = setTimeout(() => {
      onChange('changed');
    }, interval);
    settle.unref();
  };
  watchStats(file, { interval, persistent: false }, listener);
  return {
    dispose: () => {
      clearTimeout(settle);
      unwatchFile(file, listener);
    },
  };
}
