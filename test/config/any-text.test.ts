import fc from 'fast-check';
import t from 'tap';
import { parseConfig } from '../../src/config/load.ts';
import { withMode } from '../../src/config/write-mode.ts';
import { isBanyanError } from '../../src/domain/errors.ts';
import { BASE_FILE, ENVIRONMENT } from './base-file.ts';

const FILE = new URL('routes.config.yaml', import.meta.url).pathname;
const LINES = BASE_FILE.split('\n').length;

/** Bits of YAML and of our notation, where random letters would seldom hit anything. */
const BITS = [
  ...[
    '{',
    '}',
    '[',
    ']',
    ': ',
    '- ',
    '\n',
    '\t',
    '  ',
    '"',
    "'",
    '#',
    '&a ',
    '*a',
    '<<: ',
    '!t ',
    '|\n',
    '---\n',
    '? ',
  ],
  ...[
    '${',
    '${X}',
    '${X:-}',
    '}',
    '__proto__: 1\n',
    'constructor: {}\n',
    'null',
    '~',
    '1e999',
    '.nan',
    '0x1f',
    '\u0000',
    '\uFEFF',
  ],
];

const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc
    .array(fc.constantFrom(...BITS, 'stores', 'resources', 'a'), { maxLength: 40 })
    .map((bits) => bits.join('')),
);

/** The base file with pieces taken out, doubled or put in. */
const nearlyRight = fc
  .array(
    fc.record({
      at: fc.nat(BASE_FILE.length),
      length: fc.nat(40),
      text: fc.oneof(fc.constant(''), fc.constantFrom(...BITS), fc.string({ maxLength: 8 })),
      again: fc.boolean(),
    }),
    { minLength: 1, maxLength: 4 },
  )
  .map((edits) =>
    edits.reduce((text, { at, length, text: put, again }) => {
      const piece = text.slice(at, at + length);
      return text.slice(0, at) + (again ? piece + piece : put) + text.slice(at + length);
    }, BASE_FILE),
  );

t.test('whatever the text is, it is taken or every problem has a place in it', (t) => {
  const holds = (text: string) => {
    const result = parseConfig(text, FILE, ENVIRONMENT);
    if (result.ok) return Object.isFrozen(result.snapshot);
    const lines = text.split('\n').length;
    return (
      result.problems.length > 0 &&
      result.problems.every(
        ({ line, column, message }) => line >= 1 && line <= lines && column >= 1 && message !== '',
      )
    );
  };
  fc.assert(fc.property(anyText, holds), { numRuns: 200 });
  fc.assert(fc.property(nearlyRight, holds), { numRuns: 200 });
  t.end();
});

t.test('no problem shows what the environment holds', (t) => {
  const env = { ...ENVIRONMENT, X: 'marker-of-a-secret', PORT: 'marker-of-a-secret' };
  const silent = (text: string) => {
    const result = parseConfig(text, FILE, env);
    return result.ok || !/marker-of-a-secret|nobody-may-see/.test(JSON.stringify(result.problems));
  };
  const withVariable = fc
    .tuple(fc.nat(LINES), fc.constantFrom('${X}', '"${X}"', 'a${X}'))
    .map(([line, variable]) =>
      BASE_FILE.split('\n')
        .map((text, index) => (index === line ? text.replace(/: .*$/, `: ${variable}`) : text))
        .join('\n'),
    );
  fc.assert(fc.property(withVariable, silent), { numRuns: 150 });
  fc.assert(fc.property(nearlyRight, silent), { numRuns: 200 });
  t.end();
});

t.test('writing a mode changes that mode only, or is refused', (t) => {
  fc.assert(
    fc.property(nearlyRight, (text) => {
      try {
        const changed = withMode(text, FILE, 'clients', 'live');
        return changed === text || changed.length - text.length <= 'live'.length;
      } catch (error) {
        return isBanyanError(error, 'config-invalid', 'unknown-resource');
      }
    }),
    { numRuns: 200 },
  );
  t.end();
});
