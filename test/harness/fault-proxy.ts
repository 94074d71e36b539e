import { type AddressInfo, type Server, type Socket, connect, createServer } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

/** A TCP proxy that misbehaves at will. Each fault replaces the one before; `pass` ends it. */
export interface FaultProxy {
  host: string;
  port: number;
  /** The same URL, by way of the proxy. */
  url(original: string): string;
  /** Forwards everything, also on the connections that are still there. */
  pass(): Promise<void>;
  /** Destroys the connections and refuses new ones, as a stopped server does. */
  refuse(): Promise<void>;
  /** Destroys the connections; new ones are welcome. */
  reset(): void;
  /** Takes connections and what is sent on them, old ones and new, but nothing arrives any more in either direction. */
  blackhole(): Promise<void>;
  /** Delays everything by so many milliseconds, in each direction. */
  latency(milliseconds: number): Promise<void>;
  /**
   * Lets so many more bytes of answers pass, then destroys every connection on which the target answers. With 0 the
   * target gets each request, and nobody ever learns what became of it.
   */
  cutAfter(bytes: number): Promise<void>;
  /** Connections at this moment. */
  connections(): number;
  close(): Promise<void>;
}

type Fault =
  | { kind: 'pass' }
  | { kind: 'blackhole' }
  | { kind: 'latency'; milliseconds: number }
  | { kind: 'cut'; bytesLeft: number };
type Direction = 'request' | 'answer';

/** Starts a proxy to `target` on a free port of 127.0.0.1. */
export async function startFaultProxy(options: {
  target: { host: string; port: number };
}): Promise<FaultProxy> {
  let fault: Fault = { kind: 'pass' };
  const pairs = new Set<readonly Socket[]>();

  const server = createServer({ allowHalfOpen: true }, (client) => {
    const target = connect({ ...options.target, allowHalfOpen: true });
    const pair = [client, target];
    pairs.add(pair);
    for (const socket of pair)
      socket
        .setNoDelay(true)
        .on('error', () => destroy(pair))
        .on('close', () => destroy(pair));
    forward(client, target, 'request', pair);
    forward(target, client, 'answer', pair);
  });

  const destroy = (pair: readonly Socket[]) => {
    pairs.delete(pair);
    for (const socket of pair) {
      // A reset of a socket that has ended keeps Node 20 spinning at the process's end.
      if (socket.writableEnded) socket.destroy();
      else socket.resetAndDestroy();
    }
  };

  /** Pieces keep their order: each waits for the one before it, also where the delay has become shorter since. */
  const forward = (from: Socket, to: Socket, direction: Direction, pair: readonly Socket[]) => {
    let before = Promise.resolve();
    const inOrder = (step: () => void) => {
      const delay =
        fault.kind === 'latency' ? pause(fault.milliseconds, undefined, { ref: false }) : undefined;
      before = before.then(() => delay).then(step);
    };
    from.on('data', (piece: Buffer) => inOrder(() => deliver(piece, to, direction, pair)));
    from.on('end', () => inOrder(() => void (fault.kind !== 'blackhole' && to.end())));
  };

  const deliver = (piece: Buffer, to: Socket, direction: Direction, pair: readonly Socket[]) => {
    if (fault.kind === 'blackhole' || to.destroyed) return;
    if (fault.kind !== 'cut' || direction === 'request') return void to.write(piece);
    const passing = piece.subarray(0, fault.bytesLeft);
    fault.bytesLeft -= passing.length;
    if (passing.length === piece.length) return void to.write(piece);
    to.write(passing, () => destroy(pair));
  };

  const reset = () => pairs.forEach(destroy);
  const refuse = async () => {
    const closed = new Promise<void>((done) => (server.listening ? server.close(() => done()) : done()));
    reset();
    await closed;
  };
  await listen(server, 0);
  const { port } = server.address() as AddressInfo;
  const become = async (next: Fault) => {
    fault = next;
    if (!server.listening) await listen(server, port);
  };

  return {
    host: '127.0.0.1',
    port,
    url: (original) => {
      const url = new URL(original);
      url.host = `127.0.0.1:${port}`;
      return url.href;
    },
    pass: () => become({ kind: 'pass' }),
    refuse,
    reset,
    blackhole: () => become({ kind: 'blackhole' }),
    latency: (milliseconds) => become({ kind: 'latency', milliseconds }),
    cutAfter: (bytes) => become({ kind: 'cut', bytesLeft: bytes }),
    connections: () => pairs.size,
    close: refuse,
  };
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((done, fail) => {
    server.once('error', fail);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', fail);
      done();
    });
  });
}
