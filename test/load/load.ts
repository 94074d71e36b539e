import { randomInt } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { Book } from './book.ts';
import { checkApi, checkStore } from './check.ts';
import { Client } from './client.ts';
import { Exchanger } from './exchange.ts';
import { keysIn, type Subject, type VersionReader } from './subjects.ts';
import { type LoadReport, Tally } from './tally.ts';
import type { LoadContext } from './writer.ts';

export interface LoadOptions {
  /** Base URLs of the gateways that a client may choose from at this moment. */
  urls: () => readonly string[];
  subject: Subject;
  clients: number;
  /** Requests per second that each client tries to make, one after another; default 20. */
  ratePerClient?: number;
  /** The same seed makes the same decisions; their interleaving is the machine's. */
  seed: number;
  /** Whether writes carry an Idempotency-Key and are repeated with it until their outcome is known. */
  idempotency: boolean;
  /** Records that were there before, which each client writes too; default 10. */
  adopt?: number;
  /** Milliseconds for which a request in doubt is repeated; default 60,000. */
  patience?: number;
}

/** Concurrent clients of a resource, and a model of what each was told. */
export interface Load {
  /** What has happened so far. */
  report(): LoadReport;
  /** Begins no further request, and waits until nothing is in doubt any more. The checks come after it. */
  stop(): Promise<LoadReport>;
  /** Goes on after `stop`. */
  resume(): void;
  /** Reads every key through each of these gateways; what is lost stands in the report that it answers. */
  checkApi(urls: readonly string[]): Promise<LoadReport>;
  /** Reads every key in a store, past the gateways; `name` is for the findings. */
  checkStore(name: string, read: VersionReader): Promise<LoadReport>;
  /** Keys that were ever written. */
  keys(): readonly string[];
}

/** Begins to load gateways; resolves when the clients run. */
export async function startLoad(options: LoadOptions): Promise<Load> {
  const context: LoadContext = {
    subject: options.subject,
    book: new Book(),
    tally: new Tally(),
    exchanger: new Exchanger(options.subject),
    urls: options.urls,
    idempotency: options.idempotency,
    patience: options.patience ?? 60_000,
  };
  const adopted = await someKeys(context, (options.adopt ?? 10) * options.clients);
  // Two loads of one database have different records.
  const number = randomInt(1_000_000);
  const { seed, ratePerClient = 20 } = options;
  const clients = Array.from(
    { length: options.clients },
    (_, client) => new Client(context, { load: number, client, seed, rate: ratePerClient }),
  );
  adopted.forEach((key, index) => clients[index % clients.length]?.adopt(key));
  let stopping = new AbortController();
  const run = () => {
    // Every client listens to it.
    setMaxListeners(0, stopping.signal);
    return clients.map((client) => client.run(stopping.signal));
  };
  let running = run();

  const report = () => context.tally.report(clients.reduce((sum, client) => sum + client.unknown, 0));
  const stop = async () => {
    stopping.abort();
    await Promise.all(running);
    return report();
  };
  return {
    report,
    stop,
    resume: () => {
      stopping = new AbortController();
      running = run();
    },
    checkApi: async (urls) => {
      await stop();
      await checkApi(context, urls);
      return report();
    },
    checkStore: async (name, read) => {
      await stop();
      await checkStore(context, name, read);
      return report();
    },
    keys: () => context.book.histories.map(({ key }) => key),
  };
}

async function someKeys({ subject, exchanger, urls }: LoadContext, count: number): Promise<string[]> {
  if (count === 0) return [];
  const url = `${urls()[0]}${subject.path}?sort=${subject.key ?? 'id'}&limit=${Math.min(500, count)}`;
  const { status, code, data } = await exchanger.send('GET', url);
  if (status !== 200) throw new Error(`The load could not begin: ${url} answered ${status} ${code}`);
  return keysIn(subject, data);
}
