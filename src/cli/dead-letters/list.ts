import { parseJson } from '../../domain/values.ts';
import { countFailures, listFailures, readFailure, type Failure } from '../../state/failures.ts';
import type { Result } from '../command.ts';
import type { Letters } from './letters.ts';
import { EXIT } from '../exit-codes.ts';
import { ago, counted } from '../format.ts';
import { usage } from '../failure.ts';
import { keyOfArgument } from './key.ts';

/** The dead letters of each resource, the first of them with their reasons, and how many there are of each code. */
export async function listLetters({ session, invocation, resources, options }: Letters): Promise<Result> {
  const limit = Number(options.limit);
  if (!Number.isInteger(limit) || limit < 1)
    throw usage(`--limit is "${String(options.limit)}"`, 'Write a whole number from 1.');
  const found = [];
  for (const resource of resources) {
    const counts = await countFailures(session.database, resource);
    const first = await listFailures(session.database, resource, { limit, dead: true });
    if (counts.dead + counts.backingOff > 0) found.push({ resource, ...counts, letters: first });
  }
  const { terminal } = invocation;
  const text = found.flatMap(({ resource, dead, backingOff, byCode, letters }) => [
    terminal.paint('bold', resource) +
      `: ${counted(dead, 'dead letter')}, ${counted(backingOff, 'refused record')} tried again`,
    ...Object.entries(byCode).map(([code, n]) => `  ${code}: ${n}`),
    ...letters.map((letter) => `  ${line(letter)}`),
    ...(dead > letters.length ? [`  and ${dead - letters.length} more; "export" has all of them`] : []),
  ]);
  if (found.length === 0) text.push('There are no dead letters.');
  const left = found.some(({ dead }) => dead > 0);
  return { exit: left ? EXIT.differences : EXIT.done, document: { resources: found }, text };
}

function line({ key, code, reason, attempts, lastAt }: Failure): string {
  return `${key}: ${code}: ${reason} (${counted(attempts, 'attempt')}, ${ago(lastAt)})`;
}

/** Everything that is known of one: the record as it was refused, and as each side has it now. */
export async function showLetter({ session, resources, key: given }: Letters): Promise<Result> {
  const [name] = resources;
  if (given === null || name === undefined || resources.length !== 1)
    throw usage('show needs a resource and a key', 'Write banyan dead-letters show RESOURCE KEY.');
  const resource = session.resource(name);
  const key = keyOfArgument(resource, given);
  const failure = await readFailure(session.database, name, key);
  if (!failure) {
    return {
      exit: EXIT.done,
      document: { resource: name, key, letter: null },
      text: [`${name} "${key}" is not refused.`],
    };
  }
  const [legacy, next] = await Promise.all([resource.legacy.get([key]), resource.new.get([key])]);
  const { record, ...letter } = failure;
  const refused = record === null ? null : parseJson(record);
  const now = { legacy: legacy.get(key) ?? null, new: next.get(key) ?? null };
  const shown = (value: unknown) => (value === null ? 'none' : JSON.stringify(value));
  const text = [
    `${name} ${line(letter)}`,
    `  refused by   ${letter.target}, since ${letter.firstAt}${letter.deadAt ? '' : `; tried again at ${letter.retryAt}`}`,
    `  record       ${shown(refused)}`,
    `  legacy now   ${shown(now.legacy)}`,
    `  new now      ${shown(now.new)}`,
  ];
  return { exit: EXIT.done, document: { resource: name, key, letter, record: refused, now }, text };
}
