import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Below the ports that systems give to outgoing connections and to `listen(0)`: nobody is given one of these by chance. */
const FIRST = 15_000;
const END = 30_000;
/** Two users cannot write in each other's folder. */
const CLAIMS = join(tmpdir(), `banyan-test-ports-${process.getuid?.() ?? 'user'}`);

/**
 * A port for a server that must be told one, and keeps it over restarts. It is this process's until its end: between
 * looking for a free port and the server's listening, seconds pass, in which another test's server would take it — and
 * answer in its place.
 */
export async function claimPort(): Promise<number> {
  mkdirSync(CLAIMS, { recursive: true });
  for (;;) {
    const port = randomInt(FIRST, END);
    if (claim(port) && (await isFree(port))) return port;
  }
}

const claimed = new Set<string>();
process.once('exit', () => claimed.forEach((file) => rmSync(file, { force: true })));

function claim(port: number): boolean {
  const file = join(CLAIMS, String(port));
  try {
    const claimFile = openSync(file, 'wx');
    writeSync(claimFile, String(process.pid));
    closeSync(claimFile);
    claimed.add(file);
    return true;
  } catch {
    forgetDead(file);
    return false;
  }
}

/** The claim of a process that was killed; whoever comes next to this port may have it. */
function forgetDead(file: string): void {
  try {
    process.kill(Number(readFileSync(file, 'utf8')), 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') rmSync(file, { force: true });
  }
}

async function isFree(port: number): Promise<boolean> {
  return await new Promise((done) => {
    const server = createServer().once('error', () => done(false));
    server.listen(port, () => server.close(() => done(true)));
  });
}
