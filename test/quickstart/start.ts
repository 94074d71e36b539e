import { startQuickstart } from '../../src/quickstart/quickstart.ts';

/** For quickstart.test.ts: a process of its own that starts the quick start in a folder: prints one JSON line, then waits to be stopped. */
const [folder] = process.argv.slice(2);
if (!folder) throw new Error('usage: start.ts FOLDER');
const logged: string[] = [];
const say = (answer: object) => process.stdout.write(`${JSON.stringify({ ...answer, logged })}\n`);
try {
  const quickstart = await startQuickstart({
    folder,
    log: (message) => logged.push(message),
    scale: 0.002,
  });
  process.once('SIGTERM', () => void quickstart.stop());
  say({ env: quickstart.env });
} catch (error) {
  say({ trouble: (error as Error).name, message: (error as Error).message });
}
