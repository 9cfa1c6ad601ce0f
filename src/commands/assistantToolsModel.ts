// What an assistant in the editor is told about the open models, as JSON that it reads: bounded, with torch's names.

import * as v from 'valibot';
import { isWithin, type ModuleSpec } from '../model/module';
import type { ModelSession } from '../sessions/modelSession';
import { AppError } from '../util/errors';

/** More modules or layers than these are a matter of a path. */
const most = 200;

const which = { model: v.optional(v.string()), path: v.optional(v.string()) };

/** Input of the tools that read. */
export const readInput = v.object({ ...which, all: v.optional(v.boolean()) });

/** Input of the tool that switches. */
export const setInput = v.object({ ...which, mode: v.picklist(['train', 'eval']) });

/** Checks what an assistant sends. @throws AppError `usage`. */
export function parseToolInput<T extends v.GenericSchema>(schema: T, input: unknown): v.InferOutput<T> {
  const checked = v.safeParse(schema, input ?? {});
  if (checked.success) return checked.output;
  const [issue] = checked.issues;
  throw new AppError('usage', `The input is not as the tool’s schema says: ${issue.message}`);
}

/** The model of that title, or the active one. @throws AppError `usage` that names the open models. */
export function modelNamed(
  sessions: readonly ModelSession[],
  active: ModelSession | undefined,
  title: string | undefined,
): ModelSession {
  const open = sessions.map((session) => session.title).join(', ') || 'none';
  const found = title === undefined ? active : sessions.filter((session) => session.title === title);
  if (Array.isArray(found)) {
    const [only, ...others] = found;
    if (only !== undefined && others.length === 0) return only;
    const problem = only === undefined ? 'No open model' : 'More than one open model';
    throw new AppError('usage', `${problem} is called “${title ?? ''}”.`, `Open models: ${open}.`);
  }
  if (found === undefined)
    throw new AppError('usage', 'No model is open in Mode Inspector.', 'Ask for one to be opened.');
  return found;
}

/** Flags and what a forward really does, of the layers that depend on the mode, or of all modules. */
export function modesText(session: ModelSession, sessions: readonly ModelSession[], path = '', all = false): string {
  const below = within(session, path);
  const wanted = all ? below : below.filter(({ path: at, modeSensitive }) => modeSensitive || at === path);
  const modules = wanted.slice(0, most).map(({ path: at, type, training, behaviour, behaviourReason, source }) => ({
    path: at,
    type,
    training,
    behaviour,
    ...(behaviourReason === undefined ? {} : { behaviourReason }),
    ...(source === undefined ? {} : { source }),
    ...(session.pinned?.(at) === undefined ? {} : { pinned: session.pinned(at) }),
  }));
  return toText({
    model: session.title,
    kind: session.kind,
    format: session.format,
    state: session.state.kind,
    otherOpenModels: sessions.filter((other) => other !== session).map(({ title }) => title),
    shown: all ? 'all modules' : 'modules whose forward depends on the mode',
    modules,
    ...omitted(wanted.length),
  });
}

/** Running statistics of the layers at and below a path. */
export async function statisticsText(session: ModelSession, path = ''): Promise<string> {
  const wanted = within(session, path).filter(({ batchNorm, instanceNorm }) => batchNorm ?? instanceNorm);
  const layers = await Promise.all(
    wanted.slice(0, most).map(async ({ path: at, type, training, behaviour, batchNorm, instanceNorm }) => ({
      path: at,
      type,
      training,
      behaviour,
      options: batchNorm ?? instanceNorm,
      statistics: await session.statistics(at),
    })),
  );
  return toText({ model: session.title, layers, ...omitted(wanted.length) });
}

/** Findings at and below a path. */
export function findingsText(session: ModelSession, path = ''): string {
  const wanted = session.findings.filter((finding) => isWithin(finding.path, path));
  const findings = wanted.slice(0, most).map(({ rule, severity, path: at, message, source }) => ({
    rule,
    severity,
    path: at,
    message,
    ...(source === undefined ? {} : { source }),
  }));
  return toText({ model: session.title, findings, ...omitted(wanted.length) });
}

/** What a person is asked before a switch, and told while it runs. */
export function switchQuestion(
  { kind, title }: Pick<ModelSession, 'kind' | 'title'>,
  path: string,
  mode: 'train' | 'eval',
): {
  readonly invocationMessage: string;
  readonly confirmationMessages: { readonly title: string; readonly message: string };
} {
  const name = path === '' ? title : `${path} of ${title}`;
  const where = kind === 'live' ? 'the running program' : 'the open model; its file stays as it is';
  return {
    invocationMessage: `Switching ${name} to ${mode}`,
    confirmationMessages: { title: `Switch to ${mode}?`, message: `Calls ${mode}() on ${name}, in ${where}.` },
  };
}

/** What a switch came to. */
export function switchedText(session: ModelSession, path: string, mode: 'train' | 'eval'): string {
  const module = session.module(path);
  const waits = session.state.kind === 'waiting' ? { note: 'The switch waits for the model’s next forward.' } : {};
  return toText({
    model: session.title,
    path,
    asked: mode,
    training: module?.training ?? null,
    behaviour: module?.behaviour ?? 'unknown',
    ...(module?.behaviourReason === undefined ? {} : { behaviourReason: module.behaviourReason }),
    ...waits,
  });
}

/** @throws AppError `no-such-module`. */
function within(session: ModelSession, path: string): readonly ModuleSpec[] {
  if (session.module(path) === undefined)
    throw new AppError('no-such-module', `${session.title} has no module “${path}”.`, 'Read its modes for the paths.');
  return session.modules.filter((module) => isWithin(module.path, path));
}

function omitted(count: number): { readonly omitted?: string } {
  return count <= most ? {} : { omitted: `${String(count - most)} more; give a path to see those below it` };
}

function toText(value: unknown): string {
  return JSON.stringify(value);
}
