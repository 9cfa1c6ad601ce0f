// Tools for assistants in the editor: reading modes, statistics and findings, and switching, which a person confirms.

import * as vscode from 'vscode';
import { toolIds } from '../host/ids';
import type { OutputLog } from '../host/log';
import type { ModelSession } from '../sessions/modelSession';
import { toAppError } from '../util/errors';
import {
  findingsText,
  modelNamed,
  modesText,
  parseToolInput,
  readInput,
  setInput,
  statisticsText,
  switchedText,
  switchQuestion,
} from './assistantToolsModel';
import type { Scene } from './targets';
import type { SwitchHistory } from './undo';

export function registerAssistantTools({ store }: Scene, history: SwitchHistory, log: OutputLog): vscode.Disposable[] {
  const modelOf = (title: string | undefined): ModelSession => modelNamed(store.sessions, store.active, title);
  /** What goes wrong is told to the assistant too, which can then ask better. */
  const answer = async (work: () => string | Promise<string>): Promise<vscode.LanguageModelToolResult> => {
    try {
      return new vscode.LanguageModelToolResult([new vscode.LanguageModelTextPart(await work())]);
    } catch (thrown) {
      const error = toAppError(thrown, 'program-error');
      log.warn(`An assistant’s request failed: ${error.oneLine}`);
      throw new Error(error.oneLine);
    }
  };
  const reader = (
    read: (session: ModelSession, path: string | undefined, all: boolean | undefined) => string | Promise<string>,
  ) => ({
    invoke: ({ input }: vscode.LanguageModelToolInvocationOptions<unknown>) =>
      answer(() => {
        const { model, path, all } = parseToolInput(readInput, input);
        return read(modelOf(model), path, all);
      }),
  });
  return [
    vscode.lm.registerTool(
      toolIds.readModes,
      reader((session, path, all) => modesText(session, store.sessions, path, all)),
    ),
    vscode.lm.registerTool(toolIds.readStatistics, reader(statisticsText)),
    vscode.lm.registerTool(toolIds.listFindings, reader(findingsText)),
    vscode.lm.registerTool(toolIds.setMode, {
      prepareInvocation: ({ input }: vscode.LanguageModelToolInvocationPrepareOptions<unknown>) => {
        const { model, path = '', mode } = parseToolInput(setInput, input);
        return switchQuestion(modelOf(model), path, mode);
      },
      invoke: ({ input }: vscode.LanguageModelToolInvocationOptions<unknown>) =>
        answer(async () => {
          const { model, path = '', mode } = parseToolInput(setInput, input);
          const session = modelOf(model);
          history.record(session);
          await session.setTraining(path, mode === 'train', { recursive: true });
          return switchedText(session, path, mode);
        }),
    }),
  ];
}
