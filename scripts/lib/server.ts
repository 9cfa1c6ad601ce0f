// Starts and stops the VS Code server: a real Node extension host, whose window is a browser page.

import { spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { installCodeServer } from './codeServer';
import { SetupError, cleanEnvironment, kill, runOrFail, track } from './shell';

export interface ServerOptions {
  /** Settings, extensions and state of this server; made if missing. */
  readonly data: string;
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Packages (.vsix) to install. */
  readonly packages?: readonly string[];
  /** For the extension host and its tests. */
  readonly env?: NodeJS.ProcessEnv;
  /** Taken if it is free. */
  readonly preferredPort?: number;
  /** Whoever opens the address must know it; absent where the server lives for one test run. */
  readonly token?: string;
  /** Its windows trust no folder until a person does, without asking; else they trust all. */
  readonly restricted?: boolean;
}

export interface Server {
  readonly url: string;
  /** Host and port, which name the server in `vscode-remote:` addresses. */
  readonly authority: string;
  /** What the server printed. */
  readonly output: () => string;
  /** Ends the server and its extension hosts. */
  readonly stop: () => Promise<void>;
}

/** Settings that keep an editor quiet: no news, no sign-in, no request to the outside. */
const quietSettings = {
  'workbench.startupEditor': 'none',
  'workbench.tips.enabled': false,
  'workbench.enableExperiments': false,
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
  'workbench.welcomePage.walkthroughs.openOnInstall': false,
  'security.workspace.trust.startupPrompt': 'never',
  'telemetry.telemetryLevel': 'off',
  'update.mode': 'none',
  'extensions.autoUpdate': false,
  'extensions.autoCheckUpdates': false,
  'extensions.ignoreRecommendations': true,
  'chat.disableAIFeatures': true,
  'git.enabled': false,
} as const;

/** Installs the server if need be, starts it on loopback, and resolves when it answers. */
export async function startServer(options: ServerOptions): Promise<Server> {
  const { node, vscode } = await installCodeServer();
  const main = path.join(vscode, 'out', 'server-main.js');
  const { data, token, restricted = false } = options;
  // Settings that belong to a machine count only where the server reads its own.
  for (const kind of ['User', 'Machine']) {
    writeSettings(path.join(data, 'data', kind, 'settings.json'), {
      ...quietSettings,
      'security.workspace.trust.enabled': restricted,
      ...options.settings,
    });
  }

  const folders = ['--server-data-dir', data, '--extensions-dir', path.join(data, 'extensions')];
  const env = environment(data, options.env);
  for (const file of options.packages ?? []) {
    await runOrFail('Installing the extension', node, [main, ...folders, '--install-extension', file, '--force'], {
      env,
      timeoutSeconds: 120,
    });
  }

  const port = await freePort(options.preferredPort ?? 0);
  const args = [main, '--host', '127.0.0.1', '--port', String(port), ...folders, '--accept-server-license-terms'];
  args.push('--disable-telemetry', '--telemetry-level', 'off');
  if (!restricted) args.push('--disable-workspace-trust');
  args.push(...(token === undefined ? ['--without-connection-token'] : ['--connection-token', token]));
  const child = spawn(node, args, { env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const untrack = track(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));

  const ended = new Promise<void>((resolve) => child.once('close', resolve));
  const url = `http://127.0.0.1:${port}`;
  const answers = await waitForAnswer(`${url}/version`, () => child.exitCode === null && child.signalCode === null);
  if (!answers) {
    kill(child, 'SIGKILL');
    throw new SetupError(`VS Code's server did not start.\n${output}`);
  }
  return {
    url,
    authority: `127.0.0.1:${port}`,
    output: () => output,
    stop: async () => {
      kill(child, 'SIGTERM');
      const patience = setTimeout(() => {
        kill(child, 'SIGKILL');
      }, 3000);
      await ended;
      clearTimeout(patience);
      // An extension host can outlive the server that it belongs to.
      kill(child, 'SIGKILL');
      untrack();
    },
  };
}

function writeSettings(file: string, settings: object): void {
  // Whoever works with this server keeps their own changes.
  if (fs.existsSync(file)) return;
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, JSON.stringify(settings, undefined, 2));
}

function environment(data: string, more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const folders = ['CONFIG', 'DATA', 'CACHE', 'STATE'].map(
    (name) => [`XDG_${name}_HOME`, path.join(data, 'xdg')] as const,
  );
  return cleanEnvironment({
    // No marketplace: nothing is looked up outside.
    EXTENSIONS_GALLERY: '{}',
    ...Object.fromEntries(folders),
    XDG_RUNTIME_DIR: data,
    ...more,
  });
}

async function freePort(preferred: number): Promise<number> {
  try {
    return await listenOnce(preferred);
  } catch {
    return listenOnce(0);
  }
}

function listenOnce(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        resolve(typeof address === 'object' && address !== null ? address.port : port);
      });
    });
  });
}

async function waitForAnswer(url: string, alive: () => boolean): Promise<boolean> {
  for (let attempt = 0; attempt < 600 && alive(); attempt++) {
    const ok = await fetch(url).then(
      (response) => response.ok,
      () => false,
    );
    if (ok) return true;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return false;
}
