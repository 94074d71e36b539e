import { canonicalTimestamp } from '../../domain/values.ts';
import { readAudit } from '../../state/audit.ts';
import type { CommandModule } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import { usage } from '../failure.ts';
import { Session } from '../session.ts';
import { table } from '../table.ts';

export const run: CommandModule['run'] = async (invocation, [name], options) => {
  const limit = Number(options.limit);
  if (!Number.isInteger(limit) || limit < 1)
    throw usage(`--limit is ${String(options.limit)}`, 'Give a whole number above 0.');
  return await Session.with(invocation, async (session) => {
    // A resource that has left the file still has a past: its name is not checked.
    const entries = (await readAudit(session.database, name ?? null, limit)).map((entry) => ({
      ...entry,
      at: canonicalTimestamp(entry.at) ?? entry.at,
    }));
    const rows = entries.map(({ at, actor, action, resource, details }) => [
      at,
      actor,
      action,
      resource ?? '–',
      shown(details),
    ]);
    const text =
      rows.length > 0
        ? table(invocation.terminal, ['at', 'who', 'what', 'resource', 'details'], rows)
        : ['Nothing yet.'];
    return { exit: EXIT.done, document: { entries }, text };
  });
};

function shown(details: Record<string, unknown>): string {
  return Object.entries(details)
    .filter(([, value]) => value !== null && !(Array.isArray(value) && value.length === 0))
    .map(([name, value]) => `${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(', ');
}
