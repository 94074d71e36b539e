/** Writes of many rows go to the new side as to any Postgres. */
export { insertParameters, insertText, upsertParameters, upsertText } from '../../postgres/bulk.ts';
