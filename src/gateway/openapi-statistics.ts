import type { ResourceSettings } from '../domain/configuration.ts';
import type { Face } from './face.ts';

/** A group of statistics: the values that make it, and what was measured of it. */
export const GROUP = {
  type: 'object',
  required: ['count'],
  properties: { count: { type: 'integer' } },
  additionalProperties: true,
} as const;

export function statisticsParameters({ query }: ResourceSettings, { shape }: Face): object[] {
  const fields = query.statistics.flatMap((field) => shape.nameOf(field) ?? []).join(', ');
  const text = (name: string, description: string) => ({
    name,
    in: 'query',
    description,
    schema: { type: 'string' },
  });
  return [
    ...['sum', 'avg', 'min', 'max'].map((measure) => text(measure, `Fields with commas, of ${fields}.`)),
    text('groupBy', `Fields with commas, or day(field), of ${fields}.`),
  ];
}
