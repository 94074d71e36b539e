import { request } from 'undici';
import { until } from './wait.ts';
import type { TestConfig } from './gateway.ts';
import type { TestDatabase } from './postgres.ts';

/** An answer of the gateway, its JSON body read. */
export interface Answer {
  status: number;
  servedBy: string | null;
  headers: Headers;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  body: any;
}

/** Sends one request as a client of the product would. */
export async function send(
  base: string,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  // Not `fetch`, whose streams and headers take several times as long as the request.
  const answer = await request(base + path, {
    method: method as 'GET',
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    body: body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body),
  });
  const text = await answer.body.text();
  const given = new Headers();
  for (const [name, value] of Object.entries(answer.headers))
    for (const one of [value ?? []].flat()) given.append(name, one);
  const isJson = given.get('content-type')?.includes('json') && text !== '';
  return {
    status: answer.statusCode,
    servedBy: given.get('x-served-by'),
    headers: given,
    body: isJson ? JSON.parse(text) : text,
  };
}

/** The road up and back, without its beginning. */
export const ROAD_UP = ['dual-write', 'shadow', 'live', 'new'] as const;
export const ROAD_BACK = ['live', 'shadow', 'dual-write', 'legacy'] as const;

/** Where a resource is, as the control database says. */
export async function modeOf(control: TestDatabase, resource: string): Promise<string> {
  const [row] = await control.query<{ mode: string; stage: string }>(
    'SELECT mode, stage FROM banyan.resource WHERE name = $1',
    [resource],
  );
  return row?.stage === 'open' ? row.mode : `${row?.mode} (${row?.stage})`;
}

/** Moves a resource as an operator with an editor does: saves the file, and waits until it is so. */
export async function moveByFile(
  config: TestConfig,
  control: TestDatabase,
  resource: string,
  mode: string,
): Promise<void> {
  await config.setMode(resource, mode);
  await until(async () => (await modeOf(control, resource)) === mode, {
    what: `${resource} is in mode ${mode}`,
    timeout: 60_000,
  }).catch(async (error: Error) => {
    const wanted = await control.query(
      'SELECT mode, source, refusal FROM banyan.wanted WHERE resource = $1',
      [resource],
    );
    throw new Error(`${error.message}; asked for: ${JSON.stringify(wanted)}`);
  });
}
