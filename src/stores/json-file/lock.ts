import Database from 'better-sqlite3';
import { basename, dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const BUSY = 'SQLITE_BUSY';
/** Milliseconds between two tries. */
const RETRY = 8;

/** SQLite's words for what the file system said. */
const CODES: Readonly<Record<string, string>> = {
  SQLITE_CANTOPEN: 'EACCES',
  SQLITE_READONLY: 'EACCES',
  SQLITE_PERM: 'EACCES',
  SQLITE_FULL: 'ENOSPC',
};

/**
 * One writer at a time, across processes. Node has no lock of the operating system; SQLite has, on any platform: an
 * empty database beside the file, whose exclusive transaction is the lock. The kernel ends it with the process, also
 * after kill -9 and also for a process in another container, so that no lock is ever stale and none is ever stolen.
 * The lock file stays where it is; to delete it would let two processes lock two different files.
 */
export class WriteLock {
  readonly path: string;
  #database: Database.Database | null = null;

  /** `path` is that of the file to be written. */
  constructor(path: string) {
    this.path = join(dirname(path), `.${basename(path)}.lock`);
  }

  /** Runs `work` while no other process holds the lock; null where it was not free until `until` (performance.now()). */
  async hold<T>(until: () => number, work: () => Promise<T>): Promise<T | null> {
    const database = this.#open();
    while (!this.#begin(database)) {
      if (performance.now() > until()) return null;
      await pause(RETRY);
    }
    try {
      return await work();
    } finally {
      database.exec('ROLLBACK');
    }
  }

  close(): void {
    this.#database?.close();
    this.#database = null;
  }

  #open(): Database.Database {
    try {
      return (this.#database ??= new Database(this.path, { timeout: 0 }));
    } catch (error) {
      throw asSystemError(error);
    }
  }

  #begin(database: Database.Database): boolean {
    try {
      database.exec('BEGIN EXCLUSIVE');
      return true;
    } catch (error) {
      if ((error as { code?: string }).code === BUSY) return false;
      throw asSystemError(error);
    }
  }
}

function asSystemError(error: unknown): Error {
  const { code = '', message } = error as { code?: string; message: string };
  const known = Object.entries(CODES).find(([beginning]) => code.startsWith(beginning));
  return Object.assign(new Error(message, { cause: error }), { code: known?.[1] ?? code });
}
