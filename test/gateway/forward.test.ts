import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { gunzipSync, gzipSync } from 'node:zlib';
import t from 'tap';
import { startGateway, testConfig } from '../harness/gateway.ts';
import { createTwoSides } from '../harness/two-sides.ts';
import { until } from '../harness/wait.ts';
import { allOf, begin, bodyOf, exchange, startUpstream } from './upstream.ts';

const upstream = await startUpstream(t);
const sides = await createTwoSides(t);
const config = await testConfig(t, [[/logLevel: .*/, '$&\n  bodyLimit: 10kb']]);
const gateway = await startGateway(t, { config, env: { ...sides.env, LEGACY_API_URL: upstream.url } });

const last = () => upstream.seen.at(-1);
const sha = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
const within = <T>(promise: Promise<T>, what: string) => {
  let settled: { value: T } | undefined;
  void promise.then((value) => (settled = { value }));
  return until(() => settled, { what }).then(({ value }) => value);
};

t.test('an upload of many megabytes arrives chunk by chunk, while the client still sends', async (t) => {
  let arrived = 0;
  upstream.on('/upload', (request, response) => {
    request.on('data', (chunk: Buffer) => (arrived += chunk.length));
    request.on('end', () => response.end(String(arrived)));
  });
  const chunk = randomBytes(256 * 1024);
  const headers = { 'content-type': 'application/octet-stream' };
  const answer = begin(`${gateway.url}/upload`, { method: 'POST', headers }, (request) => {
    void (async () => {
      for (let sent = 1; sent <= 32; sent += 1) {
        request.write(chunk);
        await until(() => arrived >= (sent - 1) * chunk.length, {
          what: 'the upstream has what was sent before',
        });
      }
      request.end();
    })();
  });
  t.equal((await bodyOf(await answer)).toString(), String(32 * chunk.length));
});

t.test('an answer is passed on while the upstream still writes it', async (t) => {
  let stream: ServerResponse | undefined;
  upstream.on('/events', (_request, response) => {
    stream = response;
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    response.write('data: 1\n\n');
  });
  const answer = await begin(`${gateway.url}/events`, { headers: { accept: 'text/event-stream' } });
  t.equal(answer.headers['content-type'], 'text/event-stream');
  t.equal(
    String((await once(answer, 'data'))[0]),
    'data: 1\n\n',
    'the first event, before the second is made',
  );
  stream?.write('data: 2\n\n');
  t.equal(String((await once(answer, 'data'))[0]), 'data: 2\n\n');
  answer.destroy();
  await until(() => stream?.destroyed, { what: 'the upstream hears that the client has gone' });
});

t.test('open event streams in any number keep no other request waiting', async (t) => {
  upstream.on('/quiet', (_request, response) => void response.writeHead(200).write('.'));
  const streams = await Promise.all(
    Array.from({ length: 300 }, async () => await begin(`${gateway.url}/quiet`, {})),
  );
  t.equal((await within(exchange(`${gateway.url}/other`), 'another request is answered')).status, 200);
  for (const stream of streams) stream.destroy();
});

const BODIES: readonly (readonly [name: string, type: string | null, body: Buffer])[] = [
  [
    'JSON with its own white space and order',
    'application/json',
    Buffer.from(' {"b": 1.0,\n "a": 1e400, "a": 2} '),
  ],
  ['what claims to be JSON and is not', 'application/json; charset=utf-8', Buffer.from('{"a":')],
  ['JSON above server.bodyLimit', 'application/json', Buffer.from(`"${'x'.repeat(50_000)}"`)],
  ['text that is not UTF-8, above server.bodyLimit', 'text/plain; charset=latin1', randomBytes(50_000)],
  ['a form', 'application/x-www-form-urlencoded', Buffer.from('a=1&a=%zz&b=+')],
  ['several parts', 'multipart/form-data; boundary=x', Buffer.from('--x\r\n\r\n\u0000é\r\n--x--\r\n')],
  ['what is packed', 'application/json', gzipSync('{"a":1}')],
  ['a type that is no type', 'no type at all', Buffer.from('x')],
  ['an empty type', '', Buffer.from('x')],
  ['no type', null, randomBytes(100)],
  ['nothing, with a type', 'application/json', Buffer.alloc(0)],
];

