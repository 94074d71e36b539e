import {
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
  createServer,
  request as send,
} from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { WebSocketServer } from 'ws';
import type { Teardown } from '../harness/postgres.ts';

/** A request as an upstream got it: nothing of it decoded. */
export interface Seen {
  method: string;
  /** The request line's target, byte for byte. */
  target: string;
  headers: IncomingHttpHeaders;
  /** Names and values in turn, as they came. */
  rawHeaders: string[];
  body: Buffer;
}

export type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** A small HTTP server as a legacy product has one; it answers 200 `ok` where nothing else was said. */
export interface Upstream {
  url: string;
  /** Every request whose body came to its end, in order. */
  seen: Seen[];
  /** What a path is answered with (`request` has its body still to come). */
  on(path: string, answer: Answer): void;
  /** For handshakes; without listeners it echoes. */
  websockets: WebSocketServer;
  close(): Promise<void>;
}

export async function startUpstream(t: Teardown, name = 'ok'): Promise<Upstream> {
  const answers = new Map<string, Answer>();
  const seen: Seen[] = [];
  const open = new Set<Socket>();
  const server = createServer((request, response) => {
    const path = request.url?.split('?')[0] ?? '';
    const answer = answers.get(path);
    if (answer) answer(request, response);
    void bodyOf(request).then(
      (body) => {
        const { method = '', url: target = '', headers, rawHeaders } = request;
        seen.push({ method, target, headers, rawHeaders, body });
        if (!answer) response.end(name);
      },
      () => undefined,
    );
  });
  server.on('connection', (socket: Socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  const websockets = new WebSocketServer({ noServer: true });
  server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    if (request.url?.startsWith('/refused')) return void socket.end('HTTP/1.1 401 Unauthorized\r\n\r\n');
    websockets.handleUpgrade(request, socket, head, (peer) => {
      websockets.emit('connection', peer, request);
      peer.on('message', (data, binary) => {
        const text = (data as Buffer).toString();
        if (text.startsWith('close ')) peer.close(Number(text.slice(6)), 'asked');
        else peer.send(data, { binary });
      });
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const close = async () => {
    for (const socket of open) socket.destroy();
    if (server.listening) await new Promise((done) => server.close(done));
  };
  t.teardown(close);
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    on: (path, answer) => void answers.set(path, answer),
    websockets,
    close,
  };
}

/** A client that neither decodes nor adds anything. */
export interface Exchange {
  status: number;
  headers: IncomingHttpHeaders;
  rawHeaders: string[];
  body: Buffer;
  /** `body` came to its end. */
  complete: boolean;
}

export interface Sent {
  method?: string;
  headers?: Record<string, string | string[]>;
  body?: Buffer | string;
}

export async function exchange(url: string, { method = 'GET', headers = {}, body }: Sent = {}) {
  const response = await begin(url, { method, headers }, body ?? '');
  const chunks: Buffer[] = [];
  response.on('data', (chunk: Buffer) => chunks.push(chunk));
  await new Promise((done) => response.once('close', done));
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    rawHeaders: response.rawHeaders,
    body: Buffer.concat(chunks),
    complete: response.complete,
  } satisfies Exchange;
}

/** Sends a request; resolves with its answer's beginning. A function as body writes it when it likes. */
export async function begin(
  url: string,
  { method = 'GET', headers = {} }: Sent,
  body: Buffer | string | ((request: ReturnType<typeof send>) => void) = '',
): Promise<IncomingMessage> {
  const { hostname, port } = new URL(url);
  // Not URL's path: it would tidy up what is to be passed on as it is.
  const path = url.slice(url.indexOf('/', 'http://'.length));
  return await new Promise((done, fail) => {
    const request = send({ hostname, port, path, method, headers, agent: false }, done);
    request.once('error', fail);
    if (typeof body === 'function') body(request);
    else request.end(body);
  });
}

export async function bodyOf(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Value of a header, as often as it came. */
export function allOf(rawHeaders: readonly string[], name: string): string[] {
  return rawHeaders.filter((_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === name);
}
