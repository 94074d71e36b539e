import { createHash, randomBytes } from 'node:crypto';
import { chmod, link, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { type Log, QuickstartTrouble, codeOf } from './trouble.ts';

/** A user and group of this machine, by number. */
export interface Account {
  uid: number;
  gid: number;
}

/**
 * The folder to keep data in, made if absent: `wanted`, or, where `account` cannot reach it (a project below /root),
 * a folder of the same lifetime below /var/tmp, made of the wanted path so that a restart finds it again.
 */
export async function preparePlace(wanted: string, account: Account | null, log: Log): Promise<string> {
  let folder = resolve(wanted);
  const obstacle = account && (await obstacleFor(dirname(folder), account));
  if (obstacle) {
    folder = join('/var/tmp', `banyan-${createHash('sha256').update(folder).digest('hex').slice(0, 12)}`);
    log(`${obstacle} is closed to the account that runs Postgres; its data is kept in ${folder} instead.`);
  }
  await openFolder(folder);
  // /var/tmp is open to everybody: a folder that somebody else made there first is not ours to trust.
  if (obstacle && (await stat(folder)).uid !== process.getuid?.()) {
    throw new QuickstartTrouble(`${folder} belongs to another user. Remove it and start again.`);
  }
  return folder;
}

/**
 * Makes a folder that other accounts may pass, or opens one of ours for that: what is private in it is closed by
 * itself, and Postgres, which root starts under another account, must get to its data.
 */
export async function openFolder(folder: string): Promise<void> {
  await makeFolder(folder, 0o755);
  const { mode, uid } = await stat(folder);
  if (process.getuid?.() === 0 && uid === 0 && (mode & 0o011) !== 0o011) await chmod(folder, mode | 0o011);
}

/** Makes a folder with exactly this mode, whatever the umask is, and its parents open to enter; keeps what exists. */
export async function makeFolder(folder: string, mode: number): Promise<void> {
  try {
    await mkdir(folder);
    await chmod(folder, mode);
  } catch (error) {
    const code = codeOf(error);
    if (code === 'EEXIST' && (await stat(folder)).isDirectory()) return;
    if (code === 'ENOENT' && dirname(folder) !== folder) {
      await makeFolder(dirname(folder), 0o755);
      return makeFolder(folder, mode);
    }
    throw new QuickstartTrouble(
      `The data folder ${folder} cannot be made (${code ?? String(error)}). ` +
        'Make its parent folder writable for this user, or start in a folder that is.',
      error,
    );
  }
}

/** The first folder on the way to `path` that the account may not enter, or null. */
export async function obstacleFor(path: string, account: Account): Promise<string | null> {
  const above = dirname(path) === path ? null : await obstacleFor(dirname(path), account);
  if (above) return above;
  const found = await stat(path).catch(() => null);
  // What does not exist yet is made by us, open to enter.
  if (!found?.isDirectory()) return null;
  const bit = found.uid === account.uid ? 0o100 : found.gid === account.gid ? 0o010 : 0o001;
  return found.mode & bit ? null : path;
}

/** A random password that stays the same for this folder, readable by this user only (E8). */
export async function secret(folder: string, name: string): Promise<string> {
  const place = join(folder, 'secrets');
  await makeFolder(place, 0o700);
  return remember(join(place, name), randomBytes(24).toString('base64url'));
}

/** Writes a file unless there is one, atomically: of two processes at once, both get the text of the first. */
async function remember(file: string, text: string): Promise<string> {
  const draft = `${file}.${process.pid}`;
  try {
    await writeFile(draft, text, { mode: 0o600 });
    await link(draft, file);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') {
      throw new QuickstartTrouble(
        `${file} cannot be written (${codeOf(error) ?? String(error)}). ` +
          `Make ${dirname(dirname(file))} writable for this user, or remove it to begin anew.`,
        error,
      );
    }
  } finally {
    await rm(draft, { force: true }).catch(() => {});
  }
  return readFile(file, 'utf8');
}

/** The port that was used here before, or null. */
export async function rememberedPort(folder: string, name: string): Promise<number | null> {
  const text = await readFile(join(folder, `${name}.port`), 'utf8').catch(() => '');
  const port = Number(text);
  return Number.isInteger(port) && port > 0 && port < 65_536 ? port : null;
}

export async function rememberPort(folder: string, name: string, port: number): Promise<void> {
  await writeFile(join(folder, `${name}.port`), `${port}\n`);
}

/** `preferred` if it is free on the loopback interface, else any free port. Another process may still be faster. */
export async function freePort(preferred: number | null): Promise<number> {
  const port = await new Promise<number | null>((done) => {
    const server = createServer();
    server.once('error', () => done(null));
    server.listen(preferred ?? 0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => done(typeof address === 'object' && address ? address.port : null));
    });
  });
  if (port !== null) return port;
  if (preferred === null) throw new QuickstartTrouble('This machine has no free port left on 127.0.0.1.');
  return freePort(null);
}
