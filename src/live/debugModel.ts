// What debug sessions of Python are, without an editor: their types, the environment of a launch, the process behind one.

/** `debugpy` is the Python Debugger extension’s type, `python` its old name. */
export const pythonDebugTypes = ['debugpy', 'python'] as const;

export function isPythonDebugType(type: string): boolean {
  return (pythonDebugTypes as readonly string[]).includes(type);
}

/** The part of a debug configuration that is looked at; nothing in it is certain to have the type that it should. */
export interface DebugConfigurationLike {
  readonly request?: unknown;
  readonly env?: unknown;
  readonly envFile?: unknown;
}

/**
 * The environment that a launch would have as far as PYTHONPATH goes, which the agent’s must keep. Undefined where the agent
 * can’t travel in it: the session is no launch, or a file sets PYTHONPATH, whose place in the end is the debugger’s affair.
 *
 * @param host the environment of this process, from which the debugger inherits.
 * @param readText the text of the configuration’s `envFile`; undefined where it can’t be read.
 */
export async function launchEnvironment(
  configuration: DebugConfigurationLike,
  host: NodeJS.ProcessEnv,
  readText: (file: string) => Promise<string | undefined>,
): Promise<NodeJS.ProcessEnv | undefined> {
  if (configuration.request !== 'launch') return undefined;
  const own = environmentOf(configuration)['PYTHONPATH'];
  if (typeof own === 'string') return { PYTHONPATH: own };
  const { envFile } = configuration;
  const text = typeof envFile === 'string' && envFile !== '' ? await readText(envFile) : undefined;
  if (text !== undefined && /^\s*(?:export\s+)?PYTHONPATH\s*=/m.test(text)) return undefined;
  return host['PYTHONPATH'] === undefined ? {} : { PYTHONPATH: host['PYTHONPATH'] };
}

/** The configuration with these variables in its environment, and all else as it was. */
export function withEnvironment<T extends DebugConfigurationLike>(
  configuration: T,
  variables: Readonly<Record<string, string>>,
): T & { readonly env: Readonly<Record<string, unknown>> } {
  return { ...configuration, env: { ...environmentOf(configuration), ...variables } };
}

/** The process id in a `process` event of the Debug Adapter Protocol; undefined for every other message. */
export function processIdIn(message: unknown): number | undefined {
  if (!isObject(message) || message['type'] !== 'event' || message['event'] !== 'process') return undefined;
  const { body } = message;
  const id = isObject(body) ? body['systemProcessId'] : undefined;
  return typeof id === 'number' && Number.isSafeInteger(id) && id > 0 ? id : undefined;
}

function environmentOf({ env }: DebugConfigurationLike): Readonly<Record<string, unknown>> {
  return isObject(env) ? env : {};
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
