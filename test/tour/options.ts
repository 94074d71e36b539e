import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import type { TourSystem } from './system.ts';
import { SYSTEMS } from './systems/index.ts';

export interface TourOptions {
  system: TourSystem;
  /** Seconds that the load runs in each mode. */
  seconds: number;
  clients: number;
  /** Requests per second that each client tries to make. */
  rate: number;
  /** Records in the legacy store before the tour begins. */
  records: number;
  seed: number;
  /** Print what the gateways had to say. */
  verbose: boolean;
}

const DEFAULTS = { seconds: 2, clients: 8, rate: 15, records: 2_000 } as const;

export const USAGE = `npm run tour -- [SYSTEM] [--seconds N] [--clients N] [--rate N] [--records N] [--seed N] [--verbose]

  SYSTEM     ${SYSTEMS.map(({ name }) => name).join(', ')} (${SYSTEMS[0]?.name})
  --seconds  seconds of load in each mode (${DEFAULTS.seconds})
  --clients  clients at the same time (${DEFAULTS.clients})
  --rate     requests per second that each client tries to make (${DEFAULTS.rate})
  --records  records in the legacy store at the beginning (${DEFAULTS.records})
  --seed     the same seed makes the same decisions; the interleaving is the machine's
  --verbose  what the gateways had to say (LOG_LEVEL=warn unless it is set)
`;

/** Throws with the reason where an option is wrong; null: help was asked for. */
export function readOptions(args: readonly string[]): TourOptions | null {
  const names = ['seconds', 'clients', 'rate', 'records', 'seed'] as const;
  const options = Object.fromEntries(names.map((name) => [name, { type: 'string' as const }]));
  const parsed = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { ...options, verbose: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
  });
  const values = parsed.values as Record<string, string | boolean | undefined>;
  if (values.help) return null;
  const [name = SYSTEMS[0]?.name] = parsed.positionals;
  const system = SYSTEMS.find((one) => one.name === name);
  if (!system)
    throw new RangeError(
      `there is no system "${name}"; there are ${SYSTEMS.map((one) => one.name).join(', ')}`,
    );
  const given = names
    .filter((name) => values[name] !== undefined)
    .map((name) => [name, Number(values[name])] as const);
  const wrong = given.find(([, value]) => !(value > 0));
  if (wrong) throw new RangeError(`--${wrong[0]} must be a number above 0`);
  return {
    system,
    ...DEFAULTS,
    seed: randomInt(1, 1_000_000),
    ...Object.fromEntries(given),
    verbose: values.verbose === true,
  };
}
