// The rules on real files: healthy models in which nothing may warn, and reported hazards that must be named at the right module.
// `npm test -- insight` writes the files with PyTorch (models.py); a few come from exporters that the test's Python lacks.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';

import { cacheFolder, root } from '../../scripts/lib/paths';
import { findingsIn } from '../../src/cli/findings';
import { readStatistics } from '../../src/cli/report';
import { defaultFindingSettings } from '../../src/insight/findings';
import { isAtLeast, ruleIds, type Finding } from '../../src/model/finding';
import { createEngine } from '../../src/sessions/engine';

interface Entry {
  readonly name: string;
  readonly file: string;
  readonly kind: 'healthy' | 'hazard';
  readonly rule?: string;
  readonly path?: string;
  readonly severity?: string;
  /** Where somebody reported it. */
  readonly thread?: string;
}

const folder = path.join(cacheFolder, 'insight');
const fixtures = path.join(root, 'test', 'fixtures', 'onnx');
const modules = path.join(root, 'node_modules');

const { models } = JSON.parse(fs.readFileSync(path.join(folder, 'index.json'), 'utf8')) as { models: Entry[] };

const committed: readonly Entry[] = [
  {
    name: 'ONNX with its BatchNorms folded',
    file: 'mixed.onnx',
    kind: 'hazard',
    rule: 'onnx/folded',
    path: 'stem.1',
    severity: 'information',
    thread: 'pytorch#52758',
  },
  {
    name: 'ONNX of a model in train, mixed by the exporter',
    file: 'mixed.onnx',
    kind: 'hazard',
    rule: 'onnx/mixed',
    path: 'blocks.0.drop',
    severity: 'warning',
    thread: 'pytorch#52758',
  },
  { name: 'ONNX, folded', file: 'folded.onnx', kind: 'healthy' },
];

async function findingsOfFile(file: string): Promise<readonly Finding[]> {
  const engine = createEngine({
    threads: 1,
    assets: {
      treeSitter: path.join(modules, 'web-tree-sitter', 'web-tree-sitter.wasm'),
      pythonGrammar: path.join(modules, 'tree-sitter-python', 'tree-sitter-python.wasm'),
      onnxRuntimeFolder: path.join(modules, 'onnxruntime-web', 'dist'),
    },
  });
  try {
    const description = await engine.request('open', { file });
    const statistics = await readStatistics(engine, description.modules, false);
    return findingsIn(description, description.modules, statistics, defaultFindingSettings);
  } finally {
    engine.dispose();
  }
}

const lines = (findings: readonly Finding[]): string =>
  findings.map(({ severity, rule, path: at, message }) => `  ${severity} ${rule} at “${at}”: ${message}`).join('\n');

function tableRow({ name, file, rule = '', path: module, severity, thread }: Entry): string {
  const page = `[\`${rule}\`](rules/${rule.replace('/', '-')}.md)`;
  return `| ${name} | \`${file}\` | ${page} | ${module ? `\`${module}\`` : 'the root'} | ${String(severity)} | ${String(thread)} |`;
}

/** Rules that only a running program can break; test/unit/insight has them. */
const liveRules = [
  'mode/train-without-grad',
  'mode/trained-in-eval',
  'batchnorm/frozen-but-updating',
  'batchnorm/revived',
  'batchnorm/double-update',
  'batchnorm/drift',
  'batchnorm/single-value',
];

describe('findings in files', () => {
  const entries = [
    ...models.map((entry) => ({ ...entry, at: path.join(folder, entry.file) })),
    ...committed.map((entry) => ({ ...entry, at: path.join(fixtures, entry.file) })),
  ];
  for (const { name, file, kind, at, rule, path: module, severity } of entries) {
    it(`${kind}: ${name} (${file})`, async () => {
      const findings = await findingsOfFile(at);
      if (kind === 'healthy') {
        const alarms = findings.filter((finding) => isAtLeast(finding.severity, 'warning'));
        assert.equal(alarms.length, 0, `nothing is wrong with it, but\n${lines(alarms)}`);
        return;
      }
      const named = findings.filter((finding) => finding.rule === rule && finding.path === module);
      assert.equal(
        named.length,
        1,
        `${String(rule)} at “${String(module)}” is missing, or there twice:\n${lines(findings)}`,
      );
      assert.equal(named[0]?.severity, severity);
    });
  }

  it('are those that docs/hazards.md lists', () => {
    const text = fs.readFileSync(path.join(root, 'docs', 'hazards.md'), 'utf8');
    const rows = entries.filter(({ kind }) => kind === 'hazard').map(tableRow);
    assert.deepEqual(
      /## In files[^]*?\n\| -.*\n([^]*?)\n\n/.exec(text)?.[1]?.replaceAll(/ +/g, ' ').split('\n'),
      rows,
      rows.join('\n'),
    );
  });

  it('has a hazard for every rule about files', () => {
    const named = new Set(entries.map(({ rule }) => rule));
    const missing = ruleIds.filter((rule) => !named.has(rule) && !liveRules.includes(rule));
    assert.deepEqual(missing, []);
  });
});
