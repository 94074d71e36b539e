/** The quick start cannot go on; `message` says what is wrong, where, and what to do. Meant to be printed without a stack. */
export class QuickstartTrouble extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'QuickstartTrouble';
  }
}

/** One line about progress or a decision worth knowing. */
export type Log = (message: string) => void;

/** The code of a failed system call (`EACCES`) or of a Postgres error (`57P03`). */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
