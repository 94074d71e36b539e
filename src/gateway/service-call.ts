import { type CircuitBreakerPolicy, handleWhen, isBrokenCircuitError, type RetryPolicy } from 'cockatiel';
import type { RetrySettings, ServiceSide } from '../domain/configuration.ts';
import { BanyanError, type ErrorCode, isBanyanError } from '../domain/errors.ts';
import { parseJson, type Value } from '../domain/values.ts';
import { type BreakerNotice, breakerOf, retryOf, stateOf } from '../stores/policies.ts';
import type { ProbedService } from './health.ts';

/** A request to the service that runs an operation. */
export interface ServiceRequest {
  method: string;
  /** Path and query as the client sent them. */
  target: string;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  /** JSON text; empty: none. */
  body: string;
}

/** `data` goes into the envelope; a refusal is what the service said to the client, as it said it. */
export type ServiceAnswer = { data: Value } | { refusal: { status: number; body: string } };

/** Without settings: it may have been a connection that the service had just closed. */
const ONCE_MORE: RetrySettings = { attempts: 1, pause: 50 };
/**
 * After these a service may be asked again. Of an operation that is not safe they say that nothing was sent: one that may
 * have been done fails with outcome-unknown.
 */
const NO_ANSWER: readonly ErrorCode[] = ['upstream-unreachable', 'upstream-timeout'];
/** Failures that say that the service itself is in trouble. */
const TROUBLE: readonly ErrorCode[] = [...NO_ANSWER, 'outcome-unknown'];

/** What of the client's request the service gets to know, besides method, target and body. */
const PASSED_ON = ['authorization', 'accept-language', 'idempotency-key', 'traceparent', 'tracestate'];

/** The service of one side of an operation, with the retries and the breaker of its settings. */
export class Service {
  readonly settings: ServiceSide;
  /** Whether asking twice does no harm: then a lost answer leaves no doubt behind. */
  readonly safe: boolean;
  readonly #retry: RetryPolicy | null;
  readonly #breaker: CircuitBreakerPolicy | null;
  #retries = 0;

  /** `title`: for the log. */
  constructor(settings: ServiceSide, safe: boolean, title: string, notice: BreakerNotice) {
    this.settings = settings;
    this.safe = safe;
    this.#retry = retryFor(settings, safe);
    this.#retry?.onRetry(() => (this.#retries += 1));
    const { breaker } = settings;
    this.#breaker = breaker && breakerOf(title, after(TROUBLE), breaker, notice);
  }

  get figures(): ProbedService['figures'] {
    return { retries: this.#retries, breaker: stateOf(this.#breaker) };
  }

  /**
   * Asks the service. 2xx is its data, 4xx its refusal; everything else is an error of the catalogue: service-failed,
   * upstream-unreachable, upstream-timeout or upstream-resting, and outcome-unknown where it may have been done. For the
   * breaker all attempts are one request, and an answer of any status is an answer.
   */
  async ask(request: ServiceRequest, requestId: string): Promise<ServiceAnswer> {
    const once = async () => await askOnce(this, request, requestId);
    const attempts = async () => await (this.#retry ? this.#retry.execute(once) : once());
    try {
      return await (this.#breaker ? this.#breaker.execute(attempts) : attempts());
    } catch (error) {
      throw isBrokenCircuitError(error) ? new BanyanError('upstream-resting', RESTING) : error;
    }
  }
}

const RESTING = 'the service of this operation has failed too often and is left alone for a moment';

function retryFor({ retry }: ServiceSide, safe: boolean): RetryPolicy | null {
  if (retry) return retryOf(after(NO_ANSWER), retry);
  return safe ? retryOf(after(['upstream-unreachable']), ONCE_MORE) : null;
}

function after(codes: readonly ErrorCode[]) {
  return handleWhen((error) => isBanyanError(error, ...codes));
}

async function askOnce(
  { settings, safe }: Service,
  request: ServiceRequest,
  requestId: string,
): Promise<ServiceAnswer> {
  const url = settings.upstream.replace(/\/$/, '') + request.target;
  const headers = headersOf(request, requestId);
  let status: number;
  let text: string;
  try {
    const response = await fetch(url, {
      method: request.method,
      headers,
      ...(request.body === '' ? {} : { body: request.body }),
      redirect: 'error',
      signal: AbortSignal.timeout(settings.timeout),
    });
    status = response.status;
    text = await response.text();
  } catch (error) {
    throw unanswered(error, safe);
  }
  return read(status, text, safe);
}

function headersOf({ headers: given, body }: ServiceRequest, requestId: string): Record<string, string> {
  const headers: Record<string, string> = { accept: 'application/json', 'x-request-id': requestId };
  for (const name of PASSED_ON) {
    const value = given[name];
    if (typeof value === 'string') headers[name] = value;
  }
  if (body !== '') headers['content-type'] = 'application/json';
  return headers;
}

function read(status: number, text: string, safe: boolean): ServiceAnswer {
  const json = jsonOf(text);
  if (json && status >= 200 && status < 300) return { data: json.value };
  if (json && status >= 400 && status < 500) return { refusal: { status, body: text } };
  const what = json ? `answered with status ${status}` : `answered with status ${status} and no JSON`;
  throw new BanyanError('service-failed', `the service of this operation ${what}`, {
    outcome: safe ? 'not-applied' : 'unknown',
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

function unanswered(error: unknown, safe: boolean): BanyanError {
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
