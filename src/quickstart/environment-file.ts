import { rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { QUICKSTART_ENVIRONMENT } from '../config/environment.ts';
import { makeFolder } from './place.ts';

/**
 * Says how the embedded stores are reached while they run, so that `npx banyan` in the same folder works on them.
 * `project` is the folder that `.banyan` is in; the values hold secrets (mode 600).
 */
export async function writeEnvironmentFile(
  project: string,
  environment: Readonly<Record<string, string>>,
): Promise<void> {
  const file = join(project, QUICKSTART_ENVIRONMENT);
  await makeFolder(dirname(file), 0o755);
  // A file that a killed process left may have another mode; it is made anew.
  await rm(file, { force: true });
  const lines = Object.entries(environment).map(([name, value]) => `${name}=${quoted(value)}\n`);
  await writeFile(file, lines.join(''), { mode: 0o600 });
}

export async function removeEnvironmentFile(project: string): Promise<void> {
  await rm(join(project, QUICKSTART_ENVIRONMENT), { force: true });
}

/** As `util.parseEnv` reads it back: it knows no escapes, so the quote must be one that the value lacks. */
function quoted(value: string): string {
  const quote = ['"', "'", '`'].find((candidate) => !value.includes(candidate));
  if (quote === undefined)
    throw new RangeError('a value with all three kinds of quotes cannot stand in an environment file');
  return `${quote}${value}${quote}`;
}
