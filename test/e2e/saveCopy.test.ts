// Save a Copy with These Modes, clicked: the dialog, the question about statistics, the copy on disk, and what is refused.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { root } from '../../scripts/lib/paths';
import { launchWorkbench } from './workbench';
import type { Workbench } from './workbench';

const command = 'Mode Inspector: Save a Copy with These Modes…';

interface Inspected {
  readonly modules: readonly {
    readonly path: string;
    readonly training: boolean | null;
    readonly batchNorm?: { readonly numBatchesTracked: number };
  }[];
}

describe('a copy with these modes', () => {
  let workbench: Workbench;

  before(async () => {
    workbench = await launchWorkbench({
      prepare: (folder) => {
        fs.copyFileSync(path.join(root, 'test/fixtures/formats/module.pth'), path.join(folder, 'module.pth'));
      },
    });
    await workbench.activity('Mode Inspector').waitFor();
    await workbench.explorerRow('resnet_trained.pt').waitFor();
  });

  after(async () => {
    await (workbench as Workbench | undefined)?.close();
  });

  const place = (name: string): string => path.join(workbench.folder, name);

  /** The name that the dialog proposes, once it is there; it holds a whole path. */
  const proposed = async (name: string): Promise<void> => {
    await workbench.page.locator('.quick-input-widget').filter({ hasText: 'Save a Copy with These Modes' }).waitFor();
    for (let attempt = 0; attempt < 50; attempt++) {
      if ((await workbench.quickInput.inputValue()).endsWith(`/${name}`)) return;
      await workbench.page.waitForTimeout(200);
    }
    assert.equal(await workbench.quickInput.inputValue(), place(name));
  };

  it('of a TorchScript file, from the palette: one subtree is in train', async () => {
    await workbench.openFile('resnet_trained.pt');
    await workbench.row(/^Model resnet_trained\.pt/).waitFor();
    await workbench.inlineAction(/^layer1,/, 'Set Train');
    await workbench.row(/^layer1, Sequential, train$/).waitFor();
    await workbench.command(command);
    await proposed('resnet_trained-modes.pt');
    await workbench.screenshot('save-copy-dialog');
    await workbench.answer(place('copy.pt'));
    const saved = workbench.notification(/^.*Saved copy\.pt: it differs from the original in \d+ flags\./);
    await saved.first().waitFor();
    await workbench.screenshot('save-copy-saved');
    const flags = flagsOf(place('copy.pt'));
    const inTrain = [...flags].filter(([, training]) => training === true).map(([at]) => at);
    assert.ok(inTrain.length > 5, inTrain.join(' '));
    assert.deepEqual(
      inTrain,
      [...flags.keys()].filter((at) => at === 'layer1' || at.startsWith('layer1.')),
    );
    const changed = /in (\d+) flags/.exec(await saved.first().innerText())?.[1];
    assert.equal(String(inTrain.length), changed);
    compareBytes(place('resnet_trained.pt'), place('copy.pt'), inTrain.length);
  });

  it('opens from the message', async () => {
    await workbench
      .notification(/Saved copy\.pt/)
      .first()
      .getByRole('button', { name: 'Open Copy' })
      .click();
    await workbench.row(/^Model copy\.pt, .*mixed/).waitFor();
    await workbench.command('Mode Inspector: Close Model');
    await workbench.row(/^Model copy\.pt/).waitFor({ state: 'detached' });
  });

  it('of a pickled module, from the row’s menu, under the name that is proposed', async () => {
    await workbench.openFile('module.pth');
    const row = workbench.row(/^Model module\.pth/);
    await row.waitFor();
    await workbench.command('Mode Inspector: Set Eval');
    await workbench.row(/^Model module\.pth, .*eval/).waitFor();
    await workbench.contextAction(row, 'Save a Copy with These Modes…');
    await proposed('module-eval.pth');
    await workbench.page.keyboard.press('Enter');
    await workbench
      .notification(/Saved module-eval\.pth: it differs from the original in 1 flag\./)
      .first()
      .waitFor();
    assert.deepEqual([...flagsOf(place('module-eval.pth')).values()], [false]);
    compareBytes(place('module.pth'), place('module-eval.pth'), 1);
  });

  it('never takes the place of the original', async () => {
    const before = fs.readFileSync(place('module.pth'));
    await workbench.command(command);
    await proposed('module-eval.pth');
    await workbench.answer(place('module.pth'));
    // The dialog itself asks before it names a file that exists.
    const question = workbench.page.locator('.quick-input-widget').filter({ hasText: 'module.pth already exists' });
    await question.getByRole('button', { name: 'OK' }).click();
    await workbench
      .notification(/module\.pth is the model's own file, which is never changed/)
      .first()
      .waitFor();
    assert.deepEqual(fs.readFileSync(place('module.pth')), before);
  });

  it('writes nothing where the dialog is cancelled', async () => {
    const before = fs.readdirSync(workbench.folder);
    await workbench.command(command);
    await proposed('module-eval.pth');
    await workbench.page.keyboard.press('Escape');
    await workbench.page.locator('.quick-input-widget').waitFor({ state: 'hidden' });
    await workbench.row(/^Model module\.pth/).waitFor();
    assert.deepEqual(fs.readdirSync(workbench.folder), before);
  });

  it('takes over the statistics that a forward moved, if one wants them', async () => {
    await workbench.openFile('resnet_trained.pt');
    await workbench.showModeInspector();
    await workbench.row(/^Model resnet_trained\.pt/).click();
    await workbench.command('Mode Inspector: Set Train');
    await workbench.command('Mode Inspector: Run Forward');
    // The click on its row has folded it.
    await workbench.expand(/^Model resnet_trained\.pt/);
    await workbench.row(/^Last forward, train/).waitFor();
    for (const [answer, name, batches] of [
      [/^Modes and running statistics/, 'moved.pt', 151],
      ['running statistics as the file has them', 'still.pt', 150],
    ] as const) {
      await workbench.command(command);
      await workbench.pick(answer);
      await proposed('resnet_trained-train.pt');
      await workbench.answer(place(name));
      await workbench
        .notification(new RegExp(`Saved ${name}`))
        .first()
        .waitFor();
      const counters = inspect(place(name)).modules.flatMap(({ batchNorm }) => batchNorm?.numBatchesTracked ?? []);
      assert.deepEqual(counters, Array<number>(13).fill(batches), name);
    }
  });
});

/** What the headless twin says of a file. */
function inspect(file: string): Inspected {
  const cli = path.join(root, 'dist', 'cli.js');
  return JSON.parse(
    execFileSync(process.execPath, [cli, 'inspect', file, '--json'], { encoding: 'utf8' }),
  ) as Inspected;
}

function flagsOf(file: string): ReadonlyMap<string, boolean | null> {
  return new Map(inspect(file).modules.map(({ path: at, training }) => [at, training]));
}

/** The copy differs in so many flags, in the checksum of the pickle (three places at most), and nowhere else. */
function compareBytes(original: string, copy: string, flags: number): void {
  const [before, after] = [fs.readFileSync(original), fs.readFileSync(copy)];
  assert.equal(after.length, before.length);
  const differing = [...before.keys()].filter((i) => before[i] !== after[i]);
  // Of the pickle's opcodes, 0x88 is True and 0x89 is False.
  const inPickle = differing.filter((i) => [before[i], after[i]].every((byte) => byte === 0x88 || byte === 0x89));
  assert.equal(inPickle.length, flags);
  assert.ok(differing.length - flags <= 12, `${differing.length} bytes differ`);
}
