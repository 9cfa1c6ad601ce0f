// What a Python process needs in its environment to start the agent by itself.

import path from 'node:path';
import type { AgentServer } from './agentServer';

/** Variables that start the agent in a Python process and in those that it starts. */
export type AgentEnvironment = Readonly<Record<'PYTHONPATH' | 'MODE_INSPECTOR_PORT' | 'MODE_INSPECTOR_TOKEN', string>>;

/**
 * @param pythonFolder the extension's folder `python`.
 * @param inherited the environment that the process would have; its PYTHONPATH stays behind ours.
 */
export function agentEnvironment(
  server: Pick<AgentServer, 'port' | 'token'>,
  pythonFolder: string,
  inherited: NodeJS.ProcessEnv,
): AgentEnvironment {
  const launch = path.join(pythonFolder, 'launch');
  const behind = (inherited['PYTHONPATH'] ?? '')
    .split(path.delimiter)
    .filter((entry) => entry !== '' && entry !== launch);
  return {
    PYTHONPATH: [launch, ...behind].join(path.delimiter),
    MODE_INSPECTOR_PORT: String(server.port),
    MODE_INSPECTOR_TOKEN: server.token,
  };
}
