import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { execFileSync } from 'node:child_process';
import t from 'tap';
import { errorReference } from '../../src/domain/error-reference.ts';
import { BanyanError, ERRORS, type ErrorCode } from '../../src/domain/errors.ts';
import { ROOT } from '../harness/postgres.ts';

t.test('docs/errors.md is the catalogue of the code', (t) => {
  t.equal(readFileSync(join(ROOT, 'docs/errors.md'), 'utf8'), errorReference(), 'run: npm run docs');
  t.end();
});

t.test('every error of the catalogue is raised somewhere, and every one that is raised is in it', (t) => {
  const files = execFileSync('git', ['ls-files', 'src'], { cwd: ROOT, encoding: 'utf8' })
    .split('\n')
    .filter(Boolean);
  const source = files
    .filter((file) => file.endsWith('.ts') && !file.startsWith('src/domain/error'))
    .map((file) => readFileSync(join(ROOT, file), 'utf8'))
    .join('\n');
  for (const code of Object.keys(ERRORS)) t.match(source, new RegExp(`['"]${code}['"]`), `${code} is used`);
  for (const [, code] of source.matchAll(/new BanyanError\(\s*'([\w-]+)'/g)) {
    t.ok(Object.hasOwn(ERRORS, code as string), `${code} is in the catalogue`);
  }
  t.end();
});

t.test(
  'every entry says what is wrong and what to do, and none of them is a plain 500 but those that operators see',
  (t) => {
    for (const [code, { status, title, remedy }] of Object.entries(ERRORS)) {
      t.ok(title.endsWith('.') && remedy.endsWith('.') && status >= 400, code);
      const error = new BanyanError(code as ErrorCode);
      t.equal(error.outcome, 'not-applied', `${code} changed nothing unless it says otherwise`);
    }
    const plain = Object.entries(ERRORS).filter(([, { status }]) => status === 500);
    t.same(plain.map(([code]) => code).sort(), ['config-invalid', 'internal', 'migration-failed']);
    t.end();
  },
);
