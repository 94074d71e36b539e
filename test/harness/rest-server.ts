import { createHash } from 'node:crypto';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { BanyanError, isBanyanError } from '../../src/domain/errors.ts';
import { readValue } from '../../src/domain/json-values.ts';
import type { Condition, Operator, SortBy } from '../../src/domain/query.ts';
import type { Grouping, MeasuredField } from '../../src/domain/statistics.ts';
import { parseJson, stringifyJson, type Row, type Value } from '../../src/domain/values.ts';
import type { Table } from '../../src/stores/contract.ts';

/** What differs between the APIs that the tests speak with. */
export interface RestStyle {
  paging: 'page' | 'offset' | 'cursor';
  /** Most records in a page, whatever is asked for. */
  cut: number;
  /** Query parameters that it knows, as `<column>` for equality and `<column>_<operator>`. */
  filters: readonly string[];
  sort: readonly string[];
  /** Where answers hold things. */
  wrap: {
    list: (records: Row[], more: { total: number; next: string | null }) => Value;
    record: (record: Row) => Value;
    body: (body: Value) => Row;
  };
  totalHeader?: string;
  /** Only whole records are written, on condition that the ETag is still the one that was read. */
  wholeRecords?: boolean;
  /** Records have no ETag. */
  noTags?: boolean;
  /** Whether `<path>/stats` answers groups, by `by`, `sum`, `min` and `max`. */
  statistics?: boolean;
  /** A key that is sent with a new record is passed over. */
  drawsKeys?: boolean;
}

export interface RestServer {
  url: string;
  port: number;
  token: string;
  /** Requests so far, as `GET /things?limit=1`. */
  requests: string[];
  stop(): Promise<void>;
}

const TOKEN = 'token-of-the-rest-server';
const STATUSES: Record<string, number> = { duplicate: 409, 'reference-missing': 424 };

/** A small REST API over real tables, with a bearer token. */
export async function startRestServer(tables: readonly Table[], style: RestStyle): Promise<RestServer> {
  const app = Fastify({ routerOptions: { maxParamLength: 2_000 } });
  const requests: string[] = [];
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, text, done) => {
    try {
      done(null, parseJson(text as string));
    } catch (error) {
      done(error as Error);
    }
  });
  app.addHook('onRequest', async (request, reply) => {
    requests.push(`${request.method} ${request.url}`);
    if (request.headers.authorization !== `Bearer ${TOKEN}`)
      return await reply.code(401).send({ problem: { says: 'no' } });
  });
  app.setErrorHandler(async (error, _request, reply) => {
    if (!isBanyanError(error)) return await reply.code(500).send({ problem: { says: String(error) } });
    const { field } = (error.details ?? {}) as { field?: string };
    const status = STATUSES[error.code] ?? (error.entry.status >= 500 ? 500 : 422);
    return await reply.code(status).send({ problem: { says: error.message, about: field } });
  });
  app.get('/health', () => ({ ok: true }));
  for (const table of tables) serve(app, table, style);
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  return { url, port: Number(new URL(url).port), token: TOKEN, requests, stop: () => app.close() };
}

function serve(app: FastifyInstance, table: Table, style: RestStyle): void {
  const path = `/${table.spec.name}`;
  const keyOf = (request: FastifyRequest) => (request.params as { key: string }).key;
  const one = async (request: FastifyRequest) => (await table.get([keyOf(request)])).get(keyOf(request));
  const send = (reply: FastifyReply, body: Value, status = 200) =>
    reply.code(status).type('application/json').send(stringifyJson(body));
  const sendRecord = (reply: FastifyReply, row: Row | null | undefined, status = 200) =>
    row
      ? send(style.noTags ? reply : reply.header('etag', tagOf(row)), style.wrap.record(row), status)
      : send(reply, { problem: { says: 'no such record' } }, 404);

  if (style.statistics)
    app.get(
      `${path}/stats`,
      async (request, reply) => await send(reply, await groupsOf(request, table, style)),
    );
  app.get(path, async (request, reply) => await sendList(request, reply, table, style));
  app.get(`${path}/:key`, async (request, reply) => await sendRecord(reply, await one(request)));
  app.post(path, async (request, reply) => {
    const row = { ...style.wrap.body(request.body as Value) };
    if (style.drawsKeys) delete row[table.spec.key];
    return await sendRecord(reply, await table.insert(row), 201);
  });
  const only = (request: FastifyRequest) => whereOf(request.query as Record<string, string>, table, style);
  app.patch(`${path}/:key`, async (request, reply) => {
    if (style.wholeRecords) return await send(reply, {}, 405);
    const patch = async () =>
      await sendRecord(
        reply,
        await table.update(
          keyOf(request),
          style.wrap.body(request.body as Value),
          only(request) ?? undefined,
        ),
      );
    return request.headers['if-match'] === undefined ? await patch() : await asRead(request, reply, patch);
  });
  /** One at a time, and on condition that the record is as its ETag says. */
  const asRead = async (request: FastifyRequest, reply: FastifyReply, write: () => Promise<unknown>) => {
    const at = `${path}/${keyOf(request)}`;
    const refuse = async () => await send(reply, { problem: { says: 'changed meanwhile' } }, 412);
    if (locked.has(at)) return await refuse();
    locked.add(at);
    try {
      const row = await one(request);
      const wanted = request.headers['if-match'];
      if (row && wanted !== undefined && wanted !== tagOf(row)) return await refuse();
      return await write();
    } finally {
      locked.delete(at);
    }
  };
  app.put(`${path}/:key`, async (request, reply) =>
    asRead(request, reply, async () => {
      const whole = style.wrap.body(request.body as Value);
      return await sendRecord(reply, await table.update(keyOf(request), whole, only(request) ?? undefined));
    }),
  );
  app.delete(`${path}/:key`, async (request, reply) => {
    const remove = async () =>
      (await table.remove(keyOf(request), only(request) ?? undefined))
        ? await reply.code(204).send()
        : await sendRecord(reply, null);
    return request.headers['if-match'] === undefined ? await remove() : await asRead(request, reply, remove);
  });
}

