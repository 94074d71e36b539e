import {
  type Alias,
  type Document,
  type ErrorCode,
  LineCounter,
  type Node,
  type Pair,
  type YAMLError,
  type YAMLMap,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  parseDocument,
  visit,
} from 'yaml';
import { type Path, type Problem, pointer, problem } from './problem.ts';
import { YAML_MISTAKES, isBareVariable } from './yaml-mistakes.ts';

/** Where a value stands in the text, as offsets. */
interface Place {
  key: number | null;
  value: number;
  /** End of the value's own text, without the comment behind it. */
  end: number;
}

/** The file as plain values (mappings without a prototype), and where each of them stands. */
export interface ConfigDocument {
  /** Undefined where the text holds nothing. */
  tree: unknown;
  /** Mistakes of the YAML itself. */
  problems: Problem[];
  /** Whether the tree cannot be trusted because of them. */
  broken: boolean;
  /** Place of a value, or of the nearest thing around it that is there. Counted from 1. */
  locate(path: Path, at: 'key' | 'value'): { line: number; column: number };
  /** Offsets of a value's own text, or null where there is none of its own (an alias, a merged key). */
  range(path: Path): [start: number, end: number] | null;
}

// Aliases of aliases grow without bound ("billion laughs"); no real file comes near this.
const MOST_NODES = 100_000;
const DEEPEST = 50;

/** Reads YAML 1.2 with anchors and merge keys. Never throws. */
export function readDocument(text: string, file: string): ConfigDocument {
  const lines = new LineCounter();
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const problems: Problem[] = [];
  const report = (offset: number, found: string, expected: string) =>
    problems.push(problem({ file, ...at(offset), path: '', found, expected }));

  let document: Document.Parsed;
  try {
    document = parseDocument(text, {
      lineCounter: lines,
      merge: true,
      prettyErrors: false,
      logLevel: 'error',
    });
  } catch {
    // The parser is recursive: nesting of thousands of levels ends its stack.
    report(0, 'nesting that is too deep to read', 'a few levels');
    return { tree: undefined, problems, broken: true, locate: () => at(0), range: () => null };
  }
  for (const { code, pos } of firstMistakes(document, text)) {
    const { found, expected } = YAML_MISTAKES[code](text, pos[0]);
    report(code === 'MISSING_CHAR' ? openedAt(document, pos[0]) : pos[0], found, expected);
  }
  const places = new Map<string, Place>();
  const walker = new Walker(document, places, report);
  const tree = walker.read();
  return {
    tree,
    problems,
    broken: walker.stopped || document.errors.some((error) => error.code !== 'DUPLICATE_KEY'),
    locate: (path, which) => locate(places, path, which, at),
    range: (path) => {
      const place = places.get(pointer(path));
      return place && place.end > place.value && !walker.borrowed.has(pointer(path))
        ? [place.value, place.end]
        : null;
    },
  };
}

/** Mistakes after which the parser no longer knows where it is: those that come behind are their consequences. */
const BREAKING: readonly ErrorCode[] = [
  'BAD_INDENT',
  'BLOCK_AS_IMPLICIT_KEY',
  'BLOCK_IN_FLOW',
  'IMPOSSIBLE',
  'MISSING_CHAR',
  'MULTILINE_IMPLICIT_KEY',
  'TAB_AS_INDENT',
  'UNEXPECTED_TOKEN',
];

/** The mistakes that are worth a message: one a line, and of the breaking ones the first. */
function firstMistakes(document: Document.Parsed, text: string): YAMLError[] {
  const all: YAMLError[] = [...document.errors, ...document.warnings].sort((a, b) => a.pos[0] - b.pos[0]);
  const lines = new Set<number>();
  let broken = false;
  return all.filter(({ code, pos }) => {
    const line = text.lastIndexOf('\n', pos[0] - 1);
    const consequence = broken && BREAKING.includes(code) && !isBareVariable(text, pos[0]);
    broken ||= BREAKING.includes(code);
    if (consequence || lines.has(line)) return false;
    lines.add(line);
    return true;
  });
}

/** Where the text in quotes begins that nobody closed: the parser reports where it ends, often far below. */
function openedAt(document: Document.Parsed, offset: number): number {
  let opened = offset;
  visit(document, {
    Scalar(_, { type, range }) {
      if (type?.startsWith('QUOTE') && range?.[1] === offset) opened = range[0];
    },
  });
  return opened;
}

function locate(
  places: Map<string, Place>,
  path: Path,
  which: 'key' | 'value',
  at: (offset: number) => { line: number; column: number },
) {
  const place = places.get(pointer(path));
  if (place) return at(which === 'key' ? (place.key ?? place.value) : place.value);
  for (let length = path.length - 1; length >= 0; length--) {
    const around = places.get(pointer(path.slice(0, length)));
    if (around) return at(around.key ?? around.value);
  }
  return at(0);
}

