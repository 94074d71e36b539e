import { BanyanError, type ErrorCode, type Outcome } from '../domain/errors.ts';
import type { Value } from '../domain/values.ts';

/** Where a statement was when it failed; decides whether a lost answer leaves doubt (A1, R2). */
export type Phase = 'connect' | 'read' | 'write' | 'transaction' | 'commit';

/** What the failing database is to the gateway: the store of resources, or its own memory. */
export interface Party {
  /** For messages, e.g. `store "new"` or `control database`. */
  title: string;
  role: 'store' | 'control';
}

type Kind =
  | 'unreachable'
  | 'lost'
  | 'silent'
  | 'timeout'
  | 'overloaded'
  | 'refused'
  | 'duplicate'
  | 'reference'
  | 'constraint'
  | 'conflict'
  | 'answer'
  | 'switching'
  | 'internal';

/** SQLSTATE, or its class, to what it means here; the longer entry wins. */
const SQLSTATES: Readonly<Record<string, Kind>> = {
  '08': 'lost',
  '0A': 'answer',
  '21': 'answer',
  '22': 'constraint',
  '23': 'constraint',
  '23503': 'reference',
  '23001': 'reference', // ON DELETE RESTRICT, since Postgres 18
  '23505': 'duplicate',
  '25': 'internal',
  '25006': 'refused', // read only: a standby, or a database in maintenance
  '25P03': 'lost', // idle in transaction for too long: the server has rolled back and hung up
  '26': 'answer',
  '28': 'refused',
  '3D': 'refused',
  '40': 'conflict',
  '40003': 'lost', // statement completion unknown
  '42': 'answer',
  '42501': 'refused',
  '53': 'overloaded',
  '53300': 'unreachable',
  '54': 'constraint',
  '55P03': 'conflict',
  '57014': 'timeout',
  '57P01': 'lost',
  '57P02': 'lost',
  '57P03': 'unreachable',
  '57P05': 'lost',
  P0: 'constraint', // RAISE in a trigger of the database's owner
  BN: 'internal',
  BN001: 'switching', // raised by the gateway's own triggers and functions: the stage takes no writes (R8, R9)
};

/** The driver's own failures, by code or by the beginning of the message. */
const DRIVER: Readonly<Record<string, Kind>> = {
  ECONNREFUSED: 'unreachable',
  ENOTFOUND: 'unreachable',
  EAI_AGAIN: 'unreachable',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  ENOENT: 'unreachable', // Unix socket
  ETIMEDOUT: 'lost',
  ECONNRESET: 'lost',
  EPIPE: 'lost',
  'Connection terminated': 'lost',
  'Client was closed': 'lost',
  'Client has encountered a connection error': 'lost',
  'timeout expired': 'lost',
  'Query read timeout': 'silent',
};

/** Codes of a socket's end that the list above does not name. */
const SOCKET = /^(E[A-Z]+|ERR_(SSL|TLS|STREAM|SOCKET)\w*)$/;

interface Meaning {
  store: ErrorCode;
  control: ErrorCode;
  /** What is said after the party's title; the server's own message follows where `quotes` is set. */
  says: string;
  quotes?: boolean;
}

const MEANINGS: Readonly<Record<Kind, Meaning>> = {
  unreachable: {
    store: 'store-unreachable',
    control: 'control-unavailable',
    says: 'cannot be reached; nothing was changed',
  },
  lost: {
    store: 'store-unreachable',
    control: 'control-unavailable',
    says: 'broke the connection; nothing was changed',
  },
  silent: {
    store: 'store-timeout',
    control: 'control-unavailable',
    says: 'did not answer in time; nothing was changed',
  },
  timeout: {
    store: 'store-timeout',
    control: 'control-unavailable',
    says: 'ended the statement after its statement timeout; nothing was changed',
  },
  overloaded: {
    store: 'store-overloaded',
    control: 'control-unavailable',
    says: 'is out of resources',
    quotes: true,
  },
  refused: {
    store: 'store-refused',
    control: 'control-unavailable',
    says: 'refuses the gateway',
    quotes: true,
  },
  duplicate: { store: 'duplicate', control: 'duplicate', says: 'already has a record with this value' },
  reference: {
    store: 'reference-missing',
    control: 'reference-missing',
    says: 'lacks the record referred to, or another refers to this one',
  },
  constraint: {
    store: 'constraint-violated',
    control: 'constraint-violated',
    says: 'refuses the record',
    quotes: true,
  },
  conflict: {
    store: 'write-conflict',
    control: 'write-conflict',
    says: 'gave way to another write',
    quotes: true,
  },
  answer: {
    store: 'store-answer',
    control: 'internal',
    says: 'does not understand the statement',
    quotes: true,
  },
  switching: { store: 'switching', control: 'switching', says: 'does not take the write', quotes: true },
  internal: { store: 'internal', control: 'internal', says: 'failed', quotes: true },
};

