import t from 'tap';
import { failure, type Phase } from '../../src/postgres/errors.ts';

/** R2: whatever ends a connection while a write or a COMMIT is under way leaves doubt, also what no list names. */
const CLAIMS: readonly [thrown: object, phase: Phase, outcome: 'unknown' | 'not-applied', code: string][] = [
  [{ code: 'ENETDOWN', message: 'read ENETDOWN' }, 'commit', 'unknown', 'outcome-unknown'],
  [{ code: 'ERR_SSL_BAD_RECORD_MAC', message: 'tls' }, 'write', 'unknown', 'outcome-unknown'],
  [{ severity: 'PANIC', code: '53100', message: 'disk full' }, 'commit', 'unknown', 'outcome-unknown'],
  [{ severity: 'FATAL', code: 'XX000', message: 'gone' }, 'write', 'unknown', 'outcome-unknown'],
  [{ severity: 'ERROR', code: '53100', message: 'disk full' }, 'commit', 'not-applied', 'store-overloaded'],
  [{ severity: 'FATAL', code: '57P01', message: 'stopped' }, 'read', 'not-applied', 'store-unreachable'],
  [{ severity: 'FATAL', code: '28P01', message: 'password' }, 'connect', 'not-applied', 'store-refused'],
  [{ message: 'a mistake of ours' }, 'write', 'not-applied', 'internal'],
];

for (const [thrown, phase, outcome, code] of CLAIMS) {
  t.test(`${JSON.stringify(thrown)} at ${phase} is ${outcome}`, (t) => {
    t.match(failure(thrown, { title: 'store "new"', role: 'store' }, phase), { outcome, code });
    t.end();
  });
}
t.end();
