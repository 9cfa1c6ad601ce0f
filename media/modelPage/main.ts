// The page of a model file: shows the state that the host sends and reports which button was pressed.

import type { FromModelPage, PageButton, PageLayerKind, PageState, ToModelPage } from '../../src/protocol/modelPage';

interface VsCodeApi {
  postMessage(message: FromModelPage): void;
}

declare const acquireVsCodeApi: (() => VsCodeApi) | undefined;

// Without VS Code the page can be opened in a plain browser, for work on its looks.
const vscode = typeof acquireVsCodeApi === 'function' ? acquireVsCodeApi() : undefined;

window.addEventListener('message', (event: MessageEvent<ToModelPage>) => {
  render(event.data.state);
});
vscode?.postMessage({ kind: 'ready' });

function render(state: PageState): void {
  const page = document.getElementById('page');
  if (page === null) return;
  // The button that has the focus is drawn anew; keyboards must not lose their place.
  const focused = document.activeElement instanceof HTMLElement ? document.activeElement.dataset['action'] : undefined;
  page.replaceChildren(
    element('h1', 'title', state.title),
    element('p', 'subtitle', state.subtitle),
    ...(state.mode === undefined ? [] : [modeLine(state.mode, state.modeSign ?? 'other')]),
    ...(state.modeReason === undefined ? [] : [element('p', 'reason', state.modeReason)]),
    ...(state.message === undefined ? [] : [notice(state.message)]),
    buttons(state.buttons),
    ...(state.layerKinds.length === 0 ? [] : [layerTable(state.layerKinds)]),
    ...(state.facts.length === 0 ? [] : [facts(state.facts)]),
    ...(state.problems.length === 0 ? [] : [problems(state.problems)]),
  );
  if (focused !== undefined) page.querySelector<HTMLElement>(`[data-action="${focused}"]`)?.focus();
}

function modeLine(mode: string, sign: string): HTMLElement {
  const line = element('p', 'mode');
  const mark = element('span', `mark ${sign}`);
  mark.setAttribute('aria-hidden', 'true');
  line.append(mark, element('span', 'visually-hidden', 'Mode: '), document.createTextNode(mode));
  line.setAttribute('aria-live', 'polite');
  return line;
}

function notice(message: string): HTMLElement {
  const line = element('p', 'notice', message);
  line.setAttribute('role', 'alert');
  return line;
}

function buttons(list: readonly PageButton[]): HTMLElement {
  const row = element('div', 'buttons');
  for (const { action, label, primary } of list) {
    const button = document.createElement('button');
    button.textContent = label;
    button.className = primary ? 'primary' : 'secondary';
    button.dataset['action'] = action;
    button.addEventListener('click', () => vscode?.postMessage({ kind: 'action', action }));
    row.append(button);
  }
  return row;
}

function layerTable(kinds: readonly PageLayerKind[]): HTMLElement {
  const table = document.createElement('table');
  table.append(element('caption', '', 'Layers that depend on the mode'));
  const head = table.createTHead().insertRow();
  for (const title of ['Layer', 'Count', 'Run as train', 'Run as eval']) {
    const cell = element('th', '', title);
    cell.setAttribute('scope', 'col');
    head.append(cell);
  }
  const body = table.createTBody();
  for (const kind of kinds) {
    const row = body.insertRow();
    const name = element('th', '', kind.type);
    name.setAttribute('scope', 'row');
    row.append(name);
    for (const count of [kind.layers, kind.runTrain, kind.runEval]) {
      const cell = row.insertCell();
      cell.textContent = String(count);
      if (count === 0) cell.className = 'zero';
    }
  }
  return table;
}

function facts(list: PageState['facts']): HTMLElement {
  const box = document.createElement('dl');
  for (const [name, value] of list) box.append(element('dt', '', name), element('dd', '', value));
  return box;
}

function problems(list: readonly string[]): HTMLElement {
  const section = document.createElement('section');
  const items = document.createElement('ul');
  for (const problem of list) items.append(element('li', '', problem));
  section.append(element('h2', '', list.length === 1 ? 'One problem' : `${String(list.length)} problems`), items);
  return section;
}

function element(tag: string, className: string, text?: string): HTMLElement {
  const made = document.createElement(tag);
  if (className !== '') made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}
