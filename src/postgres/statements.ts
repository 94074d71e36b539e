import { createHash } from 'node:crypto';

/** Runs after which a statement is worth a name on every connection. */
const WORTH_IT = 3;
/** Names a connection carries at most; each costs the server some kilobytes. */
const MOST_NAMES = 300;
/** Texts that are counted at most before counting starts anew. */
const MOST_TEXTS = 2_000;

/**
 * Names for prepared statements: a text that comes again and again is parsed and planned once a connection. The name is
 * made of the text, so that every process gives the same one (a pgbouncer in transaction mode keeps them apart by it).
 */
export class StatementNames {
  readonly #names = new Map<string, string>();
  readonly #runs = new Map<string, number>();

  /** The name under which to run `text` this time; undefined: unnamed. */
  nameFor(text: string): string | undefined {
    const name = this.#names.get(text);
    if (name || this.#names.size >= MOST_NAMES) return name;
    const runs = (this.#runs.get(text) ?? 0) + 1;
    if (runs < WORTH_IT) {
      if (this.#runs.size >= MOST_TEXTS) this.#runs.clear();
      this.#runs.set(text, runs);
      return undefined;
    }
    this.#runs.delete(text);
    const made = `banyan_${createHash('sha256').update(text).digest('hex').slice(0, 24)}`;
    this.#names.set(text, made);
    return made;
  }
}
