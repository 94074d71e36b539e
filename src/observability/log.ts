import { pino } from 'pino';

/** What the layers below the process log with; pino's own shape. */
export interface Log {
  debug(details: object, message: string): void;
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
  error(details: object, message: string): void;
}

/** Never in a log, wherever it stands. */
const SECRET_PATHS = [
  'url',
  'ownerUrl',
  'reportsUrl',
  'password',
  'authorization',
  'apikey',
  'cookie',
].flatMap((name) => [name, `*.${name}`, `*.*.${name}`]);

/** One JSON line per event on standard output, with secrets replaced. */
export function createLog(level: string): Log {
  return pino({ level, base: null, redact: { paths: SECRET_PATHS, censor: '[secret]' } });
}

export const SILENT: Log = { debug() {}, info() {}, warn() {}, error() {} };
