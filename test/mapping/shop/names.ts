import type { Row } from '../../../src/domain/values.ts';

/** One column of legacy, two fields of the new side. */
export function toNew({ name }: Row): Row {
  if (typeof name !== 'string' || !name.includes(', ')) throw new Error('there is no comma in it');
  const [last = '', ...first] = name.split(', ');
  return { first: first.join(', '), last };
}

export function toLegacy({ first, last }: Row): Row {
  return { name: `${String(last)}, ${String(first)}` };
}
