import type { Problem } from '../config/problem.ts';
import { isBanyanError, type ErrorCode } from '../domain/errors.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';

/** A failure of the command line itself, in words: what is wrong, and what to do about it. */
export class CliError extends Error {
  readonly exit: ExitCode;
  readonly code: string;
  readonly remedy: string;

  constructor(exit: ExitCode, code: string, message: string, remedy: string) {
    super(message);
    this.name = 'CliError';
    this.exit = exit;
    this.code = code;
    this.remedy = remedy;
  }
}

/** The command was called in a way that it does not understand. */
export function usage(message: string, remedy: string): CliError {
  return new CliError(EXIT.usage, 'usage', message, remedy);
}

/** Every mistake of the configuration file, with its place. */
export class ConfigurationWrong extends CliError {
  readonly problems: readonly Problem[];

  constructor(file: string, problems: readonly Problem[]) {
    const count = problems.length === 1 ? 'one mistake' : `${problems.length} mistakes`;
    super(
      EXIT.usage,
      'config-invalid',
      `${file} has ${count}`,
      'Correct the lines named; a running gateway keeps the configuration before.',
    );
    this.problems = problems;
  }
}

const EXITS: Partial<Record<ErrorCode, ExitCode>> = {
  'unknown-resource': EXIT.usage,
  'config-invalid': EXIT.usage,
  'guard-refused': EXIT.refused,
  'switch-refused': EXIT.refused,
};

/** A failure as both outputs show it; never a stack, never a secret. */
export interface Failure {
  exit: ExitCode;
  code: string;
  message: string;
  remedy: string;
  problems?: readonly Problem[];
}

export function failureOf(error: unknown): Failure {
  if (error instanceof CliError) {
    const { exit, code, message, remedy } = error;
    return {
      exit,
      code,
      message,
      remedy,
      ...(error instanceof ConfigurationWrong && { problems: error.problems }),
    };
  }
  if (isBanyanError(error)) {
    const { code, message } = error;
    return { exit: EXITS[code] ?? EXIT.failed, code, message, remedy: error.entry.remedy };
  }
  const message = error instanceof Error ? error.message : String(error);
  const remedy = 'This is nothing that the command expects; BANYAN_DEBUG=1 shows where it came from.';
  return { exit: EXIT.failed, code: 'internal', message, remedy };
}
