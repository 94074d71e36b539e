import { stopTestPostgres, wasStarted } from './postgres.ts';

/** Run by tap after the last test file. */
if (wasStarted()) await stopTestPostgres();
