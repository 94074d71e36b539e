import type { BanyanError } from '../domain/errors.ts';

const BROKEN = new WeakMap<object, BanyanError>();

/** Notes why a record could not be made as a whole of its row: a module of `fields.custom` failed on it. */
export function noteBroken(record: object, error: BanyanError): void {
  BROKEN.set(record, error);
}

/** Fails where a record is not whole: it is neither shown to clients nor copied. */
export function refuseBroken(record: object): void {
  const error = BROKEN.get(record);
  if (error) throw error;
}
