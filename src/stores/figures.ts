/** What a store's requests came to since it was opened. Kept where every request passes: see resilient.ts. */
export interface StoreFigures {
  /** Requests by what they do and how they ended: `ok`, or the error's code. */
  requests: ReadonlyMap<string, Figure>;
  /** Whether requests are let through; null: the store has no breaker. */
  breaker: BreakerState | null;
  /** Attempts after a first one. */
  retries: number;
  /** Rows that were read for statistics that the store could not make. */
  folded: number;
}

export interface Figure {
  operation: StoreOperation;
  result: string;
  count: number;
  /** Milliseconds, all together. */
  time: number;
}

export type BreakerState = 'closed' | 'open' | 'half-open';

export type StoreOperation = 'read' | 'write';

/** Counts the requests of one store. */
export class StoreCounter {
  readonly requests = new Map<string, Figure>();
  retries = 0;
  folded = 0;

  add(operation: StoreOperation, result: string, time: number): void {
    const name = `${operation} ${result}`;
    const figure = this.requests.get(name) ?? { operation, result, count: 0, time: 0 };
    figure.count += 1;
    figure.time += time;
    this.requests.set(name, figure);
  }
}
