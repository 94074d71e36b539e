import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import t from 'tap';
import { WebSocket } from 'ws';
import { startBareGateway } from './bare-gateway.ts';
import { startUpstream } from './upstream.ts';

t.test('websockets are passed through', async (t) => {
  const upstream = await startUpstream(t);
  const gateway = (await startBareGateway(t, upstream.url)).replace('http', 'ws');
  const [shaken, accepted] = [once(upstream.websockets, 'headers'), once(upstream.websockets, 'connection')];
  const url = `${gateway}/realtime/v1/websocket?apikey=a%2Fb&vsn=1.0.0`;
  const headers = { authorization: 'Bearer x', cookie: 'a=1', origin: 'https://app.example', 'x-own': '1' };
  const socket = new WebSocket(url, ['graphql-ws'], { headers });
  await once(socket, 'open');
  await shaken;
  const [, request] = (await accepted) as [WebSocket, { url: string; headers: Record<string, string> }];
  t.equal(request.url, '/realtime/v1/websocket?apikey=a%2Fb&vsn=1.0.0');
  t.match(request.headers, headers, 'with the headers of the handshake');
  t.equal(request.headers['sec-websocket-protocol'], 'graphql-ws');
  t.equal(socket.protocol, 'graphql-ws');
  const echo = async (data: string | Buffer) => {
    socket.send(data);
    return (await once(socket, 'message')) as [Buffer, boolean];
  };
  t.same(await echo('héllo'), [Buffer.from('héllo'), false], 'text');
  const bytes = randomBytes(200_000);
  const [back, binary] = await echo(bytes);
  t.ok(back.equals(bytes) && binary, 'bytes');
  socket.send('close 4321');
  const [code, reason] = (await once(socket, 'close')) as [number, Buffer];
  t.same([code, reason.toString()], [4321, 'asked'], 'the upstream’s close');
});

t.test('a websocket that the client closes is closed at the upstream with its code', async (t) => {
  const upstream = await startUpstream(t);
  const gateway = (await startBareGateway(t, upstream.url)).replace('http', 'ws');
  const accepted = once(upstream.websockets, 'connection');
  const socket = new WebSocket(`${gateway}/ws`);
  await once(socket, 'open');
  const [peer] = (await accepted) as [WebSocket];
  socket.close(4009, 'done');
  const [code, reason] = (await once(peer, 'close')) as [number, Buffer];
  t.same([code, reason.toString()], [4009, 'done']);
  const refused = new WebSocket(`${gateway}/refused`);
  await once(refused, 'close');
  t.pass('one that the upstream refuses is closed too');
});
