import { BanyanError } from '../domain/errors.ts';
import { parseJson, type Value } from '../domain/values.ts';

/** Levels that a message may be nested. MongoDB holds half of it; far beyond, whatever walks a value runs out of stack. */
const DEEPEST = 200;

/** A message's JSON text as values, exact. `what` names it in words. Fails with invalid-json. */
export function readJson(text: string, what: string): Value {
  // So many brackets need so many characters.
  if (text.length > 2 * DEEPEST && isTooDeep(text))
    throw new BanyanError('invalid-json', `${what} is nested more than ${DEEPEST} levels deep`);
  try {
    return parseJson(text);
  } catch (error) {
    throw new BanyanError('invalid-json', `${what} is not JSON: ${(error as Error).message.slice(0, 200)}`);
  }
}

function isTooDeep(text: string): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === '"') at = endOfText(text, at);
    else if (character === '[' || character === '{') depth += 1;
    else if (character === ']' || character === '}') depth -= 1;
    if (depth > DEEPEST) return true;
  }
  return false;
}

/** Where a text ends that begins here. */
function endOfText(text: string, begin: number): number {
  for (let end = text.indexOf('"', begin + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let escapes = 0;
    while (text[end - 1 - escapes] === '\\') escapes += 1;
    if (escapes % 2 === 0) return end;
  }
  return text.length;
}
