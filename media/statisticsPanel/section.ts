// A part of the page: a heading, a few buttons, a picture, and the same as a table in its place.

import { button, element, group } from './dom';

export interface SectionParts {
  readonly title: string;
  /** What the picture shows and how to read it, in a sentence or two. */
  readonly help: string;
  readonly picture: HTMLElement;
  readonly table: () => HTMLElement;
  readonly buttons: readonly HTMLElement[];
}

export class Section {
  readonly root = element('section');
  readonly heading: HTMLHeadingElement;
  /** What the picture shows, or why there is none. */
  readonly help: HTMLParagraphElement;
  private readonly tablePlace = element('div', 'table');
  private readonly toggle: HTMLButtonElement;
  private lastFilled = -Infinity;

  constructor(
    private readonly parts: SectionParts,
    private readonly onShowPicture: () => void,
  ) {
    this.heading = element('h2', '', parts.title);
    this.toggle = button('Show as Table', () => {
      this.switch();
    });
    this.toggle.setAttribute('aria-pressed', 'false');
    const bar = group('div', 'bar', this.heading, group('div', 'buttons', ...parts.buttons, this.toggle));
    this.tablePlace.hidden = true;
    this.tablePlace.tabIndex = 0;
    this.tablePlace.setAttribute('role', 'region');
    this.tablePlace.setAttribute('aria-label', `${parts.title}, as a table`);
    this.help = element('p', 'help', parts.help);
    this.root.append(bar, this.help, parts.picture, this.tablePlace);
  }

  get showsTable(): boolean {
    return !this.tablePlace.hidden;
  }

  /** Fills the table again, if it is shown; live figures at most once a second, since nobody reads faster. */
  refreshTable(): void {
    if (!this.showsTable || performance.now() - this.lastFilled < 1000) return;
    this.lastFilled = performance.now();
    const { scrollTop } = this.tablePlace;
    this.tablePlace.replaceChildren(this.parts.table());
    this.tablePlace.scrollTop = scrollTop;
  }

  private switch(): void {
    const toTable = this.tablePlace.hidden;
    this.tablePlace.hidden = !toTable;
    this.parts.picture.hidden = toTable;
    this.toggle.textContent = toTable ? 'Show as Picture' : 'Show as Table';
    this.toggle.setAttribute('aria-pressed', String(toTable));
    this.lastFilled = -Infinity;
    if (toTable) this.refreshTable();
    else this.onShowPicture();
  }
}
