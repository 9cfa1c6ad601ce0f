// The elements of the view “Modules”, one for each thing as long as it is there: VS Code knows an element by its identity.

import type { LiveProcess } from '../sessions/liveProcess';
import type { LiveSession } from '../sessions/liveSession';
import type { ModelSession } from '../sessions/modelSession';
import type { ModuleRange } from './rangeModel';
import type { Place } from './ranksModel';
import type { TreeNode } from './treeNode';

export class NodeRegistry {
  private readonly ofModels = new Map<string, Map<string, TreeNode>>();
  private readonly ofProcesses = new WeakMap<LiveProcess, TreeNode>();
  private readonly ofJobs = new Map<string, TreeNode>();

  module(session: ModelSession, path: string): TreeNode {
    return this.keyed(session, moduleKey(path), () => ({ kind: 'module', session, path }));
  }

  /** Some of the children of the module at `path`. */
  range(session: ModelSession, path: string, range: ModuleRange): TreeNode {
    return this.keyed(session, `range:${path}:${String(range.start)}`, () => ({
      kind: 'range',
      session,
      path,
      ...range,
    }));
  }

  /** A fold below the row of a model, beside its modules. */
  fold(session: ModelSession, kind: 'forward' | 'problems' | 'pair'): TreeNode {
    return this.keyed(session, kind, () => ({ kind, session }));
  }

  switches(session: LiveSession): TreeNode {
    return this.keyed(session, 'switches', () => ({ kind: 'switches', session }));
  }

  process(process: LiveProcess): TreeNode {
    let node = this.ofProcesses.get(process);
    if (node === undefined) this.ofProcesses.set(process, (node = { kind: 'process', process }));
    return node;
  }

  /** The row of a job, by its key, or the fold of what differs in it. */
  job(kind: 'job' | 'differences', job: string): TreeNode {
    const key = `${kind}:${job}`;
    let node = this.ofJobs.get(key);
    if (node === undefined) this.ofJobs.set(key, (node = { kind, job }));
    return node;
  }

  place(place: Place<LiveProcess>): TreeNode {
    return place.kind === 'job' ? this.job('job', place.job.key) : this.process(place.process);
  }

  /** The node of a module, if it was ever shown; so with those below. */
  knownModule(session: ModelSession, path: string): TreeNode | undefined {
    return this.ofModels.get(session.id)?.get(moduleKey(path));
  }

  knownSwitches(session: LiveSession): TreeNode | undefined {
    return this.ofModels.get(session.id)?.get('switches');
  }

  knownProcess(process: LiveProcess): TreeNode | undefined {
    return this.ofProcesses.get(process);
  }

  knownJob(kind: 'job' | 'differences', job: string): TreeNode | undefined {
    return this.ofJobs.get(`${kind}:${job}`);
  }

  /** Takes up that a model was closed. */
  forget({ id }: ModelSession): void {
    this.ofModels.delete(id);
  }

  /** After a reload paths may mean other modules; the root's node stays, so that the model stays unfolded. */
  forgetModules(session: ModelSession): void {
    const root = this.module(session, '');
    this.ofModels.set(session.id, new Map([[moduleKey(''), root]]));
  }

  private keyed(session: ModelSession, key: string, make: () => TreeNode): TreeNode {
    let known = this.ofModels.get(session.id);
    if (known === undefined) this.ofModels.set(session.id, (known = new Map<string, TreeNode>()));
    let node = known.get(key);
    if (node === undefined) known.set(key, (node = make()));
    return node;
  }
}

function moduleKey(path: string): string {
  return `module:${path}`;
}
