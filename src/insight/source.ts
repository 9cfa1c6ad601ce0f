// Where a finding points to in the user's code.

import type { FindingAction } from '../model/finding';
import type { SourceLocation } from '../model/module';
import type { Seen } from './rule';

/** Source and actions of a finding: the given ones, then *open the line* where there is one. */
export function sourceAndLine(
  place: SourceLocation | undefined,
  actions: readonly FindingAction[] = [],
): Pick<Seen, 'source' | 'actions'> {
  if (place === undefined) return { actions };
  const source = { file: place.file, line: place.line };
  return { source, actions: [...actions, { kind: 'openLine', line: source }] };
}
