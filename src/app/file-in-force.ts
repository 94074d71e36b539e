import type { Requests } from '../control/requests.ts';
import type { Snapshot } from '../domain/configuration.ts';
import { isPassing } from '../domain/errors.ts';
import type { Log } from '../observability/log.ts';

/** Between two attempts to reach the control database; ms. */
const RETRY = 1_000;

export interface FileOptions {
  /** The snapshot in force. */
  snapshot: () => Snapshot;
  /** Puts another one in force, or rejects and changes nothing. */
  swap: (snapshot: Snapshot) => Promise<void>;
  /** Where the file is made known; null: later. */
  requests: () => Requests | null;
  /** Modes may have been asked for. */
  onNoted: () => void;
  log: Log;
}

/**
 * What the watched file holds and what of it is in force. Its texts are taken one after another; what only the control
 * database keeps from being done is done when it is back.
 */
export class FileInForce {
  private readonly options: FileOptions;
  private turns: Promise<void> = Promise.resolve();
  private timer: NodeJS.Timeout | undefined;
  private closed = false;
  /** What the file holds, where that is not in force. */
  private refused: { hash: string; problems: readonly string[] } | null = null;
  /** The file's snapshot, where only the control database keeps it from being in force. */
  private waiting: Snapshot | null = null;
  /** Hash of the snapshot that the control database knows to be in force here, and without problems. */
  private noted: string | null = null;

  constructor(options: FileOptions) {
    this.options = options;
  }

  /** Work that no change of the configuration may come between. */
  async inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.turns.then(async () => void (this.closed || (await work())));
    this.turns = turn.catch(() => undefined);
    await turn;
  }

  /** The file holds a right text. */
  async take(snapshot: Snapshot): Promise<void> {
    await this.inTurn(async () => await this.tryToTake(snapshot));
  }

  /** The file holds a wrong text. */
  async refuse(hash: string, problems: readonly string[]): Promise<void> {
    await this.inTurn(async () => {
      this.options.log.error({ problems }, 'the configuration file is wrong; the one before stays in force');
      this.refused = { hash, problems };
      this.waiting = null;
      await this.note();
    });
  }

  /** Tells the control database which modes the file in force asks for, and what is wrong with the file as it is now. */
  async note(): Promise<void> {
    const { requests, snapshot, onNoted, log } = this.options;
    const control = requests();
    if (!control) return;
    try {
      const { hash } = snapshot();
      if (this.noted !== hash) await control.fileIs(snapshot());
      if (this.noted !== hash) onNoted();
      this.noted = hash;
      if (!this.refused) return;
      this.noted = null;
      await control.fileIsWrong(snapshot(), this.refused.hash, this.refused.problems);
    } catch (error) {
      log.warn({ error: (error as Error).message }, 'the control database does not know of the file yet');
      this.later();
    }
  }

  /** Takes nothing any more; resolves when nothing is under way. */
  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    await this.turns;
  }

  private async tryToTake(snapshot: Snapshot): Promise<void> {
    this.waiting = null;
    try {
      await this.options.swap(snapshot);
      this.refused = null;
    } catch (error) {
      const { message } = error as Error;
      this.refused = { hash: snapshot.hash, problems: [message] };
      this.options.log.error(
        { error: message },
        'the new configuration cannot be taken; the one before stays in force',
      );
      if (isPassing(error)) this.waiting = snapshot;
    }
    await this.note();
    if (this.waiting) this.later();
  }

  private later(): void {
    clearTimeout(this.timer);
    if (this.closed) return;
    const again = async () => await (this.waiting ? this.tryToTake(this.waiting) : this.note());
    this.timer = setTimeout(() => void this.inTurn(again), RETRY);
  }
}
