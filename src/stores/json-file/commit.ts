import { randomBytes } from 'node:crypto';
import { open, readdir, realpath, rename, rm, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { BanyanError } from '../../domain/errors.ts';
import type { KeyPart } from '../../domain/keys.ts';
import { collectionOf } from './collections.ts';
import { Draft } from './draft.ts';
import { Changed, fileFailure, tooLate, type Asked } from './errors.ts';
import type { JsonFile, Reading } from './file.ts';
import { WriteLock } from './lock.ts';
import { rewrite, type Piece, type Rewritten } from './rewrite.ts';

const CHUNK = 1 << 20;
/** How long a first write waits for the lock to clean up; else that is left to a later process. Milliseconds. */
const CLEANING = 1_000;

/** A write as a table asks for it. `edit` works on a draft and may run more than once; what it throws refuses it. */
export interface WriteOrder<T> {
  asked: Asked;
  /** Name of the collection in its file; null where the file is one list. */
  collection: string | null;
  parts: readonly KeyPart[];
  /** performance.now() after which it must not be done any more (A1). */
  until: number;
  edit(draft: Draft): Promise<T>;
}

interface Pending extends WriteOrder<unknown> {
  /** `landing`: the new file is being put in place, so that it cannot be given up without doubt. */
  state: 'waiting' | 'landing' | 'ended';
  settle(result: { value: unknown } | { error: unknown }): void;
}

/**
 * The writes of a file. Those that come while one is being done are done together next: one new file for all of them,
 * and none is answered before it is on the disk.
 */
export class Committer {
  readonly #file: JsonFile;
  #queue: Pending[] = [];
  #running: Promise<void> | null = null;
  #lock: WriteLock | null = null;

  constructor(file: JsonFile) {
    this.#file = file;
  }

  submit<T>(order: WriteOrder<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => giveUp(pending), Math.max(0, order.until - performance.now()));
      const pending: Pending = {
        ...order,
        state: 'waiting',
        settle: (result) => {
          if (pending.state === 'ended') return;
          pending.state = 'ended';
          clearTimeout(timer);
          if ('error' in result) reject(fileFailure(result.error, order.asked));
          else resolve(result.value as T);
        },
      };
      this.#queue.push(pending);
      this.#running ??= this.#run();
    });
  }

  async close(): Promise<void> {
    await this.#running;
    this.#lock?.close();
  }

  async #run(): Promise<void> {
    // The writes of this turn of the event loop go together from the first.
    await Promise.resolve();
    while (this.#queue.length > 0) await this.#together(this.#queue.splice(0));
    // In the same turn as the look at the queue: a write that comes now begins anew.
    this.#running = null;
  }

  async #together(batch: readonly Pending[]): Promise<void> {
    try {
      const path = await realpath(this.#file.path);
      this.#lock ??= await newLock(path);
      const latest = () => Math.max(...waiting(batch).map(({ until }) => until));
      await this.#lock.hold(latest, async () => await this.#commit(path, batch));
    } catch (error) {
      for (const pending of batch) pending.settle({ error });
    }
    for (const pending of batch) giveUp(pending);
  }

  async #commit(path: string, batch: readonly Pending[]): Promise<void> {
    while (waiting(batch).length > 0) {
      const asking = waiting(batch);
      const { asked } = asking[0] as Pending;
      const reading = await this.#file.current(asked, Math.max(...asking.map(({ until }) => until)));
      await reading
        .use(async () => await this.#attempt(path, reading, asking))
        .catch((error: unknown) => {
          // Another program wrote into the file meanwhile: read again, and do it all anew.
          if (!(error instanceof Changed)) throw error;
        });
    }
  }

  /** One new file for all who wait. Nothing is done where one of them was given up, or the file is another one now. */
  async #attempt(path: string, reading: Reading, asking: readonly Pending[]): Promise<void> {
    const { drafts, done } = await edited(reading, asking);
    if ([...drafts.values()].every(({ changes }) => changes.size === 0)) {
      if (!(await this.#file.isCurrent(reading))) return;
      for (const [pending, value] of done) pending.settle({ value });
      return;
    }
    const laidOut = await rewrite(reading, drafts);
    const temporary = temporaryOf(path);
    const handle = await writeNew(temporary, reading, laidOut);
    try {
      const current = await this.#file.isCurrent(reading);
      const wanted = [...done.keys()];
      if (!current || wanted.some(({ state }) => state === 'ended')) return await discard(temporary, handle);
      for (const pending of wanted) pending.state = 'landing';
      await rename(temporary, path);
    } catch (error) {
      await discard(temporary, handle);
      throw error;
    }
    await this.#landed(path, handle, laidOut, done);
  }

  async #landed(
    path: string,
    handle: FileHandle,
    { contents }: Rewritten,
    done: ReadonlyMap<Pending, unknown>,
  ): Promise<void> {
    try {
      await syncFolder(dirname(path));
      await this.#file.replaceWith(handle, contents);
      for (const [pending, value] of done) pending.settle({ value });
    } catch (error) {
      for (const pending of done.keys())
        pending.settle({ error: fileFailure(error, pending.asked, 'unknown') });
    }
  }
}

