import { Agent, request } from 'undici';
import type { Subject } from './subjects.ts';

/** One answer, or its absence. */
export interface Exchange {
  /** 0: no answer. */
  status: number;
  /** Code of the error envelope, or of the connection's failure; empty on success. */
  code: string;
  /** `data` of the envelope. */
  data: unknown;
  /** x-served-by, or `nobody`. */
  servedBy: string;
  url: string;
}

/**
 * What an answer to a write says. `settled`: it was done. `nothing`: it was not, and the gateway says why. `unsent`: no
 * gateway had it; the next may. `doubt`: nobody knows; only the same request with the same Idempotency-Key, or time, can
 * tell.
 */
export type Verdict = 'settled' | 'nothing' | 'unsent' | 'doubt';

/** Codes that leave open whether the write was done. */
const DOUBT = new Set(['outcome-unknown', 'internal', 'idempotency-in-progress']);
/** Codes of a gateway that is away, or has just begun. */
const UNSENT = new Set(['ECONNREFUSED', 'UND_ERR_CONNECT_TIMEOUT', 'no-gateway', 'not-ready']);

export function verdictOf({ status, code }: Exchange): Verdict {
  if (status >= 200 && status < 300) return 'settled';
  if (UNSENT.has(code)) return 'unsent';
  return status === 0 || DOUBT.has(code) || code.startsWith('no-envelope') ? 'doubt' : 'nothing';
}

/** Who is to blame that a request got no good answer. */
export function blameFor({ status, code }: Exchange): 'switch' | 'process' | 'other' {
  if (code === 'switching') return 'switch';
  return status === 0 || code === 'not-ready' ? 'process' : 'other';
}

/** Sends requests to gateways over kept connections. */
export class Exchanger {
  private readonly subject: Pick<Subject, 'envelope' | 'headers'>;
  private readonly agent = new Agent({
    connections: 64,
    pipelining: 1,
    headersTimeout: 60_000,
    bodyTimeout: 60_000,
  });

  constructor(subject: Pick<Subject, 'envelope' | 'headers'> = {}) {
    this.subject = subject;
  }

  async send(method: string, url: string, body?: unknown, token?: string): Promise<Exchange> {
    try {
      const answer = await request(url, {
        dispatcher: this.agent,
        method: method as 'GET',
        headers: {
          ...this.subject.headers,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(token === undefined ? {} : { 'idempotency-key': token }),
        },
        body: body === undefined ? undefined : JSON.stringify(body),
      });
      const text = await answer.body.text();
      const servedBy = String(answer.headers['x-served-by'] ?? 'nobody');
      return {
        status: answer.statusCode,
        ...READ[this.subject.envelope ?? 'success-data'](answer.statusCode, text),
        servedBy,
        url,
      };
    } catch (error) {
      const code = (error as { code?: string }).code ?? (error as Error).name;
      return { status: 0, code, data: undefined, servedBy: 'nobody', url };
    }
  }
}

type ReadBody = (status: number, text: string) => Pick<Exchange, 'code' | 'data'>;

/** How the body of an answer is read, by the resource's envelope. */
const READ: Readonly<Record<NonNullable<Subject['envelope']>, ReadBody>> = {
  'success-data': inEnvelope,
  none: bare,
};

function bare(status: number, text: string): Pick<Exchange, 'code' | 'data'> {
  try {
    const data = JSON.parse(text) as unknown;
    if (status < 400) return { code: '', data };
    const code = (data as { error?: { code?: unknown } }).error?.code;
    if (typeof code === 'string') return { code, data: undefined };
  } catch {
    // Told below.
  }
  return { code: `no-envelope ${text.slice(0, 80)}`, data: undefined };
}

/** An answer that is not in the envelope has a code of its own: that is never right (E2). */
function inEnvelope(status: number, text: string): Pick<Exchange, 'code' | 'data'> {
  try {
    const { success, data, error } = JSON.parse(text) as Record<string, unknown>;
    if (success === true && status < 400) return { code: '', data };
    const code = (error as { code?: unknown } | undefined)?.code;
    if (success === false && typeof code === 'string') return { code, data: undefined };
  } catch {
    // Told below.
  }
  return { code: `no-envelope ${text.slice(0, 80)}`, data: undefined };
}
