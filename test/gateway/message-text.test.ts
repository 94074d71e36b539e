import t from 'tap';
import { readJson } from '../../src/gateway/message-text.ts';

const nested = (levels: number, inner = '') => '['.repeat(levels) + inner + ']'.repeat(levels);
const text = (length: number) => `"${'[{\\"\\\\'.repeat(length)}"`;

t.test('a message may be nested, but not so deep that nothing can walk it', (t) => {
  for (const message of [
    nested(200),
    nested(1, text(500)),
    `{"a":${nested(199, text(500))},"b":${nested(199)}}`,
  ])
    t.doesNotThrow(() => readJson(message, 'the body'), message.slice(0, 20));
  for (const message of [
    nested(201),
    nested(100_000),
    `{"a":${nested(200)}}`,
    `[${text(300)},${nested(200)}]`,
  ])
    t.throws(() => readJson(message, 'the body'), { code: 'invalid-json', message: /200 levels/ });
  t.throws(() => readJson('{"a":', 'the body'), { code: 'invalid-json', message: /^the body is not JSON/ });
  t.throws(
    () => readJson(`"${'['.repeat(500)}`, 'the body'),
    { message: /not JSON/ },
    'a text without an end',
  );
  t.end();
});
