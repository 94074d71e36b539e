// src/ as JavaScript in dist/, file by file and each at its old place: a process starts from it in half the time.
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SOURCE = join(ROOT, 'src');
const TARGET = join(ROOT, 'dist');
/** In dist/: what it was made from. */
const STAMP = '.made-from';

/** Whether dist/ was made from src/ as it is now. */
export function isBuilt(): boolean {
  return existsSync(join(TARGET, STAMP)) && readFileSync(join(TARGET, STAMP), 'utf8') === stampOf(files());
}

/** Makes dist/ unless it is up to date. Another build at the same time does no harm: the folder is put in place whole. */
export async function build(): Promise<void> {
  if (isBuilt()) return;
  const found = files();
  const place = `${TARGET}.${process.pid}`;
  const toJavaScript = await compiler();
  for (const file of found) {
    const to = join(place, file);
    mkdirSync(dirname(to), { recursive: true });
    if (file.endsWith('.ts')) writeFileSync(to.replace(/\.ts$/, '.js'), toJavaScript(join(SOURCE, file)));
    else copyFileSync(join(SOURCE, file), to);
  }
  writeFileSync(join(place, STAMP), stampOf(found));
  rmSync(TARGET, { recursive: true, force: true });
  renameSync(place, TARGET);
}

function files(): string[] {
  return readdirSync(SOURCE, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(SOURCE.length + 1))
    .sort();
}

function stampOf(found: readonly string[]): string {
  const hash = createHash('sha256');
  for (const file of found) {
    const { mtimeMs, size } = statSync(join(SOURCE, file));
    hash.update(`${file} ${mtimeMs} ${size}\n`);
  }
  return hash.digest('hex');
}

/** Types are stripped and `.ts` in imports becomes `.js`; checking them is `npm run check:types`. */
async function compiler(): Promise<(file: string) => string> {
  const { default: ts } = await import('typescript');
  const { config } = ts.parseConfigFileTextToJson(
    'tsconfig.json',
    readFileSync(join(ROOT, 'tsconfig.json'), 'utf8'),
  );
  const { options } = ts.convertCompilerOptionsFromJson(
    { ...config.compilerOptions, module: 'es2022', moduleResolution: 'bundler', inlineSourceMap: true },
    ROOT,
  );
  return (file) =>
    ts.transpileModule(readFileSync(file, 'utf8'), { fileName: file, compilerOptions: options }).outputText;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await build();
