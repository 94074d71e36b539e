import { type Finding, type Path, shown } from '../problem.ts';
import { LONGEST_DURATION, isDuration, milliseconds } from '../units.ts';
import { operationsOf } from './operations.ts';
import { type Draft, resourcesOf } from './rule.ts';

/** A longer one would overflow a timer and end at once. */
export function* durationsAreShort(draft: Draft): Iterable<Finding> {
  yield* longDurations(draft, draft.config.server, ['server']);
  yield* longDurations(draft, draft.config.auth, ['auth']);
  for (const name of ['upstreamRetry', 'upstreamBreaker'] as const)
    yield* longDurations(draft, draft.config[name], [name]);
  yield* longDurations(draft, draft.config.stores, ['stores']);
  for (const side of ['legacy', 'new'] as const)
    for (const [name, operation] of operationsOf(draft))
      yield* longDurations(draft, operation[side], ['operations', name, side]);
  for (const [name, { guards, switch: patience }] of resourcesOf(draft)) {
    yield* longDurations(draft, guards, ['resources', name, 'guards']);
    yield* longDurations(draft, patience, ['resources', name, 'switch']);
  }
}

function* longDurations(draft: Draft, value: unknown, path: Path): Iterable<Finding> {
  if (typeof value === 'object' && value !== null) {
    for (const [name, member] of Object.entries(value)) yield* longDurations(draft, member, [...path, name]);
  } else if (isDuration(value) && milliseconds(value) > LONGEST_DURATION) {
    yield { path, at: 'value', found: shown(draft.written(path, value)), expected: 'at most 24h' };
  }
}
