/** The new side's tables are described as those of any Postgres. */
export {
  advanceSequenceText,
  describeTable,
  writableColumns,
  type WritableColumn,
} from '../../postgres/catalog.ts';
