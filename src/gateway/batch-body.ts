import { BanyanError, isBanyanError } from '../domain/errors.ts';
import type { Value } from '../domain/values.ts';
import { readJson } from './message-text.ts';

/** One message of a batch, or why it cannot be read. */
export type BatchMessage = { value: Value } | { error: BanyanError };

/** Types of a body with one record a line. */
const LINES = /^application\/(x-ndjson|ndjson|jsonl|x-jsonlines)\b/;

/**
 * The messages of a batch: a JSON array, or one JSON text a line. A line that is broken is one bad message; a broken array
 * has no messages. Throws batch-invalid for what is no batch, or a longer one than `max`.
 */
export function readBatch(text: string, contentType: string, max: number): BatchMessage[] {
  const messages = LINES.test(contentType) ? readLines(text) : readArray(text);
  if (messages.length === 0) throw new BanyanError('batch-invalid', 'the batch is empty');
  if (messages.length > max)
    throw new BanyanError(
      'batch-invalid',
      `the batch has ${messages.length} records; at most ${max} are taken`,
      {
        details: { max },
      },
    );
  return messages;
}

function readLines(text: string): BatchMessage[] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      try {
        return { value: readJson(line, 'this') };
      } catch (error) {
        if (isBanyanError(error)) return { error };
        throw error;
      }
    });
}

function readArray(text: string): BatchMessage[] {
  const body = readJson(text, 'this');
  if (Array.isArray(body)) return body.map((value) => ({ value }));
  throw new BanyanError('batch-invalid', 'the body is JSON, but not an array of records');
}
