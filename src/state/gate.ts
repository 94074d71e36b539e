/** The space of two-key advisory locks that resources' steps queue in: "bany" in ASCII. */
const SPACE = 0x62616e79;

/**
 * Who shares a resource's row (FOR SHARE) passes this gate first, in the same statement; a step takes it alone. The row
 * lock alone is right but not fair: new sharers pass a step that waits, and under load it would wait for ever. The gate
 * has a queue. `name` is an SQL expression of the resource's name.
 */
export const shareGate = (name: string) =>
  `pg_advisory_xact_lock_shared(${SPACE}, pg_catalog.hashtext(${name}))`;

/** For the step itself: from here on sharers queue behind it. */
export const stepGate = (name: string) => `pg_advisory_xact_lock(${SPACE}, pg_catalog.hashtext(${name}))`;
