// Elements of the page, built without HTML text.

/** An element with a class and text. */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className = '',
  text?: string,
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  if (className !== '') made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

/** The same with children. */
export function group<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className: string,
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = element(tag, className);
  made.append(...children);
  return made;
}

export function button(label: string, onClick: () => void, className = 'secondary'): HTMLButtonElement {
  const made = element('button', className, label);
  made.type = 'button';
  made.addEventListener('click', onClick);
  return made;
}

/** Sets a text only where it differs, so that nothing is drawn or spoken for nothing. */
export function setText(node: Element, text: string): void {
  if (node.textContent !== text) node.textContent = text;
}

/** A table with a heading for each row and column. `rows` begin with the heading of the row. */
export function table(
  caption: string,
  head: readonly string[],
  rows: readonly (readonly string[])[],
): HTMLTableElement {
  const made = element('table');
  made.append(element('caption', 'visually-hidden', caption));
  const headRow = made.createTHead().insertRow();
  for (const title of head) {
    const cell = element('th', '', title);
    cell.scope = 'col';
    headRow.append(cell);
  }
  const body = made.createTBody();
  for (const [heading = '', ...cells] of rows) {
    const row = body.insertRow();
    const cell = element('th', '', heading);
    cell.scope = 'row';
    row.append(cell);
    for (const text of cells) row.insertCell().textContent = text;
  }
  return made;
}
