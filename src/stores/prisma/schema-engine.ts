import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { PrismaPg } from '@prisma/adapter-pg';
import {
  type SqlDriverAdapter,
  type SqlMigrationAwareDriverAdapterFactory,
  type SqlQuery,
  ColumnTypeEnum,
  DriverAdapterError,
  bindMigrationAwareSqlAdapterFactory,
} from '@prisma/driver-adapter-utils';
import type * as Wasm from '@prisma/schema-engine-wasm';
import type { SchemaEngine } from '@prisma/schema-engine-wasm';
import pg from 'pg';
import { BanyanError } from '../../domain/errors.ts';
import { connectFailure } from './migration-history.ts';

export type { MigrationList, SchemaEngine, SchemasContainer } from '@prisma/schema-engine-wasm';

/** Node's own, which its type package leaves to the browser's. */
declare const WebAssembly: {
  instantiate(
    code: Uint8Array,
    imports: Record<string, object>,
  ): Promise<{ instance: { exports: WasmExports } }>;
};
interface WasmExports {
  __wbindgen_start(): void;
}
type EngineModule = typeof Wasm & {
  __wbg_set_wasm(exports: WasmExports): void;
};

let loaded: Promise<EngineModule['SchemaEngine']> | undefined;

/** Loads Prisma's schema engine, the WebAssembly build of the binary that `prisma migrate` would download. */
async function load(): Promise<EngineModule['SchemaEngine']> {
  const entry = createRequire(import.meta.url).resolve('@prisma/schema-engine-wasm/schema_engine_bg');
  const engine = (await import('@prisma/schema-engine-wasm/schema_engine_bg')) as unknown as EngineModule;
  const code = readFileSync(join(dirname(entry), 'schema_engine_bg.wasm'));
  const imports = { './schema_engine_bg.js': { ...engine, ...timersThatDoNotHoldTheProcess(engine) } };
  const { instance } = await WebAssembly.instantiate(code, imports);
  // The engine tells a panic's message to this global before it traps.
  Object.assign(globalThis, {
    PRISMA_WASM_PANIC_REGISTRY: { set_message: (message: string) => (panic = message) },
  });
  engine.__wbg_set_wasm(instance.exports);
  instance.exports.__wbindgen_start();
  return engine.SchemaEngine;
}

/** The engine never clears the ten seconds for which it would wait for its lock: they must not keep a command alive. */
function timersThatDoNotHoldTheProcess(engine: object): Record<string, unknown> {
  const names = Object.keys(engine).filter((name) => name.startsWith('__wbg_setTimeout_'));
  const start = (callback: () => void, delay: number) => setTimeout(callback, delay >>> 0).unref();
  return Object.fromEntries(names.map((name) => [name, start]));
}

let panic: string | undefined;

/** What Postgres said of the last script that an engine ran, for the engine itself mangles some of it. */
export interface ScriptFailure {
  script: string;
  error: pg.DatabaseError;
}

/**
 * Runs `work` with a schema engine on a database. The engine's own errors become `migration-failed`; `explain` may
 * find better words for them.
 */
export async function withSchemaEngine<T>(
  url: string,
  datamodels: [string, string][],
  work: (engine: SchemaEngine) => Promise<T>,
  explain: (
    message: string,
    failed: ScriptFailure | undefined,
    engine: SchemaEngine,
  ) => Promise<string> = async (message) => `The schema engine failed: ${message}`,
): Promise<T> {
  const Engine = await (loaded ??= load());
  const pool = new pg.Pool({ connectionString: url, max: 1, application_name: 'banyan migrate' });
  let engine: SchemaEngine | undefined;
  try {
    await pool.query('SELECT').catch((error: unknown) => Promise.reject(connectFailure(error)));
    const adapter = new SchemaEngineAdapter(pool);
    const options = { datamodels: datamodels.length ? datamodels : undefined };
    engine = await Engine.new(options, () => {}, bindMigrationAwareSqlAdapterFactory(adapter));
    const ready = engine;
    return await work(engine).catch(async (error: unknown) => {
      if (error instanceof BanyanError) throw error;
      throw new BanyanError('migration-failed', await explain(messageOf(error), adapter.failed, ready), {
        cause: error,
      });
    });
  } catch (error) {
    throw error instanceof BanyanError
      ? error
      : new BanyanError('migration-failed', messageOf(error), { cause: error });
  } finally {
    engine?.free();
    await pool.end();
  }
}

/** The first lines of an error, or of a panic that came before it: what follows is a trace of the engine's source. */
function messageOf(error: unknown): string {
  const message = panic ?? (error instanceof Error ? error.message : String(error));
  panic = undefined;
  return message.split(/\n +\d+: /)[0]?.trim() ?? message;
}

/** adapter-pg as the schema engine needs it. */
class SchemaEngineAdapter implements SqlMigrationAwareDriverAdapterFactory {
  readonly provider = 'postgres';
  readonly adapterName = '@prisma/adapter-pg';
  failed: ScriptFailure | undefined;
  readonly #pool: pg.Pool;

  constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  async connect(): Promise<SqlDriverAdapter> {
    const pool = this.#pool;
    const internalChars = watchInternalChars(pool);
    const adapter = await new PrismaPg(pool).connect();
    const queryRaw = adapter.queryRaw.bind(adapter);
    return Object.assign(adapter, {
      // adapter-pg splits a script at every semicolon, also inside a function's body; Postgres takes it whole.
      executeScript: async (script: string) => {
        await pool.query(script).catch((error: unknown) => {
          if (error instanceof pg.DatabaseError) this.failed = { script, error };
          return rethrowForEngine(error);
        });
      },
      queryRaw: async (query: SqlQuery) => {
        const result = await queryRaw(query);
        for (const column of internalChars.get(result.rows) ?? []) {
          result.columnTypes[column] = ColumnTypeEnum.Character;
        }
        return result;
      },
    });
  }

  /** adapter-pg would connect to the main database instead and replay the migrations there. */
  connectToShadowDb(): Promise<SqlDriverAdapter> {
    return Promise.reject(new BanyanError('migration-failed', 'Banyan never uses a shadow database.'));
  }
}

const INTERNAL_CHAR = 18;
const BPCHAR = 1042;

/**
 * The catalog's internal type `"char"` is unknown to adapter-pg. It is shown to it as character(1), and the places
 * where that was done are kept by result, for the engine wants them as single characters and not as text.
 */
function watchInternalChars(pool: pg.Pool): WeakMap<object, number[]> {
  const places = new WeakMap<object, number[]>();
  const query = pool.query.bind(pool) as (config: unknown) => Promise<pg.QueryArrayResult>;
  const watched = async (config: unknown) => {
    const result = await query(config);
    const columns = (result.fields ?? []).flatMap((field, at) =>
      field.dataTypeID === INTERNAL_CHAR ? [at] : [],
    );
    for (const at of columns) result.fields[at]!.dataTypeID = BPCHAR;
    if (columns.length > 0) places.set(result.rows, columns);
    return result;
  };
  return Object.assign(pool, { query: watched }) && places;
}

/** The shape in which the engine can read a driver's error; anything else would be reported without its text. */
function rethrowForEngine(error: unknown): never {
  if (!(error instanceof pg.DatabaseError)) throw error;
  const { code, severity, message, detail, column, hint } = error;
  throw new DriverAdapterError({
    kind: 'postgres',
    code: code ?? 'N/A',
    severity: severity ?? 'N/A',
    message,
    detail,
    column,
    hint,
  });
}
