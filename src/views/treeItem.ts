// A row of the tree as VS Code's own item.

import * as vscode from 'vscode';
import type { Row } from './rowModel';

/** Icon, words, tooltip and what a screen reader says. The caller sets the id. */
export function toTreeItem(row: Row): vscode.TreeItem {
  const item = new vscode.TreeItem(row.label, collapsibleStates[row.children]);
  if (row.description !== undefined) item.description = row.description;
  if (row.icon !== undefined) {
    item.iconPath = new vscode.ThemeIcon(
      row.icon.id,
      row.icon.color === undefined ? undefined : new vscode.ThemeColor(row.icon.color),
    );
  }
  if (row.tooltip !== undefined) item.tooltip = toMarkdown(row.tooltip);
  if (row.context !== undefined) item.contextValue = row.context;
  item.accessibilityInformation = { label: row.spoken };
  return item;
}

const collapsibleStates = {
  none: vscode.TreeItemCollapsibleState.None,
  collapsed: vscode.TreeItemCollapsibleState.Collapsed,
  expanded: vscode.TreeItemCollapsibleState.Expanded,
} as const;

/** Names and values come from files: they are appended as text, which escapes them. */
function toMarkdown(lines: readonly string[]): vscode.MarkdownString {
  const markdown = new vscode.MarkdownString();
  for (const line of lines) {
    const colon = line.indexOf(': ');
    if (colon > 0 && colon < 30) {
      markdown
        .appendMarkdown('**')
        .appendText(line.slice(0, colon))
        .appendMarkdown('** ')
        .appendText(line.slice(colon + 2));
    } else {
      markdown.appendText(line);
    }
    markdown.appendMarkdown('  \n');
  }
  return markdown;
}
