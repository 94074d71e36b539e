import type {
  ApiMeasure,
  ApiSettings,
  ApiStatistics,
  HttpStoreSettings,
  JsonFileStoreSettings,
  StoreSettings,
} from '../domain/configuration.ts';
import { DEFAULTS } from './defaults.ts';
import type {
  ApiFiltersInFile,
  ApiInFile,
  ApiMeasureInFile,
  ApiStatisticsInFile,
  HttpStoreInFile,
  JsonFileStoreInFile,
} from './file-shape.ts';

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
    filters: filterSettings(given.filters),
    statistics: given.statistics ? statisticsSettings(given.statistics, given.filters) : null,
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

function filterSettings(given: ApiFiltersInFile = {}): ApiSettings['filters'] {
  return Object.fromEntries(
    Object.entries(given).map(([column, parameters]) => [
      column,
      typeof parameters === 'string' ? { eq: parameters } : { ...parameters },
    ]),
  );
}

function statisticsSettings(
  { path, filters, groups, sum, min, max, answers }: ApiStatisticsInFile,
  ofLists: ApiFiltersInFile | undefined,
): ApiStatistics {
  const standard = DEFAULTS.http.api.statistics;
  return {
    path,
    filters: filterSettings(filters ?? ofLists),
    groups: groups ? { ...standard.groups, ...groups } : null,
    measures: { sum: measureSettings(sum), min: measureSettings(min), max: measureSettings(max) },
    answers: { ...standard.answers, values: null, ...answers },
  };
}

function measureSettings(given: ApiMeasureInFile | undefined): ApiMeasure | null {
  return given ? { parameter: null, ...given, columns: [...given.columns] } : null;
}
