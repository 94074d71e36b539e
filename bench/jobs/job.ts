/** What the bench asks of a job's process. */
export function input<T>(): T {
  return JSON.parse(process.env.JOB ?? '{}') as T;
}

/** Sends what was found, and ends the process. */
export function answer(found: object): void {
  process.send?.(found, undefined, undefined, () => process.exit(0));
}
