// Every id that the manifest and the code share, once. test/unit/manifest compares them with package.json both ways.

/** Commands that people can run, from the palette, a menu or a key. */
export const commandIds = {
  openModel: 'modeInspector.openModel',
  openSample: 'modeInspector.openSample',
  openFile: 'modeInspector.openFile',
  setTrain: 'modeInspector.setTrain',
  setEval: 'modeInspector.setEval',
  toggleMode: 'modeInspector.toggleMode',
  setTrainInAllRanks: 'modeInspector.setTrainInAllRanks',
  setEvalInAllRanks: 'modeInspector.setEvalInAllRanks',
  setTrainOnly: 'modeInspector.setTrainOnly',
  setEvalOnly: 'modeInspector.setEvalOnly',
  restoreModes: 'modeInspector.restoreModes',
  undoSwitch: 'modeInspector.undoSwitch',
  freezeBatchNorm: 'modeInspector.freezeBatchNorm',
  monteCarloDropout: 'modeInspector.monteCarloDropout',
  runForward: 'modeInspector.runForward',
  runForwardWith: 'modeInspector.runForwardWith',
  runForwardAgain: 'modeInspector.runForwardAgain',
  compareModes: 'modeInspector.compareModes',
  compareModels: 'modeInspector.compareModels',
  compareAgain: 'modeInspector.compareAgain',
  closeComparison: 'modeInspector.closeComparison',
  saveCopy: 'modeInspector.saveCopy',
  reload: 'modeInspector.reload',
  revealSource: 'modeInspector.revealSource',
  revealInTree: 'modeInspector.revealInTree',
  copyPath: 'modeInspector.copyPath',
  closeModel: 'modeInspector.closeModel',
  switchModel: 'modeInspector.switchModel',
  showLog: 'modeInspector.showLog',
  runPythonFile: 'modeInspector.runPythonFile',
  openTerminal: 'modeInspector.openTerminal',
  inspectClass: 'modeInspector.inspectClass',
  inspectClassWith: 'modeInspector.inspectClassWith',
  inspectKernel: 'modeInspector.inspectKernel',
  pinTrain: 'modeInspector.pinTrain',
  pinEval: 'modeInspector.pinEval',
  unpin: 'modeInspector.unpin',
  detach: 'modeInspector.detach',
  findModels: 'modeInspector.findModels',
  revealSwitch: 'modeInspector.revealSwitch',
  traceForward: 'modeInspector.traceForward',
  inspectDebugSession: 'modeInspector.inspectDebugSession',
  attachToProcess: 'modeInspector.attachToProcess',
  showStatistics: 'modeInspector.showStatistics',
  revealFinding: 'modeInspector.revealFinding',
  openFindingLine: 'modeInspector.openFindingLine',
  openRulePage: 'modeInspector.openRulePage',
  disableRule: 'modeInspector.disableRule',
} as const;

export type CommandId = (typeof commandIds)[keyof typeof commandIds];

/** Tools for assistants (`contributes.languageModelTools`). */
export const toolIds = {
  readModes: 'modeInspector_readModes',
  readStatistics: 'modeInspector_readStatistics',
  listFindings: 'modeInspector_listFindings',
  setMode: 'modeInspector_setMode',
} as const;

export const viewIds = {
  container: 'modeInspector',
  modules: 'modeInspector.modules',
  findings: 'modeInspector.findings',
  modelEditor: 'modeInspector.model',
  perhapsModelEditor: 'modeInspector.perhapsModel',
  statistics: 'modeInspector.statistics',
} as const;

export const settingIds = {
  threads: 'modeInspector.threads',
  statusBar: 'modeInspector.statusBar',
  python: 'modeInspector.python',
  debugSessions: 'modeInspector.debugSessions',
  codeLens: 'modeInspector.codeLens',
  codeLensAtSwitches: 'modeInspector.codeLensAtSwitches',
  disabledRules: 'modeInspector.findings.disabledRules',
  initialShare: 'modeInspector.findings.initialShare',
  forwardsWithoutGrad: 'modeInspector.findings.forwardsWithoutGrad',
  stepsInEval: 'modeInspector.findings.stepsInEval',
  updatesPerStep: 'modeInspector.findings.updatesPerStep',
  drift: 'modeInspector.findings.drift',
} as const;

export const contextKeys = {
  /** At least one model is open. */
  hasModels: 'modeInspector.hasModels',
} as const;

/** Endings of files that hold a model and nothing else: a click on one opens it. The manifest's selectors and menus say the same. */
export const modelExtensions = [
  'pt',
  'pth',
  'jit',
  'torchscript',
  'ptl',
  'pt2',
  'ckpt',
  'safetensors',
  'onnx',
  'pte',
] as const;

/** Endings of files that may hold something else: they open from menus. */
export const perhapsModelExtensions = ['bin', 'pth.tar', 'pt.tar', 'safetensors.index.json', 'bin.index.json'] as const;
