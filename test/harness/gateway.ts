import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { isBuilt } from '../../bin/build.ts';
import { claimPort } from './port.ts';
import type { Failpoint } from '../../src/observability/failpoints.ts';
import { ROOT, type Teardown } from './postgres.ts';
import { until } from './wait.ts';

/** The configuration file of a test: system E's own, with edits, in a folder of its own. */
export interface TestConfig {
  file: string;
  text: string;
  /** Writes another text in place. */
  write(text: string): Promise<void>;
  /** Edits the mode of a resource, as an operator with an editor does. */
  setMode(resource: string, mode: string): Promise<void>;
}

/** Edits that make the road quick to walk: few reads to compare, short deadlines. */
export const QUICK: readonly (readonly [RegExp, string])[] = [
  [/\n    # How sure[^\n]*\n    guards: [^\n]*/g, ''],
  [/\n    guards: [^\n]*/g, ''],
  [/\n    mode: legacy/g, '$&\n    guards: { shadowReads: 0, mismatches: 0, lag: 2s }'],
  [/(kind: supabase\n)/, '$1    timeout: 1s\n    deadline: 3s\n'],
  [/(kind: prisma\n)/, '$1    timeout: 2s\n    deadline: 6s\n'],
  [/statementTimeout: 5s/, 'statementTimeout: 2s'],
  [/module: prisma\//g, `module: ${resolve(ROOT, 'prisma')}/`],
  [/schema: prisma\/schema.prisma/, `schema: ${resolve(ROOT, 'prisma/schema.prisma')}`],
];

/** Loading an operation's TypeScript is a fifth of a start. */
const NO_OPERATIONS = [/\noperations:\n(?: {2}.*\n)+/, '\n'] as const;

/**
 * `edits`: pattern and replacement, applied to the project's own file after `QUICK`. Its operations are left out unless
 * they are asked for.
 */
export async function testConfig(
  t: Teardown,
  edits: readonly (readonly [RegExp, string])[] = [],
  { operations = false } = {},
): Promise<TestConfig> {
  const all = [...QUICK, ...(operations ? [] : [NO_OPERATIONS]), ...edits];
  return await configOf(t, resolve(ROOT, 'routes.config.yaml'), all);
}

/** The same of any file, e.g. an example's. */
export async function configOf(
  t: Teardown,
  source: string,
  edits: readonly (readonly [RegExp, string])[],
): Promise<TestConfig> {
  const folder = await mkdtemp(join(tmpdir(), 'banyan-config-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'routes.config.yaml');
  const config: TestConfig = {
    file,
    text: edits.reduce(
      (text, [pattern, replacement]) => text.replace(pattern, replacement),
      await readFile(source, 'utf8'),
    ),
    async write(text) {
      config.text = text;
      await writeFile(file, text);
    },
    async setMode(resource, mode) {
      const pattern = new RegExp(`(\\n  ${resource}:\\n    path: .*\\n    mode: )[\\w-]+`);
      if (!pattern.test(config.text)) throw new Error(`the test's file has no resource ${resource}`);
      await config.write(config.text.replace(pattern, `$1${mode}`));
    },
  };
  await config.write(config.text);
  return config;
}

export interface GatewayProcess {
  url: string;
  port: number;
  pid: number;
  /** Everything that it printed. */
  output(): string;
  /** SIGKILL, and wait until it is gone. */
  kill(): Promise<void>;
  /** SIGTERM, and wait for the orderly end; the exit code. */
  stop(): Promise<number | null>;
  /** SIGSTOP and SIGCONT. */
  pause(): void;
  resume(): void;
  /** Resolves when the process has ended by itself, e.g. at a failpoint. */
  ended: Promise<void>;
  isRunning(): boolean;
  /** The signal that ended it, or null. */
  endedBy(): NodeJS.Signals | null;
}

export interface GatewayStart {
  config: TestConfig;
  /** Environment of the stores, e.g. of two sides. */
  env: Record<string, string>;
  /** 0: any free port. A restart under the same port is the same replica. */
  port?: number;
  failpoint?: `${Failpoint}=${'kill' | 'stop'}` | `${Failpoint}=${'kill' | 'stop'}@${number}`;
  /** It may come to its failpoint before it serves; left out: that is an error. */
  mayEndAtOnce?: boolean;
}

/** Prisma's WebAssembly reads a schema and has nothing more to do: optimizing it takes longer than that. */
const ONCE = '--liftoff-only';

let program: string[] | undefined;

/** Arguments of node: the gateway as it was built before the first test, or from the sources where nobody built it. */
export function gatewayProgram(): string[] {
  return (program ??= isBuilt()
    ? [ONCE, resolve(ROOT, 'dist/main.js')]
    : ['--import', 'tsx', resolve(ROOT, 'src/main.ts')]);
}

/** Starts a real gateway process and waits until it serves. */
export async function startGateway(t: Teardown, start: GatewayStart): Promise<GatewayProcess> {
  const port = start.port || (await claimPort());
  const child = spawn(process.execPath, gatewayProgram(), {
    cwd: ROOT,
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      ...start.env,
      BANYAN_CONFIG: start.config.file,
      PORT: String(port),
      ...(start.failpoint ? { BANYAN_FAILPOINT: start.failpoint } : {}),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const gateway = handle(child, port);
  t.teardown(async () => {
    gateway.resume();
    await gateway.kill();
  });
  await until(
    async () => !gateway.isRunning() || (await fetch(`${gateway.url}/_banyan/ready`)).status === 200,
    {
      what: 'the gateway serves',
      timeout: 60_000,
      every: 40,
    },
  );
  if (!gateway.isRunning() && !start.mayEndAtOnce)
    throw new Error(`the gateway ended at its start:\n${gateway.output()}`);
  return gateway;
}

function handle(child: ChildProcess, port: number): GatewayProcess {
  let output = '';
  child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const ended = new Promise<void>((done) => child.once('exit', () => done()));
  const isRunning = () => child.exitCode === null && child.signalCode === null;
  const signal = async (name: NodeJS.Signals) => {
    if (isRunning()) child.kill(name);
    await ended;
  };
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    pid: child.pid as number,
    output: () => output,
    kill: async () => await signal('SIGKILL'),
    stop: async () => {
      await signal('SIGTERM');
      return child.exitCode;
    },
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void (isRunning() && child.kill('SIGCONT')),
    ended,
    isRunning,
    endedBy: () => child.signalCode,
  };
}
