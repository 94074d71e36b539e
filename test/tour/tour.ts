import { startLoad } from '../load/load.ts';
import { Endings } from './endings.ts';
import { Gateways } from './gateways.ts';
import { Operator } from './operator.ts';
import { type TourOptions, USAGE, readOptions } from './options.ts';
import { printResult } from './report.ts';
import { type Journey, type Rest, walkUndisturbed, walkWithKills } from './road.ts';
import { readSwitches } from './switches.ts';

const print = (text: string) => void process.stdout.write(`${text}\n`);

async function tour(options: TourOptions, endings: Endings): Promise<boolean> {
  const { system, clients, rate, records, seed, seconds } = options;
  print(
    `Tour of ${system.name} with ${clients} clients at ${rate} requests/s each, ${records} records, --seed ${seed}.`,
  );
  const place = await system.startPlace(endings, records);
  const config = await system.config(endings);
  const gateways = await Gateways.start(endings, config, place.env);
  const operator = await Operator.open(endings, {
    file: config.file,
    env: { ...place.env, PORT: '0' },
    resource: system.resource,
  });
  const urls = () => gateways.urls;
  const load = await startLoad({
    urls,
    subject: system.subject,
    clients,
    ratePerClient: rate,
    seed,
    idempotency: true,
  });
  const say = narrator(load, operator);
  const journey: Journey = { place, config, gateways, operator, load, seconds, say };

  const rests: Rest[] = [];
  for (const road of system.roads) {
    print(`\nThere and back by command, with nothing in the way: ${road.title}`);
    rests.push(...(await walkUndisturbed(journey, road)));
  }
  const undisturbed = (await readSwitches(place.control, system.resource, [])).length;
  for (const road of system.roads) {
    print(`\nThere and back by editing the file, with gateways killed by kill -9: ${road.title}`);
    rests.push(...(await walkWithKills(journey, road)));
  }

  await load.stop();
  // All is legacy's again; what an earlier mode has left is worked off by itself.
  const marks = await operator.marksLeft();
  await load.checkStore('legacy store', place.legacy);
  const report = await load.checkApi(gateways.urls);
  const switches = await readSwitches(place.control, system.resource, report.samples);
  const parts = { undisturbed: switches.slice(0, undisturbed), disturbed: switches.slice(undisturbed) };
  const sound = printResult({ load: report, rests, marks, ...parts }, print);
  if (!sound || options.verbose) print(`\n${gateways.output()}`);
  return sound;
}

/** One line per step: time, what happens, requests per second since the line before, marks at this moment. */
function narrator(load: Journey['load'], operator: Operator): Journey['say'] {
  const begun = performance.now();
  let before = { at: begun, requests: 0 };
  return (text) => {
    const now = performance.now();
    const requests = load.report().samples.length;
    const rate = (requests - before.requests) / Math.max(0.001, (now - before.at) / 1_000);
    before = { at: now, requests };
    const time = ((now - begun) / 1_000).toFixed(1).padStart(6);
    const line = `${time} s  ${text.padEnd(60)} ${rate.toFixed(0).padStart(5)} req/s`;
    void operator.backlog().then(
      ({ marks }) => print(`${line}  ${String(marks).padStart(4)} marks`),
      () => print(line),
    );
  };
}

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  if (!options) {
    print(USAGE);
    return 0;
  }
  const endings = new Endings();
  const interrupted = new Promise<number>((stop) => {
    process.once('SIGINT', () => stop(130));
    process.once('SIGTERM', () => stop(143));
  });
  try {
    const finished = tour(options, endings).then((sound) => (sound ? 0 : 1));
    // What an interrupted tour runs into while everything ends is no news.
    finished.catch(() => undefined);
    return await Promise.race([finished, interrupted]);
  } finally {
    await endings.run();
  }
}

const code = await main().catch((error: unknown) => {
  process.stderr.write(`${(error as Error).stack}\n`);
  return 2;
});
process.exit(code);
