// Progress that appears only when something takes long enough to be worth a word.

import * as vscode from 'vscode';

const patienceMilliseconds = 500;

/**
 * Runs `task`; after half a second a notification says `title` and, with `cancellable`, offers to cancel. The task's
 * result or error is returned either way. What can be cancelled must settle when its signal is aborted.
 */
export async function withDelayedProgress<T>(
  title: string,
  options: { readonly cancellable: boolean },
  task: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const abort = new AbortController();
  const running = task(abort.signal);
  let timer: NodeJS.Timeout | undefined;
  const slow = await Promise.race([
    running.then(
      () => false,
      () => false,
    ),
    new Promise<true>((resolve) => {
      timer = setTimeout(() => {
        resolve(true);
      }, patienceMilliseconds);
    }),
  ]);
  clearTimeout(timer);
  if (!slow) return running;
  return vscode.window.withProgress(
    { location: vscode.ProgressLocation.Notification, title, cancellable: options.cancellable },
    (progress, token) => {
      token.onCancellationRequested(() => {
        abort.abort();
        progress.report({ message: 'cancelling…' });
      });
      return running;
    },
  );
}
