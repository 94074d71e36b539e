/** What a command's exit status says. docs/cli.md and `banyan --help` show the same table. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  refused: 3,
  turnedRound: 4,
  differences: 5,
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export const EXIT_MEANINGS: readonly (readonly [ExitCode, string])[] = [
  [EXIT.done, 'done'],
  [EXIT.failed, 'failed: a store does not answer, migrations are missing, or the unexpected'],
  [EXIT.usage, 'the command or the configuration is wrong; nothing was done'],
  [EXIT.refused, 'a guard or a rule of the road refuses the step'],
  [EXIT.turnedRound, 'a switch turned round: the mode before is in force'],
  [EXIT.differences, 'differing or refused records are left'],
  [EXIT.interrupted, 'interrupted by Ctrl-C; jobs go on from their checkpoint'],
];
