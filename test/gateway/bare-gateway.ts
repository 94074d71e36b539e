import type { Snapshot } from '../../src/domain/configuration.ts';
import { Matcher } from '../../src/gateway/match.ts';
import { createGateway } from '../../src/gateway/server.ts';
import type { Log } from '../../src/observability/log.ts';
import type { Teardown } from '../harness/postgres.ts';

/** The gateway's HTTP server without a resource; its upstream may be silent for a moment only. */
export async function startBareGateway(
  t: Teardown,
  upstream: string,
  settings: Partial<Snapshot> = {},
  log?: Log,
): Promise<string> {
  const matcher = new Matcher({ upstream, operations: [], ...settings } as unknown as Snapshot, []);
  const app = await createGateway({
    server: { bodyLimit: 1_000, logLevel: 'silent' } as Snapshot['server'],
    matcher: () => matcher,
    runtimeOf: () => undefined,
    operationOf: () => undefined,
    ready: () => true,
    log,
    upstreamPatience: { answer: 300, body: 300 },
  });
  t.teardown(() => app.close());
  return await app.listen({ host: '127.0.0.1', port: 0 });
}
