import { connect } from 'node:net';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { startFaultProxy } from './fault-proxy.ts';
import { createDatabase } from './postgres.ts';
import { createTwoSides } from './two-sides.ts';
import { until } from './wait.ts';

t.test('databases of one run are strangers to each other and empty', async (t) => {
  const [one, two] = await Promise.all([createDatabase(t), createDatabase(t)]);
  await one.query('CREATE TABLE only_here (n int)');
  t.same(await two.query(`SELECT to_regclass('only_here') AS found`), [{ found: null }]);
});

t.test('the two sides of system E have the same tables, the legacy one through its own API', async (t) => {
  const sides = await createTwoSides(t, { scale: 0.002 });
  const answer = await fetch(`${sides.legacy.supabase.url}/rest/v1/clients?select=id,tel`, {
    headers: { apikey: sides.legacy.key },
  });
  t.equal(answer.status, 200);
  t.equal(((await answer.json()) as unknown[]).length, 20);
  t.same(await sides.new.query('SELECT count(*)::int AS rows FROM clients'), [{ rows: 0 }]);
});

t.test('the fault proxy', async (t) => {
  const echo = createServer((socket) => socket.on('error', () => {}).pipe(socket));
  echo.listen(0, '127.0.0.1');
  await once(echo, 'listening');
  const proxy = await startFaultProxy({
    target: { host: '127.0.0.1', port: (echo.address() as AddressInfo).port },
  });
  t.teardown(async () => {
    await proxy.close();
    echo.close();
  });
  const open = () => {
    const socket = connect(proxy.port, '127.0.0.1');
    const seen = { text: '', gone: false };
    socket.on('error', () => {});
    socket.on('close', () => (seen.gone = true));
    socket.on('data', (piece: Buffer) => (seen.text += piece.toString()));
    return { socket, seen };
  };

  await t.test('forwards, also slowly and in order', async (t) => {
    const { socket, seen } = open();
    await proxy.latency(30);
    socket.write('one ');
    await until(() => proxy.connections() === 1, { what: 'the connection is there' });
    await proxy.pass();
    socket.write('two');
    await until(() => seen.text === 'one two', { what: 'both pieces are back' });
    socket.end();
    await until(() => seen.gone, { what: 'the end is passed on' });
    t.equal(proxy.connections(), 0);
  });

  await t.test('a black hole takes what is sent and never answers, until it passes again', async (t) => {
    const { socket, seen } = open();
    socket.write('before');
    await until(() => seen.text === 'before', { what: 'the way is open' });
    await proxy.blackhole();
    await new Promise<void>((done) => socket.write('lost', () => done()));
    await proxy.pass();
    socket.write(' after');
    await until(() => seen.text.includes('after'), { what: 'the way is open again' });
    t.notOk(seen.gone);
    socket.destroy();
  });

  await t.test('answers are cut off at the byte', async () => {
    const { socket, seen } = open();
    await proxy.cutAfter(3);
    socket.write('abcdef');
    await until(() => seen.gone, { what: 'the connection is destroyed' });
    if (seen.text !== 'abc' && seen.text !== '') throw new Error(`"${seen.text}" passed`);
    await proxy.pass();
  });

  await t.test('refuses like a stopped server, and takes connections again on the same port', async (t) => {
    const before = open();
    before.socket.write('x');
    await until(() => before.seen.text === 'x', { what: 'the way is open' });
    await proxy.refuse();
    await until(() => before.seen.gone, { what: 'the old connection is destroyed' });
    const refused = connect(proxy.port, '127.0.0.1');
    const [error] = (await once(refused, 'error')) as [NodeJS.ErrnoException];
    t.equal(error.code, 'ECONNREFUSED');
    await proxy.pass();
    const again = open();
    again.socket.write('y');
    await until(() => again.seen.text === 'y', { what: 'the way is open again' });
    again.socket.destroy();
  });

  await t.test('a URL leads through it', async (t) => {
    t.equal(proxy.url('http://example.com/a?b=c'), `http://127.0.0.1:${proxy.port}/a?b=c`);
    t.equal(proxy.url('postgresql://u:p@localhost:5432/db'), `postgresql://u:p@127.0.0.1:${proxy.port}/db`);
  });
});
