import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { watch } from 'chokidar';
import type { Snapshot } from '../domain/configuration.ts';
import { configHash, decodeConfig, parseConfig, unreadable } from './load.ts';
import type { Problem } from './problem.ts';
import type { Environment } from './variables.ts';

export interface WatchOptions {
  file: string;
  env: Environment;
  /** Hash of the text that is in force; without it, what the file holds now. */
  current?: string;
  /** The file has another text, and it is right. */
  onChange(snapshot: Snapshot): void;
  /** The file has another text and it is wrong (`hash` is the text's), or it stays missing (`hash` is null). */
  onProblems(problems: Problem[], hash: string | null): void;
  /** The file has another text, which is taken if it stays the same for `settle`. */
  onUnsettled?(): void;
  /** The file was touched, and its text is the one that was reported last. */
  onSame?(): void;
  /** Quiet time after an event before the file is read, in ms: an editor's save is several events. */
  debounce?: number;
  /** A new text is taken when it has stayed the same for this long, in ms: a save can be several writes. */
  settle?: number;
  /** How long a file may be away before that is reported, in ms: an atomic save takes it away for a moment. */
  grace?: number;
  /** The file is read this often in any case, in ms: network file systems and full inotify tables send no events. */
  poll?: number;
}

export interface ConfigWatcher {
  /** Resolves when events arrive, and what changed before has been reported. */
  ready: Promise<void>;
  /** Reads the file now, e.g. on SIGHUP; resolves when what was found has been reported. */
  check(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Reports every new text of the file: saves in place, atomic saves (rename), and ConfigMaps, whose file is a symlink
 * into a folder that is swapped. Never throws; which configuration is in force is the caller's. Reports come one
 * after another; a callback that throws becomes a process warning.
 */
export function watchConfig(options: WatchOptions): ConfigWatcher {
  const { file, debounce = 50, poll = 5_000 } = options;
  const reader = new ConfigReader(options);
  // The path, not its target: chokidar then sees renames and swapped symlinks, which fs.watch on a file loses.
  const watcher = watch(file, { ignoreInitial: true });
  let timer: NodeJS.Timeout | undefined;
  watcher.on('all', () => {
    clearTimeout(timer);
    timer = setTimeout(() => void reader.check(true), debounce);
  });
  const begun = new Promise<void>((resolve) => {
    watcher.once('ready', resolve);
    // Polling goes on, so that this costs seconds, not the reload.
    watcher.on('error', (error) => {
      process.emitWarning(`${file} is not watched, only polled: ${String(error)}`);
      resolve();
    });
  });
  const ready = begun.then(() => reader.check(false));
  const interval = setInterval(() => void reader.check(false), poll).unref();
  return {
    ready,
    check: () => reader.check(false),
    async close() {
      clearTimeout(timer);
      clearInterval(interval);
      await reader.close();
      await watcher.close();
    },
  };
}

/** What was read last: a text, or the reason why none could be read. */
type Seen = { hash: string } | { failure: string };

class ConfigReader {
  private readonly options: WatchOptions;
  private seen: Seen;
  private last: Promise<void> = Promise.resolve();
  private awaySince: number | null = null;
  private retry: NodeJS.Timeout | undefined;
  private closed = false;

  constructor(options: WatchOptions) {
    this.options = options;
    this.seen = options.current === undefined ? present(options.file) : { hash: options.current };
  }

  /** One after another: two readings at once could report an older text after a newer one. */
  check(touched: boolean): Promise<void> {
    this.last = this.last.then(() => this.read(touched)).catch(warn);
    return this.last;
  }

  async close() {
    this.closed = true;
    clearTimeout(this.retry);
    await this.last;
  }

  private async read(touched: boolean) {
    if (this.closed) return;
    let content: Buffer;
    try {
      content = await this.readSettled();
    } catch (error) {
      this.away(error);
      return;
    }
    this.awaySince = null;
    if (this.closed) return;
    const hash = configHash(content);
    if ('hash' in this.seen && this.seen.hash === hash) {
      if (touched) this.options.onSame?.();
      return;
    }
    this.seen = { hash };
    this.report(content, hash);
  }

  /**
   * A text that is new is taken when it is still the same a moment later: the first half of a file that is being written
   * can be a right one, with fewer resources, and the poll has no event that would tell where a save begins.
   */
  private async readSettled(): Promise<Buffer> {
    const { file, settle = 50 } = this.options;
    let content = await readFile(file);
    while (!this.closed && !('hash' in this.seen && this.seen.hash === configHash(content))) {
      this.options.onUnsettled?.();
      await pause(settle);
      const again = await readFile(file);
      if (again.equals(content)) break;
      content = again;
    }
    return content;
  }

  private report(content: Buffer, hash: string) {
    const { file, env } = this.options;
    let text: string;
    try {
      text = decodeConfig(content);
    } catch (error) {
      this.options.onProblems([unreadable(file, error)], hash);
      return;
    }
    const result = parseConfig(text, file, env);
    if (result.ok) this.options.onChange(result.snapshot);
    else this.options.onProblems(result.problems, hash);
  }

  private away(error: unknown) {
    const { file, grace = 500 } = this.options;
    const now = performance.now();
    this.awaySince ??= now;
    const left = this.awaySince + grace - now;
    if (left > 0) {
      clearTimeout(this.retry);
      this.retry = setTimeout(() => void this.check(false), left);
      return;
    }
    const failure = String((error as { code?: unknown }).code);
    if (this.closed || ('failure' in this.seen && this.seen.failure === failure)) return;
    this.seen = { failure };
    this.options.onProblems([unreadable(file, error)], null);
  }
}

function present(file: string): Seen {
  try {
    return { hash: configHash(readFileSync(file)) };
  } catch {
    // Not there yet: its first text is then a change, and its absence is reported after the grace.
    return { failure: 'nothing read yet' };
  }
}

function warn(error: unknown) {
  process.emitWarning(error instanceof Error ? error : String(error));
}
