import { resolve } from 'node:path';
import closeWithGrace from 'close-with-grace';
import { App } from './app.ts';
import { REAL_STORES, readEnvironment } from './config/environment.ts';
import { formatProblem, formatProblems } from './config/format-problems.ts';
import { loadConfig } from './config/load.ts';
import { watchConfig } from './config/watch.ts';
import { isBanyanError } from './domain/errors.ts';
import { createLog } from './observability/log.ts';

const ROOT = process.cwd();
const FILE = resolve(ROOT, process.env.BANYAN_CONFIG ?? 'routes.config.yaml');

async function main(): Promise<void> {
  const env = readEnvironment(FILE, process.env);
  const embedded = REAL_STORES.some((name) => env[name]) ? null : await startEmbedded();
  const all = { ...env, ...embedded?.env };
  const config = loadConfig({ file: FILE, env: all });
  if (!config.ok) {
    await embedded?.stop();
    fail(`${FILE} is wrong:\n${formatProblems(config.problems, ROOT)}`);
  }
  const log = createLog(config.snapshot.server.logLevel);
  const app = await App.start(config.snapshot, log).catch(async (error: unknown) => {
    await embedded?.stop();
    fail(startFailure(error, config.snapshot.server.port));
  });
  const watcher = watchConfig({
    file: FILE,
    env: all,
    // An edit while the gateway started is an edit too.
    current: config.snapshot.hash,
    onChange: (snapshot) => void app.reload(snapshot),
    onProblems: (problems, hash) =>
      void app.refuseFile(
        hash ?? '',
        problems.map((problem) => formatProblem(problem, ROOT)),
      ),
  });
  closeWithGrace({ delay: config.snapshot.server.shutdown, logger: false }, async ({ err }) => {
    if (err) log.error({ err }, 'an error that nobody caught ends the process');
    await watcher.close();
    await app.stop();
    await embedded?.stop();
  });
  await app.whenReady();
  if (embedded && app.ready) process.stdout.write(embedded.welcome(app.url));
}

async function startEmbedded() {
  const { startQuickstart, welcome } = await import('./quickstart/quickstart.ts').catch((error: unknown) =>
    fail(
      `Set ${REAL_STORES.join(', ')}, or install the development dependencies for the embedded stores.\n${(error as Error).message}`,
    ),
  );
  const say = (line: string) => void process.stdout.write(`${line}\n`);
  const quickstart = await startQuickstart({ folder: resolve(ROOT, '.banyan'), log: say }).catch(
    (error: unknown) => fail((error as Error).message),
  );
  const { removeEnvironmentFile, writeEnvironmentFile } = await import('./quickstart/environment-file.ts');
  // For `npx banyan` in the same folder.
  await writeEnvironmentFile(ROOT, { ...quickstart.env });
  return {
    env: quickstart.env,
    welcome: (url: string) => welcome(url, quickstart.env),
    stop: async () => {
      await removeEnvironmentFile(ROOT);
      await quickstart.stop();
    },
  };
}

function startFailure(error: unknown, port: number): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'EADDRINUSE')
    return `Port ${port} is taken. Stop what uses it, or choose another: PORT=8081 npm start`;
  if (code === 'EACCES') return `Port ${port} needs more rights. Choose one above 1023: PORT=8081 npm start`;
  return isBanyanError(error) ? message : `The gateway could not start: ${message}`;
}

function fail(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

await main();
