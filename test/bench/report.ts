// The results as text: for the terminal, and with the machine's description for results.md.

import os from 'node:os';
import { ratio } from './measure';
import type { Comparison, Timing } from './measure';

/** Markdown, readable as it is. */
export function formatComparison({ title, ours, others, notes = [] }: Comparison): string {
  const rows = [
    [ours.name, ...times(ours), '', ''],
    ...others.map(({ timing, aim = '' }) => [timing.name, ...times(timing), ratio(ours, timing).toFixed(2), aim]),
  ];
  const header = ['', 'median ms', 'min', 'max', 'repetitions', 'ours / this', 'aim'];
  return [`## ${title}`, '', table(header, rows), ...notes.flatMap((note) => ['', note]), ''].join('\n');
}

/** Names neither the machine nor its folders. */
export function describeMachine(versions: Readonly<Record<string, string>>): string {
  const cpus = os.cpus();
  const lines = [
    `processor: ${cpus[0]?.model.trim() ?? 'unknown'}, ${cpus.length} cores`,
    `memory: ${Math.round(os.totalmem() / 2 ** 30)} GiB`,
    `system: ${os.platform()} ${os.arch()}`,
    ...Object.entries(versions).map(([name, version]) => `${name}: ${version}`),
    `date: ${new Date().toISOString().slice(0, 10)}`,
  ];
  return lines.map((line) => `- ${line}`).join('\n');
}

/** How busy the machine was with other things; on Windows always 0. */
export function load(): string {
  return os.loadavg()[0]?.toFixed(1) ?? 'unknown';
}

function times({ median, min, max, repetitions }: Timing): string[] {
  return [...[median, min, max].map((milliseconds) => milliseconds.toFixed(1)), String(repetitions)];
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((cell, i) => Math.max(cell.length, 3, ...rows.map((row) => row[i]?.length ?? 0)));
  const line = (cells: readonly string[]): string => {
    const padded = cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)));
    return `| ${padded.join(' | ')} |`;
  };
  const rule = widths.map((width, i) => (i === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  return [line(header), line(rule), ...rows.map(line)].join('\n');
}
