import type { FieldSettings } from '../domain/configuration.ts';

/** Settings that declare nothing. */
export const NO_FIELD_SETTINGS: FieldSettings = {
  case: 'none',
  rename: {},
  types: {},
  references: {},
  defaults: {},
  constants: { legacy: {}, new: {} },
  enums: {},
  embed: {},
  split: {},
  custom: [],
  rest: null,
  drop: [],
  nulls: 'null',
};
