import { spawn } from 'node:child_process';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { gatewayProgram } from '../harness/gateway.ts';
import { claimPort } from '../harness/port.ts';
import { ROOT, type Teardown } from '../harness/postgres.ts';
import { until } from '../harness/wait.ts';

/** `npm start`, from its first line to its last. */
export interface Process {
  url: string;
  stdout(): string;
  stderr(): string;
  signal(name: NodeJS.Signals): void;
  /** Resolves with the exit code; null: a signal ended it. */
  ended: Promise<number | null>;
  /** Resolves when the port is open. */
  listening(): Promise<void>;
  /** Status of `/_banyan/ready`. */
  ready(): Promise<number>;
}

/** Does not wait for anything. `port`: left out, any free one. */
export async function startProcess(
  t: Teardown,
  file: string,
  env: Record<string, string>,
  port?: number,
): Promise<Process> {
  const own = port ?? (await claimPort());
  const child = spawn(process.execPath, gatewayProgram(), {
    cwd: ROOT,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env, BANYAN_CONFIG: file, PORT: String(own) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (said.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (said.stderr += chunk.toString()));
  // `close`, not `exit`: what it printed last has been read then.
  const ended = new Promise<number | null>((done) => child.once('close', done));
  t.teardown(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await ended;
  });
  const url = `http://127.0.0.1:${own}`;
  return {
    url,
    stdout: () => said.stdout,
    stderr: () => said.stderr,
    signal: (name) => void child.kill(name),
    ended,
    listening: async () =>
      void (await until(() => isOpen(own), { what: `the port is open:\n${said.stderr}`, timeout: 60_000 })),
    ready: async () => (await fetch(`${url}/_banyan/ready`)).status,
  };
}

/** Whether somebody takes connections there. */
export async function isOpen(port: number): Promise<boolean> {
  return await new Promise((done) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      done(true);
    });
    socket.once('error', () => done(false));
  });
}

/** A server that holds a port. */
export async function holdPort(t: Teardown): Promise<number> {
  const server = await listen();
  t.teardown(() => server.close());
  return (server.address() as AddressInfo).port;
}

async function listen(): Promise<Server> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return server;
}
