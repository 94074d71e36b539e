import { SCHEMA, type SchemaNode, resolved } from './schema.ts';

const PREAMBLE = `# Configuration reference

<!-- Made from routes.config.schema.json by \`npm run docs\`. Do not edit. -->

`;

const NOTATION = `
Durations are written \`200ms\`, \`5s\`, \`2m\`, \`1h\` (at most 24h); sizes \`512kb\`, \`10mb\`, \`1gb\`; shares \`100%\`, \`0.5%\`.

The whole file is validated before any of it is used. A mistake is reported as \`file:line:column\`, with what was found,
what would be right and, where it can be guessed, what was meant; the configuration before stays in force. For
completion and checks while you type, keep the first line of the file:

\`\`\`yaml
# yaml-language-server: $schema=./routes.config.schema.json
\`\`\`
`;

/** docs/configuration.md, from the schema. */
export function configurationReference(schema: SchemaNode = SCHEMA): string {
  const sections = [...sectionsOf(schema, [])].map(section);
  return `${PREAMBLE}${schema.description}\n${NOTATION}\n${sections.join('\n')}`;
}

interface Section {
  path: string[];
  /** Of a store, whose settings differ by kind. */
  kind: string;
  node: SchemaNode;
}

/** Mappings with settings of their own, from the outside inwards. */
function* sectionsOf(node: SchemaNode, path: string[], kind = ''): Iterable<Section> {
  if (node.properties) yield { path, kind, node };
  for (const [name, member] of membersOf(node)) {
    const within = resolved(member);
    const branches = (within.oneOf ?? [within]).map((branch) => resolved(branch));
    for (const branch of branches) {
      const isMapping = branch.properties ?? typeof branch.additionalProperties === 'object';
      const own = branch.properties?.['kind']?.const ?? kind;
      if (isMapping) yield* sectionsOf(branch, [...path, name], own);
    }
  }
}

function membersOf(node: SchemaNode): [string, SchemaNode][] {
  if (node.properties) return Object.entries(node.properties);
  return typeof node.additionalProperties === 'object' ? [['<name>', node.additionalProperties]] : [];
}

function section({ path, kind, node }: Section): string {
  const title =
    path.length === 0 ? 'The file' : `\`${path.join('.')}\`${kind === '' ? '' : ` (kind: ${kind})`}`;
  const rows = Object.entries(node.properties ?? {}).map(([name, member]) =>
    row(name, resolved(member), node),
  );
  const about = path.length === 0 || !node.description ? '' : `${node.description}\n\n`;
  const head = '| setting | value | default | what it does |\n| --- | --- | --- | --- |';
  return `## ${title}\n\n${about}${head}\n${rows.join('\n')}\n`;
}

function row(name: string, node: SchemaNode, parent: SchemaNode): string {
  const needed = parent.required?.includes(name) ? '**required**' : '–';
  const standard = node.default === undefined ? needed : code(node.default);
  const examples = node.examples?.length ? `, e.g. ${node.examples.map(code).join(', ')}` : '';
  const cells = [code(name), valueOf(node) + examples, standard, node.description ?? ''];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

function valueOf(node: SchemaNode): string {
  if (node.const) return code(node.const);
  if (node.enum) return node.enum.map(code).join(', ');
  if (node.title) return node.title.replace(/\$\{\w+\}/g, (name) => code(name));
  return node.type === 'boolean' ? '`true`, `false`' : String(node.type);
}

/** A value as it stands in the file. */
function code(value: unknown): string {
  if (typeof value === 'string') return `\`${value}\``;
  const text = JSON.stringify(value).replaceAll('":', '": ').replaceAll(',', ', ').replaceAll('"', '');
  return `\`${text}\``;
}