for (const [name, type, body] of BODIES) {
  t.test(`a body is passed on byte for byte: ${name}`, async (t) => {
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
      const headers = {
        'content-length': String(body.length),
        ...(type === null ? {} : { 'content-type': type }),
      };
      const { status } = await exchange(`${gateway.url}/things`, { method, headers, body });
      t.same([status, last()?.method], [200, method]);
      t.equal(sha(last()?.body ?? Buffer.alloc(0)), sha(body));
      t.equal(last()?.headers['content-type'], type ?? undefined, 'with its type as it was');
      t.equal(Number(last()?.headers['content-length'] ?? 0), body.length, 'and its length');
    }
  });
}

t.test('a client that asks before it sends a large body is answered', async (t) => {
  const body = randomBytes(100_000);
  const answer = begin(
    `${gateway.url}/things`,
    { method: 'POST', headers: { expect: '100-continue', 'content-length': String(body.length) } },
    (request) => {
      request.once('continue', () => request.end(body));
      request.flushHeaders();
    },
  );
  t.equal((await within(answer, 'the answer')).statusCode, 200);
  t.equal(sha(last()?.body ?? Buffer.alloc(0)), sha(body));
});

t.test('a packed answer stays packed', async (t) => {
  const packed = gzipSync('{"a": 1.0}');
  upstream.on('/packed', (_request, response) =>
    response.writeHead(200, { 'content-encoding': 'gzip', 'content-type': 'application/json' }).end(packed),
  );
  const answer = await exchange(`${gateway.url}/packed`, { headers: { 'accept-encoding': 'gzip, br' } });
  t.equal(last()?.headers['accept-encoding'], 'gzip, br');
  t.equal(answer.headers['content-encoding'], 'gzip');
  t.ok(answer.body.equals(packed));
  t.equal(gunzipSync(answer.body).toString(), '{"a": 1.0}');
});

t.test('headers of a request arrive as they were sent', async (t) => {
  const headers = {
    prefer: 'return=representation, count=exact',
    range: '0-9',
    'accept-profile': 'public',
    'content-profile': 'private',
    'if-none-match': 'W/"1"',
    authorization: 'Bearer abc.def',
    apikey: 'k',
    cookie: 'a=1; b="2"',
    'x-request-id': 'mine',
    'x-two': ['1', '2'],
    'idempotency-key': 'i',
    'x-latin': 'caf\u00e9',
  };
  await exchange(`${gateway.url}/things`, { headers });
  for (const [name, value] of Object.entries(headers)) {
    t.equal(last()?.headers[name], Array.isArray(value) ? value.join(', ') : value, name);
  }
  const hops = { connection: 'keep-alive, x-hop', 'keep-alive': 'timeout=9', 'x-hop': '1', te: 'trailers' };
  t.equal((await exchange(`${gateway.url}/things`, { headers: hops })).status, 200);
  t.notOk(
    last()?.headers['x-hop'] ?? last()?.headers['keep-alive'],
    'what is for the gateway only ends there',
  );
});

t.test('headers of an answer arrive as they were sent', async (t) => {
  upstream.on('/headers', (_request, response) => {
    response.writeHead(201, [
      ...['content-range', '0-9/100'],
      ...['location', '/headers?id=eq.1'],
      ...['set-cookie', 'a=1; Path=/; HttpOnly'],
      ...['set-cookie', 'b=2, c; Expires=Wed, 21 Oct 2026 07:28:00 GMT'],
      ...['link', '</1>; rel=next'],
      ...['link', '</2>; rel=prev'],
      ...['etag', '"x"'],
      ...['content-type', 'application/vnd.pgrst.object+json; charset=utf-8'],
      ...['x-empty', ''],
      ...['server', 'legacy'],
      ...['date', 'Wed, 21 Oct 2026 07:28:00 GMT'],
      ...['connection', 'close'],
      ...['keep-alive', 'timeout=77'],
    ]);
    response.end('{}');
  });
  const answer = await exchange(`${gateway.url}/headers`);
  t.equal(answer.status, 201);
  t.match(answer.headers, {
    'content-range': '0-9/100',
    location: '/headers?id=eq.1',
    etag: '"x"',
    'content-type': 'application/vnd.pgrst.object+json; charset=utf-8',
    'x-empty': '',
    server: 'legacy',
    date: 'Wed, 21 Oct 2026 07:28:00 GMT',
  });
  t.same(allOf(answer.rawHeaders, 'set-cookie'), [
    'a=1; Path=/; HttpOnly',
    'b=2, c; Expires=Wed, 21 Oct 2026 07:28:00 GMT',
  ]);
  t.same(allOf(answer.rawHeaders, 'link'), ['</1>; rel=next', '</2>; rel=prev']);
  t.not(
    answer.headers['keep-alive'],
    'timeout=77',
    'how long the upstream keeps its connection is the gateway’s matter',
  );
  const kept = await exchange(`${gateway.url}/headers`, { headers: { connection: 'keep-alive' } });
  t.not(kept.headers.connection, 'close', 'and so is that it closes it');
});

