import { readFileSync } from 'node:fs';
import t from 'tap';
import { configurationReference } from '../../src/config/reference.ts';

t.test('docs/configuration.md is what the schema says; "npm run docs" makes it again', (t) => {
  const file = new URL('../../docs/configuration.md', import.meta.url);
  t.equal(readFileSync(file, 'utf8'), configurationReference());
  t.end();
});
