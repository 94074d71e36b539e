import t from 'tap';
import { mongoFor } from '../harness/mongo.ts';
import { startGateway } from '../harness/gateway.ts';
import { person, startHybrid } from './hybrid/place.ts';

const server = await mongoFor(t);

if (server) {
  t.test('the road from MongoDB to Postgres and back', async (t) => {
    const hybrid = await startHybrid(t, server);
    const gateway = await startGateway(t, { config: hybrid.config, env: hybrid.env });
    const ada = await person(gateway.url, 'ws-north');
    const before = await ada.all('orders');
    console.error(JSON.stringify(before[0]), before.length);
    for (const mode of ['dual-write', 'shadow', 'live', 'new', 'live', 'shadow', 'dual-write', 'legacy']) {
      await hybrid.move(mode, mode === 'dual-write' ? undefined : undefined);
      t.same(await ada.all('orders'), before, mode);
    }
    console.error(gateway.output().slice(-3000));
  });
}
