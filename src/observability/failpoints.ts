/**
 * Named points at which a test can end or stop this very process, e.g. `BANYAN_FAILPOINT=write.sent=kill`.
 * Without that variable a point costs one comparison. `kill` is SIGKILL, `stop` is SIGSTOP (a pause of any length).
 * `=kill@3` waits for the third time.
 */
export const FAILPOINTS = [
  'write.before-mark',
  'write.marked',
  'write.answered',
  'batch.send',
  'sync.noted',
  'sync.read',
  'sync.before-commit',
  'sync.committed',
  'sync.leased',
  'sync.sent',
  'sync.settled',
  'backfill.noted',
  'backfill.read',
  'backfill.chunk',
  'move.read',
  'move.before-commit',
  'switch.drain',
  'switch.switch',
  'switch.open',
  'switch.acked',
  'idempotency.begun',
  'idempotency.done',
] as const;

export type Failpoint = (typeof FAILPOINTS)[number];

const SIGNALS = { kill: 'SIGKILL', stop: 'SIGSTOP' } as const;
const armed = parse(process.env.BANYAN_FAILPOINT);

function parse(text: string | undefined): { point: string; signal: NodeJS.Signals; left: number } | null {
  if (!text) return null;
  const match = /^([\w.-]+)=(kill|stop)(?:@(\d+))?$/.exec(text);
  if (!match || !FAILPOINTS.includes(match[1] as Failpoint)) {
    throw new Error(
      `BANYAN_FAILPOINT is "${text}"; expected POINT=kill or POINT=stop, with POINT one of ${FAILPOINTS.join(', ')}`,
    );
  }
  return {
    point: match[1] as string,
    signal: SIGNALS[match[2] as 'kill' | 'stop'],
    left: Number(match[3] ?? 1),
  };
}

/** The process has come to a named point. */
export function reach(point: Failpoint): void {
  if (armed === null || armed.point !== point) return;
  armed.left -= 1;
  if (armed.left === 0) process.kill(process.pid, armed.signal);
}
