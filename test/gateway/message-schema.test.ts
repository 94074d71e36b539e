import t from 'tap';
import { parseJson } from '../../src/domain/values.ts';
import { messageCheck, openMessageChecks } from '../../src/gateway/message-schema.ts';

const SCHEMA = {
  type: 'object',
  required: ['deviceId', 'readings'],
  properties: {
    deviceId: { type: 'string', pattern: '^D-' },
    readings: {
      type: 'array',
      items: {
        type: 'object',
        required: ['value'],
        properties: { value: { type: 'number', maximum: 100 }, unit: { enum: ['C', 'F'] } },
        additionalProperties: false,
      },
    },
    serial: { type: 'integer' },
  },
};

t.test('cents are multiples of 0.01, as decimals are, whatever a double makes of them', (t) => {
  const check = messageCheck({ type: 'number', multipleOf: 0.01 });
  for (const price of ['1.1', '19.99', '4.35', '1234567890.12', '-0.07', '0'])
    t.same(check.problems(parseJson(price)), [], price);
  for (const price of ['19.995', '0.0100001'])
    t.match(check.problems(parseJson(price)), [{ message: 'must be multiple of 0.01' }], price);
  t.end();
});

t.test('every problem is named with the path of its field', (t) => {
  const check = messageCheck(SCHEMA);
  const problems = (text: string) =>
    check.problems(parseJson(text)).map(({ field, message }) => `${field}: ${message}`);
  t.same(problems('{"deviceId":"D-1","readings":[{"value":1,"unit":"C"}]}'), []);
  t.same(problems('[]'), [': must be object']);
  t.same(problems('{"deviceId":"1"}'), ['readings: is required', 'deviceId: must match pattern "^D-"']);
  t.same(
    problems('{"deviceId":"D-1","readings":[{"value":1},{"value":"x"},{"value":101,"unit":"K","a/b":1}]}'),
    [
      'readings[1].value: must be number',
      'readings[2].a/b: is not a field of this message',
      'readings[2].value: must be <= 100',
      'readings[2].unit: must be equal to one of the allowed values: C, F',
    ],
  );
  t.same(
    problems('{"deviceId":"D-1","readings":[],"serial":12345678901234567890}'),
    [],
    'long numbers are numbers',
  );
  t.end();
});

t.test('the draft is the one that the schema names', (t) => {
  const tuple = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    prefixItems: [{ type: 'number' }],
  };
  t.equal(messageCheck(tuple).problems(['x']).length, 1);
  t.end();
});

t.test('a file that is no JSON Schema is named', async (t) => {
  await t.rejects(openMessageChecks({ create: '/nowhere/at-all.json' }), {
    code: 'config-invalid',
    message: /\/nowhere\/at-all\.json is not a usable JSON Schema/,
  });
});
