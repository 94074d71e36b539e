import type { OperationSettings, ResourceSettings, Snapshot } from '../domain/configuration.ts';
import { ERRORS } from '../domain/errors.ts';
import { PERMISSION_OF } from './access.ts';
import { ENVELOPES } from './envelope.ts';
import type { Face } from './face.ts';
import { filterParameters, LIST_HEADERS, listParameters } from './openapi-lists.ts';
import { GROUP, statisticsParameters } from './openapi-statistics.ts';
import { fieldSchema, messageSchema, recordSchema, type Schema } from './openapi-schemas.ts';
import type { Verb } from './plan.ts';

/** What the document is made of; the same as requests are matched with. */
export interface Described {
  snapshot: Pick<Snapshot, 'hash' | 'operations' | 'auth'>;
  resources: readonly { settings: ResourceSettings; faces: readonly Face[] }[];
}

/** The OpenAPI 3.1 document of every route that the gateway serves itself. Pure. */
export function openApiDocument({ snapshot, resources }: Described): Record<string, unknown> {
  const faces = resources.flatMap(({ settings, faces: own }) => own.map((face) => ({ settings, face })));
  return {
    openapi: '3.1.0',
    info: { title: 'API', version: snapshot.hash.slice(0, 12) },
    paths: byPath([
      ...faces.flatMap(({ settings, face }) => pathsOf(settings, face, snapshot.auth !== null)),
      ...operationPaths(snapshot.operations, snapshot.auth !== null),
    ]),
    components: {
      schemas: Object.fromEntries([
        ...faces.flatMap(({ settings, face }) => componentsOf(settings, face)),
        ['Error', ERROR],
        ['Pagination', PAGINATION],
        ['Batch', batchSchema()],
      ]),
      ...(snapshot.auth ? { securitySchemes: { token: tokenScheme(snapshot.auth) } } : {}),
    },
  };
}

/** An operation may be a method more at the path of a resource. */
function byPath(items: readonly [path: string, methods: object][]): Record<string, object> {
  const paths: Record<string, object> = {};
  for (const [path, methods] of items) paths[path] = { ...paths[path], ...methods };
  return paths;
}

const JSON_TYPE = 'application/json';
const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });
const json = (schema: unknown) => ({ [JSON_TYPE]: { schema } });

const ERROR: Schema = {
  type: 'object',
  required: ['code', 'message', 'requestId'],
  properties: {
    code: { type: 'string', enum: Object.keys(ERRORS).sort() },
    message: { type: 'string' },
    details: {},
    requestId: { type: 'string' },
  },
};

const PAGINATION: Schema = {
  type: 'object',
  required: ['limit', 'nextCursor'],
  properties: {
    limit: { type: 'integer' },
    offset: { type: 'integer' },
    total: { type: 'integer' },
    totalIsEstimate: {
      type: 'boolean',
      description:
        'There where an estimate was asked for, and while records of both sides are brought back to legacy.',
    },
    nextCursor: { type: ['string', 'null'] },
  },
};

function batchSchema(): Schema {
  const item: Schema = {
    type: 'object',
    required: ['index', 'status'],
    properties: {
      index: { type: 'integer' },
      status: { type: 'integer' },
      error: {
        type: 'object',
        properties: { code: { type: 'string' }, message: { type: 'string' }, details: {} },
      },
    },
  };
  return {
    type: 'object',
    required: ['accepted', 'refused', 'items'],
    properties: {
      accepted: { type: 'integer' },
      refused: { type: 'integer' },
      items: { type: 'array', items: item },
    },
  };
}

