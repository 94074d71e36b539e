import t from 'tap';
import type { OperationSettings } from '../../src/domain/configuration.ts';
import { OperationPaths } from '../../src/gateway/operation-paths.ts';

const named = (name: string, method: OperationSettings['method'], path: string) =>
  ({ name, method, path }) as OperationSettings;

const paths = new OperationPaths([
  named('plain', 'POST', '/api/clients/all/merge'),
  named('merge', 'POST', '/api/clients/:id/merge'),
  named('two', 'GET', '/api/:a/of/:b'),
  named('dotted', 'GET', '/v1.0/:x'),
]);

t.test('an operation is found by its method and path, with what fills its parameters', (t) => {
  const table: [string, string, unknown][] = [
    ['POST', '/api/clients/7/merge', ['merge', { id: '7' }]],
    ['POST', '/api/clients/a%2Fb%20c/merge', ['merge', { id: 'a/b c' }]],
    ['POST', '/api/clients/%zz/merge', ['merge', { id: '%zz' }]],
    ['GET', '/api/x/of/y', ['two', { a: 'x', b: 'y' }]],
    ['GET', '/v1.0/y', ['dotted', { x: 'y' }]],
    ['GET', '/v1x0/y', null],
    ['GET', '/api/clients/7/merge', null],
    ['POST', '/api/clients//merge', null],
    ['POST', '/api/clients/7/merge/', null],
    ['POST', '/api/clients/7/8/merge', null],
  ];
  for (const [method, path, wanted] of table) {
    const found = paths.findPattern(method, path);
    t.same(found && [found.operation.name, found.parameters], wanted, `${method} ${path}`);
  }
  t.equal(paths.findPlain('POST', '/api/clients/all/merge')?.operation.name, 'plain');
  t.equal(paths.findPlain('POST', '/api/clients/7/merge'), null);
  t.equal(paths.findAny('/api/clients/all/merge')?.operation.name, 'plain', 'a path of its own comes first');
  t.equal(paths.findAny('/api/x/of/y')?.operation.name, 'two');
  t.equal(paths.findAny('/nowhere'), null);
  t.end();
});
