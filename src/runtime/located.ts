// Says in an error's message in which module and at which line of the user's source it happened.

import type { SourceLocation } from '../model/module';
import { AppError } from '../util/errors';

/** The same error with `(in layer1.0 at model.py:12)` behind its message, as far as either is known. */
export function located(error: AppError, path: string | undefined, location: SourceLocation | undefined): AppError {
  const where = [
    ...(path === undefined ? [] : [path === '' ? 'in the root module' : `in ${path}`]),
    ...(location === undefined ? [] : [`at ${location.file}:${location.line}`]),
  ].join(' ');
  const message = where === '' ? error.message : `${error.message} (${where})`;
  return new AppError(error.code, message, error.hint, { cause: error, module: path });
}
