import type { Finding } from './model.ts';
import { blameFor, type Exchange } from './exchange.ts';

export const WRITE_KINDS = ['create', 'replace', 'change', 'remove'] as const;
export type WriteKind = (typeof WRITE_KINDS)[number];
export type Kind = WriteKind | 'detail' | 'list';

/** One request of a client that ended well; milliseconds of `performance.now()`. */
export interface Sample {
  kind: Kind;
  begun: number;
  ended: number;
}

/** A request that got no good answer at once; what became of a write in the end stands in `acknowledged` and `refused`. */
export interface Failure {
  kind: Kind;
  blame: ReturnType<typeof blameFor>;
  status: number;
  code: string;
  url: string;
  /** `performance.now()` at which it began and ended. */
  begun: number;
  ended: number;
}

export interface LoadReport {
  /** Writes that a client was told are done. */
  acknowledged: Record<WriteKind, number>;
  /** Writes that a client was told are not done. */
  refused: number;
  /** Writes of which nobody knows (any more) what became. */
  unknown: number;
  /** Records whose last acknowledged state is gone, found by the final checks. */
  lost: Finding[];
  /** Reads that were older than what somebody had been told or had read before. */
  olderReads: Finding[];
  /** Records that no client was told of, or torn ones. */
  wrongReads: Finding[];
  reads: number;
  failedRequests: Failure[];
  samples: Sample[];
}

/** Counts what happens to a load. */
export class Tally {
  readonly acknowledged: Record<WriteKind, number> = { create: 0, replace: 0, change: 0, remove: 0 };
  readonly findings: Finding[] = [];
  readonly failures: Failure[] = [];
  readonly samples: Sample[] = [];
  refused = 0;
  reads = 0;

  ended(kind: Kind, begun: number): void {
    this.samples.push({ kind, begun, ended: performance.now() });
    if (kind === 'detail' || kind === 'list') this.reads += 1;
    else this.acknowledged[kind] += 1;
  }

  failed(kind: Kind, begun: number, { status, code, url, ...rest }: Exchange): void {
    const blame = blameFor({ status, code, url, ...rest });
    this.failures.push({ kind, blame, status, code, url, begun, ended: performance.now() });
  }

  found(finding: Finding | null): void {
    if (finding) this.findings.push(finding);
  }

  report(unknown: number): LoadReport {
    const of = (kind: Finding['kind']) => this.findings.filter((finding) => finding.kind === kind);
    return {
      acknowledged: { ...this.acknowledged },
      refused: this.refused,
      unknown,
      // Every check finds the same one again.
      lost: [...new Map(of('lost').map((finding) => [finding.key, finding])).values()],
      olderReads: of('older'),
      wrongReads: of('wrong'),
      reads: this.reads,
      failedRequests: [...this.failures],
      samples: [...this.samples],
    };
  }
}

/** Milliseconds at a share of the sorted durations, e.g. 0.5; 0 without samples. */
export function quantile(samples: readonly { begun: number; ended: number }[], share: number): number {
  const sorted = samples.map(({ begun, ended }) => ended - begun).sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
