import fc from 'fast-check';
import t from 'tap';
import { beginStep, decideStep, type NextStep } from '../../src/control/steps.ts';
import { MODES, ROAD, stepBetween } from '../../src/domain/modes.ts';
import type { Mode, ResourceState, Route } from '../../src/domain/words.ts';
import type { StepChange, SwitchSituation } from '../../src/state/resources.ts';

const CALM: SwitchSituation = { overdue: false, quiet: true, marks: 0, leases: 0, missingAcks: [] };

function opened(mode: Mode): ResourceState {
  return {
    resource: 'clients',
    epoch: 1,
    stage: 'open',
    mode,
    nextMode: null,
    previousMode: null,
    primary: MODES[mode].primary,
    generation: 1,
    returning: false,
    retired: false,
    switchId: null,
  };
}

/** What the compare-and-set makes of a state (state/resources.ts). */
function apply(state: ResourceState, change: StepChange): ResourceState {
  const { stage, mode, nextMode, previousMode, primary, switchId, newGeneration } = change;
  return {
    ...state,
    ...{ epoch: state.epoch + 1, stage, mode, nextMode, previousMode, primary },
    switchId: switchId === undefined ? state.switchId : switchId,
    generation: state.generation + (newGeneration ? 1 : 0),
  };
}

const begun = (from: Mode, to: Mode) => apply(opened(from), beginStep(opened(from), to, '7', 1_000));
const drain = begun('shadow', 'live');
const switching = apply(drain, (decideStep(drain, CALM) as NextStep & { do: 'step' }).change);
const turning = apply(
  switching,
  (decideStep(switching, { ...CALM, overdue: true, missingAcks: ['b'] }) as NextStep & { do: 'step' }).change,
);
const entering = begun('legacy', 'dual-write');

t.test('the first step of a switch by its kind', (t) => {
  const first = (from: Mode, to: Mode) => {
    const { stage, mode, primary, newGeneration } = beginStep(opened(from), to, '7', 1_000);
    return [stage, mode, primary, newGeneration ?? false];
  };
  t.same(first('legacy', 'dual-write'), ['enter', 'dual-write', 'legacy', true]);
  t.same(first('dual-write', 'legacy'), ['open', 'legacy', 'legacy', false]);
  t.same(first('dual-write', 'shadow'), ['open', 'shadow', 'legacy', false]);
  t.same(first('shadow', 'dual-write'), ['open', 'dual-write', 'legacy', false]);
  t.same(first('shadow', 'live'), ['drain', 'shadow', 'legacy', false]);
  t.same(first('live', 'shadow'), ['drain', 'live', 'new', false]);
  t.same(first('live', 'new'), ['open', 'new', 'new', false]);
  t.same(first('new', 'live'), ['open', 'live', 'new', false]);
  t.throws(() => beginStep(opened('legacy'), 'live', '7', 1_000), /no neighbours/);
  t.end();
});

t.test('what comes next, stage by stage', (t) => {
  const table: [string, ResourceState, Partial<SwitchSituation>, string][] = [
    ['nothing is under way', opened('live'), { overdue: true }, 'wait'],
    ['R19: all have acknowledged', entering, {}, 'open dual-write open done'],
    ['R19: one has not', entering, { missingAcks: ['b'] }, 'wait'],
    ['R19: a stopped one may land', entering, { quiet: false }, 'wait'],
    [
      'R19: too late, nobody has to agree',
      entering,
      { overdue: true, missingAcks: ['b'] },
      'turn-round legacy open turned-round',
    ],
    ['R12: a mark is left', drain, { marks: 1 }, 'wait'],
    ['R12: a lease is left', drain, { leases: 1 }, 'wait'],
    ['R12: nothing is left', drain, {}, 'switch live switch null'],
    ['R13: nobody has to acknowledge a drain', drain, { missingAcks: ['b'] }, 'switch live switch null'],
    ['R12: too late', drain, { overdue: true, marks: 1 }, 'turn-round shadow open turned-round'],
    ['R14: all have moved', switching, {}, 'open live open done'],
    ['R14: one has not', switching, { missingAcks: ['b'] }, 'wait'],
    ['R14: all have moved, if late', switching, { overdue: true }, 'open live open done'],
    [
      'R15: too late, back to the route it has',
      switching,
      { overdue: true, missingAcks: ['b'] },
      'turn-round shadow switch null',
    ],
    ['R15: all are back', turning, {}, 'turn-round shadow open turned-round'],
    ['R15: it turns once', turning, { overdue: true, missingAcks: ['a'] }, 'wait'],
  ];
  for (const [claim, state, situation, expected] of table) {
    const next = decideStep(state, { ...CALM, ...situation });
    const said =
      next.do === 'wait'
        ? 'wait'
        : `${next.name} ${next.change.mode} ${next.change.stage} ${next.outcome ?? 'null'}`;
    t.equal(said, expected, claim);
  }
  t.end();
});

