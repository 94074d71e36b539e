import type { BigIntStats } from 'node:fs';
import { open, stat, type FileHandle } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import type { KeyPart } from '../../domain/keys.ts';
import { readContents, type Collection, type Contents } from './contents.ts';
import { brokenFile, Break, Changed, fileFailure, tooLate, type Asked } from './errors.ts';
import type { Layout } from './scan.ts';

const CHUNK = 1 << 20;
/** Bytes that are read in vain to save a system call. */
const GAP = 1 << 15;
/** Ranges that are read together. */
const TOGETHER = 32;
/** A program that writes in place leaves a broken file for a moment: after this long it is broken for good; ms. */
const PATIENCE = 1_000;

/** An open file and what is in it. Others may replace the file meanwhile: this one can be read until it is closed. */
export class Reading {
  readonly handle: FileHandle;
  readonly contents: Contents;
  readonly identity: string;
  readonly size: number;
  readonly #modified: bigint;
  #users = 0;
  #retired = false;

  constructor(handle: FileHandle, stats: BigIntStats, contents: Contents) {
    this.handle = handle;
    this.contents = contents;
    this.identity = identityOf(stats);
    this.size = Number(stats.size);
    this.#modified = stats.mtimeNs;
  }

  async use<T>(work: (reading: Reading) => Promise<T>): Promise<T> {
    this.#users++;
    try {
      return await work(this);
    } finally {
      this.#users--;
      await this.#closeUnused();
    }
  }

  async retire(): Promise<void> {
    this.#retired = true;
    await this.#closeUnused();
  }

  async #closeUnused(): Promise<void> {
    if (this.#retired && this.#users === 0) await this.handle.close();
  }

  /** Whether another program wrote into this very file since it was opened. */
  async wasChanged(): Promise<boolean> {
    const { size, mtimeNs } = await this.handle.stat({ bigint: true });
    return Number(size) !== this.size || mtimeNs !== this.#modified;
  }

  async bytes(start: number, end: number): Promise<Buffer> {
    const bytes = Buffer.allocUnsafe(end - start);
    for (let at = 0; at < bytes.length;) {
      const { bytesRead } = await this.handle.read(bytes, at, bytes.length - at, start + at);
      if (bytesRead === 0) throw new Changed();
      at += bytesRead;
    }
    return bytes;
  }

  /** Hands over each record in the order of the file, until `visit` answers false. */
  async each(
    { ranges }: Collection,
    checkTime: () => void,
    visit: (bytes: Buffer, ordinal: number) => boolean | void,
  ): Promise<void> {
    for (let first = 0; first < ranges.count;) {
      checkTime();
      const start = ranges.start(first);
      let next = first + 1;
      while (next < ranges.count && ranges.end(next) - start <= CHUNK) next++;
      const bytes = await this.bytes(start, ranges.end(next - 1));
      for (; first < next; first++) {
        const record = bytes.subarray(ranges.start(first) - start, ranges.end(first) - start);
        if (visit(record, first) === false) return;
      }
    }
  }

  /** The records at these places, in the order asked for. What lies close together is read at once. */
  async records({ ranges }: Collection, ordinals: readonly number[]): Promise<Buffer[]> {
    const found = new Map<number, Buffer>();
    const inFile = [...ordinals].sort((a, b) => a - b);
    const groups: number[][] = [];
    for (const ordinal of inFile) {
      const group = groups.at(-1);
      const [first, last] = [group?.[0] ?? ordinal, group?.at(-1) ?? ordinal];
      const near = ranges.start(ordinal) - ranges.end(last) <= GAP;
      if (group && near && ranges.end(ordinal) - ranges.start(first) <= CHUNK) group.push(ordinal);
      else groups.push([ordinal]);
    }
    for (let at = 0; at < groups.length; at += TOGETHER) {
      const read = groups.slice(at, at + TOGETHER).map(async (group) => {
        const start = ranges.start(group[0] as number);
        const bytes = await this.bytes(start, ranges.end(group.at(-1) as number));
        for (const ordinal of group)
          found.set(ordinal, bytes.subarray(ranges.start(ordinal) - start, ranges.end(ordinal) - start));
      });
      await Promise.all(read);
    }
    return ordinals.map((ordinal) => found.get(ordinal) as Buffer);
  }
}

