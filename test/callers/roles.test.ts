import t from 'tap';
import { send } from '../harness/api.ts';
import { until } from '../harness/wait.ts';
import { startCallers } from './place.ts';

const place = await startCallers(
  t,
  [
    [/\n  logLevel:/, `\n  cors: { origins: ['https://app.example.com'], maxAge: 5m }$&`],
    [
      /(path: \/api\/services\n    mode: legacy\n)/,
      '$1    roles: { read: [viewer, admin], write: [editor], create: [editor, intake], delete: [admin] }\n',
    ],
    [/(path: \/api\/clients\n    mode: legacy\n)/, '$1    anonymous: [read]\n'],
    [/(resources: \[clients, services, engagements\]\n)/, '$1    roles: [clerk]\n'],
  ],
  '',
);
const { gateway, issuer } = place;
const withRoles = async (...roles: string[]) => await place.as({ sub: 'ada', realm_access: { roles } });

t.test('N5: each role may do what its permissions say, on every verb', async (t) => {
  const record = { code: 'a', name: 'one', price: 1 };
  const [viewer, editor, intake, admin, nobody] = [
    await withRoles('viewer'),
    await withRoles('editor'),
    await withRoles('intake'),
    await withRoles('admin'),
    await withRoles(),
  ];
  const made = await editor('POST', '/api/services', record);
  t.equal(made.status, 201);
  const path = `/api/services/${made.body.data.id}`;
  const table = [
    ['GET', '/api/services', undefined, [200, 403, 403, 200, 403]],
    ['GET', path, undefined, [200, 403, 403, 200, 403]],
    ['HEAD', path, undefined, [200, 403, 403, 200, 403]],
    ['POST', '/api/services', { ...record, code: 'b' }, [403, 201, 409, 403, 403]],
    ['PATCH', path, { name: 'two' }, [403, 200, 403, 403, 403]],
    ['PUT', path, record, [403, 200, 403, 403, 403]],
    ['DELETE', path, undefined, [403, 403, 403, 200, 403]],
  ] as const;
  for (const [method, at, body, wanted] of table) {
    const statuses: number[] = [];
    for (const ask of [viewer, editor, intake, admin, nobody])
      statuses.push((await ask(method, at, body)).status);
    t.same(statuses, wanted, `${method} ${at}`);
  }
  const scoped = await place.as({ sub: 'ada', scope: 'openid viewer' });
  t.equal((await scoped('GET', '/api/services')).status, 200, 'a scope is a role too');
});

t.test('a refusal has the form of the resource, and says what is asked for', async (t) => {
  const missing = await send(gateway.url, 'GET', '/api/services');
  t.match([missing.status, missing.body], [401, { success: false, error: { code: 'token-missing' } }]);
  t.equal(missing.headers.get('www-authenticate'), 'Bearer');
  const basic = await send(gateway.url, 'GET', '/api/services', undefined, { authorization: 'Basic YTpi' });
  t.equal(basic.status, 401);
  const expired = await issuer.token({ sub: 'ada' }, { expiresIn: -60 });
  const old = await send(gateway.url, 'GET', '/api/services', undefined, {
    authorization: `Bearer ${expired}`,
  });
  t.match([old.status, old.body.error], [401, { code: 'token-invalid', message: /expired/ }]);
  t.equal(old.headers.get('www-authenticate'), 'Bearer error="invalid_token"');
  const viewer = await withRoles('viewer');
  const refused = await viewer('DELETE', '/api/services/9c1b0f0e-0000-4000-8000-000000000000');
  t.match(
    [refused.status, refused.body.error],
    [403, { code: 'not-permitted', details: { roles: ['admin'] } }],
  );
  t.equal(refused.headers.get('www-authenticate'), 'Bearer error="insufficient_scope"');
  t.equal(
    (await viewer('POST', '/api/appointments', {})).body.error.code,
    'not-permitted',
    'an operation too',
  );
});

t.test('nobody is asked for a body that he may not send', async (t) => {
  const huge = 'x'.repeat(2_000_000);
  t.equal((await send(gateway.url, 'POST', '/api/services', huge)).status, 401, 'not 413');
});

t.test('what is open to everybody is, but a wrong token is wrong there too', async (t) => {
  t.equal((await send(gateway.url, 'GET', '/api/clients')).status, 200);
  t.equal((await send(gateway.url, 'POST', '/api/clients', {})).status, 401);
  const wrong = { authorization: 'Bearer abc' };
  t.equal((await send(gateway.url, 'GET', '/api/clients', undefined, wrong)).status, 401);
  t.equal((await send(gateway.url, 'GET', '/_banyan/ready')).status, 200);
});

t.test('Q6: the issuer may exchange its keys while the gateway runs', async (t) => {
  const before = await withRoles('viewer');
  t.equal((await before('GET', '/api/services')).status, 200);
  await issuer.rotate();
  const after = await withRoles('viewer');
  await until(async () => (await after('GET', '/api/services')).status === 200, {
    what: 'a token by the new key is taken',
    every: 100,
  });
  t.equal((await before('GET', '/api/services')).status, 401, 'and one by the old key is not');
});

t.test('N5: a page of a named origin may ask from a browser, with a token; another may not', async (t) => {
  const question = {
    'access-control-request-method': 'PATCH',
    'access-control-request-headers': 'authorization',
  };
  const allowed = await send(gateway.url, 'OPTIONS', '/api/services/x', undefined, {
    ...question,
    origin: 'https://app.example.com',
  });
  t.equal(allowed.status, 204, 'the question itself needs no token');
  t.equal(allowed.headers.get('access-control-allow-origin'), 'https://app.example.com');
  t.match(allowed.headers.get('access-control-allow-methods'), /PATCH/);
  t.equal(allowed.headers.get('access-control-max-age'), '300');
  const foreign = await send(gateway.url, 'OPTIONS', '/api/services', undefined, {
    ...question,
    origin: 'https://evil.example.com',
  });
  t.equal(foreign.headers.get('access-control-allow-origin'), null);
  const refused = await send(gateway.url, 'GET', '/api/services', undefined, {
    origin: 'https://app.example.com',
  });
  t.equal(refused.status, 401);
  t.equal(
    refused.headers.get('access-control-allow-origin'),
    'https://app.example.com',
    'a page reads refusals',
  );
  t.match(refused.headers.get('vary'), /origin/i);
  const operation = await send(gateway.url, 'OPTIONS', '/api/appointments', undefined, {
    ...question,
    origin: 'https://app.example.com',
  });
  t.equal(operation.headers.get('access-control-allow-origin'), 'https://app.example.com');
});

t.test('while the issuer is away the answer is 503 by name, and what needs no token goes on', async (t) => {
  const lonely = await startCallers(t, [
    [/(path: \/api\/clients\n    mode: legacy\n)/, '$1    anonymous: [read]\n'],
  ]);
  const ask = await lonely.as({ sub: 'ada' });
  lonely.issuer.down();
  const away = await ask('GET', '/api/services');
  t.match([away.status, away.body.error.code], [503, 'issuer-unavailable']);
  t.equal(away.headers.get('retry-after'), '1');
  t.equal((await send(lonely.gateway.url, 'GET', '/api/clients')).status, 200);
  lonely.issuer.up();
  t.equal((await ask('GET', '/api/services')).status, 200);
  t.notMatch(lonely.gateway.output(), /eyJ[\w-]{10}/, 'no token is in the log');
});
