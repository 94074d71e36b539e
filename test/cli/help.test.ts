import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import t from 'tap';
import { COMMANDS } from '../../src/cli/commands.ts';
import { EXIT_MEANINGS } from '../../src/cli/exit-codes.ts';
import { ROOT } from '../harness/postgres.ts';
import { call } from './place.ts';

t.test('docs/cli.md has every command, every option and every exit status', async (t) => {
  const text = await readFile(resolve(ROOT, 'docs/cli.md'), 'utf8');
  for (const { name, options } of COMMANDS) {
    t.match(text, new RegExp(`^### \`banyan ${name}\\b`, 'm'), name);
    for (const { flags } of options) t.ok(text.includes(flags.split(' ')[0] as string), `${name} ${flags}`);
  }
  for (const [status, meaning] of EXIT_MEANINGS)
    t.match(text, new RegExp(`^\\| ${status} \\| ${meaning.split(':')[0]}`, 'm'));
});

t.test('help is asked for in any of its forms and needs no configuration', async (t) => {
  for (const words of [[], ['--help'], ['help'], ['switch', '--help'], ['help', 'switch']]) {
    const { exit, out } = await call(words, {}, '/nowhere');
    t.equal(exit, 0, words.join(' ') || 'nothing at all');
    t.match(out, /Usage: banyan/);
  }
});
