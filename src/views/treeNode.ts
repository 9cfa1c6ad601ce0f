// The elements of the view “Modules”: what each stands for, and its id.

import type { SourceLocation } from '../model/module';
import type { LiveProcess } from '../sessions/liveProcess';
import type { LiveSession } from '../sessions/liveSession';
import type { ModelSession } from '../sessions/modelSession';
import type { ModuleRange } from './rangeModel';
import type { Row } from './rowModel';

/** What an element of the tree stands for. Modules and models are what commands act on. */
export type TreeNode =
  | { readonly kind: 'module'; readonly session: ModelSession; readonly path: string }
  /** Some of the children of a module that has very many; `path` is the module's. */
  | ({ readonly kind: 'range'; readonly session: ModelSession; readonly path: string } & ModuleRange)
  | { readonly kind: 'forward'; readonly session: ModelSession }
  | { readonly kind: 'problems'; readonly session: ModelSession }
  /** What differs from another model. */
  | { readonly kind: 'pair'; readonly session: ModelSession }
  /** A live process, above its models. */
  | { readonly kind: 'process'; readonly session?: undefined; readonly process: LiveProcess }
  /** Processes that run the same program side by side, by the key of their job; and what differs between them. */
  | { readonly kind: 'job' | 'differences'; readonly session?: undefined; readonly job: string }
  /** Who switched the modes of a live model. */
  | { readonly kind: 'switches'; readonly session: LiveSession }
  /** A row that only says something; `path` is the module that it belongs to. */
  | {
      readonly kind: 'row';
      readonly session?: ModelSession;
      readonly path?: string;
      readonly id: string;
      readonly row: Row;
      readonly parent?: TreeNode;
      /** What a click shows. */
      readonly shows?: ShownModule;
      /** A line of the user's code that the row is about. */
      readonly line?: SourceLocation;
    };

/** A module that a row elsewhere leads to. */
export interface ShownModule {
  readonly session: ModelSession;
  readonly path: string;
}

/** Tells a node from all others of the view. */
export function nodeId(node: TreeNode): string {
  return `${ownerOf(node)}/${node.kind}/${ownId(node)}`;
}

/** A row that only says something, about a model or one of its modules. */
export function rowNode(session: ModelSession, id: string, row: Row, path?: string): TreeNode {
  return { kind: 'row', session, id, row, ...(path === undefined ? {} : { path }) };
}

/** The id of a live process. */
export function processKey(process: LiveProcess): string {
  return `process-${String(process.id)}-${process.key}`;
}

/** What a node belongs to, as the first part of its id. */
function ownerOf(node: TreeNode): string {
  if (node.kind === 'process') return processKey(node.process);
  return node.session?.id ?? 'store';
}

/** Tells a node from the others of its kind in the same model. */
function ownId(node: TreeNode): string {
  switch (node.kind) {
    case 'module':
      return node.path;
    case 'range':
      return `${node.path}:${String(node.start)}`;
    case 'row':
      return `${node.path ?? ''}/${node.id}`;
    case 'job':
    case 'differences':
      return node.job;
    default:
      return '';
  }
}
