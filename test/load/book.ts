import type { History } from './model.ts';

/** What clients were told of all keys. */
export class Book {
  private readonly byKey = new Map<string, History>();
  private readonly all: History[] = [];

  get size(): number {
    return this.all.length;
  }

  get histories(): readonly History[] {
    return this.all;
  }

  add(history: History): History {
    this.byKey.set(history.key, history);
    this.all.push(history);
    return history;
  }

  get(key: string): History | undefined {
    return this.byKey.get(key);
  }

  /** Positions of all keys at this moment: what a list that begins now must not fall behind. */
  positions(): Map<string, number> {
    return new Map(this.all.map((history) => [history.key, history.position]));
  }

  groups(): Set<string> {
    return new Set(this.all.map(({ group }) => group));
  }
}
