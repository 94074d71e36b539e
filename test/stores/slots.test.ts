import t from 'tap';
import { Slots } from '../../src/stores/slots.ts';

const LONG = 60_000;

function slots(pool: { max: number; wait: number }): { slots: Slots; notices: unknown[] } {
  const notices: unknown[] = [];
  return { slots: new Slots('erp-legacy', pool, (notice) => notices.push(notice)), notices };
}

t.test('a free slot is taken without waiting', async (t) => {
  const { slots: two } = slots({ max: 2, wait: LONG });
  t.same([two.take(LONG), two.take(LONG)], [true, true]);
});

t.test('those who wait get their slots in the order in which they came', async (t) => {
  const { slots: one } = slots({ max: 1, wait: LONG });
  t.equal(one.take(LONG), true);
  const order: number[] = [];
  const waiting = [1, 2, 3].map(async (number) => {
    t.equal(await one.take(LONG), true);
    order.push(number);
    one.free();
  });
  one.free();
  await Promise.all(waiting);
  t.same(order, [1, 2, 3]);
  t.equal(one.take(LONG), true, 'the slot is free again');
});

t.test('a wait ends after pool.wait, or with the time of the request', async (t) => {
  const { slots: one } = slots({ max: 1, wait: 1 });
  t.equal(one.take(LONG), true);
  t.equal(await one.take(LONG), false);
  const { slots: other } = slots({ max: 1, wait: LONG });
  t.equal(other.take(LONG), true);
  t.equal(await other.take(1), false);
});

t.test('a slot is not given to one who has gone', async (t) => {
  const { slots: one } = slots({ max: 1, wait: 1 });
  t.equal(one.take(LONG), true);
  t.equal(await one.take(LONG), false);
  one.free();
  t.equal(one.take(LONG), true);
});

t.test('a queue that overflows is told once, and again when slots were free in between', async (t) => {
  const { slots: one, notices } = slots({ max: 1, wait: 1 });
  t.equal(one.take(LONG), true);
  t.same(await Promise.all([one.take(LONG), one.take(LONG), one.take(LONG)]), [false, false, false]);
  t.equal(notices.length, 1);
  t.match(notices[0], { store: 'erp-legacy', details: { max: 1 } });
  one.free();
  t.equal(one.take(LONG), true);
  t.equal(await one.take(LONG), false);
  t.equal(notices.length, 2);
});
