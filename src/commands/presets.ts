// Presets: freezing BatchNorm, Monte Carlo dropout.

import * as vscode from 'vscode';
import { registerCommand } from '../host/commands';
import { commandIds } from '../host/ids';
import type { OutputLog } from '../host/log';
import { withDelayedProgress } from '../host/progress';
import { presetFlags, presetLayers, type Preset } from '../model/presets';
import { LiveSession } from '../sessions/liveSession';
import { AppError } from '../util/errors';
import { inEachModel } from './ranks';
import { noLayerWords, presetWords } from './setModeModel';
import { nameOf, targetsOf } from './targets';
import type { Scene, Target } from './targets';
import type { SwitchHistory } from './undo';

export function registerPresets(scene: Scene, history: SwitchHistory, log: OutputLog): vscode.Disposable[] {
  const apply =
    (preset: Preset) =>
    (...args: unknown[]): Promise<void> =>
      inEachModel(scene.store, targetsOf(scene, args), (target) => applyPreset(scene, history, target, preset));
  return [
    registerCommand(log, commandIds.freezeBatchNorm, apply('freezeBatchNorm')),
    registerCommand(log, commandIds.monteCarloDropout, apply('monteCarloDropout')),
  ];
}

async function applyPreset({ store }: Scene, history: SwitchHistory, target: Target, preset: Preset): Promise<void> {
  const { session, module } = target;
  const name = nameOf(target, store);
  const layers = presetLayers(preset, session.modules, module.path);
  if (layers.length === 0) throw new AppError('usage', noLayerWords(preset, name));
  // A program calls train() again at its next epoch, which would thaw what is not held.
  const pinned =
    preset === 'freezeBatchNorm' && session instanceof LiveSession
      ? layers.filter(({ path }) => session.pinned(path) !== 'eval').map(({ path }) => path)
      : [];
  const pin = async (training: boolean | null): Promise<void> => {
    if (session instanceof LiveSession) await Promise.all(pinned.map((path) => session.pin(path, training)));
  };
  history.record(session, () => pin(null));
  await withDelayedProgress(`Switching ${name}`, { cancellable: false }, async () => {
    await session.restore({ flags: presetFlags(preset, session.modules, module.path) });
    await pin(false);
  });
  vscode.window.setStatusBarMessage(presetWords(preset, name, session, layers.length), 4000);
}
