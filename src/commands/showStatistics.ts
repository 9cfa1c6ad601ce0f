// Show BatchNorm Statistics: opens the panel of a model, at the layer of the row if it is one.

import type * as vscode from 'vscode';
import { registerCommand } from '../host/commands';
import { commandIds } from '../host/ids';
import type { OutputLog } from '../host/log';
import { AppError } from '../util/errors';
import { normLayers } from '../views/statisticsPanelModel';
import type { StatisticsPanels } from '../views/statisticsPanels';
import { targetsOf } from './targets';
import type { Scene } from './targets';

export function registerShowStatistics(scene: Scene, panels: StatisticsPanels, log: OutputLog): vscode.Disposable {
  return registerCommand(log, commandIds.showStatistics, (...args) => {
    const target = targetsOf(scene, args).at(-1);
    if (target === undefined) return;
    const { session, module } = target;
    if (normLayers(session.modules).length === 0) {
      throw new AppError(
        'usage',
        `${session.title} has no BatchNorm or InstanceNorm layer.`,
        'There are no running statistics to show.',
      );
    }
    scene.store.setActive(session);
    panels.show(session, module.path);
  });
}
