import t from 'tap';
import { count, counted, duration } from '../../src/cli/format.ts';
import { Terminal } from '../../src/cli/terminal.ts';

t.test('durations are at most two units', async (t) => {
  const shown: [number, string][] = [
    [0, '0 ms'],
    [0.44, '0.4 ms'],
    [40.4, '40 ms'],
    [999, '999 ms'],
    [1_500, '1.5 s'],
    [59_600, '1 min'],
    [200_000, '3 min 20 s'],
    [3_605_000, '1 h'],
    [90_061_000, '1 d 1 h'],
  ];
  for (const [milliseconds, text] of shown) t.equal(duration(milliseconds), text);
});

t.test('numbers have their thousands apart, and nouns their plural', async (t) => {
  t.equal(count(1_234_567), '1,234,567');
  t.equal(counted(1, 'record'), '1 record');
  t.equal(counted(0, 'record'), '0 records');
});

t.test('colours are for a terminal that wants them', async (t) => {
  const painted = (stdout: { isTTY?: boolean }, json: boolean, env: Record<string, string>) =>
    new Terminal({ stdout: { write() {}, ...stdout }, stderr: { write() {} }, json, env }).paint('red', 'x');
  t.not(painted({ isTTY: true }, false, {}), 'x');
  t.equal(painted({}, false, {}), 'x');
  t.equal(painted({ isTTY: true }, true, {}), 'x');
  t.equal(painted({ isTTY: true }, false, { NO_COLOR: '1' }), 'x');
});
