// Keeps the sessions of graphs, and gives up those that were not used for long when their weights take too much memory.

import type { KernelSession } from './backend';

/** A network of a thousand layers fits. */
const maxSessions = 4096;
/** Bound weights of sessions that the forward in progress has not used: another mode's graphs, other shapes' graphs. */
const maxIdleBytes = 2 ** 30;
/** Bound weights of all sessions, of the 4 GiB that the kernels' memory can have. */
const maxBytes = 3 * 2 ** 30;

/** What is kept for a graph: its session, and what else its owner wants to know. */
export interface SessionEntry {
  readonly session: KernelSession;
}

interface Slot<E extends SessionEntry> {
  readonly entry: Promise<E>;
  readonly bytes: number;
  /** Number of the forward that used it last. */
  forward: number;
}

/** Sessions by the key of their graph, in the order in which they were used last. */
export class SessionCache<E extends SessionEntry> {
  private readonly slots = new Map<string, Slot<E>>();
  private bytes = 0;
  private forward = 0;

  /** What is used from now on belongs to another forward than what was used before. */
  startForward(): void {
    this.forward++;
  }

  /** The entry of the key, made where there is none; `bytes` is the size of the weights that its session binds. */
  async get(key: string, bytes: number, create: () => Promise<E>): Promise<E> {
    const known = this.slots.get(key);
    if (known !== undefined) {
      known.forward = this.forward;
      this.slots.delete(key);
      this.slots.set(key, known);
      return known.entry;
    }
    // Room is made first, so that the memory never holds more than it must.
    await this.makeRoom(bytes);
    const entry = create();
    this.slots.set(key, { entry, bytes, forward: this.forward });
    this.bytes += bytes;
    entry.catch(() => this.remove(key));
    return entry;
  }

  /** Frees every session. */
  async clear(): Promise<void> {
    for (const key of [...this.slots.keys()]) await this.release(key);
  }

  private async makeRoom(bytes: number): Promise<void> {
    for (const [key, { forward }] of [...this.slots]) {
      const idle = forward !== this.forward && this.bytes + bytes > maxIdleBytes;
      if (idle || this.bytes + bytes > maxBytes || this.slots.size >= maxSessions) await this.release(key);
    }
  }

  private async release(key: string): Promise<void> {
    const entry = this.remove(key);
    await (await entry)?.session.release();
  }

  private remove(key: string): Promise<E> | undefined {
    const slot = this.slots.get(key);
    if (slot === undefined) return undefined;
    this.slots.delete(key);
    this.bytes -= slot.bytes;
    return slot.entry;
  }
}
