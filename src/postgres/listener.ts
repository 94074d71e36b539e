import pg from 'pg';

export interface ListenerOptions {
  url: string;
  channel: string;
  /** A notification came; its payload. */
  onNotice: (payload: string) => void;
  /** (Re)subscribed: anything may have been missed before, so everything is to be read again. */
  onResync: () => void;
  /** Connected, or not; for logs. */
  onState?: (connected: boolean, reason: string | null) => void;
}

/** Milliseconds. A half-open socket is noticed after `heartbeat + deadline`; nothing else would tell. */
const HEARTBEAT = { every: 5_000, deadline: 3_000 } as const;
const RETRY = { first: 100, longest: 5_000 } as const;

/**
 * LISTEN on a connection of its own, for as long as the process lives. A notification only wakes: the truth is in the
 * tables, and whoever waits polls as well. Every driver's own LISTEN goes deaf without a word on a blackholed socket, so
 * the same session is asked at intervals whether it still listens, with a deadline.
 *
 * Needs session pooling: a transaction-pooling pgbouncer cannot carry LISTEN.
 */
export class Listener {
  private readonly options: ListenerOptions;
  private client: pg.Client | null = null;
  private timer: NodeJS.Timeout | undefined;
  private pause: number = RETRY.first;
  private closed = false;

  constructor(options: ListenerOptions) {
    this.options = options;
  }

  start(): void {
    void this.connect();
  }

  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    const client = this.client;
    this.client = null;
    await client?.end().catch(() => undefined);
  }

  private async connect(): Promise<void> {
    if (this.closed) return;
    const client = new pg.Client({
      connectionString: this.options.url,
      application_name: 'banyan listener',
      keepAlive: true,
      connectionTimeoutMillis: HEARTBEAT.deadline,
      query_timeout: HEARTBEAT.deadline,
    });
    client.on('error', (error) => this.lost(client, error.message));
    client.on('end', () => this.lost(client, 'the connection was closed'));
    client.on('notification', ({ payload }) => this.options.onNotice(payload ?? ''));
    this.client = client;
    try {
      await client.connect();
      await client.query(`LISTEN ${pg.escapeIdentifier(this.options.channel)}`);
    } catch (error) {
      this.lost(client, (error as Error).message);
      return;
    }
    this.pause = RETRY.first;
    this.options.onState?.(true, null);
    this.options.onResync();
    this.planHeartbeat(client);
  }

  private planHeartbeat(client: pg.Client): void {
    this.timer = setTimeout(() => void this.heartbeat(client), HEARTBEAT.every);
    this.timer.unref();
  }

  private async heartbeat(client: pg.Client): Promise<void> {
    try {
      const { rows } = await client.query<{ channel: string }>('SELECT pg_listening_channels() AS channel');
      if (!rows.some(({ channel }) => channel === this.options.channel))
        throw new Error('the session does not listen any more');
      if (this.client === client) this.planHeartbeat(client);
    } catch (error) {
      this.lost(client, (error as Error).message);
    }
  }

  /** Comes at most once per client: whoever notices first takes it off. */
  private lost(client: pg.Client, reason: string): void {
    if (this.client !== client) return;
    this.client = null;
    clearTimeout(this.timer);
    // end() would wait for an answer that a dead socket never gives.
    (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
    if (this.closed) return;
    this.options.onState?.(false, reason);
    const jitter = 0.5 + Math.random();
    this.timer = setTimeout(() => void this.connect(), this.pause * jitter);
    this.timer.unref();
    this.pause = Math.min(RETRY.longest, this.pause * 2);
  }
}
