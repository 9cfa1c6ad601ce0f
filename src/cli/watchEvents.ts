// The events of `watch`: as JSON, in the contract's form, and in words.

import { groupFindings, ruleKey, type Finding } from '../model/finding';
import type { Behaviour, ModuleSpec } from '../model/module';
import type { NormStatistics } from '../model/statistics';
import { findingJson, shownPlaces } from './findings';
import { moduleJson } from './report';
import { countOf } from '../util/text';

/** What every event but the last carries: seconds since the epoch, and the process that it is about. */
interface Common {
  readonly time: number;
  readonly process: number;
}

type ChangedStatistics = { readonly path: string } & (
  { readonly batchNorm: NormStatistics } | { readonly instanceNorm: NormStatistics }
);

export type WatchEvent =
  | (Common & {
      readonly event: 'connected';
      readonly rank: number | null;
      readonly python: string;
      readonly torch: string;
      readonly argv: readonly string[];
    })
  | (Common & {
      readonly event: 'models';
      readonly models: readonly {
        readonly model: string;
        readonly modules: readonly { readonly module: ModuleSpec; readonly statistics: NormStatistics | undefined }[];
      }[];
    })
  | (Common & {
      readonly event: 'modes';
      readonly model: string;
      readonly changed: readonly {
        readonly path: string;
        readonly training: boolean | null;
        readonly behaviour: Behaviour;
      }[];
    })
  | (Common & { readonly event: 'statistics'; readonly model: string; readonly changed: readonly ChangedStatistics[] })
  | (Common & {
      readonly event: 'switch';
      readonly model: string | null;
      readonly path: string;
      readonly training: boolean;
      /** Null for a switch that was asked for on the command line. */
      readonly caller: { readonly file: string; readonly line: number; readonly function: string } | null;
    })
  /** Told when it appears, once; again if it went and came back. */
  | (Common & { readonly event: 'finding'; readonly model: string; readonly finding: Finding })
  | (Common & { readonly event: 'gone'; readonly model: string })
  | { readonly event: 'exited'; readonly time: number; readonly status: number };

/** One line of JSON. Fields may be added, not changed: checks outside the project read them. */
export function eventLine(event: WatchEvent): string {
  if (event.event === 'finding') return JSON.stringify({ ...event, finding: findingJson(event.finding) });
  if (event.event !== 'models') return JSON.stringify(event);
  const models = event.models.map(({ model, modules }) => ({
    model,
    modules: modules.map(({ module, statistics }) => moduleJson(module, statistics)),
  }));
  return JSON.stringify({ ...event, models });
}

/** One sentence, or undefined for events that are too many to read. */
export function eventText(event: WatchEvent): string | undefined {
  switch (event.event) {
    case 'connected': {
      const rank = event.rank === null ? '' : `, rank ${event.rank}`;
      return `process ${event.process}${rank}: Python ${event.python}, torch ${event.torch}`;
    }
    case 'models':
      return event.models
        .map(({ model, modules }) => {
          const root = modules[0]?.module;
          return `${model}: ${root?.type ?? 'Module'}, ${modules.length} modules, ${modeOf(root?.training ?? null)}`;
        })
        .join('; ');
    case 'switch': {
      const caller =
        event.caller === null ? 'as asked' : `${event.caller.file}:${event.caller.line} in ${event.caller.function}`;
      return `${nameIn(event.model, event.path)} → ${modeOf(event.training)} (${caller})`;
    }
    case 'gone':
      return `${event.model} is gone`;
    // Those that come together are told together.
    case 'finding':
    case 'modes':
    case 'statistics':
    case 'exited':
      return undefined;
  }
}

/** Findings of one model that came together, a sentence each, but for the many layers of which one rule says the same. */
export function findingTexts(model: string, findings: readonly Finding[]): string[] {
  const urgent = findings.filter(({ severity }) => severity !== 'information');
  return [...groupFindings(urgent, ruleKey).values()].flatMap((group) => {
    const texts = group.slice(0, shownPlaces).map(({ severity, rule, path, message, source }) => {
      const place = source === undefined ? '' : ` ${source.file}:${source.line}`;
      return `${severity} in ${nameIn(model, path)}: ${message}${place} (${rule})`;
    });
    const [{ severity, rule }] = group;
    const more = group.length - texts.length;
    return more > 0 ? [...texts, `${severity} in ${countOf(more, 'more layer')} of ${model} (${rule})`] : texts;
  });
}

function nameIn(model: string | null, path: string): string {
  return [model ?? 'an unnamed model', path].filter((part) => part !== '').join('.');
}

function modeOf(training: boolean | null): string {
  return training === null ? 'no mode' : training ? 'train' : 'eval';
}
