// Generates the Prisma client, also without a network: `prisma generate` insists on a schema engine binary but never
// calls it, so any existing program will do where none is configured.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

function prismaCli() {
  try {
    return createRequire(import.meta.url).resolve('prisma/build/index.js');
  } catch {
    return null;
  }
}

const cli = prismaCli();
if (cli === null) {
  // A production install without dev dependencies: the client came with the build.
  console.log('The Prisma CLI is not installed; the generated client of the build is used.');
} else {
  const env = {
    ...process.env,
    PRISMA_SCHEMA_ENGINE_BINARY: process.env.PRISMA_SCHEMA_ENGINE_BINARY ?? process.execPath,
    PRISMA_HIDE_UPDATE_MESSAGE: '1',
    CHECKPOINT_DISABLE: '1',
  };
  const schema = join(root, 'prisma', 'schema.prisma');
  const run = spawnSync(process.execPath, [cli, 'generate', '--schema', schema], {
    cwd: root,
    env,
    encoding: 'utf8',
  });
  if (run.status !== 0) {
    console.error(`${run.stdout ?? ''}${run.stderr ?? ''}`);
    console.error('prisma generate failed: the message above names the line of prisma/schema.prisma.');
    process.exitCode = 1;
  }
}
