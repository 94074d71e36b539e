#!/usr/bin/env node
import { existsSync } from 'node:fs';

// In the clone the TypeScript is run as it is; the package holds what it was compiled to.
const source = new URL('../src/cli/banyan.ts', import.meta.url);
const isSource = existsSync(source);
if (isSource) {
  const { register } = await import('tsx/esm/api');
  register();
}
const { run } = await import((isSource ? source : new URL('../dist/cli/banyan.js', import.meta.url)).href);
const { stdout, stderr, env } = process;
process.exitCode = await run(process.argv.slice(2), { stdout, stderr, env, folder: process.cwd() });
