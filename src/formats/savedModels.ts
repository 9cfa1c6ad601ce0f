// Finds the models in what torch.save was given: a module, a state dict, or a checkpoint that holds some under its keys.

import type { ModelFormat } from '../model/description';
import { Dict, StoredModule, Tensor, Tuple, type ModelContents, type Value } from '../runtime/program';
import { AppError } from '../util/errors';
import { PickleObject, type MarkedBoolean } from './pickleValues';
import { moduleState } from './moduleState';
import { isStateDict, modulesOfDict } from './stateDict';
import { ModuleReader } from './storedModules';

/** Checkpoints nest their models a few levels deep: `{"state": {"models": [...]}}`. */
const MAX_DEPTH = 6;
/** Values that are looked into; a checkpoint of many small dicts stays far below. */
const MAX_VISITED = 200_000;
/** Items of all of these: one value may stand at any number of places. */
const MAX_ITEMS = 5_000_000;
const MAX_MODELS = 1000;

/** What a file of torch.save holds. */
export interface SavedModels {
  readonly format: ModelFormat;
  /** The root is the model, or a module without a class that has each of several models at its key. */
  readonly contents: StoredContents;
  /** Where each module has its flag, if the pickle was read with its booleans marked. */
  readonly flags: ReadonlyMap<StoredModule, MarkedBoolean>;
}

type StoredContents = Extract<ModelContents, { readonly kind: 'stored' }>;

interface Found {
  /** Keys that lead to it. */
  readonly place: readonly string[];
  readonly value: Value;
  readonly kind: 'module' | 'state-dict';
}

/**
 * @param metadataOf the `_metadata` of a state dict, whose keys are the paths of all its modules.
 * @throws AppError `not-a-model` where there is none, and as the readers of modules and names do.
 */
export function readSavedModels(
  value: Value,
  metadataOf: (dict: Dict) => Dict | undefined,
  fileName: string,
): SavedModels {
  const found = new Search(metadataOf).run(value);
  if (found.length === 0) throw nothingFound(value, fileName);
  const modules = new ModuleReader(fileName);
  const read = ({ value: model, kind }: Found): StoredModule =>
    kind === 'state-dict' && model instanceof Dict
      ? modulesOfDict(model, metadataOf(model), fileName)
      : modules.module(model as PickleObject);
  const [only] = found;
  const { flags } = modules;
  const contents: StoredContents =
    found.length === 1 && only !== undefined ? { kind: 'stored', root: read(only) } : gathered(found, read);
  if (found.every(({ kind }) => kind === 'module')) return { format: 'module', contents, flags };
  return { format: 'state-dict', contents: { ...contents, modeNote: noteOn(value, found) }, flags };
}

/** Looks for models, outermost first, and not inside of what is one. */
class Search {
  private readonly found: Found[] = [];
  /** Dicts of tensors that may be the model of one layer, or just tensors: they count where there is nothing better. */
  private readonly loose: Found[] = [];
  /** Values that are being looked into: a checkpoint may hold itself. */
  private readonly open = new Set<Value>();
  private visited = 0;
  private items = 0;
  /** Of dicts that were seen before, since one of a million items may stand at a thousand places. */
  private readonly stateDicts = new Map<Value, 'whole' | 'loose' | 'none'>();

  constructor(private readonly metadataOf: (dict: Dict) => Dict | undefined) {}

  run(value: Value): readonly Found[] {
    this.visit(value, []);
    return this.found.length > 0 ? this.found : this.loose;
  }

  private visit(value: Value, place: readonly string[]): void {
    if (typeof value !== 'object' || value === null || this.open.has(value)) return;
    if (place.length > MAX_DEPTH || ++this.visited > MAX_VISITED || this.found.length >= MAX_MODELS) return;
    if (moduleState(value) !== undefined) {
      this.found.push({ place, value, kind: 'module' });
      return;
    }
    const kind = this.stateDicts.get(value) ?? this.kindOf(value);
    this.stateDicts.set(value, kind);
    if (kind === 'whole') {
      this.found.push({ place, value, kind: 'state-dict' });
      return;
    }
    if (kind === 'loose' && this.loose.length < MAX_MODELS) this.loose.push({ place, value, kind: 'state-dict' });
    this.open.add(value);
    for (const [key, item] of itemsOf(value)) {
      if (++this.items > MAX_ITEMS) break;
      this.visit(item, [...place, key]);
    }
    this.open.delete(value);
  }

