// Builds what runs: dist/extension.js, dist/worker.mjs, dist/cli.js, dist/media/ and the WebAssembly beside them.
//   node esbuild.js [--watch] [--production]
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const esbuild = require('esbuild');

const watch = process.argv.includes('--watch');
const production = process.argv.includes('--production');
const dist = path.join(__dirname, 'dist');

const shared = {
  bundle: true,
  platform: 'node',
  target: 'node20',
  minify: production,
  sourcemap: !production,
  sourcesContent: false,
  legalComments: 'none',
  logLevel: 'warning',
  absWorkingDir: __dirname,
  metafile: true,
};

/** The extension host loads CommonJS. */
const extension = {
  ...shared,
  entryPoints: { extension: 'src/extension.ts' },
  outdir: dist,
  format: 'cjs',
  external: ['vscode'],
};

/**
 * ONNX Runtime Web uses several threads only when it is loaded as an ES module. Chunks stay beside their entry points,
 * so that `import.meta.url` means dist/ everywhere; what is imported dynamically is read from disk at its first use.
 */
const modules = {
  ...shared,
  entryPoints: { worker: 'src/sessions/worker.ts', cliMain: 'src/cli/main.ts' },
  outdir: dist,
  format: 'esm',
  splitting: true,
  outExtension: { '.js': '.mjs' },
  chunkNames: 'chunk-[name]-[hash]',
  banner: {
    // Lets CommonJS packages inside the bundle reach Node's built-in modules.
    js: "import { createRequire as nodeCreateRequire } from 'node:module'; const require = nodeCreateRequire(import.meta.url);",
  },
};

/** Webviews: one script and one style sheet a page, named after its folder. */
const pages = {
  ...shared,
  platform: 'browser',
  target: 'es2022',
  entryPoints: fs
    .readdirSync(path.join(__dirname, 'media'), { withFileTypes: true })
    .filter((entry) => fs.existsSync(path.join(__dirname, 'media', entry.name, 'main.ts')))
    .flatMap(({ name }) => [
      { in: `media/${name}/main.ts`, out: name },
      { in: `media/${name}/${name}.css`, out: name },
    ]),
  outdir: path.join(dist, 'media'),
  format: 'iife',
};

/** Files that the bundles load at run time from their own folder. */
const assets = [
  'onnxruntime-web/dist/ort-wasm-simd-threaded.wasm',
  'onnxruntime-web/dist/ort-wasm-simd-threaded.mjs',
  'web-tree-sitter/web-tree-sitter.wasm',
  'tree-sitter-python/tree-sitter-python.wasm',
];

const launcher = `#!/usr/bin/env node
// Node starts CommonJS from an extension-less link; the program itself is an ES module.
import('./cliMain.mjs').catch((error) => {
  console.error(error);
  process.exitCode = 3;
});
`;

async function main() {
  fs.mkdirSync(dist, { recursive: true });
  for (const asset of assets) {
    fs.copyFileSync(path.join(__dirname, 'node_modules', asset), path.join(dist, path.basename(asset)));
  }
  fs.writeFileSync(path.join(dist, 'cli.js'), launcher, { mode: 0o755 });

  if (!watch) {
    const [built] = await Promise.all([modules, extension, pages].map((options) => esbuild.build(options)));
    removeOldChunks(built.metafile);
    return;
  }
  for (const options of [modules, extension, pages]) {
    const context = await esbuild.context({ ...options, logLevel: 'silent', plugins: [announce] });
    await context.watch();
  }
}

/** A changed chunk has a new name, so that the old one would stay for ever. */
function removeOldChunks(metafile) {
  const current = new Set(Object.keys(metafile.outputs).map((file) => path.basename(file)));
  for (const name of fs.readdirSync(dist)) {
    if (name.startsWith('chunk-') && !current.has(name)) fs.rmSync(path.join(dist, name));
  }
}

/** Prints what the problem matcher in .vscode/tasks.json waits for. */
const announce = {
  name: 'announce',
  setup(build) {
    build.onStart(() => console.log('[watch] build started'));
    build.onEnd(({ errors }) => {
      for (const { text, location } of errors) {
        console.error(`✘ [ERROR] ${text}`);
        if (location) console.error(`    ${location.file}:${location.line}:${location.column}:`);
      }
      console.log('[watch] build finished');
    });
  },
};

main().catch((error) => {
  // esbuild has printed its own messages.
  if (!error.errors) console.error(error);
  process.exitCode = 1;
});
