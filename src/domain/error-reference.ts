import { ERRORS, type ErrorEntry } from './errors.ts';

/** The error catalogue as Markdown: docs/errors.md. */
export function errorReference(): string {
  const rows = Object.entries(ERRORS)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([code, entry]: [string, ErrorEntry]) => {
      const retry = entry.retryAfter === undefined ? '' : `${entry.retryAfter} s`;
      return `| \`${code}\` | ${entry.status} | ${entry.title} | ${entry.remedy} | ${retry} |`;
    });
  return `# Errors

Made from \`src/domain/errors.ts\` by \`npm run docs\`; a test compares the two.

Clients get the code in their resource's envelope, e.g. \`{ "success": false, "error": { "code": "not-found", "message": "…",
"details": …, "requestId": "…" } }\`. The same request id is in the header \`x-request-id\` and in the log. The command line
prints message and remedy, with \`--json\` as JSON.

Two things can be relied on. A write that is answered with anything but 2xx or \`outcome-unknown\` has changed nothing. A
write that is answered with \`outcome-unknown\` may or may not have been done; repeat it with the same Idempotency-Key to
find out, or read the record first.

| code | status | what it says | what to do | Retry-After |
| --- | --- | --- | --- | --- |
${rows.join('\n')}
`;
}
