import { dirname } from 'node:path';
import { run } from '../../src/cli/banyan.ts';
import { testConfig, type TestConfig } from '../harness/gateway.ts';
import type { Teardown } from '../harness/postgres.ts';
import { createTwoSides, type SidesOptions, type TwoSides } from '../harness/two-sides.ts';

/** What one command line printed and how it ended. */
export interface Said {
  exit: number;
  out: string;
  err: string;
}

/** Two real sides, a file that names them, and the command line on them. */
export interface Place {
  sides: TwoSides;
  config: TestConfig;
  env: Record<string, string>;
  /** One command as a person calls it, its words apart from each other by spaces or given one by one. */
  banyan(...words: string[]): Promise<Said>;
  /** Commands that must succeed, in order. */
  did(...commands: string[]): Promise<void>;
  /** The same with `--json`; answers the one document beside the exit status. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  json(...words: string[]): Promise<{ exit: number; document: any }>;
}

type Edits = readonly (readonly [RegExp, string])[];

/** The harness's short timeouts are for stores that fail; here a busy machine must not look like one. */
const PATIENT: Edits = [
  [/timeout: [12]s\n    deadline: [36]s/g, 'timeout: 6s\n    deadline: 15s'],
  [/statementTimeout: 2s/, 'statementTimeout: 5s'],
];

/** `migrated`: `banyan migrate` has run. */
export async function openPlace(
  t: Teardown,
  options: SidesOptions & { edits?: Edits; migrated?: boolean } = {},
): Promise<Place> {
  const sides = await createTwoSides(t, options);
  const config = await testConfig(t, [...PATIENT, ...(options.edits ?? [])]);
  const env = { ...sides.env, BANYAN_CONFIG: config.file, BANYAN_ACTOR: 'ada' };
  const banyan: Place['banyan'] = async (...words) => await call(wordsOf(words), env, dirname(config.file));
  const place: Place = {
    sides,
    config,
    env,
    banyan,
    did: async (...commands) => {
      for (const command of commands) {
        const { exit, out, err } = await banyan(command);
        if (exit !== 0) throw new Error(`banyan ${command} ended with ${exit}:\n${out}${err}`);
      }
    },
    json: async (...words) => {
      const { exit, out } = await banyan(...words, '--json');
      return { exit, document: JSON.parse(out) };
    },
  };
  if (options.migrated !== false) await place.did('migrate');
  return place;
}

/** A single text is taken apart at its spaces. */
function wordsOf(words: readonly string[]): string[] {
  const [first = '', ...rest] = words;
  return [...first.split(' '), ...rest];
}

/** One command line in this process; its output is not a terminal. */
export async function call(
  argv: readonly string[],
  env: Record<string, string>,
  folder: string,
): Promise<Said> {
  const said = { out: '', err: '' };
  const exit = await run(argv, {
    stdout: { write: (text) => (said.out += text) },
    stderr: { write: (text) => (said.err += text) },
    env,
    folder,
  });
  return { exit, ...said };
}

/** A gateway of another machine that has registered, reads legacy, and never says anything again. */
export async function addSilentGateway(
  { sides }: Pick<Place, 'sides'>,
  name: string,
  seen: 'now' | 'long ago',
): Promise<void> {
  const seenAt = seen === 'now' ? 'now()' : `now() - interval '1 hour'`;
  await sides.new.query(
    `INSERT INTO banyan.replica (name, instance, host, boot, pid, seen_at) VALUES ($1, gen_random_uuid(), 'elsewhere', '', 4711, ${seenAt})`,
    [name],
  );
  await sides.new.query(
    `INSERT INTO banyan.ack (replica, resource, epoch, mode, route) SELECT $1, name, epoch, mode, 'legacy' FROM banyan.resource`,
    [name],
  );
}
