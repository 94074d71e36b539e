import { open } from 'node:fs/promises';
import { parseJson, stringifyJson, type Row, type Value } from '../../domain/values.ts';
import { otherSide, type Key } from '../../domain/words.ts';
import type { BoundResource } from '../../replication/resource.ts';
import { listFailures, readFailure } from '../../state/failures.ts';
import type { Result } from '../command.ts';
import type { Letters } from './letters.ts';
import { EXIT } from '../exit-codes.ts';
import { usage } from '../failure.ts';
import { counted } from '../format.ts';

const PAGE = 200;

/** One line of the export. */
interface ExportedLetter {
  resource: string;
  key: Key;
  code: string;
  reason: string;
  attempts: number;
  since: string;
  refusedBy: string;
  /** The public record as it is now on the side that has it, else as it was when it was refused. */
  record: Value;
  /** The row as that side's store has it; null where it is gone. */
  row: Row | null;
}

/** Writes every dead letter as a line of JSON, with the whole record. */
export async function exportLetters({ session, resources, options }: Letters): Promise<Result> {
  if (typeof options.file !== 'string')
    throw usage('export needs --file', 'Write --file letters.jsonl, or --file - for standard output.');
  const toOutput = options.file === '-';
  const lines: string[] = [];
  const file = toOutput ? null : await open(options.file, 'w');
  const counts: Record<string, number> = {};
  try {
    for (const name of resources) {
      for await (const letter of lettersOf(session.resource(name))) {
        const line = stringifyJson(letter);
        counts[name] = (counts[name] ?? 0) + 1;
        if (file) await file.write(`${line}\n`);
        else lines.push(line);
      }
    }
    await file?.sync();
  } finally {
    await file?.close();
  }
  const total = Object.values(counts).reduce((sum, n) => sum + n, 0);
  const told = Object.entries(counts).map(([name, n]) => `  ${name}: ${n}`);
  const text = toOutput ? lines : [`${counted(total, 'dead letter')} written to ${options.file}`, ...told];
  const document = {
    file: toOutput ? null : options.file,
    total,
    resources: counts,
    ...(toOutput && { lines }),
  };
  return { exit: EXIT.done, document, text };
}

async function* lettersOf(resource: BoundResource): AsyncGenerator<ExportedLetter> {
  const { database, name } = resource;
  for (let after: Key | null = null; ;) {
    const page = await listFailures(database, name, { limit: PAGE, after, dead: true });
    const last = page.at(-1);
    if (!last) return;
    after = last.key;
    for (const { key, code, reason, attempts, firstAt, target } of page) {
      const source = resource[otherSide(target)];
      const { record, row } = await source.getWhole(key);
      const kept = (await readFailure(database, name, key))?.record ?? null;
      yield {
        resource: name,
        key,
        code,
        reason,
        attempts,
        since: firstAt,
        refusedBy: target,
        record: record ?? (kept === null ? null : parseJson(kept)),
        row,
      };
    }
  }
}
