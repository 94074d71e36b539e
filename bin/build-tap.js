#!/usr/bin/env node
// Builds tap with the plugins of package.json. It would do so by itself before its first run, but loads the tests of
// that run in the old way: its own plugin for TypeScript compiles all of src anew in each test file.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

function tapProgram() {
  try {
    return join(dirname(createRequire(import.meta.url).resolve('tap/package.json')), 'dist/esm/run.mjs');
  } catch {
    // An install without the development dependencies.
    return null;
  }
}

const tap = tapProgram();
if (tap !== null) {
  const run = spawnSync(process.execPath, [tap, 'build'], { cwd: root, encoding: 'utf8' });
  if (run.status !== 0)
    console.error(`${run.stderr ?? ''}\ntap was not built with our plugins; its first run does it.`);
}
