import fc from 'fast-check';
import t from 'tap';
import { addNumbers, Fold, mean } from '../../src/domain/statistics.ts';
import { exactNumber, numberText, type ExactNumber, type Value } from '../../src/domain/values.ts';

const text = (value: unknown) => numberText(value as number | ExactNumber);

t.test('sums are exact, and what was added can be taken away again', (t) => {
  const decimal = fc
    .tuple(fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }), fc.integer({ min: 0, max: 12 }))
    .map(([digits, scale]) => exactNumber(`${digits}e-${scale}`));
  fc.assert(
    fc.property(decimal, decimal, (a, b) => text(addNumbers(addNumbers(a, b), b, -1)) === text(a)),
    { numRuns: 500 },
  );
  t.equal(text(addNumbers(0.1, 0.2)), '0.3', 'not 0.30000000000000004');
  t.equal(addNumbers(null, 5), 5);
  t.equal(addNumbers(5, 'NaN'), 'NaN', 'as in Postgres');
  t.equal(addNumbers('-Infinity', 5), '-Infinity');
  t.equal(mean('Infinity', 2), 'Infinity');
  t.throws(() => addNumbers(5, 'n/a'), { code: 'store-answer', message: /holds "n\/a", which is none/ });
  t.end();
});

t.test('a least and a greatest value are numbers, or the text that is none is named', (t) => {
  const range = (...values: Value[]) => {
    const query = { where: null, groupBy: [], measures: [{ field: 'n', sum: false, range: true }] };
    const fold = new Fold(query, () => 'decimal');
    for (const n of values) fold.add({ n });
    const { min, max } = fold.result[0]?.measures[0] ?? {};
    return [min, max];
  };
  t.same(range('9', '10', 9.5), ['9', '10'], 'not as texts');
  t.same(range('NaN', 1, 'Infinity'), [1, 'NaN'], 'as in Postgres');
  for (const values of [['n/a'], [5, 'n/a'], ['n/a', null, 5]])
    t.throws(() => range(...values), { code: 'store-answer', message: /holds "n\/a", which is none/ });
  t.end();
});

t.test('a mean has twenty digits; of nothing there is none', (t) => {
  t.equal(text(mean(10, 3)), '3.3333333333333333333');
  t.equal(mean(null, 0), null);
  t.end();
});

t.test(
  'groups are made by values and by days; null is a group of its own, and no value of a measure',
  (t) => {
    const query = {
      where: null,
      groupBy: [{ field: 'at', by: 'day' }],
      measures: [{ field: 'n', sum: true, range: true }],
    } as const;
    const fold = new Fold(query, (field) => (field === 'at' ? 'timestamp' : 'int'));
    fold.add({ at: '2026-01-01T00:00:00.000Z', n: 1 });
    fold.add({ at: '2026-01-01T23:59:59.999Z', n: null });
    fold.add({ at: null, n: 7 });
    t.same(fold.result, [
      { group: ['2026-01-01'], count: 2, measures: [{ count: 1, sum: 1, min: 1, max: 1 }] },
      { group: [null], count: 1, measures: [{ count: 1, sum: 7, min: 7, max: 7 }] },
    ]);
    t.end();
  },
);
