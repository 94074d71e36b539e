import { BanyanError } from '../../domain/errors.ts';
import type { ColumnSpec } from '../../domain/model.ts';
import type { Condition } from '../../domain/query.ts';
import type { Value } from '../../domain/values.ts';
import { columnName, conditionText } from './values.ts';

/** Parameters of a request's URL that together hold for a condition; null where no row can hold for it. */
export type Filter = [name: string, value: string][] | null;

/** What needs an escape inside quotes. */
const QUOTING = /["\\]/;
/** Text that not every server takes as it is outside quotes: cut at its ends, or read as a document. */
const BENT = /^\s|\s$|^".*"$|^\{.*\}$/s;

/** Whether servers read a text in quotes in different ways where conditions stand in a group. */
function isHard(text: string): boolean {
  const count = (one: string) => text.split(one).length;
  return QUOTING.test(text) || count('(') !== count(')');
}

/** A comparison with a list that has this text only: quotes and their escapes are the same everywhere in lists. */
function asElement(op: keyof typeof COMPARISONS, text: string): string {
  if (op === 'eq' || op === 'ne') return `${op === 'eq' ? '' : 'not.'}in.(${quoted(text)})`;
  return `${COMPARISONS[op]}(any).{${quoted(text)}}`;
}

type Leaf = Exclude<Condition, { and: Condition[] } | { or: Condition[] }>;
/** `true` and `false` are conditions that need no look at a row; PostgREST has no word for them. */
type Node = boolean | { leaf: Leaf } | { join: 'and' | 'or'; parts: Node[] };

const COMPARISONS = { eq: 'eq', ne: 'neq', gt: 'gt', gte: 'gte', lt: 'lt', lte: 'lte' } as const;

/** What the translation needs to know of a table. */
export type Columns = ReadonlyMap<string, ColumnSpec>;

export function filterOf(where: Condition | null, columns: Columns): Filter {
  const node = where ? simplify(where) : true;
  if (node === true) return [];
  if (node === false) return null;
  const parts = typeof node === 'object' && 'join' in node && node.join === 'and' ? node.parts : [node];
  const parameters = new Map<string, string>();
  const rest: string[] = [];
  for (const part of parts) {
    const raw = rawParameter(part, columns);
    // A name is used once only: not every server joins two parameters of one name.
    if (raw && !parameters.has(raw[0])) parameters.set(...raw);
    else rest.push(treeText(part, columns));
  }
  if (rest.length) parameters.set('and', `(${rest.join(',')})`);
  return [...parameters];
}

/** Whether a condition has text inside a group whose quoting servers read in different ways. */
export function isHardToQuote(where: Condition | null, columns: Columns): boolean {
  const node = where ? simplify(where) : true;
  if (typeof node === 'boolean' || !('join' in node)) return false;
  const groups = node.join === 'and' ? node.parts.filter((part) => isGroup(part)) : [node];
  return groups.some((group) => hasQuotes(group, columns));
}

function isGroup(node: Node): boolean {
  return typeof node === 'object' && 'join' in node;
}

function hasQuotes(node: Node, columns: Columns): boolean {
  if (typeof node === 'boolean') return false;
  if ('join' in node) return node.parts.some((part) => hasQuotes(part, columns));
  const { leaf } = node;
  if (leaf.op === 'null') return false;
  const values = leaf.op === 'in' ? leaf.value : [leaf.value];
  const column = columnOf(leaf, columns);
  return values.some((value) => value !== null && isHard(conditionText(value, column)));
}

/** Removes empty groups and single parts, so that every group left has two parts or more. */
function simplify(condition: Condition): Node {
  if (!('and' in condition) && !('or' in condition)) return simplifyLeaf(condition);
  const join = 'and' in condition ? 'and' : 'or';
  const absorbing = join === 'or';
  const parts: Node[] = [];
  for (const part of 'and' in condition ? condition.and : condition.or) {
    const node = simplify(part);
    if (node === absorbing) return absorbing;
    if (typeof node === 'boolean') continue;
    if ('join' in node && node.join === join) parts.push(...node.parts);
    else parts.push(node);
  }
  if (parts.length === 0) return !absorbing;
  return parts.length === 1 ? (parts[0] as Node) : { join, parts };
}

function simplifyLeaf(leaf: Leaf): Node {
  if (leaf.op === 'in') return leaf.value.length > 0 && { leaf };
  if (leaf.op === 'null' || leaf.value !== null) return { leaf };
  // SQL: nothing is equal to null or beyond it; a test for null is what eq and ne of null can only mean.
  if (leaf.op === 'eq' || leaf.op === 'ne')
    return { leaf: { field: leaf.field, op: 'null', value: leaf.op === 'eq' } };
  return false;
}

/**
 * A leaf as a parameter of its own, `column=operator.value`: there the value needs no quotes, so it is used for values
 * whose quoting servers read in different ways.
 */
function rawParameter(node: Node, columns: Columns): [string, string] | null {
  if (typeof node === 'boolean' || !('leaf' in node)) return null;
  const { leaf } = node;
  const column = columnOf(leaf, columns);
  const name = columnName(leaf.field);
  if (leaf.op === 'contains') return [name, containsText(leaf.value, column, (text) => text)];
  if (leaf.op === 'null' || leaf.op === 'in') return null;
  const text = conditionText(leaf.value, column);
  if (!isHard(text)) return null;
  const plain = column.type === 'text' && !column.list;
  return [name, plain && BENT.test(text) ? asElement(leaf.op, text) : `${COMPARISONS[leaf.op]}.${text}`];
}

function treeText(node: Node, columns: Columns): string {
  if (typeof node === 'boolean') throw new TypeError('simplify leaves no constants inside a condition');
  if ('join' in node) return `${node.join}(${node.parts.map((part) => treeText(part, columns)).join(',')})`;
  return `${columnName(node.leaf.field)}.${leafText(node.leaf, columnOf(node.leaf, columns))}`;
}

function leafText(leaf: Leaf, column: ColumnSpec): string {
  if (leaf.op === 'null') return leaf.value ? 'is.null' : 'not.is.null';
  if (leaf.op === 'in') {
    const texts = leaf.value.filter((value) => value !== null).map((value) => conditionText(value, column));
    return `in.(${texts.map((text) => listItem(text, column)).join(',')})`;
  }
  if (leaf.op === 'contains') return containsText(leaf.value, column, unquotedWherePossible);
  const text = conditionText(leaf.value, column);
  if (column.type === 'boolean' && !column.list) return `${COMPARISONS[leaf.op]}.${text}`;
  // Escapes in a single quoted value are standard PostgREST, but servers exist that know them in lists only.
  if (QUOTING.test(text)) {
    if (leaf.op === 'eq') return `in.(${quoted(text)})`;
    if (leaf.op === 'ne') return `not.in.(${quoted(text)})`;
    if (!/[{}]/.test(text)) return `${COMPARISONS[leaf.op]}(any).{${quoted(text)}}`;
  }
  return `${COMPARISONS[leaf.op]}.${quoted(text)}`;
}

function listItem(text: string, column: ColumnSpec): string {
  return column.type === 'boolean' ? text : quoted(text);
}

/** Text that has the value in it, whatever its case; a list that has the element; a document that has the members. */
function containsText(value: Value, column: ColumnSpec, quote: (text: string) => string): string {
  const items = column.list && !Array.isArray(value) ? [value] : value;
  const text = conditionText(items, column);
  if (column.list || column.type === 'json') return `cs.${quote(text)}`;
  // PostgREST reads `*` in a LIKE pattern as `%` and has no escape for it: then a regular expression says it.
  if (text.includes('*')) return `imatch.${quote(text.replace(/[\\^$.|?*+()[\]{}]/g, '\\$&'))}`;
  return `ilike.${quote(`%${text.replace(/[\\%_]/g, '\\$&')}%`)}`;
}

function unquotedWherePossible(text: string): string {
  return /[,()"]/.test(text) || /^[\s{]|\s$/.test(text) ? quoted(text) : text;
}

function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}

function columnOf(leaf: Leaf, columns: Columns): ColumnSpec {
  const column = columns.get(leaf.field);
  if (column) return column;
  const message = `A condition names the column "${leaf.field}"; there are ${[...columns.keys()].join(', ')}.`;
  throw new BanyanError('invalid-query', message, { details: { field: leaf.field } });
}

/** `in.(…)` of keys. */
export function keyList(keys: readonly string[]): string {
  return `in.(${keys.map(quoted).join(',')})`;
}
