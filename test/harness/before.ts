import { build } from '../../bin/build.ts';

/** Run by tap before the first test file: gateways start from what is built here, in half the time. */
await build().catch((error: unknown) => {
  // Another user's dist/, say. The tests run from the sources then.
  console.error(`dist/ could not be made, so gateways start from src/: ${(error as Error).message}`);
});
