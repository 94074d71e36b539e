import { randomUUID } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import type { ReplicaIdentity } from '../state/replicas.ts';

/**
 * This process as a replica. `name` is the same after a restart: the port in it is held by one process at a time, so a
 * new registration under it proves that the process before has stopped.
 */
export function identify(name: string): ReplicaIdentity {
  return { name, instance: randomUUID(), host: hostname(), boot: kernel(), pid: process.pid };
}

/** The running kernel and the pid namespace: within them a process number means the same to everybody. */
function kernel(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${boot} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return '';
  }
}

/**
 * Whether a replica's process is gone for sure (R16, first case): it ran under this very kernel and its number is not
 * in use. Anything less is "perhaps", and then only the operator can say so.
 */
export function isGone(replica: ReplicaIdentity): boolean {
  const here = kernel();
  if (here === '' || replica.boot !== here || replica.host !== hostname()) return false;
  try {
    process.kill(replica.pid, 0);
    return isZombie(replica.pid);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

/** Ended, but not yet collected by its parent. */
function isZombie(pid: number): boolean {
  try {
    return /^\d+ \(.*\) Z /s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return true;
  }
}
