import { bindSnapshot, closeUnused, type Binding } from '../../app/bind.ts';
import { migrateAll } from '../../app/migrate.ts';
import { checkMapping } from '../../control/mapping-check.ts';
import type { CommandModule } from '../command.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { counted } from '../format.ts';
import { readSnapshot } from '../session.ts';

/** One thing that is wrong, and what would be right. */
interface Finding {
  /** E.g. `store erp-legacy`, `resource clients`. */
  where: string;
  kind: 'store' | 'mapping' | 'migration';
  found: string;
  right: string;
}

export const run: CommandModule['run'] = async (invocation) => {
  const { terminal, file } = invocation;
  const binding = await bindSnapshot(readSnapshot(invocation), ({ message }) => terminal.remark(message));
  try {
    const silent = await checkStores(binding);
    const migrations = silent.some(({ where }) => where === `store ${binding.snapshot.control}`)
      ? []
      : await checkMigrations(binding);
    const mappings = await checkMappings(binding, new Set(silent.map(({ where }) => where)));
    const findings = [...silent, ...migrations, ...mappings];
    const { stores, resources } = binding;
    const text = findings.flatMap(({ where, found, right }) => [
      `${terminal.bad} ${where}: ${found}`,
      `    right would be: ${right}`,
    ]);
    const checked = `${file}, ${counted(stores.size, 'store')}, ${counted(resources.size, 'resource')}`;
    text.push(
      findings.length === 0
        ? `${terminal.good} ${checked}: all fits`
        : `${checked}: ${counted(findings.length, 'thing')} to correct`,
    );
    return { exit: exitOf(findings), document: { file, ok: findings.length === 0, findings }, text };
  } finally {
    await closeUnused(binding);
  }
};

/** A mapping that does not fit is a configuration that is wrong; the rest is something that fails now. */
function exitOf(findings: readonly Finding[]): ExitCode {
  if (findings.length === 0) return EXIT.done;
  return findings.every(({ kind }) => kind === 'mapping') ? EXIT.usage : EXIT.failed;
}

async function checkStores({ stores }: Binding): Promise<Finding[]> {
  const asked = [...stores].map(async ([name, store]): Promise<Finding[]> => {
    const right = 'a store that answers at the URL and takes the account that the environment gives it';
    const finding = (error: Error): Finding => ({
      where: `store ${name}`,
      kind: 'store',
      found: error.message,
      right,
    });
    return await store.ping().then(
      () => [],
      (error: unknown) => [finding(error as Error)],
    );
  });
  return (await Promise.all(asked)).flat();
}

async function checkMigrations(binding: Binding): Promise<Finding[]> {
  const { control } = binding.snapshot;
  const where = `store ${control}`;
  const pending = (kind: string, names: readonly string[]): Finding[] =>
    names.map((name) => ({
      where,
      kind: 'migration',
      found: `${kind} migration ${name} is not applied`,
      right: 'run "banyan migrate", or start the gateway',
    }));
  try {
    const report = await migrateAll(binding, { dryRun: true });
    return [...pending('model', report.models), ...pending('control', report.control)];
  } catch (error) {
    const right = 'an owner account (ownerUrl) that may read the tables of migrations';
    return [
      {
        where,
        kind: 'migration',
        found: `migrations cannot be looked at: ${(error as Error).message}`,
        right,
      },
    ];
  }
}

async function checkMappings({ resources }: Binding, silent: ReadonlySet<string>): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const resource of resources.values()) {
    const where = `resource ${resource.name}`;
    // A store that is away is a finding of its own; about its tables nothing can be said.
    if ([resource.legacy, resource.new].some(({ store }) => silent.has(`store ${store.name}`))) continue;
    const problems = await checkMapping(resource).catch((error: unknown) => [
      `its tables cannot be looked at: ${(error as Error).message}`,
    ]);
    const right = `tables that have what the model ${resource.settings.new.model} and "fields" of ${resource.name} name`;
    findings.push(...problems.map((found): Finding => ({ where, kind: 'mapping', found, right })));
  }
  return findings;
}
