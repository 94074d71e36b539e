import type { Condition } from '../../domain/query.ts';
import { sameValue, type Value } from '../../domain/values.ts';

type Leaf = Exclude<Condition, { and: Condition[] } | { or: Condition[] }>;
type Comparison = Leaf & { op: 'eq' | 'lt' | 'gt' | 'lte' | 'gte'; value: Value };

/** What comes after a row, in two halves of which each is one range of an index. */
export interface Halves {
  /** As the row in the first field, and beyond it in the fields after that; these come first. */
  ties: Condition;
  /** Beyond the row in the first field. */
  beyond: Condition;
}

/**
 * Takes apart the alternatives that `afterRow` makes for one field of the order; null where a condition has none. Asked
 * together they would be two ranges of an index whose documents then have to be merged, which not every planner sees.
 */
export function halvesAfter(where: Condition | null, field: string): Halves | null {
  const parts = partsOf(where);
  for (const [at, part] of parts.entries()) {
    const split = 'or' in part ? splitAlternatives(part.or, field) : null;
    if (!split) continue;
    // The bound that both halves imply says nothing more.
    const others = parts.filter((other, index) => index !== at && !isBound(other, field, split));
    return { ties: { and: [...others, split.ties] }, beyond: { and: [...others, split.beyond] } };
  }
  return null;
}

interface Split extends Halves {
  value: Value;
  bound: 'lte' | 'gte';
}

/** Alternatives that all compare one field with one value: some ask for it, the others for what is beyond it. */
function splitAlternatives(alternatives: readonly Condition[], field: string): Split | null {
  const leaves = alternatives.map((branch) => comparisonOn(branch, field));
  const value = leaves[0]?.value;
  if (value === undefined || !leaves.every((leaf) => leaf && sameValue(leaf.value, value))) return null;
  const having = (op: string) => alternatives.filter((_, index) => leaves[index]?.op === op);
  const ties = having('eq');
  for (const [op, bound] of [['lt', 'lte'] as const, ['gt', 'gte'] as const]) {
    const beyond = having(op);
    if (ties.length === 0 || beyond.length === 0 || ties.length + beyond.length < alternatives.length)
      continue;
    return { ties: oneOf(ties), beyond: oneOf(beyond), value, bound };
  }
  return null;
}

/** Whether a condition holds for no document in which a field is null. */
export function excludesNull(where: Condition | null, field: string): boolean {
  return partsOf(where).some((part) => comparisonOn(part, field) !== undefined);
}

function partsOf(where: Condition | null): readonly Condition[] {
  if (!where) return [];
  return 'and' in where ? where.and.flatMap(partsOf) : [where];
}

function oneOf(conditions: Condition[]): Condition {
  return conditions.length === 1 ? (conditions[0] as Condition) : { or: conditions };
}

function isBound(condition: Condition, field: string, { value, bound }: Split): boolean {
  if ('and' in condition || 'or' in condition) return false;
  return condition.field === field && condition.op === bound && sameValue(condition.value, value);
}

/** The comparison with a value that a branch has for a field, by itself or together with others. */
function comparisonOn(branch: Condition, field: string): Comparison | undefined {
  if ('or' in branch)
    return branch.or.length === 1 ? comparisonOn(branch.or[0] as Condition, field) : undefined;
  if ('and' in branch) {
    const found = branch.and.map((part) => comparisonOn(part, field));
    return found.find((leaf) => leaf !== undefined);
  }
  return branch.field === field && isComparison(branch) ? branch : undefined;
}

const COMPARISONS: readonly string[] = ['eq', 'lt', 'gt', 'lte', 'gte'];

function isComparison(leaf: Leaf): leaf is Comparison {
  return COMPARISONS.includes(leaf.op) && leaf.value !== null;
}
