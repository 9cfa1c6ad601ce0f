// The statistics panel: builds the page, shows what the host sends, and tells it what a person selects, copies and opens.

import type { FromStatisticsPanel, ImageFormat, ToStatisticsPanel } from '../../src/protocol/statisticsPanel';
import { ChannelsChart } from './channels';
import type { Chart } from './chart';
import { button, element, group, setText, table } from './dom';
import { markKinds, markSigns, markWords } from './marks';
import { GapChart } from './gap';
import { MovementChart } from './movement';
import { Overview } from './overview';
import { Section } from './section';
import { PanelState } from './state';
import type { Concern } from './state';
import { channelsTable, figureRows, gapTable, layersTable, movementTable, timelineTable } from './tables';
import { onDidChangeTheme, readTheme } from './theme';
import { TimelineChart } from './timeline';
import { Tooltip } from './tooltip';
import { formatNumber } from '../../src/util/numbers';
import { modeWords, plural } from './words';

interface VsCodeApi {
  postMessage(message: FromStatisticsPanel): void;
  setState(state: unknown): void;
}

declare const acquireVsCodeApi: (() => VsCodeApi) | undefined;

// Without VS Code the page can be opened in a plain browser, for work on its looks and for tests.
const vscode = typeof acquireVsCodeApi === 'function' ? acquireVsCodeApi() : undefined;
const post = (message: FromStatisticsPanel): void => vscode?.postMessage(message);

const page = document.getElementById('page') ?? document.body;
const state = new PanelState();
const tooltip = new Tooltip();
let theme = readTheme();

const title = element('h1');
const subtitle = element('p', 'subtitle');
const notice = element('p', 'notice');
notice.setAttribute('role', 'status');
const marked = element('div', 'marked');
/** What a screen reader says when something is selected elsewhere. */
const spoken = element('div', 'visually-hidden');
spoken.setAttribute('aria-live', 'polite');

const overviewPlace = element('div', 'overview');
const overview = new Overview(overviewPlace, state, theme, {
  onHover: (index, x, y) => {
    const { left, top } = overviewPlace.getBoundingClientRect();
    if (index < 0) tooltip.hide();
    else tooltip.show(layerContent(index), left + x, top + y);
  },
  onSelect: select,
  onZoom: () => {
    tooltip.hide();
  },
});
const keys = overviewPlace;
keys.tabIndex = 0;
keys.setAttribute('role', 'slider');
keys.setAttribute('aria-label', 'Layer');
keys.setAttribute('aria-orientation', 'horizontal');
keys.addEventListener('keydown', onKey);

const layerFacts = element('div', 'facts');
const meanPlace = element('div', 'chart');
const variancePlace = element('div', 'chart');
const channelCharts = [
  new ChannelsChart(meanPlace, 'running_mean', theme, tooltip),
  new ChannelsChart(variancePlace, 'running_var', theme, tooltip),
] as const;
const meanMovement = element('div', 'chart');
const varianceMovement = element('div', 'chart');
const movementCharts = [
  new MovementChart(meanMovement, 'running_mean', theme, tooltip),
  new MovementChart(varianceMovement, 'running_var', theme, tooltip),
] as const;
const timelinePlace = element('div', 'timeline');
const timelineChart = new TimelineChart(timelinePlace, theme, tooltip, (key) => {
  post({ kind: 'openLine', key });
});

const gapPlace = element('div', 'chart');
const gapChart = new GapChart(gapPlace, theme, tooltip, (path) => {
  select(state.model.layers.findIndex((layer) => layer.path === path));
});

const sort = button('Sort Channels', () => {
  const sorted = !channelCharts[0].sorted;
  sort.setAttribute('aria-pressed', String(sorted));
  for (const chart of channelCharts) {
    chart.sorted = sorted;
    chart.draw();
  }
});
sort.setAttribute('aria-pressed', 'false');

const channelPair = group('div', 'pair', meanPlace, variancePlace);
const movementPair = group('div', 'pair', meanMovement, varianceMovement);
const channelsHelp = 'Above, how many channels have which value; below, the value of each channel.';
const movementHelp = 'The line is the mean over channels, between the smallest and the largest.';
const notMoved = 'Nothing has moved yet. Run Forward moves the statistics of layers that run as train.';
const notMovedLive = 'Nothing has moved since the model was first looked at. Forwards in train move it.';

