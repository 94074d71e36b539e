import { createServer, type IncomingMessage, type Server } from 'node:http';
import { localEngine, readRequest, type ComplianceEngine } from './engine.ts';

/** The engine as a service of its own: the same path and body as the public route. */
export function complianceService(engine: ComplianceEngine = localEngine): Server {
  return createServer((request, response) => {
    void answer(engine, request).then(({ status, body }) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(body));
    });
  });
}

async function answer(
  engine: ComplianceEngine,
  request: IncomingMessage,
): Promise<{ status: number; body: unknown }> {
  if (request.method !== 'POST' || request.url !== '/api/v1/compliance/checks')
    return { status: 404, body: { error: { code: 'not-found', message: 'POST /api/v1/compliance/checks' } } };
  let json: unknown;
  try {
    json = JSON.parse(await textOf(request));
  } catch {
    return { status: 400, body: { error: { code: 'invalid-json', message: 'the body is not JSON' } } };
  }
  const asked = readRequest(json);
  if (typeof asked === 'string')
    return { status: 400, body: { error: { code: 'validation-failed', message: asked } } };
  const report = await engine.check(asked);
  return { status: 200, body: { ...report, engine: 'service', checkedAt: new Date().toISOString() } };
}

async function textOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts).toString();
}
