// What a row of the tree is, as plain data; treeItem.ts turns it into VS Code's own item.

/** A codicon and, where colour helps, the id of a theme colour. The icon's form alone tells the same. */
export interface RowIcon {
  readonly id: string;
  readonly color?: string;
}

export interface Row {
  readonly label: string;
  readonly description?: string;
  readonly icon?: RowIcon;
  /** Lines of plain text; `Name: value` has its name emphasised. */
  readonly tooltip?: readonly string[];
  /** The whole row in words, for a screen reader. */
  readonly spoken: string;
  /** Words that the manifest's `when` clauses look for in `viewItem`. */
  readonly context?: string;
  readonly children: 'none' | 'collapsed' | 'expanded';
  /** The rows below one that has no more to it than these. */
  readonly rows?: readonly Row[];
}
