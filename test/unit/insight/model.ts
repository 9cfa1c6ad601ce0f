// A model as the rules see it, made of a few modules, statistics and events.

import { findingsOf } from '../../../src/insight/findings';
import { ObservationLog, type LiveEvent } from '../../../src/insight/observations';
import { defaultThresholds, type Thresholds } from '../../../src/insight/thresholds';
import type { ModelFormat } from '../../../src/model/description';
import type { Finding } from '../../../src/model/finding';
import type { ModuleSpec } from '../../../src/model/module';
import type { NormStatistics, TensorSummary } from '../../../src/model/statistics';

export interface Given {
  readonly modules: readonly ModuleSpec[];
  readonly kind?: 'file' | 'live';
  readonly format?: ModelFormat;
  readonly statistics?: Readonly<Record<string, NormStatistics>>;
  readonly events?: readonly LiveEvent[];
  readonly thresholds?: Partial<Thresholds>;
  readonly models?: readonly string[];
}

export function find(given: Given): readonly Finding[] {
  const observations = new ObservationLog();
  for (const event of given.events ?? []) observations.see(event);
  return findingsOf(
    {
      kind: given.kind ?? 'file',
      format: given.format ?? 'module',
      modules: given.modules,
      models: given.models?.map((path) => ({ path, canRun: true, inputs: [] })),
      statistics: (path) => given.statistics?.[path],
      observations,
    },
    { thresholds: { ...defaultThresholds, ...given.thresholds }, disabled: new Set() },
  );
}

/** `warning batchnorm/drift bn1` for each finding. */
export function named(given: Given): readonly string[] {
  return find(given).map(({ severity, rule, path }) => `${severity} ${rule} ${path}`.trim());
}

const flat = (value: number): TensorSummary => ({ min: value, max: value, mean: value, nonFinite: 0 });

export function statistics(
  mean: number | TensorSummary,
  variance: number | TensorSummary,
  batches: number | null,
  rest: Partial<NormStatistics> = {},
): NormStatistics {
  return {
    numBatchesTracked: batches,
    runningMean: typeof mean === 'number' ? flat(mean) : mean,
    runningVar: typeof variance === 'number' ? flat(variance) : variance,
    ...rest,
  };
}

export const learned = statistics(
  { min: -0.2, max: 0.4, mean: 0.1, nonFinite: 0 },
  { min: 0.01, max: 3, mean: 1, nonFinite: 0 },
  1000,
);
