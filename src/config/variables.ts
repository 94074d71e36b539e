import { type Finding, type Path, pointer, shown } from './problem.ts';
import { SCHEMA, schemaAt } from './schema.ts';
import { nearest } from './suggest.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Parts of the file that may hold `${NAME}`; resources are the same wherever the gateway runs. */
const ALLOWED = ['server', 'upstream', 'auth', 'stores', 'operations'];

const REFERENCE = /\$\{([^}]*)\}/g;
const CONTENT = /^([A-Za-z_][A-Za-z0-9_]*)(?::-([^]*))?$/;

/** The tree with the values of the environment in it. */
export interface Filled {
  tree: unknown;
  findings: Finding[];
  /** Texts of the file that hold a `${NAME}`, by pointer: they are shown instead of what was filled in. */
  sources: ReadonlyMap<string, string>;
}

/**
 * Replaces `${NAME}` and `${NAME:-default}` in every text of the parts that may hold it. The default takes the
 * place of a name that is not set or empty; an empty default leaves the setting out. Changes `tree` in place: it is
 * the reader's own.
 */
export function fillVariables(tree: unknown, environment: Environment): Filled {
  const findings: Finding[] = [];
  const sources = new Map<string, string>();
  const visit = (parent: Record<string | number, unknown>, step: string | number, path: Path) => {
    const value = parent[step];
    if (typeof value === 'object' && value !== null) {
      for (const key of keysOf(value)) visit(value as Record<string | number, unknown>, key, [...path, key]);
    } else if (typeof value === 'string' && value.includes('${')) {
      sources.set(pointer(path), value);
      const filled = fill(value, path, environment, findings);
      if (filled === '') delete parent[step];
      else if (filled !== null) parent[step] = asNumber(filled, path, tree);
    }
  };
  const root: { tree: unknown } = { tree };
  visit(root, 'tree', []);
  return { tree: root.tree, findings, sources };
}

function keysOf(value: object): (string | number)[] {
  return Array.isArray(value) ? [...value.keys()] : Object.keys(value);
}

/** The filled text, or null where it must stay as it is because something is wrong with it. */
function fill(text: string, path: Path, environment: Environment, findings: Finding[]): string | null {
  const wrong = (found: string, expected: string, suggestion?: string) =>
    void findings.push({
      path,
      at: 'value',
      found,
      expected,
      ...(suggestion === undefined ? {} : { suggestion }),
    });
  if (!ALLOWED.includes(String(path[0]))) {
    // Below an unknown key it is the key that is wrong; the schema says so.
    if (!Object.hasOwn(SCHEMA.properties ?? {}, path[0] ?? '')) return null;
    wrong(shown(text), 'plain text: ${NAME} may stand in server, upstream, auth, stores and operations only');
    return null;
  }
  if (text.replace(REFERENCE, '').includes('${')) {
    wrong('a ${ that is not closed', '${NAME} or ${NAME:-default}');
    return null;
  }
  const before = findings.length;
  const filled = text.replace(REFERENCE, (reference, content: string) => {
    const [, name, fallback] = CONTENT.exec(content) ?? [];
    // The content may be a misplaced default, and so a secret: it is not shown.
    if (name === undefined)
      return (wrong('a ${…} that does not begin with a name', '${NAME} or ${NAME:-default}'), '');
    const value = environment[name] || fallback;
    if (value !== undefined) return value;
    const state = environment[name] === undefined ? 'not set' : 'empty';
    const near =
      environment[name] !== undefined
        ? null
        : nearest(
            name,
            Object.keys(environment).filter((other) => environment[other]),
          );
    wrong(
      `\${${name}}, which is ${state} in the environment`,
      `a value of ${name}`,
      near ? `\${${near}}` : undefined,
    );
    return reference;
  });
  return findings.length > before ? null : filled;
}

/** The environment holds texts only; a number is made where the schema wants one. */
function asNumber(text: string, path: Path, tree: unknown): string | number {
  const { type } = schemaAt(path, tree);
  return type === 'integer' && /^\d{1,15}$/.test(text) ? Number(text) : text;
}