t.test('status codes are passed on, and what has no body has none', async (t) => {
  for (const status of [
    200, 202, 204, 206, 301, 304, 400, 401, 404, 409, 416, 422, 429, 500, 502, 503, 504, 599,
  ]) {
    upstream.on(`/status/${status}`, (_request, response) =>
      response
        .writeHead(status, { 'retry-after': '1', location: '/x' })
        .end(status === 204 || status === 304 ? undefined : 'x'),
    );
    const before = upstream.seen.length;
    const answer = await within(exchange(`${gateway.url}/status/${status}`), `${status} is answered`);
    t.same([answer.status, answer.body.toString()], [status, status === 204 || status === 304 ? '' : 'x']);
    t.equal(upstream.seen.length - before, 1, `${status}: asked once`);
  }
});

t.test('methods are passed on, HEAD with its length and without a body', async (t) => {
  upstream.on('/sized', (_request, response) =>
    response.writeHead(200, { 'content-length': '5' }).end('12345'),
  );
  const head = await exchange(`${gateway.url}/sized`, { method: 'HEAD' });
  t.same(
    [head.status, head.headers['content-length'], head.body.length, last()?.method],
    [200, '5', 0, 'HEAD'],
  );
  for (const method of ['OPTIONS', 'PROPFIND', 'REPORT', 'PURGE', 'LOCK', 'SEARCH']) {
    const answer = await exchange(`${gateway.url}/things`, { method });
    t.same([answer.status, answer.body.toString(), last()?.method], [200, 'ok', method]);
  }
  const preflight = await exchange(`${gateway.url}/api/clients`, { method: 'OPTIONS' });
  t.same(
    [preflight.body.toString(), last()?.method],
    ['ok', 'OPTIONS'],
    'also of a resource: CORS is the product’s',
  );
});

t.test('paths and queries are passed on byte for byte', async (t) => {
  const targets = [
    '/rest/v1/clients?select=*,engagements(*)&or=(a.eq.1,b.is.null)&name=like.*%25*&order=a.desc.nullslast',
    '/a?x=%zz&y=%E9&z=+&z=%2B&&=&q',
    '/a?x[]=1&x[]={"a":"b"}|^`\'',
    '/a?next=/b?c=d#',
    '/a?',
    '/files/a%20b%2Fc%3F/d+e/%C3%A9',
    "/a//b/.c/d...;v=1/@:!$&'()*,=~",
    `/long/${'x'.repeat(5_000)}?${'y'.repeat(5_000)}`,
    '/',
    '/api',
    '/api/clients2',
    '/api/clients/x/notes',
    '/api/clients/x/notes/',
    '/API/CLIENTS',
    '/_banyan/other',
  ];
  for (const target of targets) {
    const { status } = await exchange(gateway.url + target);
    t.same([status, last()?.target], [200, target]);
  }
});

t.test('what cannot be passed on is refused in the envelope, not guessed', async (t) => {
  const before = upstream.seen.length;
  const refused: readonly (readonly [string, Parameters<typeof exchange>[1]])[] = [
    ['/a/../../etc', {}],
    ['/a/%2e%2e/b', {}],
    ['/a/%E0%A4%A', {}],
    ['//other.example/a', {}],
    ['/search', { method: 'GET', headers: { 'content-length': '2' }, body: '{}' }],
  ];
  for (const [path, sent] of refused) {
    const answer = await within(exchange(gateway.url + path, sent), `${path} is answered`);
    const { success, error } = JSON.parse(answer.body.toString()) as {
      success: boolean;
      error: { code: string };
    };
    t.same([answer.status, success, error.code], [400, false, 'not-forwardable'], path);
  }
  t.equal(upstream.seen.length, before, 'and nothing arrives');
});