  /**
   * A whole one has names with dots, or torch itself made it; the tensors of others may lie beside the model's own dict. Lightning
   * keeps the scores of its best checkpoints by their files' names, which have dots too, but a score has no dimensions.
   */
  private kindOf(value: Value): 'whole' | 'loose' | 'none' {
    if (!isStateDict(value)) return 'none';
    if (this.metadataOf(value) !== undefined) return 'whole';
    const isWhole = value.some(
      (name, item) => item instanceof Tensor && item.shape.length > 0 && typeof name === 'string' && name.includes('.'),
    );
    return isWhole ? 'whole' : 'loose';
  }
}

function itemsOf(value: Value): Iterable<readonly [string, Value]> {
  // The state of an optimizer has tensors too, by number of its parameter.
  if (value instanceof Dict) return value.entries.has('param_groups') ? [] : namedItems(value);
  const items = value instanceof Tuple ? value.items : Array.isArray(value) ? value : [];
  return items.slice(0, MAX_MODELS).map((item, i) => [String(i), item] as const);
}

function* namedItems(dict: Dict): Generator<readonly [string, Value]> {
  for (const [key, item] of dict.entries) if (typeof key === 'string') yield [key, item];
}

/** A root that has each model at its place; a place that begins with another's is its child. */
function gathered(found: readonly Found[], read: (found: Found) => StoredModule): StoredContents {
  const outer = found.find(({ place }) => place.length === 0);
  const root = outer === undefined ? new StoredModule('', null) : read(outer);
  const models: string[] = [];
  for (const one of found) {
    if (one === outer) continue;
    const parts = one.place.flatMap((key) => key.split('.').filter((part) => part !== ''));
    const name = parts.pop() ?? 'model';
    let parent = root;
    for (const part of parts) {
      let child = parent.children.get(part);
      if (child === undefined) parent.setChild(part, (child = new StoredModule('', null)));
      parent = child;
    }
    parent.setChild(name, read(one));
    models.push([...parts, name].join('.'));
  }
  return { kind: 'stored', root, ...(outer === undefined ? { models } : {}) };
}

function noteOn(value: Value, found: readonly Found[]): string {
  const places = found.map(({ place }) => place.join('.')).filter((place) => place !== '');
  const shown = places.slice(0, 5).join("', '") + (places.length > 5 ? "', …'" : '');
  const where = places.length === 0 ? '' : ` (${lightning(value)}state_dict under '${shown}')`;
  return `The mode is not stored in this file: a state_dict holds tensors only${where}.`;
}

function lightning(value: Value): string {
  if (!(value instanceof Dict) || !value.entries.has('pytorch-lightning_version')) return '';
  const [epoch, step] = [value.entries.get('epoch'), value.entries.get('global_step')];
  const numbers = typeof epoch === 'bigint' && typeof step === 'bigint' ? ` of epoch ${epoch}, step ${step}` : '';
  return `Lightning checkpoint${numbers}, `;
}

function nothingFound(value: Value, fileName: string): AppError {
  const what =
    value instanceof Tensor
      ? 'a single tensor'
      : value instanceof Dict && value.entries.has('param_groups')
        ? 'the state of an optimizer'
        : value instanceof Dict
          ? 'a dict without tensors by name'
          : value instanceof PickleObject
            ? `an object of ${value.typeName}, which is no module`
            : 'no module';
  return new AppError(
    'not-a-model',
    `${fileName} was saved with torch.save, but holds ${what}`,
    'Save model.state_dict() or the model itself.',
  );
}
