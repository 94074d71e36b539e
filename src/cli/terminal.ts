import { styleText } from 'node:util';

/** Where a command writes to; a part of what `process.stdout` is. */
export interface Sink {
  write(text: string): unknown;
  isTTY?: boolean | undefined;
  columns?: number | undefined;
}

export interface TerminalOptions {
  stdout: Sink;
  stderr: Sink;
  /** One JSON document is all that standard output may hold. */
  json: boolean;
  /** NO_COLOR and TERM are looked at. */
  env: Readonly<Record<string, string | undefined>>;
}

type Style = Parameters<typeof styleText>[0];

/** The two outputs of a command: text for people, or one JSON document; remarks go to standard error. */
export class Terminal {
  readonly json: boolean;
  /** A person looks on: progress bars and questions are welcome. */
  readonly interactive: boolean;
  /** Whether a progress bar has room; some pseudo terminals say that they have no columns at all. */
  readonly wide: boolean;
  private readonly stdout: Sink;
  private readonly stderr: Sink;
  private readonly colours: boolean;

  constructor({ stdout, stderr, json, env }: TerminalOptions) {
    this.json = json;
    this.stdout = stdout;
    this.stderr = stderr;
    this.interactive = !json && stdout.isTTY === true && env.TERM !== 'dumb';
    this.wide = this.interactive && (stdout.columns ?? 80) >= 60;
    this.colours = this.interactive && !env.NO_COLOR;
  }

  /** One line for people; nothing where JSON is wanted. */
  line(text = ''): void {
    if (!this.json) this.stdout.write(`${text}\n`);
  }

  lines(texts: readonly string[]): void {
    for (const text of texts) this.line(text);
  }

  document(document: object): void {
    if (this.json) this.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
  }

  /** Something worth knowing beside the result. */
  remark(text: string): void {
    this.stderr.write(`${text}\n`);
  }

  paint(style: Style, text: string): string {
    // Our own look at the stream has decided; it need not be the process's.
    return this.colours ? styleText(style, text, { validateStream: false }) : text;
  }

  get good(): string {
    return this.paint('green', '✓');
  }

  get bad(): string {
    return this.paint('red', '✗');
  }
}
