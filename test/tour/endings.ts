import type { Teardown } from '../harness/postgres.ts';

/** What was started, ended in the opposite order; once, however often it is asked for. */
export class Endings implements Teardown {
  private readonly stack: (() => unknown)[] = [];
  private ending: Promise<void> | undefined;

  teardown(end: () => unknown): void {
    this.stack.push(end);
  }

  async run(): Promise<void> {
    await (this.ending ??= this.runAll());
  }

  private async runAll(): Promise<void> {
    for (let end = this.stack.pop(); end; end = this.stack.pop()) {
      await Promise.resolve()
        .then(end)
        .catch((error: unknown) => console.error(`While ending: ${(error as Error).message}`));
    }
  }
}
