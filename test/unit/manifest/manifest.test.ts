// The manifest against the code's ids, both ways, and against its own strings and files.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { formats } from '../../../src/formats/registry';
import {
  commandIds,
  contextKeys,
  modelExtensions,
  perhapsModelExtensions,
  settingIds,
  toolIds,
  viewIds,
} from '../../../src/host/ids';
import { pythonDebugTypes } from '../../../src/live/debugModel';

interface Menu {
  readonly command: string;
  readonly when?: string;
  readonly group?: string;
}

interface Manifest {
  readonly icon: string;
  readonly activationEvents: readonly string[];
  readonly contributes: {
    readonly commands: readonly { readonly command: string; readonly title: string; readonly category: string }[];
    readonly menus: Readonly<Record<string, readonly Menu[]>>;
    readonly keybindings: readonly Menu[];
    readonly viewsContainers: { readonly activitybar: readonly { readonly id: string; readonly icon: string }[] };
    readonly views: Readonly<Record<string, readonly { readonly id: string }[]>>;
    readonly viewsWelcome: readonly { readonly view: string; readonly contents: string }[];
    readonly walkthroughs: readonly {
      readonly steps: readonly {
        readonly media: { readonly image: string };
        readonly completionEvents: readonly string[];
      }[];
    }[];
    readonly languageModelTools: readonly { readonly name: string }[];
    readonly customEditors: readonly {
      readonly viewType: string;
      readonly selector: readonly { readonly filenamePattern: string }[];
    }[];
    readonly configuration: { readonly properties: Readonly<Record<string, unknown>> };
  };
}

const root = path.join(__dirname, '../../..');
const text = fs.readFileSync(path.join(root, 'package.json'), 'utf8');
const manifest = JSON.parse(text) as Manifest;
const { contributes } = manifest;
const strings = JSON.parse(fs.readFileSync(path.join(root, 'package.nls.json'), 'utf8')) as Readonly<
  Record<string, string>
>;

describe('manifest', () => {
  it('declares the commands, views, editors and settings of the code, and no others', () => {
    assert.deepEqual(contributes.commands.map((command) => command.command).sort(), Object.values(commandIds).sort());
    assert.deepEqual(Object.keys(contributes.configuration.properties).sort(), Object.values(settingIds).sort());
    assert.deepEqual(contributes.languageModelTools.map((tool) => tool.name).sort(), Object.values(toolIds).sort());
    assert.deepEqual(
      contributes.viewsContainers.activitybar.map((container) => container.id),
      [viewIds.container],
    );
    assert.deepEqual(Object.keys(contributes.views), [viewIds.container]);
    assert.deepEqual(
      Object.values(contributes.views)
        .flat()
        .map((view) => view.id),
      [viewIds.modules, viewIds.findings],
    );
    assert.deepEqual(
      contributes.customEditors.map((editor) => editor.viewType),
      [viewIds.modelEditor, viewIds.perhapsModelEditor],
    );
  });

  it('opens exactly the files whose endings the code knows, by a click or from a menu', () => {
    const selectors = contributes.customEditors.map(({ selector }) => selector.map((item) => item.filenamePattern));
    const patterns = (extensions: readonly string[]): string[] => extensions.map((extension) => `*.${extension}`);
    assert.deepEqual(selectors, [[...patterns(modelExtensions), '*model*.bin'], patterns(perhapsModelExtensions)]);
    for (const menu of ['explorer/context', 'editor/title']) {
      const when = contributes.menus[menu]?.find((item) => item.command === commandIds.openFile)?.when ?? '';
      const condition = new RegExp(/resourceFilename =~ \/(.*)\/i/.exec(when)?.[1] ?? '^$', 'i');
      for (const extension of [...modelExtensions, ...perhapsModelExtensions]) {
        assert.match(`net.${extension}`, condition, menu);
      }
      for (const other of ['net.py', 'pt', 'model.json']) assert.doesNotMatch(other, condition, menu);
    }
  });

  it('has a way to open the files of every format', () => {
    const known: readonly string[] = [...modelExtensions, ...perhapsModelExtensions];
    for (const { name, extensions } of formats) {
      for (const extension of extensions) assert.ok(known.includes(extension), `${name}: .${extension}`);
    }
  });

  it('names only its own commands, views and context keys in menus, keys and conditions', () => {
    const known = new Set<string>([
      ...Object.values(commandIds),
      ...Object.values(viewIds),
      ...Object.values(contextKeys),
      ...Object.values(settingIds),
    ]);
    for (const id of text.match(/\bmodeInspector\.\w+/g) ?? [])
      assert.ok(known.has(id) || id === 'modeInspector.svg', id);
    for (const welcome of contributes.viewsWelcome)
      assert.ok([viewIds.modules, viewIds.findings].some((view) => view === welcome.view));
    for (const [, command] of Object.values(strings).flatMap((each) => [...each.matchAll(/\(command:([\w.]+)\)/g)]))
      assert.ok(known.has(command ?? ''), command);
  });

  it('keeps commands that need a row or a file out of the palette', () => {
    const palette = new Map(contributes.menus['commandPalette']?.map((item) => [item.command, item.when]));
    for (const id of [commandIds.openFile, commandIds.copyPath, commandIds.revealInTree])
      assert.equal(palette.get(id), 'false', id);
    // Whatever acts on a model is offered only while there is one.
    const always = new Set<string>([
      commandIds.openModel,
      commandIds.openSample,
      commandIds.runPythonFile,
      commandIds.openTerminal,
      commandIds.attachToProcess,
      commandIds.showLog,
    ]);
    for (const { command, category } of contributes.commands) {
      assert.equal(category, 'Mode Inspector');
      if (!always.has(command)) assert.ok(palette.has(command), command);
    }
  });

  it('has a text for every %key%, and no text too many', () => {
    const used = new Set([...text.matchAll(/"%([\w.]+)%"/g)].map(([, key]) => key));
    assert.deepEqual([...used].sort(), Object.keys(strings).sort());
  });

  it('has the icons and pictures that it names, and activates by what it contributes', () => {
    const images = [
      manifest.icon,
      ...contributes.viewsContainers.activitybar.map(({ icon }) => icon),
      ...contributes.walkthroughs.flatMap(({ steps }) => steps.map(({ media }) => media.image)),
    ];
    for (const image of images) assert.ok(fs.existsSync(path.join(root, image)), image);
    // The agent goes into the environment of a debugged program before that starts; no contribution announces lenses, nor a
    // panel that comes back with its window.
    assert.deepEqual(manifest.activationEvents, [
      ...pythonDebugTypes.map((type) => `onDebugResolve:${type}`),
      'onLanguage:python',
      `onWebviewPanel:${viewIds.statistics}`,
    ]);
  });
});
