// How the agent gets into a Python process: by its environment before it starts, by a line of code afterwards.

import path from 'node:path';
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
}

/** One line of Python that starts the agent wherever it is executed, and leaves no name in that namespace. */
export function agentCode({ port, token }: Address, pythonFolder: string, options: AgentCodeOptions = {}): string {
  // JSON's strings and numbers are Python's.
  const folder = JSON.stringify(path.join(pythonFolder, 'agent'));
  const lines = [
    'import sys',
    `sys.path.insert(0, ${folder})`,
    'try:',
    '    import mode_inspector',
    'finally:',
    `    sys.path.remove(${folder})`,
    `mode_inspector.start(${port}, ${JSON.stringify(token)})`,
  ];
  const start = `exec(${JSON.stringify(lines.join('\n'))}, {})`;
  return options.onlyIfNew === true ? `if "mode_inspector" not in __import__("sys").modules: ${start}` : start;
}
