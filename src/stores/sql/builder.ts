import {
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  type Dialect as KyselyDialect,
} from 'kysely';

/** Tables are known by their specs only, at run time. */
export type Tables = Record<string, Record<string, unknown>>;
export type Builder = Kysely<Tables>;

/** Builders of statements. They never run one: that is the engine's, which has exact values, limits of time and errors. */
export function postgresBuilder(): Builder {
  return builderOf({
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (database) => new PostgresIntrospector(database),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  });
}

export function sqliteBuilder(): Builder {
  return builderOf({
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (database) => new SqliteIntrospector(database),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  });
}

function builderOf(dialect: KyselyDialect): Builder {
  return new Kysely<Tables>({ dialect });
}
