// The command line: what may be asked, checked into typed values.

import path from 'node:path';

import { Command, InvalidArgumentError, Option } from 'commander';

import { version } from '../../package.json';
import { defaultFindingSettings, type FindingSettings } from '../insight/findings';
import { defaultThresholds, isThreshold, type Thresholds } from '../insight/thresholds';
import { isDType, itemSize } from '../model/dtype';
import { isRuleId, severities, type RuleId, type Severity } from '../model/finding';
import type { ForwardInput, SaveCopyOptions, SetTraining } from '../protocol/engine';
import { AppError } from '../util/errors';
import { readNpy } from './npy';

export interface InspectCommand {
  readonly name: 'inspect';
  readonly settings: FindingSettings;
  readonly file: string;
  readonly json: boolean;
  readonly values: boolean;
  readonly threads: number;
}

export interface CheckCommand {
  readonly name: 'check';
  readonly file: string;
  readonly json: boolean;
  readonly threads: number;
  /** Findings of this severity, or a more urgent one, make the exit status 1. */
  readonly failOn: Severity;
  readonly settings: FindingSettings;
}

export interface RunCommand {
  readonly name: 'run';
  readonly settings: FindingSettings;
  readonly file: string;
  readonly json: boolean;
  readonly values: boolean;
  readonly threads: number;
  /** In the order given. */
  readonly inputs: readonly ForwardInput[];
  /** Path of the model to run, where the file holds several. */
  readonly model: string | undefined;
  /** In the order given; they are applied one after the other before the first step. */
  readonly modes: readonly SetTraining[];
  readonly steps: number;
  readonly seed: number | undefined;
  readonly saveOutput: string | undefined;
  /** Where to write a copy of the file as the run left it. */
  readonly copy: SaveCopyOptions | undefined;
  /** In seconds; 0 waits for ever. */
  readonly timeout: number;
}

export interface SetCommand {
  readonly name: 'set';
  readonly file: string;
  readonly json: boolean;
  readonly threads: number;
  /** In the order given. */
  readonly modes: readonly SetTraining[];
  readonly copy: SaveCopyOptions;
}

export interface CompareCommand {
  readonly name: 'compare';
  readonly file: string;
  readonly json: boolean;
  readonly threads: number;
  /** In the order given. */
  readonly inputs: readonly ForwardInput[];
  /** Path of the model to run, where the file holds several. */
  readonly model: string | undefined;
  readonly seed: number | undefined;
  /** In seconds; 0 waits for ever. */
  readonly timeout: number;
}

/** `compare` of two files, which runs neither. */
export interface CompareFilesCommand {
  readonly name: 'compareFiles';
  readonly files: readonly [string, string];
  readonly json: boolean;
  readonly threads: number;
  /** Path of the module of the first file below which it is compared, and of the other file, where it has it. */
  readonly model: string | undefined;
  /** The same in the other file. */
  readonly otherModel: string | undefined;
  /** Any difference makes the exit status 1. */
  readonly failOnDifference: boolean;
}

export interface WatchCommand {
  readonly name: 'watch';
  readonly settings: FindingSettings;
  readonly json: boolean;
  /** The program and its arguments. */
  readonly command: readonly [string, ...string[]];
  /** Applied in order to every model that has the module, as soon as it is found. */
  readonly modes: readonly SetTraining[];
  readonly pins: readonly Pin[];
}

/** A module that is held in a mode whatever its parents are switched to. */
export interface Pin {
  readonly path: string;
  readonly training: boolean;
}

export type CommandLine =
  InspectCommand | CheckCommand | RunCommand | CompareCommand | CompareFilesCommand | SetCommand | WatchCommand;

interface Options {
  readonly json?: true;
  readonly values?: true;
  readonly steps: number;
  readonly seed?: number;
  readonly model?: string;
  readonly saveOutput?: string;
  readonly threads: number;
  readonly timeout: number;
  readonly output: string;
  readonly saveCopy?: string;
  readonly statistics?: true;
  readonly force?: true;
  readonly failOn?: Severity;
  readonly otherModel?: string;
  readonly exitCode?: true;
}

const seeHelp = 'Run with --help for the options.';

/** Seconds that `run` waits for its forwards unless told otherwise: a CI job must not hang on a model that loops. */
const defaultTimeout = 600;

