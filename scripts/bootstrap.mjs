// What `npm start` and `npm test` do first on any machine: plain Node, since nothing is installed yet.

import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const oldestNode = 20;

/** Checks Node, installs the packages of package-lock.json where they are missing, then runs a TypeScript script. */
export function bootstrap(script, args) {
  const major = Number(process.versions.node.split('.')[0]);
  if (major < oldestNode) {
    fail(
      `Node.js ${process.versions.node} is too old: install Node.js ${oldestNode} or newer from https://nodejs.org.`,
    );
  }
  const missing = missingPackage();
  if (missing !== undefined) {
    console.log(`Installing the packages of package-lock.json (npm ci): ${missing}.`);
    // A shell on Windows, where npm is a batch file.
    const { status } = spawnSync('npm', ['ci'], {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
      shell: process.platform === 'win32',
    });
    if (status !== 0)
      fail('`npm ci` failed: read its messages above; most often the package registry can not be reached.');
  }
  runTypeScript(path.join(root, 'scripts', script), args);
}

/** Says what differs between package-lock.json and what is installed; undefined if nothing does. */
function missingPackage() {
  const installedFile = path.join(root, 'node_modules', '.package-lock.json');
  if (!fs.existsSync(installedFile)) return 'none are installed yet';
  const wanted = JSON.parse(fs.readFileSync(path.join(root, 'package-lock.json'), 'utf8')).packages;
  const installed = JSON.parse(fs.readFileSync(installedFile, 'utf8')).packages;
  for (const [name, { version, optional }] of Object.entries(wanted)) {
    // Binaries for other platforms are optional and stay away.
    if (name === '' || (optional && !installed[name])) continue;
    if (installed[name]?.version !== version) return `${name.replace(/^.*node_modules\//, '')} ${version} is missing`;
  }
  return undefined;
}

function runTypeScript(file, args) {
  const child = spawn(process.execPath, ['--import', 'tsx', file, ...args], { cwd: root, stdio: 'inherit' });
  // The child shares the terminal and hears Ctrl-C itself; this process only waits for its clean-up. A signal that was
  // sent to this process alone is passed on.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  process.on('SIGHUP', () => child.kill('SIGHUP'));
  child.on('exit', (status, signal) => process.exit(status ?? (signal === null ? 1 : 130)));
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
