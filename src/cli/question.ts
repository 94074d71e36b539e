import type { Terminal } from './terminal.ts';

/** Asks a person; where nobody looks on, the command itself is the answer. */
export async function agreed(terminal: Terminal, question: string): Promise<boolean> {
  if (!terminal.interactive) return true;
  const { confirm, isCancel } = await import('@clack/prompts');
  const answer = await confirm({ message: question });
  return !isCancel(answer) && answer;
}
