// One file of each kind, opened by a click in a real VS Code: what its row and its page say.

import fs from 'node:fs';
import path from 'node:path';
import { launchWorkbench } from './workbench';
import type { Workbench } from './workbench';

const fixtures = path.resolve(__dirname, '../fixtures');

/** File, its row as it is spoken, the words under its title. */
const kinds: readonly (readonly [source: string, row: RegExp, subtitle: RegExp])[] = [
  ['formats/state_dict.pth', /^Model state_dict\.pth, BatchNorm, mode not stored/, /^state dict · BatchNorm$/],
  ['formats/checkpoint.pth', /^Model checkpoint\.pth, BatchNorm, mode not stored/, /^state dict/],
  ['formats/module.pth', /^Model module\.pth, BatchNorm1d, train, 1 active/, /^pickled nn\.Module · BatchNorm1d$/],
  ['formats/legacy.pth', /^Model legacy\.pth, BatchNorm, mode not stored/, /^state dict/],
  ['formats/exported.pt2', /^Model exported\.pt2, /, /^torch\.export program/],
  ['formats/exported_several.pt2', /^Model exported_several\.pt2, Module, /, /^torch\.export program/],
  ['onnx/train.onnx', /^Model train\.onnx, .*runs as train/, /^ONNX/],
  ['onnx/plain.pte', /^Model plain\.pte, /, /^ExecuTorch/],
];

describe('a file of each kind', () => {
  let workbench: Workbench;

  before(async () => {
    workbench = await launchWorkbench({
      prepare: (folder) => {
        for (const [source] of kinds) {
          fs.copyFileSync(path.join(fixtures, source), path.join(folder, path.basename(source)));
        }
        fs.writeFileSync(path.join(folder, 'weights.safetensors'), safetensors());
      },
    });
    await workbench.activity('Mode Inspector').waitFor();
    await workbench.explorerRow('resnet_trained.pt').waitFor();
  });

  after(async () => {
    await (workbench as Workbench | undefined)?.close();
  });

  const weights = [
    'weights.safetensors',
    /^Model weights\.safetensors, Module, mode not stored/,
    /^safetensors/,
  ] as const;
  for (const [source, row, subtitle] of [...kinds, weights]) {
    const name = path.basename(source);
    it(name, async () => {
      await workbench.openFile(name);
      await workbench.row(row).waitFor();
      await workbench.webview.getByRole('heading', { name }).waitFor();
      await workbench.webview.getByText(subtitle).first().waitFor();
      if (name === 'weights.safetensors') await workbench.webview.getByText('safetensors hold tensors only').waitFor();
      await workbench.screenshot(`format-${name}`);
      await workbench.command('Mode Inspector: Close Model');
      await workbench.row(row).waitFor({ state: 'detached' });
    });
  }
});

describe('calls that no layer stands for', () => {
  let workbench: Workbench;

  before(async () => {
    workbench = await launchWorkbench({
      prepare: (folder) => {
        // The line that the file records is searched for in the workspace.
        for (const name of ['functional.pt2', 'make_fixtures.py'])
          fs.copyFileSync(path.join(fixtures, 'formats', name), path.join(folder, name));
      },
    });
    await workbench.activity('Mode Inspector').waitFor();
    await workbench.openFile('functional.pt2');
    await workbench.row(/^Model functional\.pt2/).waitFor();
  });

  after(async () => {
    await (workbench as Workbench | undefined)?.close();
  });

  it('stand below their module, follow its switch, and lead to their line', async () => {
    await workbench.expand(/^block/);
    const drops = workbench.row(/^F\.dropout\(p=0\.5\), runs as train, drops, make_fixtures\.py:\d+/);
    await drops.waitFor();
    await workbench.screenshot('calls');
    await workbench.inlineAction(/^block, /, 'Set Eval');
    await workbench.row(/^F\.dropout\(p=0\.5\), runs as eval, lets everything through/).waitFor();
    await workbench.inlineAction(/^F\.dropout\(p=0\.5\)/, 'Go to Line');
    await workbench.page.getByRole('tab', { name: 'make_fixtures.py' }).waitFor();
    await workbench.page.getByRole('code').getByText('F.dropout(x)').first().waitFor();
  });
});

describe('a file of several models', () => {
  let workbench: Workbench;

  before(async () => {
    const name = 'exported_several.pt2';
    workbench = await launchWorkbench({
      prepare: (folder) => {
        fs.copyFileSync(path.join(fixtures, 'formats', name), path.join(folder, name));
      },
    });
    await workbench.activity('Mode Inspector').waitFor();
    await workbench.explorerRow('resnet_trained.pt').waitFor();
    await workbench.openFile(name);
    await workbench.row(/^Model exported_several\.pt2/).waitFor();
  });

  after(async () => {
    await (workbench as Workbench | undefined)?.close();
  });

  it('asks which one runs', async () => {
    await workbench.command('Mode Inspector: Run Forward');
    await workbench.pick(/^small/);
    await workbench
      .notification(/exported_several\.pt2: small ran \(.*output float32 \[1, 1\]/)
      .first()
      .waitFor();
    await workbench.screenshot('several-models');
  });

  it('runs that of the selected row without asking', async () => {
    await workbench.row(/^model, Exported/).click();
    await workbench.command('Mode Inspector: Run Forward');
    await workbench
      .notification(/exported_several\.pt2: model ran in train .*float32 \[2, 3\]/)
      .first()
      .waitFor();
    await workbench.row(/^Last forward, model, /).waitFor();
  });
});

/** A BatchNorm over two channels: its running statistics and weights, all ones. */
function safetensors(): Uint8Array {
  const names = ['bn.running_mean', 'bn.running_var', 'bn.weight', 'bn.bias'];
  const entries = names.map((name, i) => [name, { dtype: 'F32', shape: [2], data_offsets: [8 * i, 8 * i + 8] }]);
  const header = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, header, Buffer.from(new Float32Array(2 * names.length).fill(1).buffer)]);
}