/** @throws CommanderError after printing usage, AppError `usage` and `file-unreadable` for option values. */
export function parseCommandLine(argv: readonly string[]): CommandLine {
  let result: CommandLine | undefined;
  // Options that repeat keep their order among each other, so they are collected as they are met.
  const modes: SetTraining[] = [];
  const inputs: ForwardInput[] = [];
  const thresholds: Record<keyof Thresholds, number> = { ...defaultThresholds };
  const disabled = new Set<RuleId>();
  const settings: FindingSettings = { ...defaultFindingSettings, thresholds, disabled };
  const addRuleOptions = (command: Command): Command =>
    command
      .option('--threshold <name=number>', 'from which figure on a rule speaks; repeatable', (text: string) => {
        const [name, value] = parseThreshold(text);
        thresholds[name] = value;
      })
      .option('--disable <rule>', 'leave a rule out; repeatable', (text: string) => disabled.add(parseRule(text)));
  const setMode = (training: boolean) => (modulePath: string | null) => {
    modes.push({ path: modulePath ?? '', training, recursive: true });
  };

  const program = new Command('mode-inspector')
    .description('Shows which mode, train or eval, every layer of a PyTorch model is in, and runs it in either.')
    .version(version)
    // Options behind a program's name are the program's own.
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      outputError: (text, write) => {
        // One line, however commander breaks its own.
        const words = text
          .replace(/^error: /, '')
          .replace(/\s+/g, ' ')
          .trim();
        write(`mode-inspector: ${/[.!?]$/.test(words) ? words : `${words}.`} ${seeHelp}\n`);
      },
    });

  const inputOption = [
    '--input <file.npy>',
    'an input, in the order of the arguments; repeatable',
    (file: string) => inputs.push(readNpy(file)),
  ] as const;
  const shapeOption = [
    '--shape <sizes>',
    'a random input of this shape (1,3,224,224 or 1,16:int64); repeatable',
    (text: string) => inputs.push(parseShape(text)),
  ] as const;
  const modelOption = ['--model <path>', 'the model that is meant, where the file holds several'] as const;
  const threadsOption = ['--threads <n>', 'threads of the kernels; 0 chooses', integerFrom(0), 0] as const;
  const timeoutOption = [
    '--timeout <seconds>',
    'give up after so long; 0 waits for ever',
    integerFrom(0),
    defaultTimeout,
  ] as const;

  addRuleOptions(program.command('inspect'))
    .description('show the module tree: flags, behaviour, running statistics')
    .argument('<file>', 'a model file')
    .option('--json', 'print JSON')
    .option('--values', 'add the full arrays of the statistics')
    .action((file: string, options: Options) => {
      const { json = false, values = false } = options;
      result = { name: 'inspect', settings, file, json, values, threads: 0 };
    });

  addRuleOptions(program.command('check'))
    .description('tell what the rules find in a file; the exit status is 1 where it is serious')
    .argument('<file>', 'a model file')
    .addOption(
      new Option('--fail-on <severity>', 'the least severity for exit status 1').choices(severities).default('warning'),
    )
    .option('--json', 'print JSON')
    .action((file: string, { json, failOn = 'warning' }: Options) => {
      result = { name: 'check', file, json: json ?? false, threads: 0, failOn, settings };
    });

  addRuleOptions(program.command('run'))
    .description('run the model forward in the bundled runtime, in the modes asked for')
    .argument('<file>', 'a model file')
    .option(...inputOption)
    .option(...shapeOption)
    .option(...modelOption)
    .option('--train [path]', 'set a module and all below it to train; repeatable')
    .option('--eval [path]', 'set a module and all below it to eval; repeatable')
    .option('--steps <n>', 'forwards in a row', integerFrom(1), 1)
    .option('--seed <n>', 'make inputs and dropout repeatable', integerFrom(0))
    .option(...threadsOption)
    .option(...timeoutOption)
    .option('--save-output <file.npy>', 'write the first output')
    .option('--save-copy <file>', 'write a copy of the file with these modes')
    .option('--statistics', 'also write the running statistics that moved into the copy')
    .option('--force', 'let the copy replace a file that is there already')
    .option('--json', 'print JSON')
    .option('--values', 'add the full arrays of the statistics')
    .action((file: string, options: Options) => {
      const { json = false, values = false, steps, seed, saveOutput, threads, timeout } = options;
      const { model, saveCopy, statistics, force } = options;
      if (saveCopy === undefined && (statistics ?? force) === true)
        throw new AppError('usage', '--statistics and --force are about a copy, and no --save-copy was given', seeHelp);
      const copy = saveCopy === undefined ? undefined : copyOptions(saveCopy, options);
      result = {
        name: 'run',
        settings,
        file,
        json,
        values,
        threads,
        inputs,
        model,
        modes,
        steps,
        seed,
        saveOutput,
        copy,
        timeout,
      };
    })
    // Commander calls an option's own parser only where a value follows; its events come always, null without a value.
    .on('option:train', setMode(true))
    .on('option:eval', setMode(false));

  program
    .command('compare')
    .description(
      'run the same input in eval and in train, and show layer by layer how far apart the outputs are; ' +
        'or, of two files, what differs between them',
    )
    .argument('<file>', 'a model file')
    .argument('[other]', 'another one, to compare modes, statistics, structure and options with')
    .option(...inputOption)
    .option(...shapeOption)
    .option(...modelOption)
    .option('--other-model <path>', 'the model in the other file, where that is not of the same name')
    .option('--exit-code', 'end with status 1 where two files differ')
    .option('--seed <n>', 'draw other inputs and dropout', integerFrom(0))
    .option(...threadsOption)
    .option(...timeoutOption)
    .option('--json', 'print JSON')
    .action((file: string, other: string | undefined, options: Options) => {
      const { json = false, threads, timeout, model, seed, otherModel, exitCode = false } = options;
      if (other !== undefined) {
        if (inputs.length > 0 || seed !== undefined)
          throw new AppError(
            'usage',
            '--input, --shape and --seed are about a run, and two files are only read',
            seeHelp,
          );
        const roots = { model, otherModel };
        result = { name: 'compareFiles', files: [file, other], json, threads, ...roots, failOnDifference: exitCode };
        return;
      }
      if (otherModel !== undefined || exitCode)
        throw new AppError('usage', '--other-model and --exit-code are about two files, and one was given', seeHelp);
      result = { name: 'compare', file, json, threads, inputs, model, seed, timeout };
    });

  program
    .command('set')
    .description('write a copy of the file that differs from it in the modes alone')
    .argument('<file>', 'a model file that stores modes')
    .option('--train [path]', 'set a module and all below it to train; repeatable')
    .option('--eval [path]', 'set a module and all below it to eval; repeatable')
    .requiredOption('-o, --output <file>', 'where to write the copy')
    .option('--force', 'replace a file that is there already')
    .option('--json', 'print JSON')
    .action((file: string, options: Options) => {
      if (modes.length === 0) throw new AppError('usage', 'No mode was given: name --train or --eval', seeHelp);
      const copy = copyOptions(options.output, options);
      result = { name: 'set', file, json: options.json ?? false, threads: 0, modes, copy };
    })
    .on('option:train', setMode(true))
    .on('option:eval', setMode(false));

  const pins: Pin[] = [];
  addRuleOptions(program.command('watch'))
    .description('start a Python program and tell, while it runs, the modes and statistics of its models')
    .argument('<program...>', 'the program and its arguments, after --')
    .option('--train [path]', 'set a module and all below it to train once it is there; repeatable')
    .option('--eval [path]', 'set a module and all below it to eval once it is there; repeatable')
    .option(
      '--pin <path=mode>',
      'hold a module in a mode whatever its parents are switched to; repeatable',
      (text: string) => pins.push(parsePin(text)),
    )
    .option('--json', 'print one JSON object for each event, and the program’s own output to stderr')
    .passThroughOptions()
    .action((words: string[], options: Options) => {
      const [file, ...rest] = words;
      if (file === undefined || file === '') throw new AppError('usage', 'No program was given', seeHelp);
      result = { name: 'watch', settings, json: options.json ?? false, command: [file, ...rest], modes, pins };
    })
    .on('option:train', setMode(true))
    .on('option:eval', setMode(false));

  // Commander would answer an empty command line with its whole help.
  if (argv.length > 0) program.parse(argv, { from: 'user' });
  if (result === undefined) throw new AppError('usage', 'No command was given', seeHelp);
  return result;
}