const gapHelp =
  'Above, how far the outputs of each innermost module differ, in the order in which they ran; below, how far the batch lay from the running mean.';

const overviewSection = new Section(
  {
    title: 'All Layers',
    help: 'A column is a layer, from the input on the left to the output on the right. It reaches from the smallest to the largest of its channels; the strong part holds the middle half, the gap in it is the median.',
    picture: group('div', '', overviewPlace, legend()),
    table: () => layersTable(state),
    buttons: [
      button('Copy CSV', () => {
        post({ kind: 'copy', format: 'csv', what: 'layers' });
      }),
      button('Copy JSON', () => {
        post({ kind: 'copy', format: 'json', what: 'layers' });
      }),
      ...saveButtons(() => overview.chart, 'layers'),
    ],
  },
  () => {
    overview.draw();
  },
);
const layerSection = new Section(
  {
    title: 'Layer',
    help: channelsHelp,
    picture: group('div', 'layer-picture', layerFacts, channelPair),
    table: () => (state.detail === undefined ? element('p', '', 'Reading…') : channelsTable(state.detail)),
    buttons: [
      sort,
      button('Show in Tree', () => {
        post({ kind: 'showInTree' });
      }),
      button('Copy CSV', () => {
        post({ kind: 'copy', format: 'csv', what: 'channels' });
      }),
      button('Copy JSON', () => {
        post({ kind: 'copy', format: 'json', what: 'channels' });
      }),
    ],
  },
  () => {
    for (const chart of channelCharts) chart.draw();
  },
);
const movementSection = new Section(
  {
    title: 'Movement of the Layer',
    help: '',
    picture: movementPair,
    table: () => (state.detail === undefined ? element('p', '', 'Reading…') : movementTable(state.detail)),
    buttons: [],
  },
  () => {
    for (const chart of movementCharts) chart.draw();
  },
);
const timelineSection = new Section(
  {
    title: 'Mode Timeline',
    help: 'Calls of train() and eval(), by the line of code that made them. A click on a line opens it.',
    picture: timelinePlace,
    table: () => (state.timeline === undefined ? element('p', '', 'No call yet.') : timelineTable(state.timeline)),
    buttons: saveButtons(() => timelineChart.chart, 'timeline'),
  },
  () => {
    timelineChart.draw();
  },
);
timelineSection.root.hidden = true;
const gapSection = new Section(
  {
    title: 'Train Against Eval',
    help: '',
    picture: gapPlace,
    table: () => (state.gap === null ? element('p', '', 'Not compared yet.') : gapTable(state.gap)),
    buttons: saveButtons(() => gapChart.chart, 'train-against-eval'),
  },
  () => {
    gapChart.draw();
  },
);
gapSection.root.hidden = true;

page.append(
  group('header', '', title, subtitle, notice, marked),
  spoken,
  overviewSection.root,
  layerSection.root,
  movementSection.root,
  gapSection.root,
  timelineSection.root,
);

window.addEventListener('message', (event: MessageEvent<ToStatisticsPanel>) => {
  show(state.receive(event.data));
});
onDidChangeTheme(() => {
  theme = readTheme();
  for (const each of [overview, ...channelCharts, ...movementCharts, gapChart, timelineChart]) each.setTheme(theme);
});
post({ kind: 'ready' });

function show(concern: Concern): void {
  switch (concern) {
    case 'model':
      setText(title, state.model.title);
      timelineSection.root.hidden = true;
      gapSection.root.hidden = true;
      overview.reset();
      showHeader();
      showMarked();
      showLayer();
      remember();
      return;
    case 'figures':
      showHeader();
      showMarked();
      overview.draw();
      overviewSection.refreshTable();
      showFacts();
      return;
    case 'modes':
      showHeader();
      overview.draw();
      overviewSection.refreshTable();
      showFacts();
      return;
    case 'notice':
      showHeader();
      return;
    case 'selection':
      showLayer();
      overview.follow();
      setText(spoken, `Selected ${layerWords(state.selected)}`);
      remember();
      return;
    case 'layer':
      showDetail();
      return;
    case 'timeline':
      showTimeline();
      return;
    case 'gap':
      showGap();
  }
}

function showHeader(): void {
  const { read, expected, model } = state;
  const progress = !model.live && read < expected ? ` · reading, ${String(read)} of ${String(expected)} layers` : '';
  const mode = state.modeWords === '' ? '' : `${state.modeWords} · `;
  setText(subtitle, `${mode}${model.subtitle}${progress}`);
  setText(notice, state.notice ?? '');
  notice.hidden = state.notice === null;
}

