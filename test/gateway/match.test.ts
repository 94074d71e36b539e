import t from 'tap';
import type { Snapshot } from '../../src/domain/configuration.ts';
import { Matcher } from '../../src/gateway/match.ts';
import { unconnected } from '../harness/bound.ts';

const clients = await unconnected('clients');
const operations = [{ name: 'merge', method: 'POST', path: '/api/clients/:id/merge' }];
const matcher = new Matcher({ operations, server: {} } as unknown as Snapshot, [clients]);
const ID = '0b5f2c4e-8a7d-4e3b-9c1f-2d6a7b8c9d0e';

/** What a path leads to, and which record it names. */
function found(path: string, method = 'GET'): string {
  const match = matcher.match(method, path);
  return 'key' in match && match.key !== null ? `${match.kind} ${match.key}` : match.kind;
}

t.test('however a path is spelled, it leads to the same place, and never past it to the upstream', (t) => {
  for (const path of [
    '/api/clients',
    '/api/clients/',
    '/api/%63lients?limit=1',
    '/%61pi/client%73',
    '/api//clients',
    '/api/./clients',
    '//api/.//clients',
  ])
    t.equal(found(path), 'resource', path);
  for (const path of [
    `/api/clients/${ID}`,
    `/api/clients/${ID}/`,
    `/api/clients/%30${ID.slice(1)}`,
    `/api/clients//${ID}`,
  ])
    t.equal(found(path), `resource ${ID}`, path);
  t.equal(found(`/api/clients/${ID}/%6derge`, 'POST'), 'operation');
  t.equal(found(`/api/clients/${ID}/merge/`, 'POST'), 'operation');
  t.end();
});

t.test('what another path is stays another path', (t) => {
  t.equal(found('/api/clients/a%2Fb'), 'resource a/b', 'an escaped slash is part of an id');
  t.equal(found('/api/clients/%2563'), 'resource %63', 'nothing is decoded twice');
  for (const path of ['/api%2Fclients', '/api/clients/a/b', '/api/x/../clients', '/api/clientss', '/%'])
    t.equal(found(path), 'forward', path);
  t.end();
});
