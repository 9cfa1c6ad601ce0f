// The one error type that users see, and the codes that callers branch on.

import { shortened } from './text';

/** What went wrong, as a stable code; callers branch on it and never on the message. */
export type AppErrorCode =
  | 'file-unreadable' // the file can't be opened or read
  | 'file-unwritable' // a file can't be written where it should be
  | 'not-stored' // the file has no place for what should be written
  | 'not-a-model' // the bytes are no model format that we know
  | 'corrupt' // the format is known, the bytes contradict it
  | 'unsupported-format' // a known format or version that can't be shown yet
  | 'limit-exceeded' // a length, count or depth in the file is beyond the safe limit
  | 'no-program' // the file holds no code that could run
  | 'unsupported-operator' // the program calls an operator that the runtime lacks
  | 'bad-input' // inputs that the program or operator can't take
  | 'single-value' // a layer that normalises by the batch got one value per channel
  | 'program-error' // the user's program raised an error of its own
  | 'no-such-module' // a module path that the model doesn't have
  | 'out-of-memory'
  | 'cancelled'
  | 'worker-died' // the runtime's worker ended unexpectedly
  | 'process-ended' // the process of a live model is gone
  | 'no-answer' // the process of a live model does not answer, or not as it should
  | 'refused' // the process of a live model could not do what was asked
  | 'no-python' // no interpreter to run a program with
  | 'usage'; // wrong arguments from the caller

/**
 * An error meant for people: `message` says what happened and where, in one sentence; `hint` says what to do. Both are cut to
 * what can be read, here alone: those who throw need not ask how long a name in them is.
 * It crosses the worker boundary as plain data through {@link toErrorData} and {@link fromErrorData}.
 */
export class AppError extends Error {
  override readonly name = 'AppError';
  readonly hint: string | undefined;
  /** Path of the module whose forward failed, where that is known; the message names it too. */
  readonly module: string | undefined;

  constructor(
    readonly code: AppErrorCode,
    message: string,
    hint?: string,
    options?: { readonly cause?: unknown; readonly module?: string | undefined },
  ) {
    super(shortened(message), options);
    this.hint = hint === undefined ? undefined : shortened(hint);
    this.module = options?.module;
  }

  /** The message and the hint as one line, for notifications and stderr. */
  get oneLine(): string {
    const sentence = /[.!?]$/.test(this.message) ? this.message : `${this.message}.`;
    return (this.hint === undefined ? sentence : `${sentence} ${this.hint}`).replace(/\s+/g, ' ');
  }
}

/** An {@link AppError} as structured-cloneable data. */
export interface ErrorData {
  readonly code: AppErrorCode;
  readonly message: string;
  readonly hint?: string | undefined;
  readonly module?: string | undefined;
  readonly stack?: string | undefined;
}

/** Turns whatever was thrown into plain data; anything but an AppError is labelled with `fallback`. */
export function toErrorData(thrown: unknown, fallback: AppErrorCode): ErrorData {
  const error = toAppError(thrown, fallback);
  return { code: error.code, message: error.message, hint: error.hint, module: error.module, stack: error.stack };
}

/** Rebuilds the error on the other side of a boundary, with the stack of where it was thrown. */
export function fromErrorData(data: ErrorData): AppError {
  const error = new AppError(data.code, data.message, data.hint, { module: data.module });
  if (data.stack !== undefined) error.stack = data.stack;
  return error;
}

/** Wraps whatever was thrown; an AppError is returned as it is. */
export function toAppError(thrown: unknown, fallback: AppErrorCode): AppError {
  if (thrown instanceof AppError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  if (
    thrown instanceof RangeError &&
    /allocation|array length|array buffer|string length|Map maximum size/i.test(message)
  ) {
    return new AppError('out-of-memory', `Not enough memory: ${message}`, 'Try a smaller input.', { cause: thrown });
  }
  if (thrown instanceof RangeError && /call stack/i.test(message)) {
    return new AppError('limit-exceeded', 'The model’s code or data is nested too deeply to be read', undefined, {
      cause: thrown,
    });
  }
  return new AppError(fallback, message, undefined, { cause: thrown });
}
