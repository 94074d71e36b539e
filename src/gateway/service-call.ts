import { setTimeout as sleep } from 'node:timers/promises';
import type { ServiceSide } from '../domain/configuration.ts';
import { BanyanError, isBanyanError } from '../domain/errors.ts';
import { parseJson, type Value } from '../domain/values.ts';

/** A request to the service that runs an operation. */
export interface ServiceRequest {
  method: string;
  /** Path and query as the client sent them. */
  target: string;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  /** JSON text; empty: none. */
  body: string;
  /** Whether asking twice does no harm: then a lost answer leaves no doubt behind. */
  safe: boolean;
}

/** `data` goes into the envelope; a refusal is what the service said to the client, as it said it. */
export type ServiceAnswer = { data: Value } | { refusal: { status: number; body: string } };

/** Before a service that could not be reached is asked again; ms. */
const PAUSE = 50;

/** What of the client's request the service gets to know, besides method, target and body. */
const PASSED_ON = ['authorization', 'accept-language', 'idempotency-key', 'traceparent', 'tracestate'];

/**
 * Asks a service. 2xx is its data, 4xx its refusal; everything else is an error of the catalogue: service-failed,
 * upstream-unreachable or upstream-timeout, and outcome-unknown where it may have been done.
 */
export async function askService(
  side: ServiceSide,
  request: ServiceRequest,
  requestId: string,
): Promise<ServiceAnswer> {
  const url = side.upstream.replace(/\/$/, '') + request.target;
  const headers: Record<string, string> = { accept: 'application/json', 'x-request-id': requestId };
  for (const name of PASSED_ON) {
    const value = request.headers[name];
    if (typeof value === 'string') headers[name] = value;
  }
  if (request.body !== '') headers['content-type'] = 'application/json';
  try {
    return await askOnce(side, url, headers, request);
  } catch (error) {
    // Once more, where that does no harm and it may have been a connection that the service had just closed.
    if (!request.safe || !isBanyanError(error, 'upstream-unreachable')) throw error;
    await sleep(PAUSE);
    return await askOnce(side, url, headers, request);
  }
}

async function askOnce(
  side: ServiceSide,
  url: string,
  headers: Record<string, string>,
  request: ServiceRequest,
): Promise<ServiceAnswer> {
  let status: number;
  let text: string;
  try {
    const response = await fetch(url, {
      method: request.method,
      headers,
      ...(request.body === '' ? {} : { body: request.body }),
      redirect: 'error',
      signal: AbortSignal.timeout(side.timeout),
    });
    status = response.status;
    text = await response.text();
  } catch (error) {
    throw unanswered(error, request);
  }
  return read(status, text, request);
}

function read(status: number, text: string, request: ServiceRequest): ServiceAnswer {
  const json = jsonOf(text);
  if (json && status >= 200 && status < 300) return { data: json.value };
  if (json && status >= 400 && status < 500) return { refusal: { status, body: text } };
  const what = json ? `answered with status ${status}` : `answered with status ${status} and no JSON`;
  throw new BanyanError('service-failed', `the service of this operation ${what}`, {
    outcome: request.safe ? 'not-applied' : 'unknown',
  });
}

function jsonOf(text: string): { value: Value } | null {
  try {
    return { value: text === '' ? null : parseJson(text) };
  } catch {
    return null;
  }
}

/** Codes of a connection that was never made: nothing was sent. */
const NEVER_SENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

function unanswered(error: unknown, { safe }: ServiceRequest): BanyanError {
  const { name, cause } = error as Error & { cause?: { code?: string; errors?: { code?: string }[] } };
  const code = cause?.code ?? cause?.errors?.[0]?.code ?? '';
  if (NEVER_SENT.has(code))
    return new BanyanError('upstream-unreachable', 'the service of this operation cannot be reached', {
      cause: error,
    });
  if (!safe) return new BanyanError('outcome-unknown', undefined, { outcome: 'unknown', cause: error });
  const timeout = name === 'TimeoutError';
  const message = `the service of this operation ${timeout ? 'did not answer in time' : 'broke the connection'}`;
  return new BanyanError(timeout ? 'upstream-timeout' : 'upstream-unreachable', message, { cause: error });
}
