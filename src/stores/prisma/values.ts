/** Values of the new side are those of any Postgres. */
export { toKey, toPart, toText } from '../../postgres/values.ts';
