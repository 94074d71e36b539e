/**
 * Postgres array text, both ways. A driver's own array code turns numbers into doubles and dates into Date objects;
 * here every element stays the text that Postgres wrote.
 */

type Nested<T> = (T | null | Nested<T>)[];

/** Reads array text such as `{a,"b,c",NULL}` or `{{1,2},{3,4}}`; each element that is not NULL goes through `read`. */
export function parseArray<T>(text: string, read: (element: string) => T): Nested<T> {
  // An array whose first index is not 1 is written with its bounds: `[0:1]={a,b}`.
  const start = text.startsWith('[') ? text.indexOf('=') + 1 : 0;
  if (text.length === start + 2) return [];
  const root: Nested<T> = [];
  const open: Nested<T>[] = [root];
  let at = start + 1;
  while (at < text.length) {
    const list = open.at(-1) as Nested<T>;
    const character = text[at];
    if (character === ',') at++;
    else if (character === '{') {
      const inner: Nested<T> = [];
      list.push(inner);
      open.push(inner);
      at++;
    } else if (character === '}') {
      open.pop();
      at++;
    } else if (character === '"') {
      const end = endOfQuoted(text, at);
      list.push(read(text.slice(at + 1, end).replace(/\\(.)/gs, '$1')));
      at = end + 1;
    } else {
      const end = endOfBare(text, at);
      const element = text.slice(at, end);
      list.push(element === 'NULL' ? null : read(element));
      at = end;
    }
  }
  return root;
}

function endOfQuoted(text: string, open: number): number {
  let at = open + 1;
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at;
}

function endOfBare(text: string, start: number): number {
  let at = start;
  while (text[at] !== ',' && text[at] !== '}') at++;
  return at;
}

/** Text that an array may hold without quotes; the word NULL is none. */
const BARE = /^(?!null$)[\w.:+/-]+$/i;
const SPECIAL = /["\\]/g;

/** Array text of elements that are already text; null is NULL, an inner array is one more dimension. */
export function arrayLiteral(elements: readonly (string | null | Nested<string>)[]): string {
  let text = '{';
  for (const element of elements) {
    if (text.length > 1) text += ',';
    if (element === null) text += 'NULL';
    else if (typeof element !== 'string') text += arrayLiteral(element);
    else text += BARE.test(element) ? element : `"${element.replace(SPECIAL, '\\$&')}"`;
  }
  return `${text}}`;
}
