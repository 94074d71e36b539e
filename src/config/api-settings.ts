import type {
  ApiSettings,
  HttpStoreSettings,
  JsonFileStoreSettings,
  StoreSettings,
} from '../domain/configuration.ts';
import { DEFAULTS } from './defaults.ts';
import type { ApiInFile, HttpStoreInFile, JsonFileStoreInFile } from './file-shape.ts';

type Common = Pick<HttpStoreSettings, 'timeout' | 'deadline' | 'pool' | 'retry' | 'breaker'>;

export function jsonFileSettings(
  store: JsonFileStoreInFile,
  { timeout, deadline, retry, breaker }: Common,
  absolute: (path: string) => string,
): JsonFileStoreSettings {
  return { kind: 'json-file', path: absolute(store.path), timeout, deadline, retry, breaker };
}

export function httpSettings(store: HttpStoreInFile, common: Common): StoreSettings {
  const standard = DEFAULTS.http;
  const tables = Object.entries(store.tables ?? {});
  return {
    kind: 'http',
    url: store.url,
    headers: { ...store.headers },
    ping: store.ping ?? standard.ping,
    keys: store.keys ?? standard.keys,
    maxRecords: store.maxRecords ?? standard.maxRecords,
    api: {
      default: apiSettings(store.api ?? {}),
      // What a table says of itself takes the place of what is said of all, member by member.
      tables: Object.fromEntries(tables.map(([name, api]) => [name, apiSettings({ ...store.api, ...api })])),
    },
    ...common,
  };
}

function apiSettings(given: ApiInFile): ApiSettings {
  const standard = DEFAULTS.http.api;
  const { answers, errors, sort } = given;
  return {
    path: given.path ?? null,
    paging: { ...standard.paging, ...given.paging },
    answers: {
      list: answers?.list ?? standard.answers.list,
      record: answers?.record ?? standard.answers.record,
      total: answers?.total ?? null,
      totalHeader: answers?.totalHeader?.toLowerCase() ?? null,
    },
    body: given.body ?? standard.body,
    update: given.update ?? standard.update,
    conditions: given.conditions ?? null,
    filters: Object.fromEntries(
      Object.entries(given.filters ?? {}).map(([column, parameters]) => [
        column,
        typeof parameters === 'string' ? { eq: parameters } : { ...parameters },
      ]),
    ),
    sort: sort
      ? { ...standard.sort, ...sort, collation: sort.collation ?? null, columns: [...sort.columns] }
      : null,
    errors: {
      message: errors?.message ?? standard.errors.message,
      field: errors?.field ?? standard.errors.field,
      statuses: { ...errors?.statuses },
    },
  };
}
