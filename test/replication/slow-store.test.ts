import t from 'tap';
import { Syncer } from '../../src/replication/syncer.ts';
import { SILENT } from '../../src/observability/log.ts';
import { interrupted } from '../harness/interrupts.ts';
import { until } from '../harness/wait.ts';
import { openPlace, openReplica } from '../protocol/place.ts';

const place = await openPlace(t);

t.test(
  'a legacy store that is too slow for a whole batch gets smaller ones, and follows in the end',
  async (t) => {
    await place.reset('live');
    const { query } = place.sides.legacy.database;
    // 200 ms for each record: all of them together take longer than the server lets a statement run.
    await query(`
    CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.2); RETURN NEW; END $$;
    CREATE TRIGGER slowly BEFORE INSERT OR UPDATE ON companies FOR EACH ROW EXECUTE FUNCTION slowly()`);
    await place.sides.new.query(
      `INSERT INTO companies (id, name) SELECT gen_random_uuid(), 'c' || n FROM generate_series(1, 24) AS s (n)`,
    );
    t.equal((await place.marks()).length, 24);

    // The server stops a statement after 3 s.
    const resource = interrupted(place.companies, { timing: { timeout: 3_000, deadline: 5_000 } });
    const { routes } = await openReplica(place, 'a', { resource });
    const state = () => routes.state('companies');
    const syncer = new Syncer({ resource, state, syncerOf: () => undefined, log: SILENT });
    t.teardown(() => syncer.close());
    syncer.start();
    await until(async () => (await place.marks()).length === 0, {
      what: 'no mark is left',
      timeout: 60_000,
      every: 100,
    });
    t.same(await query('SELECT count(*)::int AS rows FROM companies'), [{ rows: 24 }]);
  },
);
