// How the agent gets into a Python process: by its environment before it starts, by a line of code afterwards.

import path from 'node:path';
import type { Launch } from '../sessions/sessionStore';
import type { AgentServer } from './agentServer';

/** Variables that start the agent in a Python process and in those that it starts. */
export type AgentEnvironment = Readonly<
  Record<'PYTHONPATH' | 'MODE_INSPECTOR_PORT' | 'MODE_INSPECTOR_TOKEN' | 'MODE_INSPECTOR_LAUNCH', string>
>;

type Address = Pick<AgentServer, 'port' | 'token'>;

/**
 * @param pythonFolder the extension's folder `python`.
 * @param inherited the environment that the process would have; its PYTHONPATH stays behind ours.
 * @param launch comes back in the introduction of every process that descends from this one.
 */
export function agentEnvironment(
  { port, token }: Address,
  pythonFolder: string,
  inherited: NodeJS.ProcessEnv,
  launch = '',
): AgentEnvironment {
  const ours = path.join(pythonFolder, 'launch');
  const others = (inherited['PYTHONPATH'] ?? '')
    .split(path.delimiter)
    .filter((entry) => entry !== '' && entry !== ours);
  return {
    PYTHONPATH: [ours, ...others].join(path.delimiter),
    MODE_INSPECTOR_PORT: String(port),
    MODE_INSPECTOR_TOKEN: token,
    MODE_INSPECTOR_LAUNCH: launch,
  };
}

export interface AgentCodeOptions {
  /**
   * Leaves a process alone that has met the agent before: one that has it, one that it was detached from, or one forked from
   * either, such as a worker that loads data.
   */
  readonly onlyIfNew?: boolean;
  /** Comes back in the introduction of the process, which is shown under its title. */
  readonly launch?: Launch;
}

/** One line of Python that starts the agent wherever it is executed, and leaves no name in that namespace. */
export function agentCode({ port, token }: Address, pythonFolder: string, options: AgentCodeOptions = {}): string {
  const { onlyIfNew = false, launch } = options;
  const folder = quote(path.join(pythonFolder, 'agent'));
  const args = [String(port), ...[token, ...(launch === undefined ? [] : [launch.id, launch.title])].map(quote)];
  const lines = [
    'import sys',
    `sys.path.insert(0, ${folder})`,
    'try:',
    '    import mode_inspector',
    'finally:',
    `    sys.path.remove(${folder})`,
    `mode_inspector.start(${args.join(', ')})`,
  ];
  const start = `exec(${quote(lines.join('\n'))}, {})`;
  return onlyIfNew ? `if "mode_inspector" not in __import__("sys").modules: ${start}` : start;
}

/** A Python string; JSON's strings are Python's. */
function quote(text: string): string {
  return JSON.stringify(text);
}
