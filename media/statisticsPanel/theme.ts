// The colours of the editor around the page, as the charts need them: values, read anew when the theme changes.

export interface Theme {
  readonly foreground: string;
  readonly faint: string;
  readonly background: string;
  /** Lines of the grid. */
  readonly line: string;
  readonly mean: string;
  readonly variance: string;
  readonly train: string;
  readonly eval: string;
  readonly mixed: string;
  readonly error: string;
  readonly warning: string;
  readonly note: string;
  readonly focus: string;
  readonly font: string;
  readonly fontSize: number;
  readonly isHighContrast: boolean;
}

export function readTheme(): Theme {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string, otherwise: string): string =>
    style.getPropertyValue(`--vscode-${name}`).trim() || otherwise;
  const foreground = colour('editor-foreground', '#333333');
  const isHighContrast = document.body.classList.contains('vscode-high-contrast');
  return {
    foreground,
    faint: isHighContrast ? foreground : colour('descriptionForeground', '#767676'),
    background: colour('editor-background', '#ffffff'),
    line: isHighContrast ? colour('contrastBorder', foreground) : colour('editorWidget-border', '#cccccc'),
    mean: colour('charts-green', '#388a34'),
    variance: colour('charts-purple', '#652d90'),
    train: colour('charts-yellow', '#bf8803'),
    eval: colour('charts-blue', '#1a85ff'),
    mixed: colour('descriptionForeground', '#767676'),
    error: colour('charts-red', '#e51400'),
    warning: colour('editorWarning-foreground', '#bf8803'),
    note: colour('descriptionForeground', '#767676'),
    focus: colour('focusBorder', '#005fb8'),
    font: colour('font-family', 'sans-serif'),
    fontSize: Math.max(11, (parseFloat(colour('font-size', '13px')) || 13) - 1),
    isHighContrast,
  };
}

/** Calls `listener` after the theme has changed: VS Code sets other classes and variables then. */
export function onDidChangeTheme(listener: () => void): void {
  const observer = new MutationObserver(listener);
  observer.observe(document.body, { attributes: true, attributeFilter: ['class', 'data-vscode-theme-id'] });
  observer.observe(document.documentElement, { attributes: true, attributeFilter: ['style'] });
}