/** Two files with the same identity have the same bytes. */
function identityOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(' ');
}

/** A file of records: knows what is in it, notices when it was changed, and reads it again then. */
export class JsonFile {
  readonly path: string;
  readonly layout: Layout;
  readonly #keysOf = new Map<string | null, readonly KeyPart[]>();
  #reading: Reading | null = null;
  #opening: Promise<Reading> | null = null;

  constructor(path: string, layout: Layout) {
    this.path = path;
    this.layout = layout;
  }

  /** Says by which columns a collection is read. */
  declare(collection: string | null, parts: readonly KeyPart[]): void {
    if (JSON.stringify(this.#keysOf.get(collection)) === JSON.stringify(parts)) return;
    this.#keysOf.set(collection, parts);
    void this.#forget();
  }

  /** Runs `work` on the file as it is now; again, where it was changed meanwhile. */
  async read<T>(asked: Asked, until: number, work: (reading: Reading) => Promise<T>): Promise<T> {
    for (;;) {
      const reading = await this.current(asked, until);
      try {
        const result = await reading.use(work);
        if (!(await reading.wasChanged())) return result;
      } catch (error) {
        const changed = error instanceof Changed || (await reading.wasChanged().catch(() => true));
        if (!changed) throw fileFailure(error, asked);
      }
      await this.#forget(reading);
      if (performance.now() > until) throw tooLate(asked, 'reading a file that others go on changing');
    }
  }

  /** What was just written: it need not be read again. */
  async replaceWith(handle: FileHandle, contents: Contents): Promise<void> {
    await this.#take(new Reading(handle, await handle.stat({ bigint: true }), contents));
  }

  /** Whoever had been read before, e.g. by somebody who came meanwhile, is closed when nobody reads it any more. */
  async #take(reading: Reading): Promise<Reading> {
    const before = this.#reading;
    this.#reading = reading;
    await before?.retire();
    return reading;
  }

  /** Whether the file at the path still is what `reading` has. */
  async isCurrent(reading: Reading): Promise<boolean> {
    return identityOf(await stat(this.path, { bigint: true })) === reading.identity;
  }

  async close(): Promise<void> {
    await this.#opening?.catch(() => undefined);
    await this.#forget();
  }

  /** The file as it is now. */
  async current(asked: Asked, until: number): Promise<Reading> {
    try {
      for (;;) {
        const reading = this.#reading;
        if (reading && (await this.isCurrent(reading))) return reading;
        if (reading && this.#reading === reading) await this.#forget(reading);
        // Who comes while it is being read waits for that, then looks whether it is still so.
        this.#opening ??= this.#open(asked, until).finally(() => (this.#opening = null));
        await this.#opening;
      }
    } catch (error) {
      throw fileFailure(error, asked);
    }
  }

  async #open(asked: Asked, until: number): Promise<Reading> {
    const givenUp = performance.now() + PATIENCE;
    for (;;) {
      const handle = await open(this.path, 'r');
      try {
        const stats = await handle.stat({ bigint: true });
        const contents = await readContents(handle, this.layout, this.#keysOf, () => {
          if (performance.now() > until) throw tooLate(asked, 'reading the file');
        });
        return await this.#take(new Reading(handle, stats, contents));
      } catch (error) {
        const broken = error instanceof Break ? await brokenFile(asked, handle, error) : null;
        const young = broken && Date.now() - (await handle.stat()).mtimeMs < PATIENCE;
        await handle.close();
        if (!young || performance.now() > Math.min(until, givenUp)) throw broken ?? error;
        await pause(25);
      }
    }
  }

  async #forget(only: Reading | null = this.#reading): Promise<void> {
    if (this.#reading === only) this.#reading = null;
    await only?.retire();
  }
}
