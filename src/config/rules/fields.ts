import type { StoreKind } from '../../domain/words.ts';
import type { FieldsInFile, Partly, ResourceInFile } from '../file-shape.ts';
import { type Finding, type Path, shown } from '../problem.ts';
import { sortField } from './query.ts';
import { type Draft, resourcesOf, storesOf, unknownName } from './rule.ts';

/** Kinds of store whose records are documents: fields may be missing, and lie inside each other. */
const OF_DOCUMENTS: readonly StoreKind[] = ['mongo', 'json-file', 'http'];

function* declaredFields(draft: Draft): Iterable<[string, Partly<ResourceInFile>, Partly<FieldsInFile>]> {
  for (const [name, resource] of resourcesOf(draft))
    if (resource.fields) yield [name, resource, resource.fields];
}

export function* referencesAreKnown(draft: Draft): Iterable<Finding> {
  const known = Object.keys(draft.config.resources ?? {});
  for (const [name, , { references }] of declaredFields(draft)) {
    for (const [field, resource] of Object.entries(references ?? {})) {
      if (resource === undefined || known.includes(resource)) continue;
      const path = ['resources', name, 'fields', 'references', field];
      yield unknownName(path, resource, known, 'the name of a resource');
    }
  }
}

export function* mappingModulesExist(draft: Draft): Iterable<Finding> {
  for (const [name, , { custom }] of declaredFields(draft)) {
    for (const [index, group] of (custom ?? []).entries()) {
      const module = group?.module;
      if (module === undefined || draft.isFile(draft.absolute(module))) continue;
      yield {
        path: ['resources', name, 'fields', 'custom', index, 'module'],
        at: 'value',
        found: `${shown(module)}, where there is no file`,
        expected: 'a TypeScript or JavaScript module',
      };
    }
  }
}

/** Settings that only a store of documents can follow. */
export function* documentSettingsFitTheStore(draft: Draft): Iterable<Finding> {
  const kinds = new Map([...storesOf(draft)].map(([name, store]) => [name, store.kind]));
  for (const [name, { legacy }, fields] of declaredFields(draft)) {
    const kind = kinds.get(legacy?.store ?? '');
    if (kind === undefined || OF_DOCUMENTS.includes(kind)) continue;
    for (const path of documentSettings(fields)) {
      yield {
        path: ['resources', name, 'fields', ...path],
        at: 'key',
        found: `${shown(String(path.at(-1)))} with a legacy store of kind ${kind}`,
        expected: `a legacy store of documents: ${OF_DOCUMENTS.join(', ')}`,
      };
    }
  }
}

function documentSettings({ embed, rest, nulls, defaults }: Partly<FieldsInFile>): Path[] {
  return [
    ...Object.keys(embed ?? {}).map((path) => ['embed', path]),
    ...(rest === undefined ? [] : [['rest']]),
    ...(nulls === 'missing' ? [['nulls']] : []),
    ...Object.entries(defaults ?? {}).flatMap(([field, entry]) =>
      entry?.back === 'missing' ? [['defaults', field, 'back']] : [],
    ),
  ];
}

/** A side cannot filter or sort by what it holds in another form, or together with other fields. */
export function* queriesFitTheMapping(draft: Draft): Iterable<Finding> {
  for (const [name, { query }, fields] of declaredFields(draft)) {
    const apart = fieldsHeldApart(fields);
    const unordered = [...Object.keys(fields.enums ?? {}), ...Object.keys(fields.defaults ?? {})];
    const uses = [
      ...places('filters', query?.filters, apart),
      ...places('sort', query?.sort, [...apart, ...unordered]),
    ];
    for (const { field, path } of uses) {
      yield {
        path: ['resources', name, 'query', ...path],
        at: 'value',
        found: `${shown(field)}, which legacy holds in another form`,
        expected: `a field that both sides ${path[0] === 'sort' ? 'order alike' : 'can be asked for'}`,
      };
    }
  }
}

/** Fields that legacy holds only together with others, or in a table of their own on the new side. */
export function fieldsHeldApart({ custom, rest, split }: Partly<FieldsInFile>): string[] {
  const named = (custom ?? []).flatMap((group) => group?.fields ?? []);
  return [...named, rest, ...Object.keys(split ?? {})].filter((field) => field !== undefined);
}

function places(
  list: 'filters' | 'sort',
  entries: readonly (string | undefined)[] | undefined,
  names: readonly string[],
): { field: string; path: Path }[] {
  return (entries ?? []).flatMap((entry, index) => {
    const field = sortField(entry ?? '');
    return names.includes(field) ? [{ field, path: [list, index] }] : [];
  });
}
