import { parentPort, workerData } from 'node:worker_threads';
import SQLite, { type Database, type Statement } from 'better-sqlite3';
import type { Failure } from './errors.ts';
import { AGGREGATES, FUNCTIONS } from './functions.ts';
import type { Batch, Question, Reply, Rows, ThreadSettings, Work } from './messages.ts';
import type { Cell } from './values.ts';

/** Rows between two looks at the clock. */
const GLANCE = 256;
/** Statements that are kept prepared. */
const KEPT = 300;

class Late extends Error {}

/**
 * The thread that SQLite runs in: a statement holds up nobody but the statements that wait for this connection. It opens
 * the file at its first work, and never makes one.
 */
const settings = workerData as ThreadSettings;
const statements = new Map<string, Statement>();
let open: Database | null = null;

parentPort?.on('message', (question: Question) => {
  parentPort?.postMessage(answer(question));
});

parentPort?.postMessage({ id: 0, ready: true } satisfies Reply);

function answer(question: Question): Reply {
  const { id } = question;
  if ('close' in question) {
    open?.close();
    parentPort?.close();
    return { id, closed: true };
  }
  try {
    if (Date.now() > question.work.until) return { id, late: true };
    return { id, rows: run(question.work) };
  } catch (error) {
    return error instanceof Late ? { id, late: true } : { id, failure: failureOf(error) };
  }
}

function run({ kind, batches, until }: Work): Rows[] {
  open ??= opened();
  const database = open;
  database.pragma(`busy_timeout = ${Math.max(1, until - Date.now())}`);
  const all = () => batches.map((batch) => runBatch(database, batch, until));
  const alone = batches.length === 1 && (batches[0]?.sets.length ?? 0) <= 1;
  if (kind === 'read') return alone ? all() : database.transaction(all).deferred();
  return alone ? all() : database.transaction(all).immediate();
}

function runBatch(database: Database, { sql, sets }: Batch, until: number): Rows {
  const statement = prepared(database, sql);
  const rows: Rows = { names: [], cells: [], changed: 0 };
  if (statement.reader) rows.names = statement.columns().map(({ name }) => name);
  let seen = 0;
  const glance = () => {
    if (++seen % GLANCE === 0 && Date.now() > until) throw new Late();
  };
  for (const set of sets) {
    glance();
    if (!statement.reader) {
      rows.changed += statement.run(...set).changes;
      continue;
    }
    for (const row of statement.iterate(...set) as Iterable<Cell[]>) {
      glance();
      rows.cells.push(row.map(short));
    }
  }
  return rows;
}

/** Integers that a double holds travel as numbers: a bigint takes several times as long. */
function short(cell: Cell): Cell {
  if (typeof cell !== 'bigint') return cell;
  const number = Number(cell);
  return Number.isSafeInteger(number) ? number : cell;
}

function prepared(database: Database, sql: string): Statement {
  let statement = statements.get(sql);
  if (!statement) {
    statement = database.prepare(sql).safeIntegers();
    if (statement.reader) statement.raw();
    if (statements.size >= KEPT) statements.clear();
    statements.set(sql, statement);
  }
  return statement;
}

function opened(): Database {
  const database = new SQLite(settings.file, { fileMustExist: true });
  try {
    database.pragma('journal_mode = WAL');
    // What a client was told is saved must outlive a power cut.
    database.pragma('synchronous = FULL');
    database.pragma(`foreign_keys = ${settings.foreignKeys ? 'ON' : 'OFF'}`);
    for (const [name, call] of Object.entries(FUNCTIONS))
      database.function(
        name,
        { deterministic: true, varargs: true },
        call as (...cells: unknown[]) => unknown,
      );
    for (const [name, aggregate] of Object.entries(AGGREGATES))
      database.aggregate(name, {
        ...aggregate,
        deterministic: true,
        varargs: true,
        safeIntegers: true,
      } as never);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function failureOf(error: unknown): Failure {
  const { code, message } = error as { code?: string; message?: string };
  // better-sqlite3 refuses a file whose folder is not there before SQLite sees it.
  const missing = error instanceof TypeError && /directory does not exist/.test(message ?? '');
  return { code: missing ? 'SQLITE_CANTOPEN' : (code ?? 'NONE'), message: message ?? String(error) };
}
