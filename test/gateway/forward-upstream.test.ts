import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { createClient } from '@supabase/supabase-js';
import t from 'tap';
import { WebSocket } from 'ws';
import { send } from '../harness/api.ts';
import { startGateway, testConfig } from '../harness/gateway.ts';
import { createTwoSides } from '../harness/two-sides.ts';
import { until } from '../harness/wait.ts';
import { exchange, startUpstream } from './upstream.ts';

const upstream = await startUpstream(t);
const sides = await createTwoSides(t, { scale: 0.005 });
const config = await testConfig(t);
const gateway = await startGateway(t, { config, env: sides.env });

t.test('supabase-js works unchanged through the gateway', async (t) => {
  const supabase = createClient(gateway.url, sides.legacy.key, {
    realtime: { transport: WebSocket as never },
    auth: { persistSession: false },
  });
  const count = await supabase.from('clients').select('*', { count: 'exact', head: true });
  t.same([count.error, count.status], [null, 200]);
  const listed = await supabase.from('clients').select('id, name, tags').order('name').range(0, 4);
  t.same([listed.error, listed.data?.length], [null, 5]);
  const made = await supabase
    .from('clients')
    .insert({ name: 'É', email: 'e@x.fr', tags: ['a,b'] })
    .select()
    .single();
  t.match([made.error, made.data], [null, { name: 'É', tags: ['a,b'] }]);
  const missing = await supabase.from('nothing_here').select();
  t.ok(missing.error?.code, 'errors come as the server’s own');
  const signed = await supabase.auth.signUp({ email: 'someone@example.fr', password: 'a long password' });
  t.same([signed.error, signed.data.user?.email], [null, 'someone@example.fr']);
  const again = await supabase.auth.signInWithPassword({
    email: 'someone@example.fr',
    password: 'a long password',
  });
  t.ok(again.data.session?.access_token);
  const { data } = await supabase.auth.getUser();
  t.equal(data.user?.email, 'someone@example.fr');
});

t.test('an edit of the file moves the upstream between two requests', async (t) => {
  const other = await startUpstream(t, 'other');
  const held: ServerResponse[] = [];
  upstream.on('/held', (_request, response) => void held.push(response));
  await config.write(config.text.replace(/upstream: .*/, `upstream: ${upstream.url}`));
  await until(async () => (await exchange(`${gateway.url}/x`)).body.toString() === 'ok', {
    what: 'the first has it',
  });
  const begun = exchange(`${gateway.url}/held`);
  await until(() => held.length === 1, { what: 'a request is under way' });
  await config.write(config.text.replace(/upstream: .*/, `upstream: ${other.url}/below/`));
  await until(async () => (await exchange(`${gateway.url}/x?y=%7E`)).body.toString() === 'other', {
    what: 'the second has it',
  });
  t.equal(other.seen.at(-1)?.target, '/below/x?y=%7E', 'an upstream may have a path of its own');
  const accepted = once(other.websockets, 'connection');
  const socket = new WebSocket(`${gateway.url.replace('http', 'ws')}/ws?a=1`);
  const [, request] = (await accepted) as [WebSocket, { url: string }];
  t.equal(request.url, '/below/ws?a=1');
  socket.terminate();
  held[0]?.end('first');
  t.equal((await begun).body.toString(), 'first', 'what began with the first ends with it');
  await config.write(config.text.replace(/upstream: .*/, ''));
  await until(async () => (await exchange(`${gateway.url}/x`)).status === 404, {
    what: 'there is no upstream',
  });
  const none = await send(gateway.url, 'POST', '/x/y', { a: 1 });
  t.match(none.body, { success: false, error: { code: 'no-route', message: /\/x\/y/ } });
  for (const [method, path] of [
    ['GET', '/x'],
    ['PROPFIND', '/x'],
    ['OPTIONS', '/api/clients'],
    ['POST', '/_banyan/live'],
  ] as const) {
    const answer = await exchange(gateway.url + path, { method });
    t.match(
      [answer.status, answer.body.toString()],
      [404, /"success":false.*"no-route"/],
      `${method} ${path}`,
    );
  }
  const lonely = new WebSocket(`${gateway.url.replace('http', 'ws')}/ws`);
  const [error] = (await once(lonely, 'error')) as [Error];
  t.match(error.message, /404/, 'a handshake too');
});
