import t from 'tap';
import { MODE_NAMES } from '../../src/domain/modes.ts';
import type { Mode } from '../../src/domain/words.ts';
import { allowedMethods, decidePlan, verbOf, type Verb } from '../../src/gateway/plan.ts';

const SETTINGS = { shadow: { sample: 0.5, ignore: [] }, live: { sample: 0.1 }, ack: 'primary' } as const;
const READS: readonly Verb[] = ['list', 'detail'];
const WRITES: readonly Verb[] = ['create', 'replace', 'change', 'remove'];

t.test(
  'every mode is one row: who answers reads, what is compared, who decides writes, how they mark',
  (t) => {
    // mode: [reads, compared share, primary, where changes are done, mark, synced at once]
    const table: Record<Mode, readonly [string, number, string, string, string, boolean]> = {
      legacy: ['legacy', 0, 'legacy', 'primary', 'none', false],
      'dual-write': ['legacy', 0, 'legacy', 'primary', 'before', true],
      shadow: ['legacy', 0.5, 'legacy', 'primary', 'before', true],
      live: ['new', 0.1, 'new', 'primary', 'trigger', true],
      new: ['new', 0, 'new', 'primary', 'trigger', false],
      split: ['split', 0, 'new', 'where-it-is', 'trigger', false],
      merged: ['merged', 0, 'new', 'move-first', 'trigger', false],
    };
    t.same(Object.keys(table), MODE_NAMES);
    for (const mode of MODE_NAMES) {
      const [reads, compare, writes, place, mark, sync] = table[mode];
      for (const verb of READS) {
        t.same(decidePlan(verb, mode, SETTINGS), { kind: 'read', from: reads, compare }, `${mode} ${verb}`);
      }
      for (const verb of WRITES) {
        const plan = { kind: 'write', side: writes, place, mark, sync, waitForSecondary: false };
        t.same(decidePlan(verb, mode, SETTINGS), plan, `${mode} ${verb}`);
      }
    }
    t.end();
  },
);

t.test('with "ack: both" a write waits for the secondary where there is one that follows', (t) => {
  const waits = (mode: Mode) => decidePlan('change', mode, { ...SETTINGS, ack: 'both' });
  const modes = MODE_NAMES.filter((mode) => (waits(mode) as { waitForSecondary: boolean }).waitForSecondary);
  t.same(modes, ['dual-write', 'shadow', 'live']);
  t.end();
});

t.test('a path takes the methods of its kind and names them', (t) => {
  const verbs = (hasKey: boolean) =>
    ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'TRACE'].map((method) => verbOf(method, hasKey));
  t.same(verbs(false), ['list', 'list', 'create', null, null, null, null]);
  t.same(verbs(true), ['detail', 'detail', null, 'replace', 'change', 'remove', null]);
  t.equal(allowedMethods(false), 'GET, HEAD, POST, OPTIONS');
  t.equal(allowedMethods(true), 'GET, HEAD, PUT, PATCH, DELETE, OPTIONS');
  t.end();
});
