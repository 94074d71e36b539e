import type { OperationSettings } from './configuration.ts';

/** An operation's name among those of resources. No resource has a colon in its name. */
export function operationName({ name }: Pick<OperationSettings, 'name'>): string {
  return `operation:${name}`;
}

/** How a service is asked, which changes nothing of what it answers. */
const MANNERS = new Set(['retry', 'breaker']);

/**
 * A number of what runs on both sides: comparisons are counted under it, so that they begin anew where something else runs,
 * and in every process alike.
 */
export function sidesNumber({ sides }: Pick<OperationSettings, 'sides'>): number {
  let hash = 0;
  const text = JSON.stringify(sides, (name, value: unknown) => (MANNERS.has(name) ? undefined : value));
  for (const character of text) hash = (Math.imul(hash, 31) + character.charCodeAt(0)) | 0;
  return hash & 0x7fffffff;
}
