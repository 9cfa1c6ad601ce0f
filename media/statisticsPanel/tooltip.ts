// The box beside the mouse that says what is under it, in words and numbers.

import { element, group, table } from './dom';

export interface TooltipContent {
  readonly title: string;
  readonly lines?: readonly string[];
  /** First row: headings of the columns. */
  readonly rows?: readonly (readonly string[])[];
}

export class Tooltip {
  private readonly box = element('div', 'tooltip');

  constructor() {
    this.box.hidden = true;
    // Screen readers get the same from the selected layer and the tables.
    this.box.setAttribute('aria-hidden', 'true');
    document.body.append(this.box);
    window.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') this.hide();
    });
  }

  /** @param x in the page's own coordinates, of what the box is about. */
  show({ title, lines = [], rows = [] }: TooltipContent, x: number, y: number): void {
    const [head = [], ...body] = rows;
    this.box.replaceChildren(
      element('div', 'tooltip-title', title),
      ...lines.map((line) => element('div', '', line)),
      ...(body.length === 0 ? [] : [group('div', '', table(title, head, body))]),
    );
    this.box.hidden = false;
    const { offsetWidth, offsetHeight } = this.box;
    const { clientWidth, clientHeight } = document.documentElement;
    const left = x + 14 + offsetWidth > clientWidth ? x - 14 - offsetWidth : x + 14;
    const top = Math.min(Math.max(4, y - offsetHeight / 2), clientHeight - offsetHeight - 4);
    this.box.style.left = `${String(Math.max(4, left))}px`;
    this.box.style.top = `${String(top)}px`;
  }

  hide(): void {
    this.box.hidden = true;
  }
}

/** Shows the tooltip while the mouse is over a chart, about what `find` has there. */
export function showOnHover(
  place: HTMLElement,
  tooltip: Tooltip,
  find: (x: number, y: number) => TooltipContent | undefined,
): void {
  place.addEventListener('mousemove', (event) => {
    const { left, top } = place.getBoundingClientRect();
    const content = find(event.clientX - left, event.clientY - top);
    if (content === undefined) tooltip.hide();
    else tooltip.show(content, event.clientX, event.clientY);
  });
  place.addEventListener('mouseleave', () => {
    tooltip.hide();
  });
}
