// Reads the summaries of a file's running statistics in the background, a few layers a request, so that clicks come in between.

import type { NormStatistics } from '../model/statistics';
import type { Disposable } from '../util/disposable';

/** Layers of one request: what waits behind it waits for some milliseconds. */
const layersPerRequest = 16;

export interface SummaryReaderOptions {
  readonly read: (paths: readonly string[]) => Promise<readonly { path: string; statistics: NormStatistics }[]>;
  /** False while reading would wait for something long, such as a forward. */
  readonly isFree: () => boolean;
  /** Everything that was asked for has been read. */
  readonly onDidRead: () => void;
}

export class SummaryReader implements Disposable {
  private readonly known = new Map<string, NormStatistics>();
  private readonly due = new Set<string>();
  private isReading = false;
  private disposed = false;

  constructor(private readonly options: SummaryReaderOptions) {}

  /** As it was read last; undefined where it has not been read yet. */
  get(path: string): NormStatistics | undefined {
    return this.known.get(path);
  }

  /** Has these layers read, again where they were read before. */
  want(paths: readonly string[]): void {
    for (const path of paths) this.due.add(path);
    this.resume();
  }

  /** Goes on after a time in which it was not free. */
  resume(): void {
    if (this.isReading || this.due.size === 0 || this.disposed || !this.options.isFree()) return;
    this.isReading = true;
    // What can't be read is told where somebody asks for it: rules have no say about it.
    void this.readDue()
      .catch(() => undefined)
      .finally(() => {
        this.isReading = false;
        if (this.due.size === 0 && !this.disposed) this.options.onDidRead();
        else this.resume();
      });
  }

  /** Of another file. */
  clear(): void {
    this.known.clear();
    this.due.clear();
  }

  dispose(): void {
    this.disposed = true;
    this.clear();
  }

  private async readDue(): Promise<void> {
    while (this.due.size > 0 && this.options.isFree()) {
      const paths = this.takeDue();
      const read = await this.options.read(paths);
      if (this.disposed) return;
      for (const { path, statistics } of read) this.known.set(path, statistics);
    }
  }

  /** The next few. All of them are not even listed: a large model has thousands, and hundreds of requests. */
  private takeDue(): readonly string[] {
    const paths: string[] = [];
    for (const path of this.due) {
      this.due.delete(path);
      if (paths.push(path) === layersPerRequest) break;
    }
    return paths;
  }
}
