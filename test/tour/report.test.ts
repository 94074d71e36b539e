import t from 'tap';
import { Tally } from '../load/tally.ts';
import { isSound, linesOf, type TourResult } from './report.ts';

const sound = (): TourResult => ({
  load: new Tally().report(0),
  rests: [{ at: 'live', differences: 0, marks: 0 }],
  marks: 0,
  undisturbed: [],
  disturbed: [],
});
const finding = { key: 'k', text: 'seen' };
const failure = { kind: 'change', status: 503, url: '', begun: 0, ended: 1 } as const;

t.test('a tour without a finding is sound, also with requests that met a killed process', (t) => {
  const result = sound();
  result.load.failedRequests.push({ ...failure, blame: 'process', code: 'ECONNRESET' });
  t.ok(isSound(linesOf(result)));
  t.end();
});

const SPOILED: Readonly<Record<string, (result: TourResult) => void>> = {
  'a lost write': ({ load }) => load.lost.push({ kind: 'lost', ...finding }),
  'an older read': ({ load }) => load.olderReads.push({ kind: 'older', ...finding }),
  'a wrong read': ({ load }) => load.wrongReads.push({ kind: 'wrong', ...finding }),
  'a write of which nobody knows': ({ load }) => (load.unknown = 1),
  'a request that a switch failed': ({ load }) =>
    load.failedRequests.push({ ...failure, blame: 'switch', code: 'switching' }),
  'an answer with a stack': ({ load }) =>
    load.failedRequests.push({ ...failure, blame: 'other', code: 'internal' }),
  'a difference': (result) => (result.rests = [{ at: 'live', differences: 1, marks: 0 }]),
  'a mark that is left': (result) => (result.marks = 1),
  'a write that a gateway held in vain': (result) => {
    const clients = { writes: 0, p50: 0, max: 0 };
    const figures = {
      from: 'shadow',
      to: 'live',
      outcome: 'done',
      took: 1,
      held: 1,
      failed: 1,
      p50: 1,
      max: 1,
    };
    result.disturbed = [{ ...figures, clients }];
  },
};

for (const [name, spoil] of Object.entries(SPOILED)) {
  t.test(`${name} fails the tour`, (t) => {
    const result = sound();
    spoil(result);
    t.notOk(isSound(linesOf(result)));
    t.end();
  });
}
