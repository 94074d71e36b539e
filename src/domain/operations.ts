import type { OperationSettings } from './configuration.ts';

/** An operation's name among those of resources. No resource has a colon in its name. */
export function operationName({ name }: Pick<OperationSettings, 'name'>): string {
  return `operation:${name}`;
}

/**
 * A number of what runs on both sides: comparisons are counted under it, so that they begin anew where something else runs,
 * and in every process alike.
 */
export function sidesNumber({ sides }: Pick<OperationSettings, 'sides'>): number {
  let hash = 0;
  for (const character of JSON.stringify(sides)) hash = (Math.imul(hash, 31) + character.charCodeAt(0)) | 0;
  return hash & 0x7fffffff;
}
