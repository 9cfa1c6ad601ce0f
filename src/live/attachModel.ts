// Which way leads into a process that already runs, what is in its way, and the command that goes it.

/** From 3.14 on, Python runs a script in another Python by itself (PEP 768). */
const firstWithRemoteExec = [3, 14] as const;

export type AttachWay = 'remoteExec' | 'debugger';

/** @param version [major, minor] of the process’s interpreter; undefined where it does not say. */
export function attachWay(version: readonly [number, number] | undefined): AttachWay {
  const [major, minor] = version ?? [0, 0];
  const [wantedMajor, wantedMinor] = firstWithRemoteExec;
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor) ? 'remoteExec' : 'debugger';
}

/** Arguments with which an interpreter prints its version, for {@link parseVersion}. */
export const versionArguments: readonly string[] = ['-I', '-c', 'import sys; print(*sys.version_info[:2])'];

export function parseVersion(output: string): readonly [number, number] | undefined {
  const found = /^(\d+) (\d+)\s*$/.exec(output);
  return found === null ? undefined : [Number(found[1]), Number(found[2])];
}

/** Arguments with which a process’s own interpreter, and no other, makes it run a script at its next safe point. */
export function remoteExecArguments(processId: number, script: string): readonly string[] {
  return ['-I', '-c', 'import sys; sys.remote_exec(int(sys.argv[1]), sys.argv[2])', String(processId), script];
}

/** A debug configuration that the Python Debugger extension attaches with. */
export function attachConfiguration(
  type: string,
  processId: number,
): { readonly type: string; readonly name: string; readonly request: 'attach'; readonly [option: string]: unknown } {
  // Its child processes are none of ours, and its own breakpoints nobody asked for.
  return { type, name: `Mode Inspector: process ${processId}`, request: 'attach', processId, subProcess: false };
}

/** What is known of this machine before anything is tried. */
export interface AttachSurroundings {
  readonly platform: NodeJS.Platform;
  readonly isAdministrator: boolean;
  /** Linux: `kernel.yama.ptrace_scope`; undefined where there is no such rule. */
  readonly ptraceScope: number | undefined;
  /** gdb on Linux, lldb on macOS: found on the PATH. */
  readonly hasNativeDebugger: boolean;
  /** An extension that debugs Python is installed. */
  readonly hasPythonDebugger: boolean;
}

/** What to do where a running process can’t be reached. */
export const startItWithUs =
  'Start it with “Run Python File with Mode Inspector”, or in a “Terminal with Mode Inspector”.';

/** Why the way can’t be gone, as a sentence; undefined where nothing is known to be in it. */
export function attachObstacle(way: AttachWay, surroundings: AttachSurroundings): string | undefined {
  const { platform, isAdministrator, ptraceScope = 0, hasNativeDebugger, hasPythonDebugger } = surroundings;
  if (platform === 'linux' && !isAdministrator && ptraceScope > 0) {
    return `Linux lets no process look into another one here (kernel.yama.ptrace_scope is ${ptraceScope}).`;
  }
  if (way === 'remoteExec') {
    return platform === 'darwin' && !isAdministrator
      ? 'macOS lets only an administrator into a running process.'
      : undefined;
  }
  if (!hasPythonDebugger) {
    return 'Before Python 3.14 a running process is reached through a debugger: the Python Debugger extension is not installed.';
  }
  const tool = platform === 'linux' ? 'gdb' : platform === 'darwin' ? 'lldb' : undefined;
  return tool === undefined || hasNativeDebugger
    ? undefined
    : `Before Python 3.14 a running process is reached through ${tool}, which is not on the PATH.`;
}