/** The layers with marks, by kind, as buttons that lead to them. */
function showMarked(): void {
  const focused = document.activeElement instanceof HTMLElement ? document.activeElement.dataset['kind'] : undefined;
  const chips = markKinds.flatMap((kind) => {
    const indexes = [...state.marks].flatMap(([index, marks]) =>
      marks.some((mark) => mark.kind === kind) ? [index] : [],
    );
    if (indexes.length === 0) return [];
    const chip = button('', () => {
      const next = indexes.find((index) => index > state.selected) ?? indexes[0] ?? -1;
      select(next);
    });
    chip.className = `chip ${kind}`;
    chip.dataset['kind'] = kind;
    chip.title = 'Selects the next of these layers';
    const sign = element('span', 'sign', markSigns[kind]);
    sign.setAttribute('aria-hidden', 'true');
    chip.append(sign, `${markWords[kind]}: ${plural(indexes.length, 'layer')}`);
    return [chip];
  });
  const isRead = state.read >= state.expected && state.read > 0;
  const key = JSON.stringify(chips.map((chip) => chip.textContent));
  if (marked.dataset['key'] === `${key}${String(isRead)}`) return;
  marked.dataset['key'] = `${key}${String(isRead)}`;
  if (chips.length > 0) marked.replaceChildren(...chips);
  else marked.replaceChildren(element('span', 'fine', isRead ? '✓ No layer stands out.' : ''));
  if (focused !== undefined) marked.querySelector<HTMLElement>(`[data-kind="${focused}"]`)?.focus();
}

function showLayer(): void {
  const layer = state.model.layers[state.selected];
  setText(layerSection.heading, layer === undefined ? 'Layer' : layer.path === '' ? '(root)' : layer.path);
  keys.setAttribute('aria-valuemin', '1');
  keys.setAttribute('aria-valuemax', String(state.model.layers.length));
  keys.setAttribute('aria-valuenow', String(state.selected + 1));
  keys.setAttribute('aria-valuetext', layerWords(state.selected));
  overview.showSelection();
  showFacts();
  showDetail();
}

function showFacts(): void {
  const layer = state.model.layers[state.selected];
  const mode = state.modes[state.selected];
  if (layer === undefined || mode === undefined) {
    layerFacts.replaceChildren();
    return;
  }
  const figures = state.figures[state.selected] ?? null;
  const list = element('dl');
  const batches = figures?.numBatchesTracked ?? null;
  const facts: readonly (readonly [string, string])[] = [
    ['class', layer.type],
    ['mode', modeWords(mode)],
    ...(layer.features === null ? [] : [['channels', String(layer.features)] as const]),
    ['batches tracked', batches === null ? 'not stored' : batches.toLocaleString('en')],
    ...layer.options,
  ];
  for (const [name, value] of facts) list.append(element('dt', '', name), element('dd', '', value));
  const marks = (state.marks.get(state.selected) ?? []).map(({ kind, sentence }) => {
    const sign = element('span', 'sign', `${markSigns[kind]} `);
    sign.setAttribute('aria-hidden', 'true');
    return group('p', `mark ${kind}`, sign, sentence);
  });
  const [head = [], ...rows] = figureRows(figures?.runningMean ?? null, figures?.runningVar ?? null);
  layerFacts.replaceChildren(
    ...marks,
    list,
    ...(figures === null
      ? [
          element(
            'p',
            'help',
            layer.tracks ? 'Not read yet.' : 'Keeps no running statistics: it normalises by the batch in both modes.',
          ),
        ]
      : [table('Figures over channels', head, rows)]),
  );
}

function showDetail(): void {
  const path = state.model.layers[state.selected]?.path;
  const detail = state.detail?.path === path ? state.detail : undefined;
  channelCharts[0].show(detail?.mean ?? []);
  channelCharts[1].show(detail?.variance ?? []);
  channelPair.classList.toggle('waiting', (detail?.mean ?? detail?.variance ?? null) === null);
  setText(layerSection.help, detail === undefined ? 'Reading…' : (detail.problem ?? channelsHelp));
  const movement = detail?.movement ?? [];
  const hasMoved = movement.length > 1;
  movementPair.classList.toggle('empty', !hasMoved);
  setText(movementSection.help, hasMoved ? movementHelp : state.model.live ? notMovedLive : notMoved);
  for (const chart of movementCharts) chart.show(hasMoved ? movement : []);
  layerSection.refreshTable();
  movementSection.refreshTable();
}

