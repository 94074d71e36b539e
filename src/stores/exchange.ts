import { isUtf8 } from 'node:buffer';
import type { Agent, Dispatcher } from 'undici';

/** Code of the error with which a request is given up after its time. */
export const SILENT = 'NO_ANSWER_IN_TIME';
/** A connection that the server closed while it was idle, noticed only when a request was written to it. */
const STALE = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE']);

export interface Request {
  method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  origin: string;
  path: string;
  headers: Record<string, string>;
  body: string | null;
}

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: string;
  /** Whether the body was UTF-8; what is not stands as U+FFFD in it. */
  isText: boolean;
}

/** Why there is no answer, and whether a byte of the request may have left this process. */
export class NoAnswer extends Error {
  readonly sent: boolean;
  override readonly cause: NodeJS.ErrnoException;

  constructor(sent: boolean, cause: NodeJS.ErrnoException) {
    super(cause.message);
    this.sent = sent;
    this.cause = cause;
  }
}

/**
 * As `exchange`, until performance.now() is `until`. A request that writes nothing is sent once more where its connection
 * was stale; what a write came to there nobody knows.
 */
export async function exchangeUntil(
  agent: Agent,
  request: Request,
  until: number,
  { writes }: { writes: boolean },
): Promise<Answer> {
  const once = async () => await exchange(agent, request, Math.max(1, until - performance.now()));
  try {
    return await once();
  } catch (error) {
    if (writes || !isStale(error)) throw error;
    return await once();
  }
}

function isStale(error: unknown): boolean {
  return error instanceof NoAnswer && error.sent && STALE.has(error.cause.code ?? '');
}

/**
 * One request and its whole answer within `time` milliseconds, else NoAnswer. This is below fetch, because fetch does
 * not tell whether a request that failed was ever written to a connection, and that decides between "nothing was
 * changed" and "nobody knows" (R2). A request that timed out before it was sent will never be sent (A1).
 */
function exchange(agent: Agent, request: Request, time: number): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const handler = new Exchange(resolve, reject, time);
    // The timeout above is the only one; undici's own are coarser.
    agent.dispatch({ ...request, headersTimeout: 0, bodyTimeout: 0 }, handler);
  });
}

class Exchange implements Dispatcher.DispatchHandler {
  readonly #resolve: (answer: Answer) => void;
  readonly #reject: (reason: NoAnswer) => void;
  readonly #timer: NodeJS.Timeout;
  readonly #chunks: Buffer[] = [];
  #controller: Dispatcher.DispatchController | null = null;
  #givenUp: NodeJS.ErrnoException | null = null;
  #status = 0;
  #headers: Answer['headers'] = {};

  constructor(resolve: (answer: Answer) => void, reject: (reason: NoAnswer) => void, time: number) {
    this.#resolve = resolve;
    this.#reject = reject;
    this.#timer = setTimeout(() => this.#giveUp(time), time);
  }

  #giveUp(time: number): void {
    const error: NodeJS.ErrnoException = new Error(`no answer within ${Math.round(time)} ms`);
    error.code = SILENT;
    this.#givenUp = error;
    this.#reject(new NoAnswer(this.#controller !== null, error));
    this.#controller?.abort(error);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // Called when a connection is there and the request is about to be written to it.
    if (this.#givenUp) controller.abort(this.#givenUp);
    else this.#controller = controller;
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Answer['headers'],
  ): void {
    this.#status = status;
    this.#headers = headers;
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    clearTimeout(this.#timer);
    const body = this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks);
    const isText = isUtf8(body);
    this.#resolve({ status: this.#status, headers: this.#headers, body: body.toString('utf8'), isText });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    clearTimeout(this.#timer);
    this.#reject(new NoAnswer(this.#controller !== null, error));
  }
}
