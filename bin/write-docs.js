// Writes the pages of docs/ that are made from the code: `npm run docs`.
import { writeFileSync } from 'node:fs';
import { configurationReference } from '../src/config/reference.ts';
import { errorReference } from '../src/domain/error-reference.ts';

writeFileSync(new URL('../docs/configuration.md', import.meta.url), configurationReference());
writeFileSync(new URL('../docs/errors.md', import.meta.url), errorReference());