function waiting(batch: readonly Pending[]): Pending[] {
  return batch.filter(({ state }) => state === 'waiting');
}

function giveUp(pending: Pending): void {
  if (pending.state === 'waiting') return pending.settle({ error: tooLate(pending.asked, 'the write') });
  if (pending.state === 'ended') return;
  const message = `${pending.asked.title} did not answer the write; it may or may not have been done`;
  pending.settle({ error: new BanyanError('outcome-unknown', message, { outcome: 'unknown' }) });
}

/** Lets each write edit the drafts in turn. One that is refused is answered at once and has changed nothing. */
async function edited(
  reading: Reading,
  asking: readonly Pending[],
): Promise<{ drafts: Map<string | null, Draft>; done: Map<Pending, unknown> }> {
  const drafts = new Map<string | null, Draft>();
  const done = new Map<Pending, unknown>();
  for (const pending of asking) {
    const { collection: name, asked, parts, edit } = pending;
    try {
      const draft = drafts.get(name) ?? new Draft(reading, collectionOf(reading, name, asked), parts);
      drafts.set(name, draft);
      done.set(pending, await edit(draft));
    } catch (error) {
      if (error instanceof Changed) throw error;
      pending.settle({ error });
    }
  }
  return { drafts, done };
}

/** `.users.json.<random>.tmp`, in the folder of the file: only there a rename is one step. */
function temporaryOf(path: string): string {
  return join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`);
}

async function newLock(path: string): Promise<WriteLock> {
  const lock = new WriteLock(path);
  // Of processes that were killed; a live one holds the lock while it has such a file.
  const patience = performance.now() + CLEANING;
  await lock.hold(
    () => patience,
    async () => {
      const leftOver = new RegExp(`^\\.${basename(path).replace(/[^\w]/g, '\\$&')}\\.[0-9a-f]{12}\\.tmp$`);
      for (const name of await readdir(dirname(path)))
        if (leftOver.test(name)) await rm(join(dirname(path), name), { force: true });
    },
  );
  return lock;
}

async function writeNew(path: string, reading: Reading, { pieces }: Rewritten): Promise<FileHandle> {
  const { mode, uid, gid } = await reading.handle.stat();
  const handle = await open(path, 'wx+', mode & 0o777);
  try {
    await handle.chmod(mode & 0o777);
    // Only root may give files away; for others the file is theirs, as it is after any editor's save.
    if (process.getuid?.() === 0) await handle.chown(uid, gid);
    await copyPieces(handle, reading, pieces);
    await handle.sync();
    return handle;
  } catch (error) {
    await discard(path, handle);
    throw error;
  }
}

async function copyPieces(handle: FileHandle, reading: Reading, pieces: readonly Piece[]): Promise<void> {
  let gathered: Buffer[] = [];
  let length = 0;
  const flush = async () => {
    for (let bytes = Buffer.concat(gathered); bytes.length > 0;) {
      const { bytesWritten } = await handle.write(bytes);
      bytes = bytes.subarray(bytesWritten);
    }
    [gathered, length] = [[], 0];
  };
  const add = async (bytes: Buffer) => {
    gathered.push(bytes);
    length += bytes.length;
    if (length >= CHUNK) await flush();
  };
  for (const piece of pieces) {
    if (Buffer.isBuffer(piece)) await add(piece);
    else
      for (let at = piece.start; at < piece.end; at += CHUNK)
        await add(await reading.bytes(at, Math.min(at + CHUNK, piece.end)));
  }
  await flush();
}

async function discard(path: string, handle: FileHandle): Promise<void> {
  await handle.close().catch(() => undefined);
  await rm(path, { force: true }).catch(() => undefined);
}

/** The rename itself is on the disk only when the folder is. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
