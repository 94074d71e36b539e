import { type GatewayProcess, type GatewayStart, type TestConfig, startGateway } from '../harness/gateway.ts';
import type { Endings } from './endings.ts';

/** Two gateway processes on one control database; either may be killed and started again on its port. */
export class Gateways {
  readonly urls: readonly string[];
  private readonly endings: Endings;
  private readonly config: TestConfig;
  private readonly env: Record<string, string>;
  private readonly processes: GatewayProcess[];
  private readonly past: string[] = [];

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
  async restart(index: number, failpoint?: GatewayStart['failpoint']): Promise<void> {
    const { endings, config, env } = this;
    const { port } = this.at(index);
    this.past.push(this.said(index));
    this.processes[index] = await startGateway(endings, { config, env, port, failpoint });
  }

  isRunning(index: number): boolean {
    return this.at(index).isRunning();
  }

  /** What all processes had to say, those that were killed first. */
  output(): string {
    return [...this.past, ...this.processes.map((_, index) => this.said(index))].join('');
  }

  private said(index: number): string {
    return this.at(index)
      .output()
      .replaceAll(/^(?=.)/gm, `${this.name(index)}: `);
  }

  private at(index: number): GatewayProcess {
    return this.processes[index] as GatewayProcess;
  }
}
