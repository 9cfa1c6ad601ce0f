// The page of a webview: a strict content security policy, one script, one style sheet, an empty body.

import { randomBytes } from 'node:crypto';
import * as vscode from 'vscode';

export interface WebviewPage {
  readonly title: string;
  /** Folder of the built script and style sheet. */
  readonly folder: vscode.Uri;
  readonly script: string;
  readonly style: string;
}

/** Sets the webview up; everything that it shows arrives by message. */
export function loadWebviewPage(webview: vscode.Webview, page: WebviewPage): void {
  webview.options = { enableScripts: true, localResourceRoots: [page.folder] };
  const nonce = randomBytes(16).toString('base64');
  const script = webview.asWebviewUri(vscode.Uri.joinPath(page.folder, page.script)).toString();
  const style = webview.asWebviewUri(vscode.Uri.joinPath(page.folder, page.style)).toString();
  const policy = `default-src 'none'; style-src ${webview.cspSource}; script-src 'nonce-${nonce}';`;
  webview.html = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="UTF-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1.0">
<link rel="stylesheet" href="${style}">
<title>${escapeHtml(page.title)}</title>
</head>
<body>
<main id="page"></main>
<script nonce="${nonce}" src="${script}"></script>
</body>
</html>`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${String(character.charCodeAt(0))};`);
}
