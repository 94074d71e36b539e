import type { ErrorCode } from 'yaml';

interface Mistake {
  found: string;
  expected: string;
}

type Explain = (text: string, offset: number) => Mistake;

const always =
  (found: string, expected: string): Explain =>
  () => ({ found, expected });

/**
 * What each mistake that the YAML parser knows means to the person who wrote it. Our own words, because the parser's
 * quote the line, and the line may hold a secret.
 */
export const YAML_MISTAKES: Readonly<Record<ErrorCode, Explain>> = {
  ALIAS_PROPS: always('an alias with an anchor or tag of its own', 'the alias alone, such as *defaults'),
  BAD_ALIAS: always('an alias without a name', 'a name after "*", or the text in quotes'),
  BAD_COLLECTION_TYPE: always('a tag that does not fit what follows', 'the value without a tag'),
  BAD_DIRECTIVE: always('a line that begins with "%"', 'no directives'),
  BAD_DQ_ESCAPE: always(
    'an unknown escape in a text in double quotes',
    '\\\\ for a backslash, or single quotes',
  ),
  BAD_INDENT: always(
    'a line that is not indented like the ones it belongs to',
    'the same number of spaces, and ] or } closed',
  ),
  BAD_PROP_ORDER: always('an anchor or tag before the dash', 'it behind the dash'),
  BAD_SCALAR_START: always('a text that begins with a character which YAML reserves', 'the text in quotes'),
  BLOCK_AS_IMPLICIT_KEY: always(
    'two colons on one line, or a line indented below a value',
    'one "name: value" a line, in quotes where the value has ": " in it',
  ),
  BLOCK_IN_FLOW: always('a block within brackets or braces', 'the items between commas'),
  DUPLICATE_KEY: (text, offset) => ({
    found: `the key ${JSON.stringify(wordAt(text, offset))} a second time`,
    expected: 'each key once',
  }),
  IMPOSSIBLE: always('something that is no YAML', 'YAML 1.2'),
  KEY_OVER_1024_CHARS: always('a key of more than 1024 characters', 'a short name before the colon'),
  MISSING_CHAR: always(
    'something left open or missing: a quote, a bracket, a comma, or a space behind a colon',
    'it closed or added before this place',
  ),
  MULTILINE_IMPLICIT_KEY: always(
    'a line without ": ", or a key over several lines',
    '"name: value" with a space behind the colon',
  ),
  MULTIPLE_ANCHORS: always('two anchors for one value', 'one anchor'),
  MULTIPLE_DOCS: always('a second document ("---")', 'one document a file'),
  MULTIPLE_TAGS: always('two tags for one value', 'no tag'),
  NON_STRING_KEY: always('a key that is not a word', 'a word before the colon'),
  RESOURCE_EXHAUSTION: always('nesting that is too deep to read', 'a few levels'),
  TAB_AS_INDENT: always('a tab as indentation', 'spaces'),
  TAG_RESOLVE_FAILED: always('a tag ("!…") that is not known', 'the value without a tag'),
  UNEXPECTED_TOKEN: (text, offset) =>
    isBareVariable(text, offset)
      ? {
          found: 'a "${NAME}" without quotes between braces or brackets',
          expected: '"${NAME}" in quotes, or one line a setting',
        }
      : {
          found: 'something that cannot stand here',
          expected: 'a value, a comma, or the closing bracket or brace',
        },
};

/** The key at a place; a key is no secret. */
function wordAt(text: string, offset: number): string {
  return /^["']?([^"':\s]{0,60})/.exec(text.slice(offset, offset + 64))?.[1] ?? '';
}

/** Whether the brace at this place begins a `${NAME}` that should be in quotes. */
export function isBareVariable(text: string, offset: number): boolean {
  return text.slice(offset - 1, offset + 1) === '${';
}
