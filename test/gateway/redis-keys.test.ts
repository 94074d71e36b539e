import t from 'tap';
import { AnswerCache } from '../../src/gateway/cache.ts';
import { connectRedis, ownerOf, type Redis } from '../../src/gateway/redis.ts';
import { SILENT } from '../../src/observability/log.ts';
import { startFaultProxy } from '../harness/fault-proxy.ts';
import { NO_REDIS, startRedis } from '../harness/redis.ts';
import { until } from '../harness/wait.ts';

t.test(
  'processes of one product share their keys while a password is exchanged; another product has others',
  (t) => {
    const owner = ownerOf('postgresql://gateway:old@db.example:5432/shop?sslmode=require');
    t.equal(ownerOf('postgresql://gateway_2:new@db.example:5432/shop'), owner);
    t.notMatch(owner, /old/);
    for (const other of [
      'postgresql://gateway:old@db.example:5432/crm',
      'postgresql://gateway:old@other.example:5432/shop',
      'postgresql://gateway:old@localhost/shop?host=/var/run/postgresql',
    ])
      t.not(ownerOf(other), owner, other);
    t.end();
  },
);

t.test(
  'a write that Redis could not be told of ends kept answers all the same, and elsewhere once Redis is back',
  { skip: NO_REDIS },
  async (t) => {
    const server = await startRedis(t);
    const proxy = await startFaultProxy({ target: { host: '127.0.0.1', port: server.port } });
    t.teardown(() => proxy.close());
    let reads = 0;
    const open = async (url: string) => {
      const redis = (await connectRedis(url, SILENT)) as Redis;
      t.teardown(() => redis.disconnect());
      await until(() => redis.status === 'ready', { what: 'Redis is there' });
      const cache = new AnswerCache(redis, 'shop', () => ['orders'], SILENT);
      const question = { resource: 'orders', epoch: 1, scope: '', target: '/orders', ttl: 60_000 };
      const read = async () => await Promise.resolve({ body: `read ${(reads += 1)}`, headers: {} });
      return { redis, cache, ask: async () => (await cache.answer(question, read)).body };
    };
    const writer = await open(proxy.url(server.url));
    const other = await open(server.url);
    const kept = await writer.ask();
    t.same([await writer.ask(), await other.ask()], [kept, kept], 'both give what was kept');

    await proxy.refuse();
    await until(() => writer.redis.status !== 'ready', { what: 'Redis is away' });
    await writer.cache.written('orders', { cascades: false });
    t.not(await writer.ask(), kept, 'without Redis every question is read');
    await proxy.pass();
    await until(() => writer.redis.status === 'ready', { what: 'Redis is back' });
    t.not(await writer.ask(), kept, 'the writer never gives what was kept before its write');
    await until(async () => (await other.ask()) !== kept, { what: 'nor does another process' });
  },
);
