/** The import rule of DESIGN.md section 11: imports point downwards only, brothers do not import each other. */
const LAYERS = [
  ['main', 'cli', 'quickstart'],
  ['app'],
  ['gateway', 'admin'],
  ['control'],
  ['replication'],
  ['stores', 'mapping', 'state', 'config', 'callers', 'observability'],
  ['postgres'],
  ['domain'],
];

const path = (name) => `^src/${name}(/|\\.ts$)`;
const forbidden = [
  { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
  {
    name: 'no-orphan-dependencies',
    severity: 'error',
    from: { path: '^src' },
    to: { couldNotResolve: true },
  },
  {
    name: 'stores-are-strangers',
    comment: 'stores/<x> never imports stores/<y>',
    severity: 'error',
    from: { path: '^src/stores/([^/]+)/' },
    to: { path: '^src/stores/[^/]+/', pathNot: '^src/stores/$1/' },
  },
  {
    name: 'clients-stay-in-their-store',
    comment: 'database clients are used only inside their store, src/postgres, the state and the quick start',
    severity: 'error',
    from: { path: '^src', pathNot: '^src/(stores|postgres|state|quickstart|generated)/' },
    to: {
      dependencyTypes: ['npm'],
      path: 'node_modules/(pg|@supabase|@prisma/(client|adapter-pg)|mongodb)/',
    },
  },
];
LAYERS.forEach((layer, depth) => {
  for (const name of layer) {
    const above = LAYERS.slice(0, depth).flat();
    const brothers = layer.filter((other) => other !== name && !(name === 'main' && other === 'quickstart'));
    forbidden.push({
      name: `${name}-imports-downwards`,
      severity: 'error',
      from: { path: path(name) },
      to: { path: [...above, ...brothers].map(path).join('|') || '^$' },
    });
  }
});

module.exports = {
  forbidden,
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^src/generated/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
};
