/** Steps from the root of the file to a value; items of a list are counted from 0. */
export type Path = readonly (string | number)[];

/** One mistake of the configuration, with its place in the file. It holds no secret and no value of a variable. */
export interface Problem {
  /** The file, as it was named to the loader. */
  file: string;
  /** Counted from 1. */
  line: number;
  /** Counted from 1, in UTF-16 units. */
  column: number;
  /** E.g. `resources.clients.query.sort[1]`; empty for the file as a whole. */
  path: string;
  found: string;
  expected: string;
  /** One sentence made of the three. */
  message: string;
  /** What was probably meant. */
  suggestion?: string;
}

/** A mistake before its place is known. */
export interface Finding {
  path: Path;
  /** Whether the key or the value is wrong; a missing member is placed at the key of its parent. */
  at: 'key' | 'value';
  found: string;
  expected: string;
  suggestion?: string;
}

export function problem(place: Omit<Problem, 'message'>): Problem {
  const { found, expected, suggestion } = place;
  const hint = suggestion === undefined ? '' : `; did you mean ${suggestion}?`;
  return { ...place, message: `found ${found}; expected ${expected}${hint}` };
}

export function pathText(path: Path): string {
  const text = path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`)).join('');
  return text.startsWith('.') ? text.slice(1) : text;
}

/** JSON pointer (RFC 6901), as ajv names places. */
export function pointer(path: Path): string {
  return path.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

const LONGEST = 60;

/** A URL with a password, a JSON web token or the keys of common services: may have been put in the wrong place. */
const LIKE_A_SECRET = /:\/\/[^/\s]*:[^/\s]*@|\beyJ[\w-]{8}|\bsb_secret_|\bsk[-_]\w{8}/;

/** A value as a message shows it. Never call it with a secret. */
export function shown(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : `a list of ${value.length}`;
  if (typeof value === 'object') return 'a mapping';
  if (typeof value !== 'string') return `${value as number | boolean}`;
  if (LIKE_A_SECRET.test(value)) return 'a text that looks like a secret (not shown)';
  return JSON.stringify(value.length > LONGEST ? `${value.slice(0, LONGEST)}…` : value);
}

/** `a, b or c` in quotes-free text, for lists of allowed names. */
export function oneOf(names: readonly string[]): string {
  return names.length > 1 ? `one of ${names.join(', ')}` : (names[0] ?? 'nothing');
}
