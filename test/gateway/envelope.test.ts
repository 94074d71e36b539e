import t from 'tap';
import { BanyanError, ERRORS, type ErrorCode } from '../../src/domain/errors.ts';
import { ENVELOPES, publicError } from '../../src/gateway/envelope.ts';

t.test('a record, a list and an error have the same form in every mode', (t) => {
  const { record, list, error } = ENVELOPES['success-data'];
  const pagination = { limit: 2, offset: 0, total: 5, nextCursor: 'x' };
  const wrong = { code: 'not-found', message: 'There is no such record.', requestId: 'r1' };
  t.same(record({ id: '1' }), { success: true, data: { id: '1' } });
  t.same(list([{ id: '1' }], pagination), { success: true, data: [{ id: '1' }], pagination });
  t.same(error(wrong), { success: false, error: wrong });
  t.same(ENVELOPES.none.record({ id: '1' }), { id: '1' });
  t.same(ENVELOPES.none.list([{ id: '1' }], pagination), [{ id: '1' }]);
  t.same(ENVELOPES.none.error(wrong), { error: wrong });
  t.end();
});

t.test('every error of the catalogue has its own status, and what may be tried again says when', (t) => {
  for (const code of Object.keys(ERRORS) as ErrorCode[]) {
    const { status, error, retryAfter } = publicError(new BanyanError(code), 'r1');
    t.equal(status, ERRORS[code].status, code);
    t.match(error, { code, requestId: 'r1', message: /\S/ });
    t.equal(retryAfter, (ERRORS[code] as { retryAfter?: number }).retryAfter ?? null);
  }
  t.end();
});

t.test('details are passed on, and nothing of a failure without a name is', (t) => {
  const named = new BanyanError('duplicate', 'taken', { details: { field: 'email' } });
  t.match(publicError(named, 'r1').error, { message: 'taken', details: { field: 'email' } });
  for (const secret of [new Error('password=hunter2'), 'hunter2', null, undefined]) {
    const { status, error } = publicError(secret, 'r1');
    t.equal(status, 500);
    t.same(error, { code: 'internal', message: ERRORS.internal.title, requestId: 'r1' });
  }
  const inner = new BanyanError('internal', 'password=hunter2');
  t.notMatch(JSON.stringify(publicError(inner, 'r1')), /hunter2/);
  t.end();
});
