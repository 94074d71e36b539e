import type { ResourceSettings } from '../domain/configuration.ts';
import type { MappedField } from '../mapping/mapping.ts';
import type { Face } from './face.ts';
import { fieldSchema, type Schema } from './openapi-schemas.ts';

/** Also for envelopes that have no room for them. */
export const LIST_HEADERS = {
  'x-total-count': {
    description: 'Number of all records, where it was asked for.',
    schema: { type: 'integer' },
  },
  'x-total-count-kind': {
    description: 'Where an estimate was asked for, or the number is one: which it is.',
    schema: { enum: ['exact', 'estimate'] },
  },
  'x-next-cursor': {
    description: 'Cursor of the next page, where there is one.',
    schema: { type: 'string' },
  },
} as const;

/** Operators of a filter by what its type allows. */
function operatorsOf(field: MappedField): string[] {
  if (field.list || field.type === 'json') return ['null'];
  const ordered = field.type === 'boolean' || field.type === 'bytes' ? [] : ['gt', 'gte', 'lt', 'lte'];
  return ['', 'ne', 'in', ...ordered, ...(field.type === 'text' ? ['contains'] : []), 'null'];
}

export function filterParameters({ query }: ResourceSettings, { shape }: Face): object[] {
  return query.filters.flatMap((filter) => {
    const name = shape.nameOf(filter);
    const field = name === undefined ? undefined : shape.fields.get(name);
    if (!field) return [];
    const { nullable: _nullable, ...plain } = field;
    return operatorsOf(field).map((operator) => ({
      name: operator === '' ? name : `${name}[${operator}]`,
      in: 'query',
      schema: operatorSchema(operator, fieldSchema({ ...plain, nullable: false })),
    }));
  });
}

export function listParameters(settings: ResourceSettings, face: Face): object[] {
  const { query } = settings;
  const sortable = query.sort.flatMap((field) => face.shape.nameOf(field) ?? []);
  return [
    ...filterParameters(settings, face),
    {
      name: 'sort',
      in: 'query',
      description: `Fields with commas, "-" for downwards: ${sortable.join(', ')}.`,
      schema: { type: 'string' },
    },
    {
      name: 'limit',
      in: 'query',
      schema: { type: 'integer', minimum: 1, maximum: query.maxPageSize, default: query.pageSize },
    },
    {
      name: 'cursor',
      in: 'query',
      description: '`nextCursor` of the page before.',
      schema: { type: 'string' },
    },
    { name: 'offset', in: 'query', schema: { type: 'integer', minimum: 0 } },
    { name: 'page', in: 'query', schema: { type: 'integer', minimum: 1 } },
    {
      name: 'total',
      in: 'query',
      description:
        'Whether the number of all records is answered: `true`, exactly; `estimate`, about how many, where that is known faster.',
      schema: { enum: [true, false, 'estimate'] },
    },
  ];
}

function operatorSchema(operator: string, schema: Schema): Schema {
  if (operator === 'null') return { type: 'boolean' };
  return operator === 'in' || operator === 'contains' ? { type: 'string' } : schema;
}
