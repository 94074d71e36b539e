import type { Failpoint } from '../../src/observability/failpoints.ts';
import { type GatewayProcess, type TestConfig, startGateway } from '../harness/gateway.ts';
import type { Endings } from './endings.ts';

/** Two gateway processes on one control database; either may be killed and started again on its port. */
export class Gateways {
  readonly urls: readonly string[];
  private readonly endings: Endings;
  private readonly config: TestConfig;
  private readonly env: Record<string, string>;
  private readonly processes: GatewayProcess[];

  private constructor(
    of: { endings: Endings; config: TestConfig; env: Record<string, string> },
    processes: GatewayProcess[],
  ) {
    this.endings = of.endings;
    this.config = of.config;
    this.env = of.env;
    this.processes = processes;
    this.urls = processes.map(({ url }) => url);
    // Whatever ends the tour ends them; else they would hold the terminal.
    process.once('exit', () =>
      this.processes.forEach((gateway) => gateway.isRunning() && process.kill(gateway.pid, 'SIGKILL')),
    );
  }

  static async start(endings: Endings, config: TestConfig, env: Record<string, string>): Promise<Gateways> {
    const processes = await Promise.all([0, 1].map(() => startGateway(endings, { config, env })));
    return new Gateways({ endings, config, env }, processes);
  }

  /** The letter under which the tour speaks of one. */
  name(index: number): string {
    return 'AB'[index] as string;
  }

  /** kill -9; resolves when the process is gone. */
  async kill(index: number): Promise<void> {
    await this.at(index).kill();
  }

  /** Starts one again on the port that it had, and waits until it serves. */
  async restart(index: number, failpoint?: `${Failpoint}=kill@${number}`): Promise<void> {
    const { endings, config, env } = this;
    const { port } = this.at(index);
    this.processes[index] = await startGateway(endings, { config, env, port, failpoint });
  }

  /** Resolves when one has ended by itself, at its failpoint. */
  async ended(index: number): Promise<void> {
    await this.at(index).ended;
  }

  isRunning(index: number): boolean {
    return this.at(index).isRunning();
  }

  /** What the gateways had to say that was worth a warning. */
  output(): string {
    return this.processes.map((gateway, index) => `--- ${this.name(index)}\n${gateway.output()}`).join('\n');
  }

  private at(index: number): GatewayProcess {
    return this.processes[index] as GatewayProcess;
  }
}
