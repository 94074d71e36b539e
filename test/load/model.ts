import { FIRST_VERSION } from './subjects.ts';

/** What a check found: nothing of it may ever happen. */
export interface Finding {
  /** `lost`: an acknowledged write is not there; `older`: a read went back; `wrong`: nobody was told of such a record. */
  kind: 'lost' | 'older' | 'wrong';
  key: string;
  /** What was seen, where, and what would have been right. */
  text: string;
}

/** One write of a key. `void`: its client was told that nothing was done. */
interface Step {
  present: boolean;
  outcome: 'open' | 'done' | 'void';
}

/**
 * What clients were told of one key. Its writes are made one after another, so they have a total order: the n-th has
 * version FIRST_VERSION + n. `floor` is the newest that anybody was told of or has read: nobody may read an older one.
 */
export class History {
  readonly key: string;
  /** Unique per record, and the value of the subject's group filter; see `Subject.whole`. */
  readonly label: string;
  readonly group: string;
  /** The record was there before the load. */
  readonly adopted: boolean;
  private readonly steps: Step[];
  private floor = 0;
  /** A write is under way, or nobody knows what became of one. */
  busy = false;

  constructor(of: { key: string; label: string; group: string; adopted: boolean }) {
    this.key = of.key;
    this.label = of.label;
    this.group = of.group;
    this.adopted = of.adopted;
    this.steps = [{ present: of.adopted, outcome: 'done' }];
  }

  /** Whether the record is there according to its last write. */
  get present(): boolean {
    const last = this.steps.findLast(({ outcome }) => outcome !== 'void') as Step;
    return last.present;
  }

  /** The position that a read which begins now must not fall behind. */
  get position(): number {
    return this.floor;
  }

  /** A write begins; answers its version. */
  begin(present: boolean): number {
    this.busy = true;
    this.steps.push({ present, outcome: 'open' });
    return FIRST_VERSION + this.steps.length - 1;
  }

  /** The client was told that its last write is done. */
  done(): void {
    (this.steps.at(-1) as Step).outcome = 'done';
    this.floor = this.steps.length - 1;
    this.busy = false;
  }

  /** The client was told that nothing of its last write was done. */
  refused(): Finding | null {
    (this.steps.at(-1) as Step).outcome = 'void';
    this.busy = false;
    if (this.floor < this.steps.length - 1) return null;
    return this.finding(
      'wrong',
      `version ${this.floor + FIRST_VERSION} was refused, but somebody has read it`,
    );
  }

  /**
   * A read that began at `from` has seen a version (0: none of ours), or null where there was no record. A right read
   * moves the floor; a wrong one is answered as a finding.
   */
  seen(version: number | null, from: number, where: string): Finding | null {
    const at = version === null ? this.nextAbsent(from) : this.stepOf(version);
    const what =
      version === null ? 'no record' : version === 0 ? 'the original record' : `version ${version}`;
    const step = this.steps[at];
    if (!step || (version !== null && !step.present)) {
      const older = version === null;
      return this.finding(older ? 'older' : 'wrong', `${where}: ${what}, but ${this.described(from)}`);
    }
    if (step.outcome === 'void') return this.finding('wrong', `${where}: ${what}, which was refused`);
    if (at < from) return this.finding('older', `${where}: ${what}, but ${this.described(from)}`);
    this.floor = Math.max(this.floor, at);
    return null;
  }

  /** At rest: the state must be the last acknowledged one, or one whose outcome nobody knows. */
  settled(version: number | null, where: string): Finding | null {
    const found = this.seen(version, this.floor, where);
    return found && { ...found, kind: found.kind === 'older' ? 'lost' : found.kind };
  }

  private stepOf(version: number): number {
    return version === 0 ? 0 : version - FIRST_VERSION;
  }

  private nextAbsent(from: number): number {
    return this.steps.findIndex((step, index) => index >= from && !step.present && step.outcome !== 'void');
  }

  private described(from: number): string {
    const step = this.steps[from] as Step;
    const told = `version ${from + FIRST_VERSION}${step.present ? '' : ' (deleted)'}`;
    return `${told} was told before; ${this.steps.length - 1} writes so far`;
  }

  private finding(kind: Finding['kind'], text: string): Finding {
    return { kind, key: this.key, text };
  }
}
