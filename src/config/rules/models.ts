import { DEFAULTS } from '../defaults.ts';
import type { Partly, ResourceInFile } from '../file-shape.ts';
import type { ModelOutline } from '../prisma-models.ts';
import { type Finding, type Path, shown } from '../problem.ts';
import { sortField } from './query.ts';
import { type Draft, repeated, resourcesOf, storesOf, unknownName } from './rule.ts';

export function* schemasExist(draft: Draft): Iterable<Finding> {
  for (const [name, store] of storesOf(draft)) {
    if (store.kind !== 'prisma' || draft.models(name)) continue;
    const given = draft.written(['stores', name, 'schema'], store.schema ?? DEFAULTS.prisma.schema);
    const found = `${shown(given)}, where no Prisma schema can be read`;
    yield {
      path: ['stores', name, 'schema'],
      at: 'value',
      found,
      expected: 'a Prisma schema file, or a folder of them',
    };
  }
}

export function* modelsExist(draft: Draft): Iterable<Finding> {
  for (const [name, resource] of resourcesOf(draft)) {
    const { store, model } = resource.new ?? {};
    const models = store === undefined ? null : draft.models(store);
    if (!models || model === undefined || models.has(model)) continue;
    yield unknownName(
      ['resources', name, 'new', 'model'],
      model,
      [...models.keys()],
      'a model of the Prisma schema',
    );
  }
}

export function* tablesAreUnique(draft: Draft): Iterable<Finding> {
  const tables = [...resourcesOf(draft)].flatMap(([name, { legacy }]) =>
    legacy?.store && legacy.table
      ? [{ value: `${legacy.store} ${legacy.table}`, path: ['resources', name, 'legacy', 'table'] }]
      : [],
  );
  yield* repeated(tables, (value, first) => ({
    found: `${shown(value.split(' ')[1])}, the table of ${first[1]} too`,
    expected: 'a table that no other resource has',
  }));
}

export function* modelsAreUnique(draft: Draft): Iterable<Finding> {
  const models = [...resourcesOf(draft)].flatMap(([name, resource]) =>
    resource.new?.model ? [{ value: resource.new.model, path: ['resources', name, 'new', 'model'] }] : [],
  );
  yield* repeated(models, (value, first) => ({
    found: `${shown(value)}, the model of ${first[1]} too`,
    expected: 'a model that no other resource has',
  }));
}

interface FieldUse {
  field: string;
  path: Path;
  at: 'key' | 'value';
}

export function* fieldsExist(draft: Draft): Iterable<Finding> {
  for (const [name, resource, fields] of resourcesWithFields(draft)) {
    for (const { field, path, at } of fieldUses(resource)) {
      if (fields.has(field)) continue;
      const where = ['resources', name, ...path];
      yield {
        ...unknownName(where, field, [...fields.keys()], `a field of the model ${resource.new?.model}`),
        at,
      };
    }
  }
}

const UNORDERED = ['Json', 'Bytes', 'Unsupported'];

/** A list can be sorted only by values that both sides order alike. */
export function* sortFieldsHaveOrder(draft: Draft): Iterable<Finding> {
  for (const [name, { query }, fields] of resourcesWithFields(draft)) {
    for (const [index, entry] of (query?.sort ?? []).entries()) {
      const field = fields.get(sortField(entry ?? ''));
      if (!field || !(field.list || UNORDERED.includes(field.type))) continue;
      const found = `${shown(entry)}, which is ${field.list ? 'a list' : `of type ${field.type}`}`;
      yield {
        path: ['resources', name, 'query', 'sort', index],
        at: 'value',
        found,
        expected: 'a field of one plain value',
      };
    }
  }
}

/** Pages of both sides are merged in one order: that of text in a store which cannot be asked has to be named. */
export function* mergedTextHasAnOrder(draft: Draft): Iterable<Finding> {
  for (const [name, { mode, legacy, query }, fields] of resourcesWithFields(draft)) {
    const store = legacy?.store === undefined ? undefined : draft.config.stores?.[legacy.store];
    if (mode !== 'merged' || store?.kind !== 'supabase' || store.collation !== undefined) continue;
    for (const [index, entry] of (query?.sort ?? []).entries()) {
      const field = fields.get(sortField(entry ?? ''));
      if (field?.type !== 'String' || field.list || field.uuid) continue;
      yield {
        path: ['resources', name, 'query', 'sort', index],
        at: 'value',
        found: `${shown(entry)}, a text, in mode merged`,
        expected: `"collation" of the store "${legacy?.store}", which says how that sorts text`,
      };
    }
  }
}

/** Two fields in one column would overwrite each other. */
export function* columnsAreUnique(draft: Draft): Iterable<Finding> {
  for (const [name, { fields }] of resourcesOf(draft)) {
    const columns = Object.entries(fields?.rename ?? {}).flatMap(([field, column]) =>
      column === undefined ? [] : [{ value: column, path: ['resources', name, 'fields', 'rename', field] }],
    );
    yield* repeated(columns, (value, first) => ({
      found: `${shown(value)}, the column of ${first.at(-1)} too`,
      expected: 'a column that no other field has',
    }));
  }
}