/** Records that are being written as a whole. */
const locked = new Set<string>();

function tagOf(row: Row): string {
  return `"${createHash('sha1').update(stringifyJson(row)).digest('hex')}"`;
}

async function sendList(request: FastifyRequest, reply: FastifyReply, table: Table, style: RestStyle) {
  const query = request.query as Record<string, string>;
  const size = Math.min(Number(query.limit ?? style.cut), style.cut);
  const offset = offsetOf(query, size, style.paging);
  const { rows, total } = await table.list({
    where: whereOf(query, table, style),
    sort: sortOf(table, query.sort),
    limit: size,
    offset,
    total: true,
  });
  const next =
    offset + rows.length < (total ?? 0) ? `/${table.spec.name}?cursor=${offset + rows.length}` : null;
  if (style.totalHeader) void reply.header(style.totalHeader, String(total));
  return await reply
    .type('application/json')
    .send(stringifyJson(style.wrap.list(rows, { total: total ?? 0, next })));
}

function whereOf(query: Record<string, string>, table: Table, { filters }: RestStyle): Condition | null {
  const parts = filters.flatMap((name) =>
    query[name] === undefined ? [] : [conditionOf(table, name, query[name])],
  );
  return parts.length ? { and: parts } : null;
}

/** `{ n, status, day_of_at, there: { amount }, sum: { amount }, … }`; a group that is the only one stands by itself. */
async function groupsOf(request: FastifyRequest, table: Table, style: RestStyle): Promise<Value> {
  const query = request.query as Record<string, string>;
  const named = (name: string) => (query[name] ?? '').split(',').filter((part) => part !== '');
  const groupBy = named('by').map((part): Grouping => {
    const day = /^(.*):day$/.exec(part)?.[1];
    return { field: day ?? part, by: day ? 'day' : 'value' };
  });
  const fields = [...new Set(['sum', 'min', 'max'].flatMap(named))];
  const measures = fields.map((field) => ({
    field,
    sum: named('sum').includes(field),
    range: [...named('min'), ...named('max')].includes(field),
  }));
  const found = await table.statistics?.({ where: whereOf(query, table, style), groupBy, measures });
  const groups = (found ?? []).map((group): Value => {
    const each = (of: keyof MeasuredField) =>
      Object.fromEntries(measures.map(({ field }, index) => [field, group.measures[index]?.[of] ?? null]));
    const values = groupBy.map(({ field, by }, index): [string, Value] => [
      by === 'day' ? `day_of_${field}` : field,
      group.group[index] ?? null,
    ]);
    const measured = { there: each('count'), sum: each('sum'), min: each('min'), max: each('max') };
    return { n: group.count, ...Object.fromEntries(values), ...measured };
  });
  return { data: groupBy.length === 0 ? (groups[0] ?? null) : groups };
}

function offsetOf(query: Record<string, string>, size: number, paging: RestStyle['paging']): number {
  if (paging === 'page') return (Number(query.page ?? 1) - 1) * size;
  return Number((paging === 'offset' ? query.offset : query.cursor) ?? 0);
}

function conditionOf(table: Table, name: string, text: string): Condition {
  const [, field = name, op = 'eq'] = /^(.*)_(eq|ne|gt|gte|lt|lte|in|contains)$/.exec(name) ?? [];
  const column = table.spec.columns.find((one) => one.name === field);
  if (!column) throw new BanyanError('invalid-query', `no column ${field}`);
  const value = (one: string): Value => (column.type === 'boolean' ? one === 'true' : readValue(one, column));
  if (op === 'in') return { field, op, value: text.split(',').map(value) };
  return { field, op: op as Exclude<Operator, 'in'>, value: value(text) };
}

function sortOf(table: Table, sort: string | undefined): SortBy[] {
  const given = (sort ?? '').split(',').filter((part) => part !== '');
  const by = given.map((part) => ({ field: part.replace(/^-/, ''), descending: part.startsWith('-') }));
  return by.some(({ field }) => field === table.spec.key)
    ? by
    : [...by, { field: table.spec.key, descending: false }];
}
