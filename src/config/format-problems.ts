import { relative } from 'node:path';
import type { Problem } from './problem.ts';

/** `routes.config.yaml:12:7  resources.clients.mode: found "shaddow"; expected …; did you mean "shadow"?` */
export function formatProblem(
  { file, line, column, path, message }: Problem,
  folder = process.cwd(),
): string {
  const near = relative(folder, file);
  const name = near === '' || near.startsWith('..') ? file : near;
  return `${name}:${line}:${column}  ${path === '' ? '' : `${path}: `}${message}`;
}

/** One line a problem. */
export function formatProblems(problems: readonly Problem[], folder?: string): string {
  return problems.map((problem) => formatProblem(problem, folder)).join('\n');
}
