import type { Test } from 'tap';
import { isBanyanError, type BanyanError, type ErrorCode } from '../../src/domain/errors.ts';

/** Holds a call to failing with an error of the catalogue, and answers the error. */
export async function failsWith(
  t: Test,
  code: ErrorCode | ErrorCode[],
  call: Promise<unknown>,
): Promise<BanyanError> {
  const codes = Array.isArray(code) ? code : [code];
  try {
    await call;
  } catch (error) {
    if (!isBanyanError(error)) throw error;
    t.ok(codes.includes(error.code), `fails with ${codes.join(' or ')}`, {
      found: error.code,
      message: error.message,
    });
    return error;
  }
  throw new Error(`the call should have failed with ${codes.join(' or ')}`);
}
