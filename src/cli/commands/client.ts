import { writeFile } from 'node:fs/promises';
import { bindSnapshot, closeUnused } from '../../app/bind.ts';
import { Matcher } from '../../gateway/match.ts';
import { openApiDocument } from '../../gateway/openapi.ts';
import type { CommandModule, Result } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import { readSnapshot } from '../session.ts';

/**
 * Types of every route for a front end, as `openapi-fetch` takes them. What makes them is a development dependency: a
 * gateway in production has no use for it, and whoever writes a front end has it, or the document and any other tool.
 */
export const run: CommandModule['run'] = async (invocation, _args, { out, document: wanted }) => {
  const { terminal } = invocation;
  const binding = await bindSnapshot(readSnapshot(invocation), ({ message }) => terminal.remark(message));
  await closeUnused(binding);
  const { described } = new Matcher(
    binding.snapshot,
    binding.resources.values(),
    binding.faces,
    binding.tokens,
  );
  const document = openApiDocument(described);
  if (wanted === true) return await deliver(`${JSON.stringify(document, null, 2)}\n`, out, { document });
  const generator = await import('openapi-typescript').catch(() => null);
  if (!generator) return missing();
  const types = generator.astToString(await generator.default(document as never));
  return await deliver(types, out, { types });
};

async function deliver(text: string, out: unknown, document: object): Promise<Result> {
  if (typeof out !== 'string') return { exit: EXIT.done, document, text: [text.trimEnd()] };
  await writeFile(out, text);
  return { exit: EXIT.done, document: { file: out }, text: [`written to ${out}`] };
}

function missing(): Result {
  const text = [
    'the package openapi-typescript is not installed here; it is needed only for this: npm install --save-dev openapi-typescript',
    'or take the document, with --document or from /openapi.json, to wherever the front end is made',
  ];
  return { exit: EXIT.failed, document: { error: text[0] }, text };
}
