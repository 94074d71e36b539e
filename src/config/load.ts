import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Snapshot } from '../domain/configuration.ts';
import { type ConfigDocument, readDocument } from './document.ts';
import type { ConfigFile, Partly } from './file-shape.ts';
import { DISK, type Disk, type ModelOutline, outlineModels } from './prisma-models.ts';
import { type Finding, type Path, type Problem, pathText, pointer, problem } from './problem.ts';
import { DEFAULTS } from './defaults.ts';
import { type Draft, controlOf } from './rules/rule.ts';
import { RULES } from './rules/table.ts';
import { violations } from './schema.ts';
import { schemaFinding } from './schema-problems.ts';
import { toSnapshot } from './snapshot.ts';
import { type Environment, type Filled, fillVariables } from './variables.ts';

/** One valid snapshot, or every mistake of the file, sorted by place. */
export type ConfigResult = { ok: true; snapshot: Snapshot } | { ok: false; problems: Problem[] };

/** No real file comes near this many characters; a log that was named by mistake does. */
const LONGEST_TEXT = 500_000;

/** Reads and validates a file. Never throws: a file that cannot be read is a problem too. */
export function loadConfig(source: { file: string; env: Environment }): ConfigResult {
  const { file, env } = source;
  try {
    return parseConfig(decodeConfig(readFileSync(file)), file, env);
  } catch (error) {
    return { ok: false, problems: [unreadable(file, error)] };
  }
}

/** The text of a file. Throws a TypeError for what is not UTF-8. */
export function decodeConfig(content: Uint8Array): string {
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(content);
}

/** SHA-256 of the text, as `Snapshot.hash`. */
export function configHash(text: string | Uint8Array): string {
  return createHash('sha256').update(text).digest('hex');
}

/** A problem for a file that cannot be read at all. */
export function unreadable(file: string, error: unknown): Problem {
  const code = (error as { code?: unknown }).code;
  const reasons: Readonly<Record<string, string>> = {
    ENOENT: 'no file',
    EISDIR: 'a folder',
    EACCES: 'a file that this process may not read',
    ERR_ENCODING_INVALID_ENCODED_DATA: 'a file that is not UTF-8',
  };
  const found = reasons[String(code)] ?? `a file that cannot be read (${String(code)})`;
  return problem({ file, line: 1, column: 1, path: '', found, expected: 'a readable YAML file in UTF-8' });
}

/** Validates a text as the content of `file`, relative to whose folder other files are named. Never throws. */
export function parseConfig(text: string, file: string, env: Environment, disk: Disk = DISK): ConfigResult {
  if (text.length > LONGEST_TEXT) {
    const found = `a text of ${text.length} characters`;
    const expected = `at most ${LONGEST_TEXT}`;
    return { ok: false, problems: [problem({ file, line: 1, column: 1, path: '', found, expected })] };
  }
  const document = readDocument(text.replace(/^\uFEFF/, ''), file);
  if (document.broken) return { ok: false, problems: sorted(document.problems) };
  const filled = fillVariables(document.tree, env);
  const findings = [...filled.findings, ...schemaFindings(filled)];
  const draft = draftOf(filled, findings, dirname(resolve(file)), disk);
  for (const rule of RULES) findings.push(...rule(draft));
  const problems = [...document.problems, ...findings.map((finding) => placed(finding, document, file))];
  if (problems.length > 0) return { ok: false, problems: sorted(problems) };
  const origin = { file: resolve(file), folder: dirname(resolve(file)), hash: configHash(text) };
  const control = controlOf(draft) as string;
  return { ok: true, snapshot: toSnapshot(filled.tree as ConfigFile, { ...origin, control }) };
}

/** Violations of the schema, one per place; none where a variable already is what is wrong. */
function schemaFindings({ tree, findings, sources }: Filled): Finding[] {
  const place = ({ path, at }: Finding) => `${at} ${pointer(path)}`;
  const taken = new Set(findings.map(place));
  const result: Finding[] = [];
  for (const error of violations(tree ?? null)) {
    const finding = schemaFinding(error, tree);
    if (!finding || taken.has(place(finding))) continue;
    taken.add(place(finding));
    result.push(masked(finding, sources));
  }
  return result;
}

/** What the environment brought is never shown, only its name. */
function masked(finding: Finding, sources: ReadonlyMap<string, string>): Finding {
  const source = sources.get(pointer(finding.path));
  if (source === undefined || finding.at === 'key') return finding;
  const names = [...source.matchAll(/\$\{(\w+)/g)].map((match) => match[1]).join(' and ');
  return {
    path: finding.path,
    at: 'value',
    found: `the value of ${names} (not shown)`,
    expected: finding.expected,
  };
}

/** What the rules see: a copy without the values that are wrong by themselves. */
function draftOf(filled: Filled, findings: readonly Finding[], folder: string, disk: Disk): Draft {
  const { sources } = filled;
  const config = (isMapping(filled.tree) ? structuredClone(filled.tree) : {}) as Partly<ConfigFile>;
  for (const { path } of findings) takeOut(config, path);
  const absolute = (path: string) => resolve(folder, path);
  const cache = new Map<string, ReadonlyMap<string, ModelOutline> | null>();
  const models = (name: string) => {
    const store = config.stores && Object.hasOwn(config.stores, name) ? config.stores[name] : undefined;
    if (store?.kind !== 'prisma') return null;
    const path = absolute(store.schema ?? DEFAULTS.prisma.schema);
    if (!cache.has(path)) {
      const schema = disk.prismaSchema(path);
      cache.set(path, schema === null ? null : outlineModels(schema));
    }
    return cache.get(path) ?? null;
  };
  const written = (path: Path, value: string | undefined) => sources.get(pointer(path)) ?? value ?? '';
  return { config, sources, written, absolute, isFile: (path) => disk.isFile(path), models };
}

function isMapping(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The key stays, so that a reference to something that has a mistake of its own is not a second mistake. */
function takeOut(tree: unknown, path: Path) {
  let value = tree as Record<string | number, unknown> | undefined;
  for (const step of path.slice(0, -1)) value = value?.[step] as Record<string | number, unknown> | undefined;
  const last = path.at(-1);
  if (last !== undefined && isContainer(value) && Object.hasOwn(value, last)) value[last] = undefined;
}

function isContainer(value: unknown): value is Record<string | number, unknown> {
  return typeof value === 'object' && value !== null;
}

function placed(
  { path, at, found, expected, suggestion }: Finding,
  document: ConfigDocument,
  file: string,
): Problem {
  const place = document.locate(path, at);
  return problem({
    file,
    ...place,
    path: pathText(path),
    found,
    expected,
    ...(suggestion ? { suggestion } : {}),
  });
}

function sorted(problems: Problem[]): Problem[] {
  return problems.sort((a, b) => a.line - b.line || a.column - b.column);
}
