import { isIP } from 'node:net';
import type { Partly, ResourceInFile, VersionInFile } from '../file-shape.ts';
import type { ModelOutline } from '../prisma-models.ts';
import { type Finding, type Path, shown } from '../problem.ts';
import { milliseconds } from '../units.ts';
import { type Draft, resourcesOf, unknownName } from './rule.ts';

/** Settings of what a route does before and after the stores are asked. */

export function* messageSchemasExist(draft: Draft): Iterable<Finding> {
  for (const [name, resource] of resourcesOf(draft)) {
    yield* missingFiles(draft, resource.schemas, ['resources', name, 'schemas']);
    for (const [version, settings] of versionsOf(resource))
      yield* missingFiles(draft, settings.schemas, ['resources', name, 'versions', version, 'schemas']);
  }
}

function* missingFiles(draft: Draft, schemas: VersionInFile['schemas'], path: Path): Iterable<Finding> {
  for (const [role, file] of Object.entries(schemas ?? {})) {
    if (file === undefined || draft.isFile(draft.absolute(file))) continue;
    const found = `${shown(file)}, where there is no file`;
    yield { path: [...path, role], at: 'value', found, expected: 'a file with a JSON Schema' };
  }
}

function versionsOf({ versions }: Partly<ResourceInFile>): [string, Partly<VersionInFile>][] {
  return Object.entries(versions ?? {}).flatMap(([name, version]) => (version ? [[name, version]] : []));
}

function* versionsWithFields(
  draft: Draft,
): Iterable<{ version: Partly<VersionInFile>; fields: ModelOutline; model: string; path: Path }> {
  for (const [name, resource] of resourcesOf(draft)) {
    const { store, model } = resource.new ?? {};
    const fields = store === undefined || model === undefined ? undefined : draft.models(store)?.get(model);
    if (!fields || model === undefined) continue;
    for (const [version, settings] of versionsOf(resource))
      yield { version: settings, fields, model, path: ['resources', name, 'versions', version] };
  }
}

/** Whatever a version names on the resource's side is a field of its model. */
export function* versionFieldsExist(draft: Draft): Iterable<Finding> {
  for (const { version, fields, model, path } of versionsWithFields(draft)) {
    const uses = [
      ...(version.fields ?? []).map((field, index) => ({
        field,
        at: 'value' as const,
        path: ['fields', index],
      })),
      ...Object.entries(version.rename ?? {}).map(([outer, field]) => ({
        field,
        at: 'value' as const,
        path: ['rename', outer],
      })),
      ...Object.keys(version.defaults ?? {}).map((field) => ({
        field,
        at: 'key' as const,
        path: ['defaults', field],
      })),
    ];
    for (const use of uses) {
      if (use.field === undefined || fields.has(use.field)) continue;
      const known = [...fields.keys()];
      yield {
        ...unknownName([...path, ...use.path], use.field, known, `a field of the model ${model}`),
        at: use.at,
      };
    }
  }
}

/** One name in a version is one thing: a renamed field, a field as it is, or a constant. */
export function* versionNamesAreUnique(draft: Draft): Iterable<Finding> {
  for (const { version, fields, path } of versionsWithFields(draft)) {
    const renamed = new Set(Object.values(version.rename ?? {}));
    const shownFields = version.fields?.filter((field) => field !== undefined) ?? [...fields.keys()];
    const taken = new Set(shownFields.filter((field) => !renamed.has(field)));
    for (const section of ['rename', 'constants'] as const) {
      for (const name of Object.keys(version[section] ?? {})) {
        if (taken.has(name)) {
          const found = `${shown(name)}, which is another member of this version too`;
          yield { path: [...path, section, name], at: 'key', found, expected: 'a name of its own' };
        }
        taken.add(name);
      }
    }
  }
}

export function* redisIsRedis(draft: Draft): Iterable<Finding> {
  const { redis } = draft.config.server ?? {};
  if (redis === undefined || /^rediss?:\/\//.test(redis)) return;
  yield {
    path: ['server', 'redis'],
    at: 'value',
    found: 'something else',
    expected: 'a URL that begins with redis:// or rediss://',
  };
}

const WIDTHS: Readonly<Record<number, number>> = { 4: 32, 6: 128 };

/** Whoever is believed by mistake chooses the address that he is counted by. */
export function* proxiesAreAddresses(draft: Draft): Iterable<Finding> {
  for (const [index, given] of (draft.config.server?.trustProxy ?? []).entries()) {
    if (given === undefined || isNetwork(given)) continue;
    yield {
      path: ['server', 'trustProxy', index],
      at: 'value',
      found: shown(given),
      expected: 'an address or a network such as 10.0.0.0/8',
    };
  }
}

function isNetwork(text: string): boolean {
  const [address = '', prefix, ...more] = text.split('/');
  const width = WIDTHS[isIP(address)];
  if (width === undefined || more.length > 0) return false;
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= width);
}

const LONGEST_TTL = 24 * 3_600_000;

/** Ages of answers are counted in whole seconds. */
export function* keptAnswersGrowOld(draft: Draft): Iterable<Finding> {
  for (const [name, { cache }] of resourcesOf(draft)) {
    if (cache?.ttl === undefined) continue;
    const ttl = milliseconds(cache.ttl);
    if (ttl >= 1_000 && ttl <= LONGEST_TTL && ttl % 1_000 === 0) continue;
    yield {
      path: ['resources', name, 'cache', 'ttl'],
      at: 'value',
      found: shown(cache.ttl),
      expected: 'whole seconds, from 1s to 24h',
    };
  }
}
