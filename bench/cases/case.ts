import type { Effort } from '../compare.ts';
import type { Place } from '../place.ts';
import type { Finding } from '../report.ts';

/** One subject of the bench. It leaves nothing behind but its findings. */
export interface Case {
  name: string;
  run(place: Place, effort: Effort): Promise<Finding[]>;
}
