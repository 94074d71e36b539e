import type { Invocation, Options } from '../command.ts';
import type { Session } from '../session.ts';

/** What an action works on: the resource, or all of them; the key, or all of them. */
export interface Letters {
  session: Session;
  invocation: Invocation;
  /** Names of the resources. */
  resources: readonly string[];
  key: string | null;
  options: Options;
}