function showTimeline(): void {
  const { timeline } = state;
  if (timeline === undefined) return;
  timelineSection.root.hidden = timeline.calls === 0;
  if (timeline.calls === 0) return;
  timelineChart.show(timeline);
  timelineSection.refreshTable();
}

function showGap(): void {
  gapSection.root.hidden = state.gap === null;
  if (state.gap === null) return;
  setText(gapSection.help, `${state.gap.sentence} ${gapHelp}`);
  gapChart.show(state.gap);
  gapSection.refreshTable();
}

function select(index: number): void {
  const layer = state.model.layers[index];
  if (layer === undefined || index === state.selected) return;
  state.selected = index;
  showLayer();
  overview.follow();
  remember();
  post({ kind: 'select', path: layer.path });
}

function onKey(event: KeyboardEvent): void {
  const last = state.model.layers.length - 1;
  const page = Math.max(1, Math.round(last / 10));
  const to: Readonly<Record<string, number>> = {
    ArrowRight: state.selected + 1,
    ArrowUp: state.selected + 1,
    ArrowLeft: state.selected - 1,
    ArrowDown: state.selected - 1,
    PageUp: state.selected + page,
    PageDown: state.selected - page,
    Home: 0,
    End: last,
  };
  const target = to[event.key];
  if (target !== undefined) select(Math.min(last, Math.max(0, target)));
  else if (event.key === '+' || event.key === '=') overview.zoom(0.5);
  else if (event.key === '-') overview.zoom(2);
  else if (event.key === '0') overview.showAll();
  else return;
  event.preventDefault();
}

/** What the tooltip says about a layer. */
function layerContent(index: number): { title: string; lines: string[]; rows: readonly (readonly string[])[] } {
  const layer = state.model.layers[index];
  const figures = state.figures[index] ?? null;
  const batches = figures?.numBatchesTracked ?? null;
  const mode = state.modes[index];
  return {
    title: layer?.path === '' ? '(root)' : (layer?.path ?? ''),
    lines: [
      [layer?.type ?? '', ...(mode === undefined ? [] : [modeWords(mode)])].join(' · '),
      ...(batches === null ? [] : [`${batches.toLocaleString('en')} batches tracked`]),
      ...(state.marks.get(index) ?? []).map(({ kind, sentence }) => `${markSigns[kind]} ${sentence}`),
    ],
    rows: figures === null ? [] : figureRows(figures.runningMean, figures.runningVar),
  };
}

/** A layer in one breath. */
function layerWords(index: number): string {
  const { title: path, lines } = layerContent(index);
  const figures = state.figures[index] ?? null;
  const spread = (name: string, min: number | null | undefined, max: number | null | undefined): string =>
    `${name} from ${formatNumber(min)} to ${formatNumber(max)}`;
  return [
    path,
    ...lines,
    ...(figures === null
      ? []
      : [
          spread('running mean', figures.runningMean?.min, figures.runningMean?.max),
          spread('running variance', figures.runningVar?.min, figures.runningVar?.max),
        ]),
  ].join(', ');
}

function legend(): HTMLElement {
  const item = (sign: string, words: string, className: string): HTMLElement => {
    const mark = element('span', `sign ${className}`, sign);
    mark.setAttribute('aria-hidden', 'true');
    return group('span', 'legend-item', mark, words);
  };
  return group(
    'div',
    'legend',
    item('■', 'runs as train', 'train'),
    item('□', 'runs as eval', 'eval'),
    ...markKinds.map((kind) => item(markSigns[kind], markWords[kind], kind)),
    element('span', 'legend-keys', 'Arrow keys move, + and − zoom, 0 shows all'),
  );
}

function saveButtons(chart: () => Chart, name: string): readonly HTMLElement[] {
  const save = (format: ImageFormat): void => {
    post({ kind: 'save', format, name, data: chart().picture(format, theme) });
  };
  return [
    button('Save PNG', () => {
      save('png');
    }),
    button('Save SVG', () => {
      save('svg');
    }),
  ];
}

function remember(): void {
  vscode?.setState({ file: state.model.file, selected: state.model.layers[state.selected]?.path });
}