/** What a delete sets must be able to say that nothing was deleted. */
export function* softDeletesAreMoments(draft: Draft): Iterable<Finding> {
  for (const [name, { new: next }, fields] of resourcesWithFields(draft)) {
    if (next?.softDelete === undefined) continue;
    const path = ['resources', name, 'new', 'softDelete'];
    const field = fields.get(next.softDelete);
    if (!field)
      yield unknownName(path, next.softDelete, [...fields.keys()], `a field of the model ${next.model}`);
    else if (field.type !== 'DateTime' || field.list || !field.optional) {
      const found = `${shown(next.softDelete)}, which is ${field.optional ? '' : 'a required '}${field.type}`;
      yield { path, at: 'value', found, expected: 'an optional field of type DateTime' };
    }
  }
}

/** A key with a column too many or too few would take different records for one. */
export function* keysFitTheModel(draft: Draft): Iterable<Finding> {
  for (const [name, { legacy, new: next }, fields] of resourcesWithFields(draft)) {
    const parts = [...fields].filter(([, { key }]) => key).map(([field]) => field);
    const given = typeof legacy?.key === 'string' ? 1 : (legacy?.key?.length ?? parts.length);
    if (parts.length === 0 || given === parts.length) continue;
    const found = given === 1 ? `${shown(legacy?.key)}, one column` : `${given} columns`;
    const expected =
      parts.length === 1
        ? `one column: the id of ${next?.model} is "${parts[0]}"`
        : `a list of ${parts.length} columns: the id of ${next?.model} is made of ${parts.join(', ')}`;
    yield { path: ['resources', name, 'legacy', 'key'], at: 'value', found, expected };
  }
}

/** Fewer fields than the other's id has parts would refer to no record. */
export function* referencesFitTheirIds(draft: Draft): Iterable<Finding> {
  const ids = new Map(
    [...resourcesWithFields(draft)].map(([name, , fields]) => [
      name,
      [...fields].filter(([, { key }]) => key).map(([field]) => field),
    ]),
  );
  for (const [name, { fields }] of resourcesOf(draft)) {
    for (const [names, target] of Object.entries(fields?.references ?? {})) {
      const parts = ids.get(target ?? '') ?? [];
      if (parts.length === 0 || names.split('~').length === parts.length) continue;
      const expected =
        parts.length === 1
          ? `one field, for the id of ${target} is "${parts[0]}"`
          : `${parts.length} fields joined by "~", in the order of the id of ${target}, which is made of ${parts.join(', ')}`;
      yield {
        path: ['resources', name, 'fields', 'references', names],
        at: 'key',
        found: shown(names),
        expected,
      };
    }
  }
}

function* resourcesWithFields(draft: Draft): Iterable<[string, Partly<ResourceInFile>, ModelOutline]> {
  for (const [name, resource] of resourcesOf(draft)) {
    const { store, model } = resource.new ?? {};
    const fields = store === undefined || model === undefined ? undefined : draft.models(store)?.get(model);
    if (fields) yield [name, resource, fields];
  }
}

function fieldUses({ fields, query, shadow, tenant, stamp }: Partly<ResourceInFile>): FieldUse[] {
  const keys = (path: string[], names: object | undefined) =>
    Object.keys(names ?? {}).map((field): FieldUse => ({ field, path: [...path, field], at: 'key' }));
  const items = (path: Path, names: readonly (string | undefined)[] | undefined) =>
    (names ?? []).flatMap((name, index): FieldUse[] =>
      name === undefined ? [] : [{ field: sortField(name), path: [...path, index], at: 'value' }],
    );
  return [
    ...keys(['fields', 'rename'], fields?.rename),
    ...keys(['stamp'], stamp),
    ...(tenant?.field === undefined
      ? []
      : [{ field: tenant.field, path: ['tenant', 'field'], at: 'value' as const }]),
    ...keys(['fields', 'types'], fields?.types),
    ...Object.keys(fields?.references ?? {}).flatMap((names) =>
      names
        .split('~')
        .map((field): FieldUse => ({ field, path: ['fields', 'references', names], at: 'key' })),
    ),
    ...keys(['fields', 'defaults'], fields?.defaults),
    ...keys(['fields', 'enums'], fields?.enums),
    ...keys(['fields', 'constants', 'new'], fields?.constants?.new),
    ...Object.entries(fields?.embed ?? {}).flatMap(([path, members]) =>
      keys(['fields', 'embed', path], members),
    ),
    ...(fields?.custom ?? []).flatMap((group, index) =>
      items(['fields', 'custom', index, 'fields'], group?.fields),
    ),
    ...(fields?.rest === undefined
      ? []
      : [{ field: fields.rest, path: ['fields', 'rest'], at: 'value' as const }]),
    ...items(['query', 'filters'], query?.filters),
    ...items(['query', 'statistics'], query?.statistics),
    ...items(['query', 'sort'], query?.sort),
    ...items(['shadow', 'ignore'], shadow?.ignore),
  ];
}
