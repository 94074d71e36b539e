import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { withMode, writeMode } from '../../src/config/write-mode.ts';
import { BASE_FILE } from './base-file.ts';

const FILE = 'routes.config.yaml';

t.test('only the mode changes: comments, order, quotes and spaces stay byte for byte', (t) => {
  t.equal(
    withMode(BASE_FILE, FILE, 'clients', 'dual-write'),
    BASE_FILE.replace('mode: legacy # where', 'mode: dual-write # where'),
  );
  t.equal(withMode(BASE_FILE, FILE, 'services', 'live'), BASE_FILE.replace('mode: shadow', 'mode: live'));
  t.end();
});

const FORMS: readonly [name: string, before: string, after: string][] = [
  ['double quotes', 'a: { mode: "legacy" , b: 1 }', 'a: { mode: "live" , b: 1 }'],
  ['single quotes', "a:\n      'mode':   'legacy'   # c", "a:\n      'mode':   'live'   # c"],
  ['JSON', '"a": {"mode":"legacy","x":[1,\t2]}', '"a": {"mode":"live","x":[1,\t2]}'],
  ['Windows line ends', 'a:\r\n    mode: legacy\r\n    b: 1', 'a:\r\n    mode: live\r\n    b: 1'],
  ['an explicit key', 'a:\n    ? mode\n    : legacy', 'a:\n    ? mode\n    : live'],
  ['an anchor nobody uses', 'a: { mode: &m legacy }', 'a: { mode: &m live }'],
  ['an alias', 'b: { mode: &m legacy }\n  a: { mode: *m }', 'b: { mode: &m legacy }\n  a: { mode: live }'],
  [
    'umlauts and emoji before it',
    'ä: { x: "🌳" }\n  a: { mode: legacy }',
    'ä: { x: "🌳" }\n  a: { mode: live }',
  ],
];

for (const [name, before, after] of FORMS) {
  t.test(`a mode is written into a file with ${name}`, (t) => {
    t.equal(withMode(`resources:\n  ${before}\n`, FILE, 'a', 'live'), `resources:\n  ${after}\n`);
    t.equal(withMode(`\uFEFFresources:\n  ${before}\n`, FILE, 'a', 'live'), `\uFEFFresources:\n  ${after}\n`);
    t.end();
  });
}

t.test('a mode that other settings share, or that has no place of its own, is not written', (t) => {
  const refused: [string, RegExp][] = [
    ['a: { mode: &m legacy }\n  b: { mode: *m }', /share the mode of "a" by an anchor/],
    ['b: &b { mode: legacy }\n  a: *b', /no place of its own/],
    ['b: &b { mode: legacy }\n  a: { <<: *b }', /no place of its own/],
    ['a: { path: /a }', /no place of its own/],
    ['a: { mode: }', /no place of its own/],
    ['a: { mode: legacy', /not valid YAML/],
  ];
  for (const [text, message] of refused) {
    t.throws(() => withMode(`resources:\n  ${text}\n`, FILE, 'a', 'live'), {
      code: 'config-invalid',
      message,
    });
  }
  t.throws(() => withMode(BASE_FILE, FILE, 'orders', 'live'), { code: 'unknown-resource' });
  t.throws(() => withMode(BASE_FILE, FILE, 'constructor', 'live'), { code: 'unknown-resource' });
  t.end();
});

t.test('the file is replaced as a whole, keeps its permissions, and leaves nothing beside it', async (t) => {
  const folder = t.testdir({ [FILE]: BASE_FILE });
  const file = join(folder, FILE);
  chmodSync(file, 0o666);
  const { ino } = statSync(file);
  await writeMode(file, 'clients', 'shadow');
  t.match(readFileSync(file, 'utf8'), /mode: shadow # where they are today/);
  t.equal(statSync(file).mode & 0o777, 0o666);
  t.not(statSync(file).ino, ino, 'a new file took its place');
  t.same(readdirSync(folder), [FILE]);
});

t.test('a mode that is there already is not written', async (t) => {
  const file = join(t.testdir({ [FILE]: BASE_FILE }), FILE);
  const { ino } = statSync(file);
  await writeMode(file, 'clients', 'legacy');
  t.equal(statSync(file).ino, ino);
});

t.test('a symlink stays one, and its target is written', async (t) => {
  const folder = t.testdir();
  mkdirSync(join(folder, 'real'));
  writeFileSync(join(folder, 'real', 'file.yaml'), BASE_FILE);
  symlinkSync(join('real', 'file.yaml'), join(folder, FILE));
  await writeMode(join(folder, FILE), 'clients', 'live');
  t.ok(lstatSync(join(folder, FILE)).isSymbolicLink());
  t.match(readFileSync(join(folder, 'real', 'file.yaml'), 'utf8'), /mode: live # where/);
});

t.test('writers at the same time do not undo each other', async (t) => {
  const names = Array.from({ length: 20 }, (_, index) => `r${index}`);
  const text = (mode: string) =>
    `resources:\n${names.map((name) => `  ${name}: { mode: ${mode} }\n`).join('')}`;
  const file = join(t.testdir({ [FILE]: text('legacy') }), FILE);
  await Promise.all(names.map((name) => writeMode(file, name, 'shadow')));
  t.equal(readFileSync(file, 'utf8'), text('shadow'));
});

t.test('what a writer left that was killed does not stop the next one', async (t) => {
  const folder = t.testdir({ [FILE]: BASE_FILE, [`.${FILE}.banyan`]: 'half a te' });
  const longAgo = new Date(Date.now() - 60_000);
  utimesSync(join(folder, `.${FILE}.banyan`), longAgo, longAgo);
  await writeMode(join(folder, FILE), 'clients', 'live');
  t.match(readFileSync(join(folder, FILE), 'utf8'), /mode: live # where/);
  t.same(readdirSync(folder), [FILE]);
});

t.test('a file that is not there is refused by name', async (t) => {
  const file = join(t.testdir(), 'missing.yaml');
  await t.rejects(writeMode(file, 'clients', 'live'), {
    code: 'config-invalid',
    message: /missing\.yaml.*ENOENT/,
  });
});
