import { BanyanError, type ErrorCode } from '../../../domain/errors.ts';
import type { Value } from '../../../domain/values.ts';

/** What a thread says of a statement that failed: SQLite's extended code and message. */
export interface Failure {
  code: string;
  message: string;
}

interface Meaning {
  code: ErrorCode;
  says: string;
  /** Whether SQLite's own message follows. */
  quotes?: true;
  /** A write that fails like this may have been done. */
  doubtful?: true;
}

/** SQLite's result codes to what they mean here; the longest beginning wins. */
const MEANINGS: Readonly<Record<string, Meaning>> = {
  SQLITE_BUSY: {
    code: 'write-conflict',
    says: 'was held by another program for too long; nothing was changed',
  },
  SQLITE_LOCKED: { code: 'write-conflict', says: 'was held by another statement; nothing was changed' },
  SQLITE_CONSTRAINT: { code: 'constraint-violated', says: 'refuses the record', quotes: true },
  SQLITE_CONSTRAINT_UNIQUE: { code: 'duplicate', says: 'already has a record with this value' },
  SQLITE_CONSTRAINT_PRIMARYKEY: { code: 'duplicate', says: 'already has a record with this value' },
  SQLITE_CONSTRAINT_ROWID: { code: 'duplicate', says: 'already has a record with this value' },
  SQLITE_CONSTRAINT_FOREIGNKEY: {
    code: 'reference-missing',
    says: 'lacks the record referred to, or another refers to this one',
  },
  SQLITE_MISMATCH: { code: 'constraint-violated', says: 'refuses the record', quotes: true },
  SQLITE_TOOBIG: { code: 'constraint-violated', says: 'refuses the record', quotes: true },
  SQLITE_CANTOPEN: { code: 'store-unreachable', says: 'cannot be opened', quotes: true },
  SQLITE_PERM: { code: 'store-refused', says: 'refuses the gateway', quotes: true },
  SQLITE_AUTH: { code: 'store-refused', says: 'refuses the gateway', quotes: true },
  SQLITE_READONLY: { code: 'store-refused', says: 'cannot be written by this process', quotes: true },
  SQLITE_FULL: { code: 'store-full', says: 'has no room left on its disk; nothing was changed' },
  SQLITE_IOERR: {
    code: 'store-unreachable',
    says: 'cannot be read or written',
    quotes: true,
    doubtful: true,
  },
  SQLITE_NOTADB: { code: 'store-answer', says: 'is no SQLite database', quotes: true },
  SQLITE_CORRUPT: { code: 'store-answer', says: 'is damaged', quotes: true },
  SQLITE_ERROR: { code: 'store-answer', says: 'does not understand the statement', quotes: true },
  // What a function of the gateway's own says of a value that it met.
  'store-answer': { code: 'store-answer', says: 'cannot count', quotes: true },
  SQLITE_SCHEMA: { code: 'store-answer', says: 'has other tables now', quotes: true },
};

const UNKNOWN: Meaning = { code: 'internal', says: 'failed', quotes: true };

/** The error of the catalogue. `title`: whose failure it is, e.g. `store "crm"`. */
export function sqliteFailure(
  title: string,
  { code, message }: Failure,
  kind: 'read' | 'write',
): BanyanError {
  const name = Object.keys(MEANINGS)
    .filter((beginning) => code.startsWith(beginning))
    .sort((a, b) => b.length - a.length)[0];
  const meaning = (name === undefined ? undefined : MEANINGS[name]) ?? UNKNOWN;
  if (kind === 'write' && meaning.doubtful) {
    const doubt = `${title} failed during the write (${code}); it may or may not have been done`;
    return new BanyanError('outcome-unknown', doubt, { outcome: 'unknown' });
  }
  const text = `${title} ${meaning.says}${meaning.quotes ? `: ${message}` : ''}`;
  return new BanyanError(meaning.code, text, { details: detailsOf(message) });
}

/** The columns of `UNIQUE constraint failed: deals.stage, deals.title`, or the name of the CHECK. */
function detailsOf(message: string): Value | undefined {
  const [, kind, rest = ''] = /^(UNIQUE|NOT NULL|CHECK) constraint failed: (.*)$/s.exec(message) ?? [];
  if (kind === 'CHECK') return { constraint: rest };
  const typed = /value in \w+ column \w+\.(\w+)$/.exec(message)?.[1];
  if (typed) return { field: typed };
  if (!kind) return undefined;
  const fields = rest.split(', ').map((name) => name.slice(name.indexOf('.') + 1));
  return fields.length > 1 ? { field: fields[0] as string, fields } : { field: fields[0] as string };
}
