import type { OptionSpec } from './command.ts';

/** Options of `switch` and `rollback`; apart from what reads them, so that `--help` loads no more than this. */
export const MOVE_OPTIONS: readonly OptionSpec[] = [
  { flags: '--dry-run', description: 'show steps and guards, move nothing' },
  {
    flags: '--force <guard>',
    description: 'pass this guard although it refuses; needs --reason',
    repeated: true,
  },
  {
    flags: '--reason <text>',
    description: 'why the guard is passed; stands in the audit log',
    repeated: true,
  },
  { flags: '--write-file', description: 'write the mode into the file too, keeping everything else in it' },
  { flags: '--yes', description: 'do not ask' },
];
