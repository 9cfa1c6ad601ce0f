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
    const entry = Promise.all(this.takeSuperfluous(bytes).map(release)).then(create);
    this.slots.set(key, { entry, bytes, forward: this.forward });
    this.bytes += bytes;
    entry.catch(() => {
      this.remove(key);
    });
    return entry;
  }

  /** Frees every session. */
  async clear(): Promise<void> {
    const entries = [...this.slots.values()].map(({ entry }) => entry);
    this.slots.clear();
    this.bytes = 0;
    for (const entry of entries) await release(entry);
  }

  /** Takes out what must go before a session with `bytes` of weights comes in. */
  private takeSuperfluous(bytes: number): Promise<E>[] {
    const taken: Promise<E>[] = [];
    for (const [key, { entry, forward }] of this.slots) {
      const total = this.bytes + bytes;
      const idle = forward !== this.forward && total > maxIdleBytes;
      if (!idle && total <= maxBytes && this.slots.size < maxSessions) continue;
      this.remove(key);
      taken.push(entry);
    }
    return taken;
  }

  private remove(key: string): void {
    this.bytes -= this.slots.get(key)?.bytes ?? 0;
    this.slots.delete(key);
  }
}

/** One that could not be made needs no release; whoever asked for it was told. */
async function release(entry: Promise<SessionEntry>): Promise<void> {
  const made = await entry.catch(() => undefined);
  await made?.session.release();
}
