import { EXIT } from './exit-codes.ts';
import { count, duration } from './format.ts';
import type { Terminal } from './terminal.ts';

export interface Measure {
  done: number;
  total: number;
  /** Rows per second, or null where it is not known yet. */
  rate?: number | null;
  /** Milliseconds that are left, or null. */
  left?: number | null;
}

/** How a long job shows how far it has come: a bar on a terminal, a line now and then elsewhere, nothing in JSON. */
export interface Progress {
  show(measure: Measure): void;
  end(text: string): void;
  /** The job failed or was refused. */
  fail(): void;
}

const SILENT: Progress = { show() {}, end() {}, fail() {} };
/** Between two lines where there is no bar; ms. */
const LINE_EVERY = 2_000;

export async function startProgress(terminal: Terminal, title: string): Promise<Progress> {
  if (terminal.json) return SILENT;
  return terminal.wide ? await bar(title) : lines(terminal, title);
}

/** Rate and remaining time from what this process has seen: of a job that was resumed, only what runs now counts. */
export class Pace {
  private first: { done: number; at: number } | null = null;

  measure(done: number, total: number): Measure {
    const now = performance.now();
    // What was waited before the first record does not count either.
    if (this.first === null || this.first.done === done) this.first = { done, at: now };
    const seconds = (now - this.first.at) / 1_000;
    const rate = seconds > 0.2 ? (done - this.first.done) / seconds : null;
    return { done, total, rate, left: rate ? (Math.max(0, total - done) / rate) * 1_000 : null };
  }
}

function describe({ done, total, rate, left }: Measure): string {
  if (total === 0) return 'counting';
  const parts = [`${count(done)} of ${count(total)}`];
  if (rate) parts.push(`${count(Math.round(rate))}/s`);
  if (left != null && done < total) parts.push(`${duration(left)} left`);
  return parts.join(', ');
}

function lines(terminal: Terminal, title: string): Progress {
  let last = -Infinity;
  return {
    show(measure) {
      if (performance.now() - last < LINE_EVERY) return;
      last = performance.now();
      terminal.line(`${title}: ${describe(measure)}`);
    },
    end: (text) => terminal.line(`${title}: ${text}`),
    fail() {},
  };
}

async function bar(title: string): Promise<Progress> {
  const { progress } = await import('@clack/prompts');
  const shown = progress({ max: 1_000, size: 24 });
  let permille = 0;
  // While a bar is shown, Ctrl-C ends the process with status 0; that would tell a script that all is done.
  const interrupted = (): void => void (process.exitCode = EXIT.interrupted);
  process.once('exit', interrupted);
  shown.start(title);
  return {
    show(measure) {
      const now = measure.total > 0 ? Math.floor((measure.done / measure.total) * 1_000) : 0;
      shown.advance(Math.max(0, Math.min(now, 1_000) - permille), `${title}: ${describe(measure)}`);
      permille = Math.max(permille, now);
    },
    end(text) {
      process.off('exit', interrupted);
      shown.stop(`${title}: ${text}`);
    },
    fail() {
      process.off('exit', interrupted);
      shown.error(title);
    },
  };
}