/** Turns nodes into plain values and notes their places; aliases take the place of their anchor. */
class Walker {
  readonly borrowed = new Set<string>();
  stopped = false;
  private readonly document: Document.Parsed;
  private readonly places: Map<string, Place>;
  private readonly report: (offset: number, found: string, expected: string) => void;
  private readonly open = new Set<Node>();
  private nodes = 0;

  constructor(
    document: Document.Parsed,
    places: Map<string, Place>,
    report: (offset: number, found: string, expected: string) => void,
  ) {
    this.document = document;
    this.places = places;
    this.report = report;
  }

  read(): unknown {
    const { contents } = this.document;
    return contents ? this.value(contents, [], null, false) : undefined;
  }

  private value(node: Node | null, path: Path, key: number | null, borrowed: boolean): unknown {
    const [start, end] = node?.range ?? [key ?? 0, key ?? 0];
    // An alias keeps its own place; what is within its anchor has none here.
    if (!this.places.has(pointer(path))) {
      this.places.set(pointer(path), { key, value: start, end });
      if (borrowed) this.borrowed.add(pointer(path));
    }
    if (this.stopped || !node) return null;
    if (++this.nodes > MOST_NODES)
      return this.stop(start, 'more than 100000 values', 'a file of a few hundred lines');
    if (path.length > DEEPEST) return this.stop(start, 'nesting that is too deep to read', 'a few levels');
    if (this.open.has(node))
      return this.stop(start, 'an alias that contains itself', 'an anchor from further up');
    this.open.add(node);
    const value = this.content(node, path, borrowed);
    this.open.delete(node);
    return value;
  }

  private content(node: Node, path: Path, borrowed: boolean): unknown {
    if (isAlias(node)) return this.alias(node, path);
    if (isScalar(node)) return node.value;
    if (isSeq(node)) {
      return node.items.map((item, index) =>
        this.value(item as Node | null, [...path, index], null, borrowed),
      );
    }
    return isMap(node) ? this.mapping(node, path, borrowed) : null;
  }

  private alias(node: Alias, path: Path): unknown {
    const target = node.resolve(this.document);
    if (target) return this.value(target, path, null, true);
    return this.stop(
      node.range?.[0] ?? 0,
      'an alias ("*…") of no anchor',
      'the name of an anchor further up, or the text in quotes',
    );
  }

  private mapping(node: YAMLMap, path: Path, borrowed: boolean): Record<string, unknown> {
    const values = Object.create(null) as Record<string, unknown>;
    const pairs = node.items as Pair<Node | null, Node | null>[];
    for (const pair of pairs) if (!isMergeKey(pair)) this.member(pair, path, borrowed, values);
    // YAML's merge rule: a key of the mapping itself wins over a merged one.
    for (const pair of pairs) if (isMergeKey(pair)) this.merge(pair.value, path, values);
    return values;
  }

  private member(
    pair: Pair<Node | null, Node | null>,
    path: Path,
    borrowed: boolean,
    values: Record<string, unknown>,
  ) {
    const offset = pair.key?.range?.[0] ?? 0;
    if (pair.key && !isScalar(pair.key)) {
      this.stop(offset, 'a key that is not a word', 'a word before the colon');
      return;
    }
    const name = String(pair.key?.value ?? '');
    values[name] = this.value(pair.value, [...path, name], offset, borrowed);
  }

  private merge(source: Node | null, path: Path, values: Record<string, unknown>) {
    const target = isAlias(source) ? source.resolve(this.document) : source;
    if (isSeq(target)) {
      for (const item of target.items) this.merge(item as Node | null, path, values);
      return;
    }
    const offset = source?.range?.[0] ?? 0;
    if (!isMap(target)) {
      this.stop(
        offset,
        'something else than a mapping after "<<:"',
        'an alias of a mapping, such as *defaults',
      );
      return;
    }
    if (this.open.has(target)) {
      this.stop(offset, 'an alias that contains itself', 'an anchor from further up');
      return;
    }
    this.open.add(target);
    const before = new Set(Object.keys(values));
    const merged = target.items as Pair<Node | null, Node | null>[];
    for (const pair of merged) {
      const own = isScalar(pair.key) && before.has(String(pair.key.value));
      if (!own && !isMergeKey(pair)) this.member(pair, path, true, values);
      if (isMergeKey(pair)) this.merge(pair.value, path, values);
    }
    this.open.delete(target);
  }

  private stop(offset: number, found: string, expected: string): null {
    if (!this.stopped) this.report(offset, found, expected);
    this.stopped = true;
    return null;
  }
}

function isMergeKey(pair: Pair<Node | null, Node | null>): boolean {
  return isScalar(pair.key) && pair.key.source === '<<' && pair.key.type === 'PLAIN';
}
