import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Random } from '../../src/quickstart/random.ts';
import type { Book } from './book.ts';
import { type Exchange, type Exchanger, verdictOf } from './exchange.ts';
import { History } from './model.ts';
import { changeTo, type Subject, versionIn } from './subjects.ts';
import type { Tally, WriteKind } from './tally.ts';

/** What all clients of a load share. */
export interface LoadContext {
  subject: Subject;
  book: Book;
  tally: Tally;
  exchanger: Exchanger;
  /** Gateways at this moment; asked at every attempt. */
  urls: () => readonly string[];
  /** Whether writes carry an Idempotency-Key, so that a repeat settles what is in doubt. */
  idempotency: boolean;
  /** Milliseconds for which a write in doubt, or a request without a gateway, is repeated. */
  patience: number;
}

interface Write {
  kind: WriteKind;
  method: string;
  path: string;
  body: unknown;
  token: string | undefined;
  version: number;
  begun: number;
}

const METHODS: Readonly<Record<WriteKind, string>> = {
  create: 'POST',
  replace: 'PUT',
  change: 'PATCH',
  remove: 'DELETE',
};
/** Between two attempts at the same request; ms. */
const AGAIN = 50;

/** The writes of one client. Each of its keys has one write at a time; what is in doubt is settled while others go on. */
export class Writer {
  private readonly context: LoadContext;
  private readonly random: Random;
  private readonly own: History[] = [];
  private readonly settling = new Set<Promise<void>>();
  private givenUp = 0;

  constructor(context: LoadContext, random: Random) {
    this.context = context;
    this.random = random;
  }

  /** Keys of this client that are there and have no write under way. */
  idle(present: boolean): History[] {
    return this.own.filter((history) => !history.busy && history.present === present);
  }

  adopt(history: History): void {
    this.own.push(this.context.book.add(history));
  }

  /** A record with an id of the client's. */
  async create(of: { label: string; group: string }): Promise<void> {
    const { newKey = (random: Random) => random.uuid() } = this.context.subject;
    if (newKey === null) return await this.createUnnamed(of);
    const history = new History({ key: newKey(this.random), ...of, adopted: false });
    this.adopt(history);
    await this.write('create', history);
  }

  /** A record whose id the gateway gives; the model has it from the answer on. */
  async createUnnamed(of: { label: string; group: string }): Promise<void> {
    const history = new History({ key: '', ...of, adopted: false });
    await this.write('create', history);
  }

  async write(kind: WriteKind, history: History): Promise<void> {
    const write = this.plan(kind, history);
    const exchange = await this.attempt(write, 0);
    const verdict = verdictOf(exchange);
    if (verdict === 'doubt') {
      this.context.tally.failed(kind, write.begun, exchange);
      if (this.context.idempotency) this.later(this.settle(history, write));
      else this.givenUp += 1;
    } else this.conclude(history, write, exchange);
  }

  /** Resolves when nothing is in doubt any more, or patience has ended. */
  async whenSettled(): Promise<void> {
    while (this.settling.size > 0) await Promise.all(this.settling);
  }

  /** Writes whose outcome nobody knows. */
  get unknown(): number {
    return this.settling.size + this.givenUp;
  }

  private plan(kind: WriteKind, history: History): Write {
    const { subject, idempotency } = this.context;
    const version = history.begin(kind !== 'remove');
    const whole = subject.whole(history.label, history.group, version);
    const named = kind === 'create' && history.key ? { [subject.key ?? 'id']: history.key, ...whole } : whole;
    const bodies = { create: named, replace: whole, change: changeTo(subject, version), remove: undefined };
    return {
      kind,
      method: METHODS[kind],
      path: kind === 'create' ? subject.path : `${subject.path}/${history.key}`,
      body: bodies[kind],
      token: idempotency ? randomUUID() : undefined,
      version,
      begun: performance.now(),
    };
  }

  /** One answer; while nothing was even sent, the next gateway is tried. */
  private async attempt(write: Write, number: number): Promise<Exchange> {
    const { exchanger, urls, tally, patience } = this.context;
    const until = performance.now() + patience;
    for (let turn = number + this.random.int(0, 1); ; turn += 1) {
      const all = urls();
      const base = all[turn % Math.max(1, all.length)];
      const began = performance.now();
      const exchange = base
        ? await exchanger.send(write.method, base + write.path, write.body, write.token)
        : { status: 0, code: 'no-gateway', data: undefined, servedBy: 'nobody', url: '' };
      if (verdictOf(exchange) !== 'unsent') return exchange;
      tally.failed(write.kind, began, exchange);
      if (performance.now() > until) return exchange;
      await pause(AGAIN);
    }
  }

  /** The same request with the same Idempotency-Key, until somebody knows. */
  private async settle(history: History, write: Write): Promise<void> {
    const { tally, patience } = this.context;
    const until = performance.now() + patience;
    for (let number = 1; performance.now() < until; number += 1) {
      await pause(AGAIN);
      const begun = performance.now();
      const exchange = await this.attempt(write, number);
      // That this attempt did nothing says nothing of the one before, unless the request itself is refused.
      if (isFinal(exchange)) return this.conclude(history, write, exchange);
      if (exchange.code !== 'idempotency-in-progress') tally.failed(write.kind, begun, exchange);
    }
    this.givenUp += 1;
  }

  private later(work: Promise<void>): void {
    this.settling.add(work);
    void work.finally(() => this.settling.delete(work));
  }

  private conclude(history: History, write: Write, exchange: Exchange): void {
    const { tally } = this.context;
    if (verdictOf(exchange) !== 'settled') return this.refused(history, write, exchange);
    const record = exchange.data as Record<string, unknown>;
    const named =
      history.key || !record
        ? history
        : this.named(history, String(record[this.context.subject.key ?? 'id']));
    named.done();
    tally.ended(write.kind, write.begun);
    if (write.kind === 'remove') return;
    const seen = versionIn(this.context.subject, record);
    if (seen === write.version) return;
    const text = `the answer to ${write.method} of version ${write.version}: ${seen}`;
    tally.found({ kind: 'wrong', key: named.key, text });
  }

  /** The gateway has given the id: the same history under its key. */
  private named(nameless: History, key: string): History {
    const { label, group } = nameless;
    const history = new History({ key, label, group, adopted: false });
    history.begin(true);
    this.adopt(history);
    return history;
  }

  private refused(history: History, write: Write, exchange: Exchange): void {
    const { tally } = this.context;
    const { status, code, url } = exchange;
    tally.refused += 1;
    tally.failed(write.kind, write.begun, exchange);
    tally.found(history.refused());
    // The key is this client's alone: its record cannot be missing, and cannot be there already.
    if (!isFinal(exchange)) return;
    const text = `${write.method} of version ${write.version} at ${url}: ${status} ${code}`;
    tally.found({ kind: code === 'not-found' ? 'older' : 'wrong', key: history.key, text });
  }
}

/** Whether the answer is about the request itself: to ask again makes no difference. */
function isFinal(exchange: Exchange): boolean {
  const { status, code } = exchange;
  return status >= 200 && status < 500 && code !== 'write-conflict' && verdictOf(exchange) !== 'doubt';
}
