// Scales of the charts: from a value to a place on a linear axis and back, with round ticks, for values of any size and sign.

export interface Scale {
  readonly kind: 'linear' | 'logarithmic';
  readonly low: number;
  readonly high: number;
  /** In the units of {@link place}. */
  readonly ticks: readonly number[];
  place(value: number): number;
  value(place: number): number;
}

/** Powers of ten that a logarithmic axis tells apart at most: what is smaller stands at its lower end, or at zero. */
const mostDecades = 14;
/** How many times as large as a typical value the largest may be, before a linear axis shows nothing but it. */
const linearReach = 25;

/** Values that lie closer together than this are told apart better on a linear axis. */
const narrowRange = 8;

/** For values that are positive in a healthy layer. Zero and less stand at the lower end. */
export function positiveScale(values: Iterable<number>): Scale {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (!(value > 0) || value === Infinity) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (low > high) [low, high] = [0.1, 10];
  // A negative variance is marked, and drawn as none.
  if (high / low < narrowRange) return { ...linearScale([high]), place: (value) => Math.max(0, value) };
  let bottom = Math.floor(Math.log10(low));
  let top = Math.ceil(Math.log10(high));
  if (top === bottom) top++;
  bottom = Math.max(bottom, top - mostDecades);
  const step = Math.ceil((top - bottom) / 5);
  const ticks: number[] = [];
  for (let decade = bottom; decade <= top; decade += step) ticks.push(decade);
  return {
    kind: 'logarithmic',
    low: bottom,
    high: top,
    ticks,
    place: (value) => (value > 0 ? Math.max(bottom, Math.log10(value)) : bottom),
    value: (place) => 10 ** place,
  };
}

/** For values of both signs: linear, or logarithmic on both sides of zero where a few are far larger than the rest. */
export function signedScale(values: Iterable<number>): Scale {
  const finite = [...values].filter((value) => Number.isFinite(value));
  const sizes = Float64Array.from(finite, Math.abs).sort();
  const largest = sizes.at(-1) ?? 1;
  const typical = sizes[Math.floor(sizes.length * 0.75)] ?? 1;
  return largest <= typical * linearReach || typical === 0 ? linearScale(finite) : bothSides(finite, typical, largest);
}

function linearScale(values: readonly number[]): Scale {
  let low = 0;
  let high = 0;
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  // All zero, or nothing that can be told from it.
  if (high - low < 1e-290) [low, high] = [-1, 1];
  const step = roundStep((high - low) / 6);
  // A little room, so that live values do not move the axis at every update.
  const bottom = Math.floor(low / step) * step;
  const top = Math.ceil(high / step) * step;
  const ticks: number[] = [];
  for (let tick = Math.round(bottom / step); tick <= Math.round(top / step); tick++) ticks.push(tick * step);
  return { kind: 'linear', low: bottom, high: top, ticks, place: (value) => value, value: (place) => place };
}

function bothSides(values: readonly number[], typical: number, largest: number): Scale {
  const unit = 10 ** Math.max(Math.floor(Math.log10(typical)), Math.ceil(Math.log10(largest)) - mostDecades);
  const place = (value: number): number => Math.asinh(value / unit / 2) / Math.LN10;
  const top = Math.ceil(Math.log10(largest / unit));
  const hasNegative = values.some((value) => value < 0);
  const hasPositive = values.some((value) => value > 0);
  const step = Math.ceil(top / 3);
  const decades = Array.from({ length: Math.floor(top / step) + 1 }, (_, index) => unit * 10 ** (top - index * step));
  // Close to zero there is no room for another label.
  const powers = decades.filter((power) => place(power) > place(unit * 10 ** top) / 6).reverse();
  const ticks = [
    ...(hasNegative ? powers.map((power) => -power).reverse() : []),
    0,
    ...(hasPositive ? powers : []),
  ].map(place);
  return {
    kind: 'logarithmic',
    low: hasNegative ? place(-unit * 10 ** top) : place(0),
    high: hasPositive ? place(unit * 10 ** top) : place(0),
    ticks,
    place,
    value: (at) => Math.sinh(at * Math.LN10) * 2 * unit,
  };
}

/** 1, 2 or 5 times a power of ten, at least `least`. */
function roundStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  const factor = [1, 2, 5, 10].find((each) => each * power >= least * (1 - 1e-9)) ?? 10;
  return factor * power;
}
