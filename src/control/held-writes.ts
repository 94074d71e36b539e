import type { SwitchPause } from '../state/switches.ts';

/** How long the writes of one switch were held by this replica. */
export class HeldWrites {
  private switchId: string | null = null;
  private durations: number[] = [];
  private failures = 0;

  /** A switch has begun; what is held from now on is its. */
  of(switchId: string): void {
    if (this.switchId === switchId) return;
    this.switchId = switchId;
    this.durations = [];
    this.failures = 0;
  }

  released(milliseconds: number): void {
    this.durations.push(milliseconds);
  }

  failed(milliseconds: number): void {
    this.durations.push(milliseconds);
    this.failures += 1;
  }

  /** The figures of the switch that has ended, once; null when none was under way. */
  take(): { switchId: string; pause: Omit<SwitchPause, 'replica'> } | null {
    if (this.switchId === null) return null;
    const sorted = this.durations.sort((a, b) => a - b);
    const pause = {
      held: sorted.length,
      failed: this.failures,
      p50: sorted[Math.floor(sorted.length / 2)] ?? 0,
      max: sorted.at(-1) ?? 0,
    };
    const switchId = this.switchId;
    this.switchId = null;
    this.durations = [];
    this.failures = 0;
    return { switchId, pause };
  }
}
