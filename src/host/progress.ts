// Progress that appears only when something takes long enough to be worth a word.

import * as vscode from 'vscode';
import type { OnProgress, Progress } from '../protocol/engine';
import { ProgressBar } from './progressModel';

const patienceMilliseconds = 500;

/**
 * Runs `task`; after half a second a notification says `title`, how far the task is where it tells, and, with `cancellable`,
 * offers to cancel. The task's result or error is returned either way. What can be cancelled must settle when its signal is aborted.
 */
export async function withDelayedProgress<T>(
  title: string,
  options: { readonly cancellable: boolean },
  task: (signal: AbortSignal, onProgress: OnProgress) => Promise<T>,
): Promise<T> {
  const abort = new AbortController();
  let latest: Progress | undefined;
  let show: OnProgress = (progress) => {
    latest = progress;
  };
  const running = task(abort.signal, (progress) => {
    show(progress);
  });
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
      const bar = new ProgressBar();
      show = (told) => {
        progress.report(bar.advance(told));
      };
      if (latest !== undefined) show(latest);
      token.onCancellationRequested(() => {
        show = () => undefined;
        abort.abort();
        progress.report({ message: 'cancelling…' });
      });
      return running;
    },
  );
}
