import type { Key } from '../domain/words.ts';

export interface KeyQueueOptions {
  /** Keys per batch at the most; asked for every batch. */
  batch: () => number;
  /** Batches under way at the same time. */
  parallel: number;
  work: (keys: Key[]) => Promise<void>;
}

/**
 * Keys waiting for a sync. A key is in one batch at a time; one that is added while it is being worked on comes again,
 * so that a batch always begins after the last `add` of its keys.
 */
export class KeyQueue {
  private readonly waiting = new Set<Key>();
  private readonly busy = new Set<Key>();
  private readonly options: KeyQueueOptions;
  private running = 0;
  private stopped = false;
  private idle: (() => void)[] = [];

  constructor(options: KeyQueueOptions) {
    this.options = options;
  }

  add(keys: Iterable<Key>): void {
    for (const key of keys) this.waiting.add(key);
    // In the next turn of the event loop: writes that end together are synced together.
    if (!this.stopped && this.waiting.size > 0) setImmediate(() => this.start());
  }

  get size(): number {
    return this.waiting.size + this.busy.size;
  }

  /** Takes no more batches, and resolves when none is under way. */
  async stop(): Promise<void> {
    this.stopped = true;
    await this.whenIdle();
  }

  /** Resolves when nothing is under way and, unless stopped, nothing waits. */
  async whenIdle(): Promise<void> {
    if (this.running === 0 && (this.stopped || this.waiting.size === 0)) return;
    await new Promise<void>((resolve) => this.idle.push(resolve));
  }

  private start(): void {
    while (!this.stopped && this.running < this.options.parallel) {
      const keys = this.take();
      if (keys.length === 0) break;
      this.running += 1;
      void this.run(keys);
    }
  }

  private take(): Key[] {
    const keys: Key[] = [];
    const most = this.options.batch();
    for (const key of this.waiting) {
      if (this.busy.has(key)) continue;
      keys.push(key);
      if (keys.length === most) break;
    }
    for (const key of keys) {
      this.waiting.delete(key);
      this.busy.add(key);
    }
    return keys;
  }

  private async run(keys: Key[]): Promise<void> {
    try {
      await this.options.work(keys);
    } finally {
      for (const key of keys) this.busy.delete(key);
      this.running -= 1;
      this.start();
      if (this.running === 0 && (this.stopped || this.waiting.size === 0)) {
        const idle = this.idle;
        this.idle = [];
        for (const resolve of idle) resolve();
      }
    }
  }
}