/** `initialShare=0.05`. @throws InvalidArgumentError */
function parseThreshold(text: string): [keyof Thresholds, number] {
  const [, name = '', figure = ''] = /^(\w+)=(\d+(?:\.\d+)?)$/.exec(text) ?? [];
  if (!isThreshold(name)) {
    const names = Object.keys(defaultThresholds).join(', ');
    throw new InvalidArgumentError(`A threshold is NAME=NUMBER, with one of ${names}.`);
  }
  return [name, Number(figure)];
}

/** @throws InvalidArgumentError */
function parseRule(text: string): RuleId {
  if (!isRuleId(text)) throw new InvalidArgumentError('A rule is named as in a finding, such as mode/mixed.');
  return text;
}

/** `layer1.bn1=eval`. @throws InvalidArgumentError */
function parsePin(text: string): Pin {
  const [, modulePath = '', mode] = /^(.*)=(train|eval)$/.exec(text) ?? [];
  if (mode === undefined) throw new InvalidArgumentError('A pin is PATH=train or PATH=eval.');
  return { path: modulePath, training: mode === 'train' };
}

function copyOptions(file: string, { statistics, force }: Options): SaveCopyOptions {
  return { file: path.resolve(file), statistics: statistics ?? false, overwrite: force ?? false };
}

function integerFrom(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < least) {
      throw new InvalidArgumentError(`It must be a whole number from ${least}.`);
    }
    return value;
  };
}

/** `1,3,224,224` or, for another dtype than float32, `1,16:int64`. @throws InvalidArgumentError */
export function parseShape(text: string): ForwardInput {
  const [sizes = '', dtype = 'float32'] = text.split(':');
  if (!/^\d+(,\d+)*$/.test(sizes) && sizes !== '') {
    throw new InvalidArgumentError('A shape is sizes with commas, such as 1,3,224,224.');
  }
  if (!isDType(dtype)) throw new InvalidArgumentError(`The dtype must be one of ${Object.keys(itemSize).join(', ')}.`);
  const shape = sizes === '' ? [] : sizes.split(',').map(Number);
  return { kind: 'random', shape, dtype };
}
