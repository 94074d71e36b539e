import t from 'tap';
import {
  emptiesNew,
  MODE_NAMES,
  modeAfter,
  modeBefore,
  stepBetween,
  stepsBetween,
} from '../../src/domain/modes.ts';
import type { Mode } from '../../src/domain/words.ts';

const way = (from: Mode, to: Mode) => [from, ...stepsBetween(from, to).map((step) => step.to)].join(' ');

t.test('one command leads from any mode to any other: the main road where nothing else is asked for', (t) => {
  t.equal(way('legacy', 'new'), 'legacy dual-write shadow live new');
  t.equal(way('new', 'legacy'), 'new live shadow dual-write legacy');
  t.equal(way('split', 'new'), 'split merged new', 'onward rather than back');
  t.equal(way('merged', 'split'), 'merged legacy split', 'what was moved is pushed first');
  t.equal(way('dual-write', 'merged'), 'dual-write legacy merged');
  t.equal(way('merged', 'live'), 'merged new live');
  t.same(stepsBetween('merged', 'merged'), []);
  for (const from of MODE_NAMES)
    for (const to of MODE_NAMES) if (from !== to) t.not(stepsBetween(from, to).length, 0, `${from} to ${to}`);
  t.end();
});

t.test('where replicas in two modes would do each other harm there is a barrier between them', (t) => {
  const kind = (from: Mode, to: Mode) => stepBetween(from, to)?.kind ?? null;
  t.equal(kind('legacy', 'split'), 'flip');
  t.equal(kind('legacy', 'merged'), 'flip');
  t.equal(kind('split', 'merged'), 'flip', 'M1: one writes a record in legacy, the other one would move it');
  t.equal(kind('merged', 'legacy'), 'flip');
  t.equal(kind('merged', 'new'), 'plain', 'everything is moved: both read and write new');
  t.equal(kind('merged', 'split'), null);
  t.end();
});

t.test('rollback goes back where the resource came from', (t) => {
  t.equal(modeBefore('new', 'merged'), 'merged');
  t.equal(modeBefore('new', 'live'), 'live');
  t.equal(modeBefore('new'), 'live');
  t.same(
    (['legacy', 'split', 'merged', 'live'] as const).map((mode) => modeBefore(mode)),
    [null, 'legacy', 'legacy', 'shadow'],
  );
  t.same(
    (['legacy', 'split', 'merged', 'new'] as const).map((mode) => modeAfter(mode)),
    ['dual-write', 'merged', 'new', null],
  );
  t.end();
});

t.test('M6: new is emptied before an entry from legacy, and at no other step', (t) => {
  const empties = MODE_NAMES.flatMap((from) =>
    MODE_NAMES.flatMap((to) => {
      const step = stepBetween(from, to);
      return step && emptiesNew(step) ? [`${from}>${to}`] : [];
    }),
  );
  t.same(empties, ['legacy>split', 'legacy>merged']);
  t.end();
});
