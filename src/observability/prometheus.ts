/** One family of figures in the text format of Prometheus (exposition format 0.0.4). */
export interface Family {
  name: string;
  help: string;
  type: 'counter' | 'gauge';
  samples: Iterable<{ labels: Readonly<Record<string, string>>; value: number }>;
}

export const PROMETHEUS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

export function prometheusText(families: Iterable<Family>): string {
  return (
    [...families]
      .flatMap(({ name, help, type, samples }) => [
        `# HELP ${name} ${help}`,
        `# TYPE ${name} ${type}`,
        ...[...samples].map(({ labels, value }) => `${name}${labelText(labels)} ${value}`),
      ])
      .join('\n') + '\n'
  );
}

function labelText(labels: Readonly<Record<string, string>>): string {
  const texts = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return texts.length > 0 ? `{${texts.join(',')}}` : '';
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
