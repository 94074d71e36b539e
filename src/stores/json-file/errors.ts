import type { FileHandle } from 'node:fs/promises';
import { BanyanError, type ErrorCode, type Outcome } from '../../domain/errors.ts';

/** What was asked of the store when it failed: for messages, and to know whether doubt is left (A1, R2). */
export interface Asked {
  /** E.g. `store "shop-legacy", table "users"`. */
  title: string;
  /** The file that holds the table. */
  path: string;
}

/** The file is no list of records from here on. Offsets count bytes. */
export class Break extends Error {
  readonly offset: number;
  readonly found: string;
  readonly expected: string;

  constructor(offset: number, found: string, expected: string) {
    super(`found ${found}, expected ${expected}`);
    this.offset = offset;
    this.found = found;
    this.expected = expected;
  }
}

/** Another program changed the file while it was being read. */
export class Changed extends Error {}

const CODES: Readonly<Record<string, { code: ErrorCode; says: string }>> = {
  ENOENT: { code: 'store-answer', says: 'has no such file' },
  ENOTDIR: { code: 'store-answer', says: 'has a file where a folder should be' },
  EISDIR: { code: 'store-answer', says: 'has a folder where a file should be' },
  EACCES: { code: 'store-refused', says: 'may not be read or written by the gateway: check its permissions' },
  EPERM: { code: 'store-refused', says: 'may not be read or written by the gateway: check its permissions' },
  EROFS: { code: 'store-refused', says: 'is on a file system that is read-only' },
  ENOSPC: { code: 'store-full', says: 'has no room left on its file system' },
  EDQUOT: { code: 'store-full', says: 'has no room left in its quota' },
  EFBIG: { code: 'store-full', says: 'may not grow any further: the limit of a file is reached' },
  EMFILE: { code: 'store-overloaded', says: 'cannot be opened: the process has too many open files' },
  ENFILE: { code: 'store-overloaded', says: 'cannot be opened: the machine has too many open files' },
};

/** The error for a system call that failed; `outcome` says what a write may have left. */
export function fileFailure(
  error: unknown,
  { title, path }: Asked,
  outcome: Outcome = 'not-applied',
): BanyanError {
  if (error instanceof BanyanError) return error;
  const { code = '', message } = error as NodeJS.ErrnoException;
  const known = CODES[code] ?? { code: 'store-unreachable', says: `failed (${code || message})` };
  const done = outcome === 'unknown' ? 'the write may or may not have been done' : 'nothing was changed';
  return new BanyanError(
    outcome === 'unknown' ? 'outcome-unknown' : known.code,
    `${title}: ${path} ${known.says}; ${done}`,
    { outcome, cause: error },
  );
}

export function tooLate({ title, path }: Asked, doing: string): BanyanError {
  return new BanyanError('store-timeout', `${title}: ${path}: ${doing} took too long; nothing was changed`);
}

/** The error for a broken file, with the place of the break by line and column. Counts characters as editors do. */
export async function brokenFile(
  { title, path }: Asked,
  handle: FileHandle,
  broken: Break,
): Promise<BanyanError> {
  const { line, column } = await placeOf(handle, broken.offset);
  const message =
    `${title}: ${path}, line ${line}, column ${column}: found ${broken.found}, expected ${broken.expected}; ` +
    'the file is left as it is';
  const details = { line, column, found: broken.found, expected: broken.expected };
  return new BanyanError('file-broken', message, { details, cause: broken });
}

async function placeOf(handle: FileHandle, offset: number): Promise<{ line: number; column: number }> {
  const chunk = Buffer.allocUnsafe(1 << 16);
  let [at, line, characters] = [0, 1, 0];
  while (at < offset) {
    const { bytesRead } = await handle.read(chunk, 0, Math.min(chunk.length, offset - at), at);
    if (bytesRead === 0) break;
    at += bytesRead;
    for (const byte of chunk.subarray(0, bytesRead)) {
      if (byte === 0x0a) {
        line++;
        characters = 0;
      } else if ((byte & 0xc0) !== 0x80) characters++; // the first byte of a character
    }
  }
  return { line, column: characters + 1 };
}
