import { setTimeout as pause } from 'node:timers/promises';
import type { Random } from '../../src/quickstart/random.ts';
import { type Exchange, verdictOf } from './exchange.ts';
import type { History } from './model.ts';
import { versionIn } from './subjects.ts';
import type { Kind } from './tally.ts';
import type { LoadContext } from './writer.ts';

/** Between two attempts at the same request; ms. */
const AGAIN = 50;
/** More than any group of a load has. */
const LIMIT = 500;

/** The reads of one client: of everybody's records, through any gateway, each checked against what was told before. */
export class Reader {
  private readonly context: LoadContext;
  private readonly random: Random;

  constructor(context: LoadContext, random: Random) {
    this.context = context;
    this.random = random;
  }

  /** One record by its id. */
  async detail(history: History): Promise<void> {
    const { tally, subject } = this.context;
    let from = 0;
    const path = `${subject.path}/${history.key}`;
    const exchange = await this.get('detail', path, () => (from = history.position));
    if (!exchange) return;
    this.check(
      history,
      exchange.status === 404 ? null : exchange.data,
      from,
      exchange,
      tally.found.bind(tally),
    );
  }

  /** All records of a group: none of them may be missing. */
  async group(group: string): Promise<void> {
    const { subject, book } = this.context;
    const members = book.histories.filter((history) => history.group === group);
    await this.list(`${subject.path}?${subject.group}=${group}&limit=${LIMIT}`, members);
  }

  /** The newest records of the resource. */
  async newest(): Promise<void> {
    await this.list(`${this.context.subject.path}?sort=-createdAt&limit=20`, []);
  }

  /** `members` must be in the list; adopted ones may have been there under another group. */
  private async list(path: string, members: readonly History[]): Promise<void> {
    const { tally, book, subject } = this.context;
    const { key = 'id' } = subject;
    let positions = new Map<string, number>();
    const exchange = await this.get('list', path, () => (positions = book.positions()));
    if (!exchange) return;
    const found = tally.found.bind(tally);
    const listed = new Map(
      (exchange.data as Record<string, unknown>[]).map((record) => [String(record[key]), record]),
    );
    for (const [of, record] of listed) {
      const history = book.get(of);
      if (history) this.check(history, record, positions.get(of) ?? 0, exchange, found);
    }
    // Lists of `split` are legacy's: they lack what was created in new.
    if (exchange.servedBy === 'split') return;
    for (const history of members) {
      const from = positions.get(history.key);
      if (from === undefined || history.adopted || listed.has(history.key)) continue;
      this.check(history, null, from, exchange, found);
    }
  }

  private check(
    history: History,
    record: unknown,
    from: number,
    { url, servedBy }: Exchange,
    found: LoadContext['tally']['found'],
  ): void {
    const where = `${url} (${servedBy})`;
    const version =
      record === null ? null : versionIn(this.context.subject, record as Record<string, unknown>);
    if (typeof version === 'string') found({ kind: 'wrong', key: history.key, text: `${where}: ${version}` });
    else found(history.seen(version, from, where));
  }

  /** An answer with records, or that there is none; null when it could not be had. `begin` is called before each attempt. */
  private async get(
    kind: Kind & ('detail' | 'list'),
    path: string,
    begin: () => void,
  ): Promise<Exchange | null> {
    const { exchanger, urls, tally, patience } = this.context;
    const first = performance.now();
    for (let turn = this.random.int(0, 1); performance.now() < first + patience; turn += 1) {
      const all = urls();
      const base = all[turn % Math.max(1, all.length)];
      const begun = performance.now();
      if (base) {
        begin();
        const exchange = await exchanger.send('GET', base + path);
        if (verdictOf(exchange) === 'settled' || exchange.code === 'not-found') {
          tally.ended(kind, first);
          return exchange;
        }
        tally.failed(kind, begun, exchange);
        // A gateway that is away is not the client's last word; any other failure is.
        if (exchange.status !== 0 && exchange.code !== 'not-ready') return null;
      }
      await pause(AGAIN);
    }
    return null;
  }
}
