import type { Environment } from '../config/variables.ts';
import type { ExitCode } from './exit-codes.ts';
import type { Terminal } from './terminal.ts';

/** What every command is given beside its own arguments. */
export interface Invocation {
  /** Absolute path of the configuration. */
  file: string;
  env: Environment;
  /** Who stands in the audit log. */
  actor: string;
  terminal: Terminal;
}

/** How a command ended: the exit status, what `--json` prints, and what people read. */
export interface Result {
  exit: ExitCode;
  document: object;
  text: readonly string[];
}

/** Values of a command's options, by their long names in camel case. */
export type Options = Readonly<Record<string, unknown>>;

/** What a file of `commands/` exports. */
export interface CommandModule {
  run(invocation: Invocation, args: readonly (string | undefined)[], options: Options): Promise<Result>;
}

export interface OptionSpec {
  /** As commander writes them, e.g. `--limit <n>`. */
  flags: string;
  description: string;
  default?: string;
  /** May be given several times; its value is a list. */
  repeated?: boolean;
}

export interface CommandSpec {
  name: string;
  /** As commander writes them: `<RESOURCE>` is required, `[MODE]` is not. */
  arguments: readonly (readonly [string, string])[];
  summary: string;
  /** Further lines of `--help`. */
  help?: string;
  options: readonly OptionSpec[];
  load(): Promise<CommandModule>;
}
