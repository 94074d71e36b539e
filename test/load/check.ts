import { setTimeout as pause } from 'node:timers/promises';
import type { History } from './model.ts';
import { type Exchange, type Exchanger, verdictOf } from './exchange.ts';
import { FIRST_VERSION, keysIn, versionIn, type VersionReader } from './subjects.ts';
import type { LoadContext } from './writer.ts';

/** Requests at the same time. */
const PARALLEL = 8;
const LIMIT = 500;
const ATTEMPTS = 20;

/** Every key through each gateway, alone and in its group, and no record that nobody was told of. */
export async function checkApi(context: LoadContext, urls: readonly string[]): Promise<void> {
  const { book, subject, exchanger } = context;
  for (const url of urls) {
    await each(book.histories, async (history) => {
      check(context, history, await answer(exchanger, `${url}${subject.path}/${history.key}`));
    });
    await each([...book.groups()], async (group) => {
      const path = `${subject.path}?${subject.group}=${group}&limit=${LIMIT}`;
      checkGroup(context, group, await answer(exchanger, url + path));
    });
  }
}

/** A store or gateway that does not answer at once is asked again: this is about what they hold. */
async function answer(exchanger: Exchanger, url: string): Promise<Exchange> {
  for (let attempt = 1; ; attempt += 1) {
    const exchange = await exchanger.send('GET', url);
    if ((exchange.status > 0 && exchange.status < 500) || attempt === ATTEMPTS) return exchange;
    await pause(500);
  }
}

function check(
  { tally, subject }: LoadContext,
  history: History,
  { status, code, data, url }: Exchange,
): void {
  if (status === 404 && code === 'not-found') return tally.found(history.settled(null, url));
  if (status !== 200)
    return tally.found({ kind: 'lost', key: history.key, text: `${url}: ${status} ${code}` });
  const version = versionIn(subject, data as Record<string, unknown>);
  if (typeof version === 'string')
    tally.found({ kind: 'wrong', key: history.key, text: `${url}: ${version}` });
  else tally.found(history.settled(version, url));
}

function checkGroup({ book, tally, subject }: LoadContext, group: string, exchange: Exchange): void {
  const { url, status, code } = exchange;
  if (verdictOf(exchange) !== 'settled') {
    return tally.found({ kind: 'lost', key: group, text: `${url}: ${status} ${code}` });
  }
  const listed = new Set(keysIn(subject, exchange.data));
  for (const key of listed) {
    if (!book.get(key)) tally.found({ kind: 'wrong', key, text: `${url}: nobody was told of this record` });
  }
  // Lists of `split` are legacy's: they lack what was created in new.
  if (exchange.servedBy === 'split') return;
  const missing = book.histories.filter((history) => history.group === group && !history.adopted);
  for (const history of missing) {
    if (!listed.has(history.key)) tally.found(history.settled(null, `${url} (not in the list)`));
  }
}

/** Every key in a store. */
export async function checkStore(
  { book, tally }: LoadContext,
  name: string,
  read: VersionReader,
): Promise<void> {
  const found = await read(book.histories.map(({ key }) => key));
  for (const history of book.histories) {
    const version = found.get(history.key);
    tally.found(history.settled(version === undefined ? null : originalAsZero(version), name));
  }
}

function originalAsZero(version: number): number {
  return version < FIRST_VERSION ? 0 : version;
}

async function each<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = [...items];
  const worker = async () => {
    for (let item = left.pop(); item !== undefined; item = left.pop()) await work(item);
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
}
