import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { failsWith } from '../contracts/failing.ts';
import { startGateway } from '../harness/gateway.ts';
import { failCommands } from '../harness/mongo-failpoint.ts';
import { mongoFor, startMongo } from '../harness/mongo.ts';
import { until } from '../harness/wait.ts';
import { id, placeOn } from '../stores/mongo/place.ts';
import { person, startHybrid } from '../systems/hybrid/place.ts';

const server = await mongoFor(t);

if (server) {
  t.test('a write whose connection is closed again and again may or may not have been done', async (t) => {
    const { table, documents } = await placeOn(server, t, { timeout: 4_000 });
    const orders = table('orders', { total: 'int' });
    await orders.insert({ _id: id(1), total: 1 });
    const commands = ['insert', 'update', 'findAndModify', 'delete'];
    const off = await failCommands(server, { failCommands: commands, closeConnection: true }, 100);
    if (!off) return void t.comment('skipped: the server has no failpoints');
    for (const write of [
      () => orders.insert({ _id: id(2), total: 2 }),
      () => orders.update(id(1), { total: 3 }),
      () => orders.upsertMany([{ _id: id(4), total: 4 }]),
      () => orders.remove(id(1)),
    ]) {
      const error = await failsWith(t, 'outcome-unknown', write());
      t.equal(error.outcome, 'unknown');
    }
    await off();
    t.equal((await documents('orders')).length, 1, 'here none was');
    await until(async () => await orders.remove(id(1)), { what: 'the store writes again' });
  });

  t.test('a write whose connection is closed once is done once', async (t) => {
    const { table, documents } = await placeOn(server, t);
    const orders = table('orders', { total: 'int' });
    await orders.count();
    const off = await failCommands(server, { failCommands: ['insert'], closeConnection: true }, 1);
    if (!off) return void t.comment('skipped: the server has no failpoints');
    t.match(await orders.insert({ _id: id(1), total: 1 }), { total: 1 });
    t.equal((await documents('orders')).length, 1);
    await off();
  });

  t.test('a server that refuses a write without a majority leaves it in doubt', async (t) => {
    const { table } = await placeOn(server, t, { timeout: 4_000 });
    const orders = table('orders', { total: 'int' });
    await orders.count();
    const writeConcernError = { code: 64, errmsg: 'waiting for replication timed out' };
    const off = await failCommands(server, { failCommands: ['insert'], writeConcernError }, 1);
    if (!off) return void t.comment('skipped: the server has no failpoints');
    const done = await orders.insert({ _id: id(1), total: 1 }).then(
      () => 'done',
      (error: { outcome: string }) => error.outcome,
    );
    if (done === 'done') t.comment('skipped: the server does not know write concern errors as failpoints');
    else t.equal(done, 'unknown');
    await off();
  });

  t.test(
    'MongoDB is killed and comes back while it leads: nothing that was acknowledged is lost',
    async (t) => {
      if (server.kind === 'url') return void t.comment('skipped: MONGO_URL is not ours to stop');
      const folder = await mkdtemp(join(tmpdir(), 'banyan-mongo-kill-'));
      t.teardown(() => rm(folder, { recursive: true, force: true }));
      let mortal = await startMongo({ folder, log: (message) => t.comment(message) });
      t.teardown(() => mortal.stop());
      const hybrid = await startHybrid(t, mortal, { orders: 8 });
      const gateway = await startGateway(t, { config: hybrid.config, env: hybrid.env });
      await hybrid.move('dual-write', ['clients']);
      const north = await person(gateway.url, 'ws-north');
      const told: { id: string; name: string }[] = [];
      const refused = new Set<number>();
      let writing = true;
      const writers = [1, 2, 3].map(async (writer) => {
        for (let round = 0; writing; round += 1) {
          const name = `${writer}-${round}`;
          const { status, body } = await north.post('clients', { name, email: `${name}@example.com` });
          if (status === 201) told.push({ id: body.data.id as string, name });
          else refused.add(status);
        }
      });
      await until(() => told.length > 20, { what: 'writes are under way' });
      process.kill(mortal.pid as number, 'SIGKILL');
      await until(() => refused.size > 0, { what: 'the gateway says that it is gone' });
      await mortal.stop();
      const before = told.length;
      mortal = await startMongo({ folder, port: mortal.port, log: (message) => t.comment(message) });
      await until(() => told.length > before + 20, { what: 'writes go on' });
      writing = false;
      await Promise.all(writers);
      t.ok(
        [...refused].every((status) => [502, 503, 504].includes(status)),
        `answers meanwhile: ${[...refused].join()}`,
      );
      const names = new Map(
        (await hybrid.documents('clients')).map(({ _id, name }) => [String(_id), name as string]),
      );
      t.same(
        told.filter(({ id: key, name }) => names.get(key) !== name),
        [],
        `${told.length} acknowledged, all there`,
      );
      const inPostgres = async () =>
        (await hybrid.new.query<{ name: string }>('SELECT name FROM clients')).map(({ name }) => name).sort();
      await until(async () => (await inPostgres()).join() === [...names.values()].sort().join(), {
        what: 'Postgres has what MongoDB has, no more and no less',
      });
    },
  );
}
