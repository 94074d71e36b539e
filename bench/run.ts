import { parseArgs } from 'node:util';
import { backfill } from './cases/backfill.ts';
import type { Case } from './cases/case.ts';
import { dualWrite } from './cases/dual-write.ts';
import { jsonFile } from './cases/json-file.ts';
import { http } from './cases/http.ts';
import { ingest } from './cases/ingest.ts';
import { legacy } from './cases/legacy.ts';
import { memory } from './cases/memory.ts';
import { merged } from './cases/merged.ts';
import { mongo } from './cases/mongo.ts';
import { next } from './cases/new.ts';
import { passThrough } from './cases/pass-through.ts';
import { shadow } from './cases/shadow.ts';
import { sql } from './cases/sql.ts';
import { stageCheck } from './cases/stage-check.ts';
import { switching } from './cases/switch.ts';
import { verify } from './cases/verify.ts';
import { Place } from './place.ts';
import { printReport, type Finding } from './report.ts';

/**
 * npm run bench [-- names… --quick --full]: ratios of things that are measured side by side in one run, as a table.
 * It never fails for a figure: a machine that is busy with something else is no mistake.
 */
const CASES: readonly Case[] = [
  passThrough,
  legacy,
  next,
  dualWrite,
  shadow,
  backfill,
  verify,
  ingest,
  merged,
  http,
  jsonFile,
  mongo,
  sql,
  memory,
  switching,
  stageCheck,
];

const USAGE = `npm run bench [-- names… --quick --full]
  names    ${CASES.map(({ name }) => name).join(', ')}; all unless named
  --quick  short runs: a first look, too noisy to judge by
  --full   a million rows for the memory test instead of a hundred thousand, and merged pages of two million`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: 'boolean' }, full: { type: 'boolean' }, help: { type: 'boolean' } },
});
const unknown = positionals.filter((name) => !CASES.some((one) => one.name === name));
if (values.help || unknown.length > 0) {
  console.log(unknown.length > 0 ? `There is no ${unknown.join(', ')}.\n${USAGE}` : USAGE);
  process.exit(unknown.length > 0 ? 2 : 0);
}

const effort = {
  ...(values.quick ? { rounds: 3, seconds: 1 } : { rounds: 7, seconds: 3 }),
  many: values.full ? 1_000_000 : 100_000,
};
const findings: Finding[] = [];
const place = await Place.open();
try {
  for (const one of CASES.filter(({ name }) => positionals.length === 0 || positionals.includes(name))) {
    process.stderr.write(`${one.name} …\n`);
    findings.push(...(await place.inside((room) => one.run(room, effort))));
  }
} finally {
  await place.close();
}
printReport(findings);
