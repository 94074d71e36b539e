import { bindSnapshot, closeUnused } from '../../app/bind.ts';
import { migrateAll } from '../../app/migrate.ts';
import { registerResources } from '../../state/resources.ts';
import type { CommandModule } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import { readSnapshot } from '../session.ts';

export const run: CommandModule['run'] = async (invocation, _args, options) => {
  const dryRun = options.dryRun === true;
  const binding = await bindSnapshot(readSnapshot(invocation), ({ message }) =>
    invocation.terminal.remark(message),
  );
  try {
    const report = await migrateAll(binding, { dryRun });
    if (!dryRun) await registerResources(binding.database, [...binding.resources.keys()]);
    const verb = dryRun ? 'would be' : 'was';
    const text = [
      ...report.models.map((name) => `  model migration ${name} ${verb} applied`),
      ...report.control.map((name) => `  control migration ${name} ${verb} applied`),
      ...report.captured.map(
        (name) => `  writes to ${name} on the new side ${verb.replace('was', 'are')} marked by triggers`,
      ),
    ];
    if (text.length === 0) text.push('Nothing to migrate.');
    return { exit: EXIT.done, document: { dryRun, ...report }, text };
  } finally {
    await closeUnused(binding);
  }
};
