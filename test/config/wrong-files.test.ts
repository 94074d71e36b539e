import t from 'tap';
import { formatProblem } from '../../src/config/format-problems.ts';
import { parseConfig } from '../../src/config/load.ts';
import { BASE_FILE, ENVIRONMENT } from './base-file.ts';
import { WRONG_FILES, wrongText } from './wrong-files.ts';

const FILE = new URL('routes.config.yaml', import.meta.url).pathname;

/** Everything in the base environment and the wrong files that a reader of the log must not learn. */
const SECRETS = ['that-nobody-may-see', 'hunter2', 'eyJhbGci', 'eighty'];

t.test('the file that all wrong ones are made from is right', (t) => {
  const result = parseConfig(BASE_FILE, FILE, ENVIRONMENT);
  t.same(result.ok ? [] : result.problems, []);
  t.end();
});

for (const wrong of WRONG_FILES) {
  t.test(`${wrong.name} is answered with its place and with what would be right`, (t) => {
    const result = parseConfig(wrongText(wrong), FILE, { ...ENVIRONMENT, ...wrong.environment });
    if (result.ok) throw new Error('the file was taken');
    const [first] = result.problems;
    t.equal(result.problems.length, 1 + (wrong.more ?? 0), 'one problem a mistake');
    t.same([first?.line, first?.column], wrong.at);
    t.equal(first?.found, wrong.found);
    t.equal(first?.expected.slice(0, wrong.expected.length), wrong.expected);
    t.equal(first?.suggestion, wrong.suggestion);
    const shown = JSON.stringify(result.problems);
    t.same(
      SECRETS.filter((secret) => shown.includes(secret)),
      [],
      'no secret is shown',
    );
    t.end();
  });
}

t.test(
  'a problem is one line with file, place, path, what was found, what would be right and what was meant',
  (t) => {
    const text = BASE_FILE.replace('mode: shadow', 'mode: shaddow');
    const result = parseConfig(text, '/srv/erp/routes.config.yaml', ENVIRONMENT, {
      prismaSchema: () => 'model Client {\n}\nmodel Service {\n}\n',
      isFile: () => true,
    });
    const mode = result.ok
      ? undefined
      : result.problems.find(({ path }) => path === 'resources.services.mode');
    if (!mode) throw new Error('no problem with the mode');
    t.equal(
      formatProblem(mode, '/srv/erp'),
      'routes.config.yaml:49:11  resources.services.mode: found "shaddow"; ' +
        'expected one of legacy, dual-write, shadow, live, new, split, merged; did you mean "shadow"?',
    );
    t.match(formatProblem(mode, '/elsewhere'), /^\/srv\/erp\/routes\.config\.yaml:49:11 /);
    t.end();
  },
);

t.test('all mistakes of a file are reported at once, in the order of the file', (t) => {
  const text = BASE_FILE.replace('mode: shadow', 'mode: shaddow')
    .replace('port: ${PORT:-8080}', 'port: 99999')
    .replace('model: Client', 'model: Cleint')
    .replace('deadline: 15s', 'deadline: 1s')
    .replace('url: ${DATABASE_URL}', 'url: ${NOT_SET_AT_ALL}');
  const result = parseConfig(text, FILE, ENVIRONMENT);
  t.same(result.ok ? [] : result.problems.map(({ path }) => path), [
    'server.port',
    'stores.erp-legacy.deadline',
    'stores.new.url',
    'resources.clients.new.model',
    'resources.services.mode',
  ]);
  t.end();
});
