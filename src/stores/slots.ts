import type { StoreNotice } from './contract.ts';

interface Waiter {
  enter(): void;
}

/** At most `max` requests at a time; the others wait in turn, each for a while only. */
export class Slots {
  readonly #max: number;
  readonly #wait: number;
  readonly #full: () => void;
  readonly #queue = new Set<Waiter>();
  #taken = 0;
  #told = false;

  /** `wait` in milliseconds. */
  constructor(store: string, pool: { max: number; wait: number }, notice: StoreNotice) {
    this.#max = pool.max;
    this.#wait = pool.wait;
    this.#full = () => {
      // Once for each time that the queue fills up, not once for every request that gives up.
      if (this.#told) return;
      this.#told = true;
      notice({
        store,
        message: 'requests gave up waiting for a free slot',
        details: { max: this.#max, waiting: this.#queue.size },
      });
    };
  }

  /** Resolves to true with a slot, to false after the wait; no promise is made where one is free. */
  take(limit: number): Promise<boolean> | true {
    if (this.#taken < this.#max) {
      this.#taken++;
      return true;
    }
    return new Promise((resolve) => {
      const waiter: Waiter = {
        enter: () => {
          clearTimeout(timer);
          this.#queue.delete(waiter);
          resolve(true);
        },
      };
      const giveUp = () => {
        this.#queue.delete(waiter);
        this.#full();
        resolve(false);
      };
      const timer = setTimeout(giveUp, Math.max(0, Math.min(this.#wait, limit)));
      this.#queue.add(waiter);
    });
  }

  free(): void {
    const [first] = this.#queue;
    if (first) return first.enter(); // the slot goes from one request to the next
    this.#taken--;
    this.#told = false;
  }
}
