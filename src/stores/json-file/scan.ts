import { Break } from './errors.ts';
import type { Window } from './window.ts';

/** What a scan reports, in the order of the file. Bytes are only lent: they are gone after the call. */
export interface Visitor {
  /** A list of records begins; `name` is null where the file is one list. `offset` is that of the byte after `[`. */
  open(name: string | null, offset: number): void;
  record(bytes: Buffer, offset: number): void;
  /** `offset` is that of `]`. */
  close(offset: number): void;
}

/** How a file is laid out: one list of records, or an object with a list of records per collection. */
export type Layout = 'one' | 'many';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const END = -1;

/**
 * Finds where each record begins and ends. Looks at brackets and strings only and leaves the inside of a record to the
 * parser of records: at four times the speed of a tokenizer it keeps no more in memory than one record.
 */
export async function scan(window: Window, layout: Layout, visitor: Visitor): Promise<void> {
  await skipByteOrderMark(window);
  await expect(
    window,
    layout === 'one' ? OPEN_LIST : OPEN_OBJECT,
    layout === 'one' ? '"[", a list of records' : '"{", lists of records by their names',
  );
  if (layout === 'one') await scanList(window, null, visitor);
  else await scanLists(window, visitor);
  if ((await peek(window)) !== END)
    throw new Break(window.offset, await found(window), 'the end of the file');
}

async function scanLists(window: Window, visitor: Visitor): Promise<void> {
  if ((await peek(window)) === CLOSE_OBJECT) return void window.at++;
  const names = new Set<string>();
  for (;;) {
    if ((await peek(window)) !== QUOTE)
      throw new Break(window.offset, await found(window), 'the name of a collection');
    const offset = window.offset;
    const name = parsed(await value(window), offset) as string;
    if (names.has(name)) throw new Break(offset, `"${name}" a second time`, 'each collection once');
    names.add(name);
    await expect(window, COLON, '":"');
    if ((await peek(window)) === OPEN_LIST) {
      window.at++;
      await scanList(window, name, visitor);
    } else {
      // Not a collection: kept as it is.
      const place = window.offset;
      parsed(await value(window), place);
    }
    if (await endsWith(window, CLOSE_OBJECT, '"," or "}"')) return;
  }
}

async function scanList(window: Window, name: string | null, visitor: Visitor): Promise<void> {
  visitor.open(name, window.offset);
  if ((await peek(window)) === CLOSE_LIST) {
    visitor.close(window.offset);
    return void window.at++;
  }
  for (;;) {
    let byte = peekNow(window);
    if (byte === undefined) byte = await peek(window);
    if (byte !== OPEN_OBJECT) throw new Break(window.offset, await found(window), 'a record: "{"');
    const bytes = valueNow(window) ?? (await value(window));
    visitor.record(bytes, window.offset - bytes.length);
    byte = peekNow(window);
    if (byte === COMMA) window.at++;
    else if (await endsWith(window, CLOSE_LIST, '"," or "]"', visitor)) return;
  }
}

function parsed(bytes: Buffer, offset: number): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    throw new Break(offset, JSON.stringify(bytes.toString('utf8', 0, 40)), 'a JSON value');
  }
}

/** Steps over a comma, or over the end. */
async function endsWith(window: Window, end: number, wanted: string, visitor?: Visitor): Promise<boolean> {
  const byte = await peek(window);
  if (byte !== COMMA && byte !== end) throw new Break(window.offset, await found(window), wanted);
  if (byte === end) visitor?.close(window.offset);
  window.at++;
  return byte === end;
}

async function expect(window: Window, byte: number, wanted: string): Promise<void> {
  if ((await peek(window)) !== byte) throw new Break(window.offset, await found(window), wanted);
  window.at++;
}

/** The next byte that is no white space, without stepping over it; undefined where more must be read. */
function peekNow(window: Window): number | undefined {
  const { bytes, length } = window;
  while (window.at < length) {
    const byte = bytes[window.at] as number;
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return byte;
    window.at++;
  }
  return undefined;
}

async function peek(window: Window): Promise<number> {
  for (;;) {
    const byte = peekNow(window);
    if (byte !== undefined) return byte;
    if (!(await window.fill())) return END;
  }
}

/** Steps over a whole value and answers its bytes; null where more must be read. */
function valueNow(window: Window): Buffer | null {
  const end = endOfValue(window.bytes, window.at, window.length);
  if (end === END) return null;
  const bytes = window.bytes.subarray(window.at, end);
  window.at = end;
  return bytes;
}

async function value(window: Window): Promise<Buffer> {
  for (;;) {
    const bytes = valueNow(window);
    if (bytes) return bytes;
    if (await window.fill()) continue;
    throw new Break(window.offset + window.length - window.at, 'the end of the file', 'the rest of a value');
  }
}

function endOfValue(bytes: Buffer, from: number, length: number): number {
  const first = bytes[from];
  if (first === QUOTE) return endOfString(bytes, from, length);
  if (first === OPEN_OBJECT || first === OPEN_LIST) return endOfGroup(bytes, from, length);
  for (let at = from; at < length; at++) {
    const byte = bytes[at] as number;
    if (byte === COMMA || byte === CLOSE_OBJECT || byte === CLOSE_LIST || byte <= 0x20) return at;
  }
  return END;
}

function endOfGroup(bytes: Buffer, from: number, length: number): number {
  let depth = 0;
  for (let at = from; at < length; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) {
      at = endOfString(bytes, at, length) - 1;
      if (at < 0) return END;
    } else if (byte === OPEN_OBJECT || byte === OPEN_LIST) depth++;
    else if ((byte === CLOSE_OBJECT || byte === CLOSE_LIST) && --depth === 0) return at + 1;
  }
  return END;
}

function endOfString(bytes: Buffer, from: number, length: number): number {
  for (let at = from + 1; at < length; at++) {
    const byte = bytes[at];
    if (byte === BACKSLASH) at++;
    else if (byte === QUOTE) return at + 1;
  }
  return END;
}

async function skipByteOrderMark(window: Window): Promise<void> {
  await window.fill();
  if (window.bytes.subarray(0, Math.min(3, window.length)).equals(Buffer.from([0xef, 0xbb, 0xbf])))
    window.at = 3;
}

/** What stands at the present place, for messages. */
async function found(window: Window): Promise<string> {
  const byte = await peek(window);
  return byte === END ? 'the end of the file' : JSON.stringify(String.fromCodePoint(byte));
}
