import { randomUUID } from 'node:crypto';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { type IncomingMessage, request } from 'node:http';
import t from 'tap';
import { withClient } from '../../src/quickstart/accounts.ts';
import { startLegacy } from '../harness/two-sides.ts';
import { until } from '../harness/wait.ts';

t.test('a request whose client is gone before its turn came is never begun', async (t) => {
  const { database, supabase, key } = await startLegacy(t);
  const send = (method: string, path: string, body: object) =>
    fetch(`${supabase.url}/rest/v1/${path}`, {
      method,
      headers: { apikey: key, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  const [busy, gone] = [randomUUID(), randomUUID()];
  await send('POST', 'companies', { id: busy, name: 'busy' });
  const patient = await withClient(database.url, async (client) => {
    await client.query('BEGIN');
    await client.query('UPDATE companies SET employees = 1');
    const waiting = Array.from({ length: 10 }, () =>
      send('PATCH', `companies?id=eq.${busy}`, { employees: 2 }),
    );
    const blocked = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
    await until(async () => (await database.query(blocked)).length === 10, {
      what: 'every connection is taken',
    });
    await sendAndLeave(`${supabase.url}/rest/v1/companies`, key, { id: gone, name: 'gone' });
    // Behind it in the same queue: once this one is served, the other has had its turn.
    const next = send('POST', 'companies', { name: 'next' });
    await client.query('COMMIT');
    return [...(await Promise.all(waiting)), await next];
  });
  t.ok(patient.every(({ ok }) => ok));
  t.same(await database.query('SELECT name FROM companies ORDER BY name'), [
    { name: 'busy' },
    { name: 'next' },
  ]);
});

/** A client that dies once the server has its request; returns when the server's end of the connection shows it. */
async function sendAndLeave(url: string, key: string, body: object): Promise<void> {
  const arrived: IncomingMessage[] = [];
  const note = (message: unknown) => arrived.push((message as { request: IncomingMessage }).request);
  subscribe('http.server.request.start', note);
  const headers = { apikey: key, 'content-type': 'application/json' };
  const leaving = request(url, { method: 'POST', headers, agent: false }).on('error', () => undefined);
  leaving.end(JSON.stringify(body));
  await until(() => arrived.length === 1, { what: 'the server has the request' });
  leaving.destroy();
  const [{ socket }] = arrived as [IncomingMessage];
  await until(() => socket.destroyed || socket.readableEnded, {
    what: 'the server sees that the client is gone',
  });
  unsubscribe('http.server.request.start', note);
}