t.test('who is waited for is said', (t) => {
  const next = (state: ResourceState, situation: Partial<SwitchSituation>) =>
    (decideStep(state, { ...CALM, ...situation }) as { for?: string }).for;
  t.equal(next(drain, { marks: 3, leases: 2 }), '3 marks and 2 leases to be worked off');
  t.equal(next(switching, { missingAcks: ['a', 'b'] }), 'replica a, b to acknowledge');
  t.match(next(entering, { quiet: false }), /stopped replica/);
  t.end();
});

/**
 * Coordinators, replicas and time in any order, each acting on what it saw last. `routes` is what each replica has
 * acknowledged; it reads that side, or nothing (R13).
 */
class World {
  state: ResourceState;
  marks = 0;
  overdue = false;
  routes: Route[];
  readonly seen: ResourceState[];

  constructor(from: Mode, to: Mode, replicas: number) {
    this.routes = Array.from({ length: replicas }, () => MODES[from].reads);
    this.state = begun(from, to);
    this.seen = [this.state, this.state];
  }

  look(coordinator: number): void {
    this.seen[coordinator] = this.state;
  }

  /** A coordinator decides by the state that it saw and by the present situation; the compare-and-set may refuse it. */
  step(coordinator: number): void {
    const seen = this.seen[coordinator] as ResourceState;
    if (seen.epoch !== this.state.epoch) return;
    const next = decideStep(seen, this.situation());
    if (next.do === 'step') this.state = apply(this.state, next.change);
    this.check();
  }

  acknowledge(replica: number): void {
    this.routes[replica] = MODES[this.state.mode].reads;
  }

  situation(): SwitchSituation {
    const { reads } = MODES[this.state.mode];
    const missingAcks = this.routes.flatMap((route, at) => (route === reads ? [] : [`replica ${at}`]));
    return { ...CALM, overdue: this.overdue, marks: this.marks, missingAcks };
  }

  /** What no order of events may break. */
  check(): void {
    const { stage, primary, mode } = this.state;
    if (stage === 'open' && this.routes.some((route) => route !== MODES[mode].reads)) {
      throw new Error('R14: it is open, and a replica reads the other side');
    }
    if (stage === 'open' && primary !== MODES[mode].primary) throw new Error('the primary is not the mode’s');
    if (stage === 'switch' && this.marks > 0) throw new Error('R12: it switched with a mark left');
  }
}

const flips = ROAD.flatMap((from) => ROAD.map((to) => [from, to] as const)).filter(
  ([from, to]) => stepBetween(from, to)?.kind === 'flip',
);
const EVENTS = {
  look: (world: World, who: number) => world.look(who % 2),
  step: (world: World, who: number) => world.step(who % 2),
  acknowledge: (world: World, who: number) => world.acknowledge(who % world.routes.length),
  sync: (world: World) => void (world.marks = Math.max(0, world.marks - 1)),
  overdue: (world: World) => void (world.overdue = true),
} as const;
const event = fc.tuple(fc.constantFrom(...(Object.keys(EVENTS) as (keyof typeof EVENTS)[])), fc.nat(5));

t.test('R10–R15: whatever happens in whatever order, no step is unsafe, and the switch ends', (t) => {
  const property = fc.property(
    fc.constantFrom(...flips),
    fc.integer({ min: 1, max: 3 }),
    fc.nat(2),
    fc.array(event, { maxLength: 40 }),
    ([from, to], replicas, marks, events) => {
      const world = new World(from, to, replicas);
      world.marks = marks;
      for (const [name, who] of events) EVENTS[name](world, who);
      // From here on everybody does his part, but for replica 0 in one half of the runs: it is cut off.
      const cutOff = events.length % 2 === 0;
      for (let round = 0; round < 8 && world.state.stage !== 'open'; round += 1) {
        world.marks = 0;
        if (round === 4) world.overdue = true;
        for (let replica = cutOff ? 1 : 0; replica < replicas; replica += 1) world.acknowledge(replica);
        world.look(0);
        world.step(0);
      }
      const { mode, stage } = world.state;
      if (stage !== 'open' && !cutOff) throw new Error('it does not end');
      // A replica that was cut off after it had moved, and again before it moved back, is taken off (R16).
      if (stage !== 'open' && world.routes[0] === MODES[mode].reads) throw new Error('it waits for nobody');
      return stage !== 'open' || mode === from || mode === to;
    },
  );
  fc.assert(property, { numRuns: 3_000 });
  t.pass('3000 histories');
  t.end();
});
