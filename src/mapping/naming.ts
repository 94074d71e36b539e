import type { FieldSettings } from '../domain/configuration.ts';

type Case = FieldSettings['case'];

const CASES: Readonly<Record<Case, (name: string) => string>> = {
  none: (name) => name,
  camel: (name) => name,
  snake: (name) =>
    name
      .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
      .replace(/([A-Z]+)([A-Z][a-z])/g, '$1_$2')
      .toLowerCase(),
};

/** The column that a public name has where nothing else is declared: `companyName` → `company_name`. */
export function columnName(name: string, style: Case): string {
  return CASES[style](name);
}
