import type { TourSystem } from '../system.ts';
import { erp, erpMerged } from './erp.ts';
import { hybrid } from './hybrid.ts';
import { novacrm } from './novacrm.ts';
import { shop } from './shop.ts';
import { sqal } from './sqal.ts';

/** The systems that `npm run tour -- SYSTEM` knows, the default first. A new one is a file beside this and a line here. */
export const SYSTEMS: readonly TourSystem[] = [erp, erpMerged, hybrid, novacrm, shop, sqal];
