import { readFileSync } from 'node:fs';

// tap closes with `# { total: 30, pass: 28, fail: 1, skip: 1 }`; the counts that are zero are left out.
const summary =
  [...readFileSync(process.argv[2], 'utf8').matchAll(/^# \{ (total: \d+[^}]*) \}/gm)].at(-1)?.[1] ?? '';
const count = (name) => Number(new RegExp(`\\b${name}: (\\d+)`).exec(summary)?.[1] ?? 0);
const skipped = count('skip') + count('todo');
console.log(`${count('pass')} passed, ${count('fail')} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
if (count('pass') === 0) process.exitCode = 1;
