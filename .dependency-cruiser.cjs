// Who may import whom: the table of ARCHITECTURE.md as rules. `npm run check:imports` enforces them.
'use strict';

const pure = ['util', 'model', 'runtime', 'formats', 'insight', 'protocol'];

/** For each folder of src, the other folders that it may import. */
const allowed = {
  util: [],
  model: ['util'],
  runtime: ['util', 'model'],
  // Formats build runtime programs, through the runtime's one interface for that.
  formats: ['util', 'model', 'runtime'],
  insight: ['util', 'model'],
  protocol: ['util', 'model'],
  sessions: [...pure],
  live: ['util', 'model', 'protocol', 'sessions'],
  cli: [...pure, 'sessions', 'live'],
  host: [...pure, 'sessions', 'live'],
  views: ['util', 'model', 'protocol', 'sessions', 'live', 'host'],
  commands: ['util', 'model', 'protocol', 'sessions', 'live', 'host', 'views'],
};

const folders = (names) => names.map((name) => `^src/${name}/`);

module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'Two files that need each other to run are one file. (Types may refer to each other.)',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    ...Object.entries(allowed).map(([from, to]) => ({
      name: `${from}-imports`,
      comment: `src/${from} may import: ${to.join(', ') || 'nothing'}.`,
      severity: 'error',
      from: { path: `^src/${from}/` },
      to: { path: '^(src|media|test|scripts)/', pathNot: folders([from, ...to]) },
    })),
    {
      name: 'media-imports',
      comment: 'Webviews run in a page of their own and share only types and messages with the host.',
      severity: 'error',
      from: { path: '^media/' },
      to: { path: '^(src|test|scripts)/', pathNot: folders(['protocol', 'model', 'util']) },
    },
    {
      name: 'no-node-in-pure-folders',
      comment: 'The core also runs in the browser: Node comes in through an interface.',
      severity: 'error',
      from: { path: [...folders(pure), '^media/'] },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'vscode-only-at-the-edge',
      comment: 'Everything else is tested, and runs on the command line, without an editor.',
      severity: 'error',
      from: { path: '^(src|media)/', pathNot: [...folders(['host', 'views', 'commands']), '^src/extension\\.ts$'] },
      to: { path: '^vscode$' },
    },
    {
      name: 'models-are-pure',
      comment: 'The logic of a view is in its *Model.ts and is tested without an editor.',
      severity: 'error',
      from: { path: '^src/views/.*Model\\.ts$' },
      to: { path: ['^vscode$', '^src/host/'] },
    },
    {
      name: 'no-unresolvable',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true, pathNot: '^vscode$' },
    },
    {
      name: 'no-development-dependencies',
      comment: 'What the extension needs at run time belongs in dependencies.',
      severity: 'error',
      from: { path: '^src/' },
      to: {
        dependencyTypes: ['npm-dev'],
        dependencyTypesNot: ['type-only'],
        pathNot: ['^vscode$', 'node_modules/@types/'],
      },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.host.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
};
