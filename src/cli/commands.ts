import type { CommandSpec } from './command.ts';
import { MOVE_OPTIONS } from './move-options.ts';

const RESOURCE = ['<RESOURCE>', 'name of a resource in the configuration'] as const;
const ANY_RESOURCE = ['[RESOURCE]', 'only this one'] as const;

/** All commands. Each is loaded only when it is called. */
export const COMMANDS: readonly CommandSpec[] = [
  {
    name: 'check',
    arguments: [],
    summary: 'hold the configuration against the real stores and tables',
    options: [],
    load: () => import('./commands/check.ts'),
  },
  {
    name: 'status',
    arguments: [ANY_RESOURCE],
    summary: 'where each resource is, how far behind, and whether it could go back',
    options: [],
    load: () => import('./commands/status.ts'),
  },
  {
    name: 'switch',
    arguments: [RESOURCE, ['<MODE>', 'legacy, dual-write, shadow, live, new, split or merged']],
    summary: 'move a resource along the road, step by step, each step with its guards',
    options: MOVE_OPTIONS,
    load: () => import('./commands/switch.ts'),
  },
  {
    name: 'rollback',
    arguments: [RESOURCE],
    summary: 'move a resource one step back',
    options: MOVE_OPTIONS,
    load: () => import('./commands/rollback.ts'),
  },
  {
    name: 'why',
    arguments: [RESOURCE, ['[MODE]', 'instead of the next one on the road']],
    summary: 'what is in the way of the next step, what clears it, and how long that takes',
    options: [],
    load: () => import('./commands/why.ts'),
  },
  {
    name: 'backfill',
    arguments: [RESOURCE],
    summary: 'copy what legacy holds; goes on where an earlier one ended',
    options: [{ flags: '--again', description: 'copy everything anew where it is complete' }],
    load: () => import('./commands/backfill.ts'),
  },
  {
    name: 'verify',
    arguments: [RESOURCE],
    summary: 'compare every record of both sides',
    options: [],
    load: () => import('./commands/verify.ts'),
  },
  {
    name: 'repair',
    arguments: [RESOURCE],
    summary: 'sync the records that are known to differ',
    options: [],
    load: () => import('./commands/repair.ts'),
  },
  {
    name: 'dead-letters',
    arguments: [
      ['<ACTION>', 'list, show, retry, discard or export'],
      ANY_RESOURCE,
      ['[KEY]', 'only this record; show needs it'],
    ],
    summary: 'records that the other side refuses for good: what they are, why, and what to do with them',
    options: [
      {
        flags: '--file <file>',
        description: 'where export writes, a line of JSON each; - is standard output',
      },
      { flags: '--limit <n>', description: 'so many are listed', default: '20' },
      { flags: '--reason <text>', description: 'why they are discarded; stands in the audit log' },
    ],
    load: () => import('./commands/dead-letters.ts'),
  },
  {
    name: 'lint',
    arguments: [RESOURCE],
    summary: 'send every legacy record to the new form and back, and say which values could not return',
    options: [],
    load: () => import('./commands/lint.ts'),
  },
  {
    name: 'client',
    arguments: [],
    summary: 'TypeScript types of every route, for a front end with openapi-fetch',
    options: [
      { flags: '--out <file>', description: 'where they are written, instead of standard output' },
      { flags: '--document', description: 'the OpenAPI document itself' },
    ],
    load: () => import('./commands/client.ts'),
  },
  {
    name: 'audit',
    arguments: [ANY_RESOURCE],
    summary: 'who asked for what, and what came of it',
    options: [{ flags: '--limit <n>', description: 'so many entries, the newest', default: '20' }],
    load: () => import('./commands/audit.ts'),
  },
  {
    name: 'migrate',
    arguments: [],
    summary: "bring the new database's tables and the gateway's own up to date",
    options: [{ flags: '--dry-run', description: 'say what would be done' }],
    load: () => import('./commands/migrate.ts'),
  },
  {
    name: 'retire',
    arguments: [RESOURCE],
    summary: 'end the way back of a resource in mode new, for good',
    options: [{ flags: '--yes', description: 'do not ask' }],
    load: () => import('./commands/retire.ts'),
  },
  {
    name: 'replica-stopped',
    arguments: [['<NAME>', 'of a replica, as status shows it']],
    summary:
      'say that a silent replica (a gateway process) has stopped for sure, so that no switch waits for it',
    options: [{ flags: '--reason <text>', description: 'how you know; stands in the audit log' }],
    load: () => import('./commands/replica-stopped.ts'),
  },
];
