import { stepsBetween } from '../domain/modes.ts';
import type { Snapshot } from '../domain/configuration.ts';
import type { Database } from '../domain/sql.ts';
import { isMode } from '../domain/modes.ts';
import type { Log } from '../observability/log.ts';
import { writeAudit } from '../state/audit.ts';
import { readFiles, recordFile } from '../state/replicas.ts';
import { readState } from '../state/resources.ts';
import { lastSwitch } from '../state/switches.ts';
import { askFor, noteRefusal, readWanted, type Wanted } from '../state/wanted.ts';
import { refusalText, type Switching } from './switching.ts';

/** After a switch that turned round, a file's request is not tried again for this long; ms. */
const REST_AFTER_TURN = 15_000;

/**
 * What files ask for. An edit of a resource's `mode` is a request for a switch: it is remembered, and tried until its
 * guards let it pass or somebody asks for something else. A restart with the same file is no edit.
 */
export class Requests {
  private readonly database: Database;
  private readonly switching: Switching;
  private readonly replica: string;
  private readonly log: Log;

  constructor(database: Database, switching: Switching, replica: string, log: Log) {
    this.database = database;
    this.switching = switching;
    this.replica = replica;
    this.log = log;
  }

  /** This replica's file as it is in force now, or as it is refused. Edited modes become requests. */
  async fileIs(snapshot: Snapshot): Promise<void> {
    const before = (await readFiles(this.database)).find((file) => file.replica === this.replica);
    const modes = Object.fromEntries(snapshot.resources.map(({ name, mode }) => [name, mode]));
    for (const [resource, mode] of Object.entries(modes)) {
      // Without an earlier file to compare with, only a file that asks for more than the beginning asks for anything.
      const edited = before ? before.modes[resource] !== undefined && before.modes[resource] !== mode : false;
      const first = before?.modes[resource] === undefined && (await this.isNew(resource));
      if (edited || (first && mode !== 'legacy')) await this.ask(resource, mode);
    }
    await recordFile(this.database, this.replica, { hash: snapshot.hash, modes, problems: null });
  }

  /** This replica's file is wrong; the snapshot before stays in force. */
  async fileIsWrong(snapshot: Snapshot, hash: string, problems: readonly string[]): Promise<void> {
    const modes = Object.fromEntries(snapshot.resources.map(({ name, mode }) => [name, mode]));
    await recordFile(this.database, this.replica, { hash, modes, problems: [...problems] });
  }

  /** Tries what files ask for and is not so. */
  async pursue(): Promise<void> {
    for (const wanted of await readWanted(this.database)) {
      if (wanted.source === 'file' && isMode(wanted.mode)) await this.pursueOne(wanted);
    }
  }

  private async pursueOne(wanted: Wanted): Promise<void> {
    const state = await readState(this.database, wanted.resource);
    if (!state || state.stage !== 'open' || stepsBetween(state.mode, wanted.mode).length === 0) return;
    const rest = await this.restAfterTurn(wanted.resource);
    if (rest) return await noteRefusal(this.database, wanted, rest);
    const { resource, mode: to, actor } = wanted;
    const walk = await this.switching.walk({ resource, to, actor, source: 'file', forced: new Map() });
    const refusal = walk.turnedRound ?? (walk.refused ? refusalText(walk.refused.answers) : null);
    await noteRefusal(this.database, wanted, refusal);
  }

  private async restAfterTurn(resource: string): Promise<string | null> {
    const last = await lastSwitch(this.database, resource);
    if (last?.outcome !== 'turned-round' || !last.openedAt) return null;
    if (Date.now() - Date.parse(last.openedAt) > REST_AFTER_TURN) return null;
    return `the switch to ${last.to} turned round at ${last.openedAt}: ${last.note ?? 'its time was over'}`;
  }

  private async isNew(resource: string): Promise<boolean> {
    return (await readWanted(this.database)).every((wanted) => wanted.resource !== resource);
  }

  private async ask(resource: string, mode: Snapshot['resources'][number]['mode']): Promise<void> {
    const actor = `file of ${this.replica}`;
    await askFor(this.database, { resource, mode, source: 'file', actor });
    await writeAudit(this.database, { actor, action: 'switch-asked', resource, details: { mode } });
    this.log.info({ resource, mode }, 'the file asks for a switch');
  }
}