/** A read has no record to refuse: what it was asked to compare with is none of the column's values. */
const ASKED: Meaning = {
  store: 'invalid-query',
  control: 'internal',
  says: 'cannot answer what was asked for',
  quotes: true,
};

/** Kinds in which the answer did not arrive: at these phases nobody knows whether the write was done. */
const DOUBTFUL: ReadonlySet<Kind> = new Set(['lost', 'silent']);
const DOUBT_AT: ReadonlySet<Phase> = new Set(['write', 'commit']);

/** What pg throws: a server's ErrorResponse, a socket error, or an Error with only a message. */
interface Thrown {
  message?: string;
  code?: string;
  severity?: string;
  detail?: string;
  column?: string;
  constraint?: string;
  table?: string;
}

/** The error of the catalogue for anything that pg throws; a BanyanError stays as it is. */
export function failure(error: unknown, party: Party, phase: Phase): BanyanError {
  if (error instanceof BanyanError) return error;
  const thrown = (error ?? {}) as Thrown;
  const kind = kindOf(thrown, phase);
  const unknown = DOUBTFUL.has(kind) && DOUBT_AT.has(phase);
  const outcome: Outcome = unknown ? 'unknown' : 'not-applied';
  if (unknown) {
    const message = `${party.title} did not answer the ${phase}; it may or may not have been done`;
    return new BanyanError('outcome-unknown', message, { outcome, cause: error });
  }
  const meaning = phase === 'read' && kind === 'constraint' ? ASKED : MEANINGS[kind];
  const quoted = meaning.quotes ? `: ${thrown.message ?? String(error)}` : codesOf(thrown);
  return new BanyanError(meaning[party.role], `${party.title} ${meaning.says}${quoted}`, {
    outcome,
    cause: error,
    details: details(kind, thrown),
  });
}

/** What can be said of a refusal without the values in it: SQLSTATE and constraint. */
function codesOf({ code, constraint }: Thrown): string {
  const codes = [code, constraint].filter((text) => text);
  return codes.length > 0 ? ` (${codes.join(', ')})` : '';
}

/** Whether the connection is still good: the server answered with an error and waits for the next statement. */
export function leavesConnectionUsable(error: unknown): boolean {
  const { severity, code } = (error ?? {}) as Thrown;
  // 0A000 and 26000: a prepared statement of this connection no longer fits the tables; a new connection prepares anew.
  return severity === 'ERROR' && code !== '0A000' && code !== '26000';
}

function kindOf(thrown: Thrown, phase: Phase): Kind {
  const { code = '', message = '', severity } = thrown;
  const stated = SQLSTATES[code] ?? SQLSTATES[code.slice(0, 2)] ?? 'internal';
  if (phase === 'connect') return severity ? stated : 'unreachable';
  // The session ended with the statement, e.g. a disk that was full at the COMMIT: whether it was done is not said (R2).
  if (severity === 'FATAL' || severity === 'PANIC') return 'lost';
  if (severity) return stated;
  const byMessage = Object.keys(DRIVER).find((beginning) => message.startsWith(beginning));
  const kind = DRIVER[code] ?? (byMessage ? DRIVER[byMessage] : undefined);
  // On an established connection even a refusal to connect means that the answer is lost; so does whatever else the
  // system or the TLS layer says of a socket (ENETDOWN, ERR_SSL_…).
  if (kind === undefined && SOCKET.test(code)) return 'lost';
  return kind === 'unreachable' ? 'lost' : (kind ?? 'internal');
}

function details(kind: Kind, thrown: Thrown): Value | undefined {
  if (kind !== 'duplicate' && kind !== 'reference' && kind !== 'constraint') return undefined;
  const fields = thrown.column ? [thrown.column] : fieldsOf(thrown.detail);
  const named: Record<string, Value> = {};
  if (fields[0]) named.field = fields[0];
  if (fields.length > 1) named.fields = fields;
  if (thrown.constraint) named.constraint = thrown.constraint;
  return Object.keys(named).length ? named : undefined;
}

/** The columns of `Key (email, siret)=(…) already exists.`; the brackets are the same in every language. */
function fieldsOf(detail: string | undefined): string[] {
  const list = /\((.*?)\)=\(/.exec(detail ?? '')?.[1];
  return list ? list.split(', ').map((name) => name.replace(/^"(.*)"$/, '$1')) : [];
}