function tokenScheme({ issuer }: NonNullable<Snapshot['auth']>): Schema {
  if (issuer === null) return { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' };
  return {
    type: 'openIdConnect',
    openIdConnectUrl: `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`,
  };
}

/** `SensorSample`, and `SensorSampleV1` for version `v1` of it. */
function schemaName({ new: next }: ResourceSettings, { version }: Face): string {
  const suffix = (version ?? '').replace(/(^|[-_])([a-z0-9])/g, (_all, _dash, letter: string) =>
    letter.toUpperCase(),
  );
  return next.model + suffix;
}

const ROLES = { create: 'Create', replace: 'Replace', change: 'Change' } as const;

function componentsOf(settings: ResourceSettings, face: Face): [string, Schema][] {
  const name = schemaName(settings, face);
  return [
    [name, recordSchema(face)],
    ...Object.entries(ROLES).map(([role, suffix]): [string, Schema] => [
      name + suffix,
      messageSchema(face, role as keyof typeof ROLES),
    ]),
  ];
}

function pathsOf(settings: ResourceSettings, face: Face, secured: boolean): [string, object][] {
  const name = schemaName(settings, face);
  const route = (verb: Verb, details: object) => ({
    operationId: `${verb}${name}`,
    tags: [settings.name],
    ...details,
    ...(secured ? securityOf(settings, verb) : {}),
  });
  const record = answer(settings, 'record', ref(name));
  const id = [{ name: 'id', in: 'path', required: true, schema: keySchema(face) }];
  const idempotent = [{ name: 'idempotency-key', in: 'header', schema: { type: 'string', maxLength: 255 } }];
  const body = (role: keyof typeof ROLES) => ({ required: true, content: json(ref(name + ROLES[role])) });
  const paths: [string, object][] = [
    [
      face.path,
      {
        get: route('list', {
          parameters: listParameters(settings, face),
          ...answer(settings, 'list', ref(name)),
        }),
        post: route('create', {
          parameters: idempotent,
          requestBody: body('create'),
          ...answer(settings, 'record', ref(name), 201),
        }),
      },
    ],
    [
      `${face.path}/{id}`,
      {
        get: route('detail', { parameters: id, ...record }),
        put: route('replace', {
          parameters: [...id, ...idempotent],
          requestBody: body('replace'),
          ...record,
        }),
        patch: route('change', {
          parameters: [...id, ...idempotent],
          requestBody: body('change'),
          ...record,
        }),
        delete: route('remove', {
          parameters: [...id, ...idempotent],
          ...answer(settings, 'record', { type: 'object', properties: idProperties(face) }),
        }),
      },
    ],
  ];
  if (settings.query.statistics.length > 0) {
    const statistics = route('list', {
      parameters: [...filterParameters(settings, face), ...statisticsParameters(settings, face)],
      ...answer(settings, 'record', { type: 'array', items: GROUP }),
    });
    paths.push([`${face.path}/statistics`, { get: { ...statistics, operationId: `statistics${name}` } }]);
  }
  if (settings.batch) paths.push([`${face.path}/batch`, { post: batchRoute(settings, face, route) }]);
  return paths;
}

function batchRoute(
  settings: ResourceSettings,
  face: Face,
  route: (verb: Verb, details: object) => { operationId: string },
) {
  const name = schemaName(settings, face);
  const items = { type: 'array', maxItems: settings.batch?.max, items: ref(`${name}Create`) };
  const content = { ...json(items), 'application/x-ndjson': { schema: { type: 'string' } } };
  const made = answer(settings, 'record', ref('Batch'), 201).responses;
  return {
    ...route('create', {
      parameters: [
        { name: 'atomic', in: 'query', schema: { type: 'boolean', default: false } },
        { name: 'idempotency-key', in: 'header', schema: { type: 'string', maxLength: 255 } },
      ],
      requestBody: { required: true, content },
      responses: {
        ...made,
        207: { ...made['201'], description: 'Some records were refused; items says which.' },
      },
    }),
    operationId: `batch${name}`,
  };
}

/** An answer in the resource's envelope: the envelopes themselves say how, given schemas instead of records. */
function answer(settings: ResourceSettings, kind: 'record' | 'list', schema: Schema, status = 200) {
  const envelope = ENVELOPES[settings.envelope];
  const list: Schema = { type: 'array', items: schema };
  const wrapped =
    kind === 'record'
      ? envelope.record(schema as never)
      : envelope.list(list as never, ref('Pagination') as never);
  const error = envelope.error(ref('Error') as never);
  const responses: Record<string, unknown> = {
    [status]: {
      description: 'Done.',
      ...(kind === 'list' ? { headers: LIST_HEADERS } : {}),
      content: json(settings.envelope === 'none' ? wrapped : objectOf(wrapped)),
    },
    default: { description: 'Refused or failed.', content: json(objectOf(error)) },
  };
  if (settings.rateLimit) responses['429'] = { ...tooMany, content: json(objectOf(error)) };
  return { responses: responses as Record<string, object> };
}

const tooMany = {
  description: 'Too many requests.',
  headers: { 'retry-after': { description: 'Seconds.', schema: { type: 'integer' } } },
};

/** An object whose members are constants or schemas, as a schema. */
function objectOf(wrapped: unknown): Schema {
  const members = Object.entries(wrapped as Record<string, unknown>);
  const properties = members.map(([name, value]) => [
    name,
    typeof value === 'object' ? value : { const: value },
  ]);
  return {
    type: 'object',
    required: members.map(([name]) => name),
    properties: Object.fromEntries(properties) as object,
  };
}

function keySchema({ shape }: Face): Schema {
  const { keys } = shape.mapping;
  const field = keys.length === 1 ? shape.mapping.field(keys[0]?.name ?? '') : undefined;
  return field ? fieldSchema(field) : { type: 'string', description: 'The parts of the id, joined by "~".' };
}

function idProperties({ shape }: Face): Record<string, Schema> {
  const fields = [...shape.fields].filter(([, field]) => shape.mapping.isKeyField(field.name));
  return Object.fromEntries(fields.map(([name, field]) => [name, fieldSchema(field)]));
}

function securityOf({ access }: ResourceSettings, verb: Verb): object {
  const permission = PERMISSION_OF[verb];
  const roles = access.roles[permission];
  return {
    security: access.anonymous.includes(permission) ? [] : [{ token: [] }],
    ...(roles ? { 'x-roles': [...roles] } : {}),
  };
}

/** Operations take and answer what their modules say; the document knows their paths and methods. */
function operationPaths(operations: readonly OperationSettings[], secured: boolean): [string, object][] {
  const paths = new Map<string, Record<string, unknown>>();
  for (const { name, path, method, roles, anonymous, rateLimit } of operations) {
    const parameters = [...path.matchAll(/:([^/]+)/g)].map(([, parameter]) => ({
      name: parameter,
      in: 'path',
      required: true,
      schema: { type: 'string' },
    }));
    const template = path.replace(/:([^/]+)/g, '{$1}');
    const methods = paths.get(template) ?? {};
    methods[method.toLowerCase()] = {
      operationId: name,
      tags: ['operations'],
      parameters,
      ...(method === 'GET' ? {} : { requestBody: { content: json({}) } }),
      responses: {
        200: { description: 'Done.', content: json({}) },
        default: { description: 'Refused or failed.', content: json({}) },
        ...(rateLimit ? { 429: { ...tooMany, content: json({}) } } : {}),
      },
      ...(secured
        ? { security: anonymous ? [] : [{ token: [] }], ...(roles ? { 'x-roles': [...roles] } : {}) }
        : {}),
    };
    paths.set(template, methods);
  }
  return [...paths];
}
