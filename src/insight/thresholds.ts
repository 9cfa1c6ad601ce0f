// From which figure on a rule speaks. Each is a setting of the same name.

export interface Thresholds {
  /** Share of the initial 0 and 1 in running statistics. */
  readonly initialShare: number;
  /** Forwards without gradients in a row, with layers in train and no optimizer step in between. */
  readonly forwardsWithoutGrad: number;
  /** Optimizer steps whose forwards all ran in eval. */
  readonly stepsInEval: number;
  /** Updates of a layer's statistics for each optimizer step. */
  readonly updatesPerStep: number;
  /** Distance of a batch's means from the running means, in standard deviations: the root mean square over channels. */
  readonly drift: number;
}

/** True for the name of a threshold. */
export function isThreshold(name: string): name is keyof Thresholds {
  return Object.hasOwn(defaultThresholds, name);
}

export const defaultThresholds: Thresholds = {
  initialShare: 0.2,
  forwardsWithoutGrad: 3,
  stepsInEval: 3,
  updatesPerStep: 1.5,
  drift: 1,
};
