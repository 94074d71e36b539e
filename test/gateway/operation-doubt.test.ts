import t from 'tap';
import { NOBODY } from '../../src/domain/callers.ts';
import type { OperationSettings } from '../../src/domain/configuration.ts';
import { BanyanError } from '../../src/domain/errors.ts';
import type { Sql } from '../../src/domain/sql.ts';
import { runOn, type BoundOperation } from '../../src/gateway/operations.ts';

/** An operation on the new side whose transaction ends with this failure. */
function failing(failure: Error, written: string[]): BoundOperation {
  const database = {
    transaction: async (work: (sql: Sql) => Promise<unknown>) => {
      await work({ query: async () => await Promise.resolve({ rows: [], rowCount: 0 }) });
      throw failure;
    },
  };
  const timing = { timeout: 1, deadline: 1 };
  const runtime = {
    resource: { name: 'orders', legacy: { timing }, new: { timing, store: { database } } },
    answers: { written: async (name: string) => await Promise.resolve(written.push(name)) },
  };
  const settings = {
    name: 'checkout',
    resources: ['orders'],
    envelope: 'none',
  } as unknown as OperationSettings;
  const sides = { legacy: null, new: { handler: () => Promise.resolve({ done: true }) } };
  return { settings, sides, runtimes: [runtime] } as unknown as BoundOperation;
}

const request = {
  body: '',
  parameters: {},
  query: {},
  headers: {},
  target: '/',
  caller: NOBODY,
  requestId: '1',
};

t.test(
  'after a COMMIT without an answer no kept answer is given again; after none at all they stay',
  async (t) => {
    for (const [outcome, wanted] of [
      ['unknown', ['orders']],
      ['not-applied', []],
    ] as const) {
      const written: string[] = [];
      const failure = new BanyanError('outcome-unknown', undefined, { outcome });
      await t.rejects(runOn(failing(failure, written), 'new', request), { code: 'outcome-unknown' });
      t.same(written.slice(0, 1), wanted, outcome);
    }
  },
);
