import type { FileHandle } from 'node:fs/promises';

const CHUNK = 1 << 20;

/** A stretch of a file that moves forward. What is read once is forgotten, so that the file's size costs no memory. */
export class Window {
  /** What is in memory; `at` is the next byte to look at, `length` the end of what was read. */
  bytes = Buffer.allocUnsafe(2 * CHUNK);
  at = 0;
  length = 0;
  readonly #handle: FileHandle;
  readonly #checkTime: () => void;
  #base = 0;

  /** `checkTime` is called for every chunk and throws where the time is over. */
  constructor(handle: FileHandle, checkTime: () => void) {
    this.#handle = handle;
    this.#checkTime = checkTime;
  }

  /** Place of the next byte in the file. */
  get offset(): number {
    return this.#base + this.at;
  }

  /** Reads on, dropping what lies before `at`. False at the end of the file. */
  async fill(): Promise<boolean> {
    this.#checkTime();
    this.bytes.copyWithin(0, this.at, this.length);
    this.#base += this.at;
    this.length -= this.at;
    this.at = 0;
    if (this.bytes.length - this.length < CHUNK) {
      const larger = Buffer.allocUnsafe(2 * this.bytes.length);
      this.bytes.copy(larger, 0, 0, this.length);
      this.bytes = larger;
    }
    const { bytesRead } = await this.#handle.read(this.bytes, this.length, CHUNK, this.#base + this.length);
    this.length += bytesRead;
    return bytesRead > 0;
  }
}
