// The composition root: makes the parts, hands them to each other, owns them. Nothing heavy is imported here: models are
// read and run in worker threads, whose code is loaded when the first one starts.

import * as vscode from 'vscode';
import { registerAssistantTools } from './commands/assistantTools';
import { registerAttachToProcess } from './commands/attachToProcess';
import { registerCompareModels } from './commands/compareModels';
import { registerCompareModes } from './commands/compareModes';
import { registerFindingCommands } from './commands/findings';
import { DebugSessions } from './commands/debugSessions';
import { registerNotices } from './commands/notices';
import { registerInspectClass } from './commands/inspectClass';
import { registerInspectKernel } from './commands/inspectKernel';
import { registerOpenCommands } from './commands/openModel';
import { registerRevealSource } from './commands/revealSource';
import { registerForwardCommands } from './commands/runForward';
import { registerSaveCopy } from './commands/saveCopy';
import { registerSessionCommands } from './commands/sessionCommands';
import { registerLiveCommands } from './commands/live';
import { registerRunPython } from './commands/runPython';
import { registerPresets } from './commands/presets';
import { registerModeCommands } from './commands/setMode';
import { SwitchHistory } from './commands/undo';
import { registerShowStatistics } from './commands/showStatistics';
import { onDidChangeSettings, readFindingSettings, readThreads } from './host/config';
import { setContextKey } from './host/context';
import { contextKeys } from './host/ids';
import { createOutputLog } from './host/log';
import type { OutputLog } from './host/log';
import { LiveHub } from './live/liveHub';
import { FindingRules } from './sessions/findingRules';
import { SessionStore } from './sessions/sessionStore';
import { StatisticsHistories } from './sessions/statisticsHistories';
import { SpareEngine } from './sessions/spareEngine';
import { createWorkerEngine } from './sessions/workerEngine';
import { registerFindingDecorations } from './views/findingDecorations';
import { registerFindingDiagnostics } from './views/findingDiagnostics';
import { FindingIndex } from './views/findingIndex';
import { FindingsView } from './views/findingsView';
import { ModeCounts } from './views/modeCounts';
import { registerModelEditors } from './views/modelEditor';
import { ModuleTree } from './views/moduleTree';
import { Ranks } from './views/ranks';
import { StatisticsPanels } from './views/statisticsPanels';
import { createStatusBar } from './views/statusBar';
import { registerSwitchLenses } from './views/switchLenses';

/** What `activate` returns: enough for tests inside VS Code to look at the state that the views show. */
export interface ExtensionApi {
  readonly store: SessionStore;
  readonly tree: ModuleTree;
  readonly findings: FindingsView;
}

export function activate(context: vscode.ExtensionContext): ExtensionApi {
  const log = createOutputLog();
  context.subscriptions.push(log);
  try {
    return wire(context, log);
  } catch (error) {
    log.error('Activation failed', error);
    void vscode.window.showErrorMessage(
      `Mode Inspector could not start: ${error instanceof Error ? error.message : String(error)}`,
    );
    throw error;
  }
}

function wire(context: vscode.ExtensionContext, log: OutputLog): ExtensionApi {
  const dist = vscode.Uri.joinPath(context.extensionUri, 'dist');
  const script = vscode.Uri.joinPath(dist, 'worker.mjs').fsPath;
  const spare = new SpareEngine(
    (threads) => createWorkerEngine({ script, wasmFolder: dist.fsPath, threads, log }),
    readThreads,
  );
  const findingRules = new FindingRules(readFindingSettings());
  const store = new SessionStore({
    findingRules,
    createEngine: () => spare.take(),
    onListenerError: (error) => {
      log.error('A view failed to follow a change', error);
    },
  });
  const counts = new ModeCounts(store);
  const findings = new FindingIndex(store);
  const findingsView = new FindingsView(store);
  const hub = new LiveHub(store, vscode.Uri.joinPath(context.extensionUri, 'python').fsPath, log);
  const ranks = new Ranks(store, counts, (processes) => {
    hub.align(processes);
  });
  const tree = new ModuleTree(store, counts, ranks, findings);
  const scene = { store, tree, findings: findingsView };
  const history = new SwitchHistory();
  const viewParts = { store, counts, tree, log, pageFolder: vscode.Uri.joinPath(dist, 'media') };
  const histories = new StatisticsHistories(store, () => Date.now() / 1000);
  const panels = new StatisticsPanels({ ...viewParts, histories });
  const look = (): void => {
    hub.setSight(panels.isVisible ? 'panel' : tree.view.visible ? 'visible' : 'hidden');
  };
  look();
  const debugSessions = new DebugSessions(scene, hub, log);
  context.subscriptions.push(
    spare,
    store,
    counts,
    ranks,
    findings,
    tree,
    findingsView,
    registerFindingDecorations(store, findings),
    registerFindingDiagnostics(store),
    ...registerFindingCommands(scene, log, context.extensionUri),
    onDidChangeSettings(() => {
      findingRules.set(readFindingSettings());
    }),
    createStatusBar(store, counts),
    registerSwitchLenses(store, counts),
    registerModelEditors(viewParts),
    histories,
    panels,
    registerShowStatistics(scene, panels, log),
    ...registerOpenCommands(scene, log, vscode.Uri.joinPath(context.extensionUri, 'samples')),
    ...registerModeCommands(scene, counts, history, log),
    ...registerPresets(scene, history, log),
    ...registerAssistantTools(scene, history, log),
    ...registerForwardCommands(scene, counts, log),
    registerCompareModes(scene, log),
    ...registerCompareModels(scene, counts, log),
    ...registerSessionCommands(scene, counts, log),
    registerSaveCopy(scene, log),
    registerRevealSource(scene, log),
    registerNotices(scene, log),
    hub,
    ...registerRunPython(scene, hub, log),
    registerInspectKernel(scene, hub, log),
    ...registerInspectClass(scene, hub, log),
    ...registerLiveCommands(scene, log),
    debugSessions,
    registerAttachToProcess(scene, hub, debugSessions, log),
    tree.view.onDidChangeVisibility(look),
    panels.onDidChangeVisibility(look),
    store.onDidChange(() => {
      // Who has one model file open often opens or reloads another; activation itself starts nothing.
      if (store.files.length === 0) spare.drop();
      else if (store.opening.length === 0) spare.keep();
      setContextKey(contextKeys.hasModels, !store.isEmpty);
    }),
  );
  log.info('Ready.');
  return scene;
}
