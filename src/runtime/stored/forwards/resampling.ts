// Layers that move elements or interpolate between them: torch.nn.modules.upsampling, pixelshuffle, channelshuffle, fold.

import type { Tensor } from '../../tensor';
import type { Value } from '../../values';
import { itemsOf } from '../../values';
import { refuse, type Family, type Layer } from './layer';
import { unary } from './unary';

const upsample = unary((layer, x) => interpolate(layer, x));

export const upsamplings: Family = {
  Upsample: upsample,
  UpsamplingNearest2d: upsample,
  UpsamplingBilinear2d: upsample,
};

export const pixelShuffles: Family = {
  PixelShuffle: unary((layer, x) => layer.call('pixel_shuffle', x, layer.int('upscale_factor'))),
  PixelUnshuffle: unary((layer, x) => layer.call('pixel_unshuffle', x, layer.int('downscale_factor'))),
};

export const channelShuffles: Family = {
  ChannelShuffle: unary((layer, x) => layer.call('channel_shuffle', x, layer.int('groups'))),
};

export const folds: Family = {
  Fold: unary((layer, x) => layer.call('col2im', x, layer.ints('output_size', 2), ...window(layer))),
  Unfold: unary((layer, x) => layer.call('im2col', x, ...window(layer))),
};

function window(layer: Layer): Value[] {
  return ['kernel_size', 'dilation', 'padding', 'stride'].map((name) => layer.ints(name, 2));
}

/** Modes that place a grid, with the rank of input that each takes. */
const aligned: Readonly<Partial<Record<string, number>>> = { linear: 3, bilinear: 4, bicubic: 4, trilinear: 5 };

/** `torch.nn.functional.interpolate` without antialiasing, which the layer does not offer. */
async function interpolate(layer: Layer, x: Tensor): Promise<Tensor> {
  const mode = layer.string('mode', 'nearest');
  const corners = layer.option('align_corners', null) === null ? null : layer.bool('align_corners');
  const needed = Object.hasOwn(aligned, mode) ? aligned[mode] : undefined;
  if (needed === undefined && corners !== null) {
    refuse(
      'align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | trilinear',
    );
  }
  const dims = x.rank - 2;
  const [size, factors] = target(layer, x, mode, dims);
  if (needed !== undefined && needed !== x.rank && x.rank >= 3 && x.rank <= 5) {
    refuse(`Got ${x.rank}D input, but ${mode} mode needs ${needed}D input`);
  }
  const known = needed !== undefined || ['nearest', 'nearest-exact', 'area'].includes(mode);
  if (!known || dims < 1 || dims > 3) {
    refuse(
      'Input Error: Only 3D, 4D and 5D input Tensors supported ' +
        `(got ${x.rank}D) for the modes: nearest | linear | bilinear | bicubic | trilinear | area | nearest-exact (got ${mode})`,
    );
  }
  if (mode === 'area') return layer.call(`adaptive_avg_pool${dims}d`, x, size);
  if (mode === 'nearest') return layer.call(`upsample_nearest${dims}d`, x, size, factors);
  if (mode === 'nearest-exact') return layer.call(`_upsample_nearest_exact${dims}d`, x, size, factors);
  return layer.call(`upsample_${mode}${dims}d`, x, size, corners ?? false, factors);
}

/** The size of the output, or the factors that give it; the other one is None. */
function target(layer: Layer, x: Tensor, mode: string, dims: number): readonly [Value, Value] {
  const [size, factor] = [layer.option('size', null), layer.option('scale_factor', null)];
  // As torch's own loading of old files has it.
  const recompute = layer.option('recompute_scale_factor', true) !== null && layer.bool('recompute_scale_factor', true);
  if (size !== null && factor !== null) refuse('only one of size or scale_factor should be defined');
  if (size !== null) {
    if (recompute && layer.module.attributes.has('recompute_scale_factor')) {
      refuse('recompute_scale_factor is not meaningful with an explicit size.');
    }
    return [layer.ints('size', dims), null];
  }
  if (factor === null) refuse('either size or scale_factor should be defined');
  const factors = itemsOf(factor)?.map((item) => floatOf(layer, item));
  if (factors !== undefined && factors.length !== dims) {
    refuse(
      `Input and scale_factor must have the same number of spatial dimensions, but got input with spatial dimensions of ` +
        `[${x.shape.slice(2).join(', ')}] and scale_factor of shape [${factors.join(', ')}].`,
    );
  }
  const each = factors ?? new Array<number>(Math.max(0, dims)).fill(layer.float('scale_factor'));
  if (mode !== 'area' && !recompute) return [null, each];
  return [each.map((value, d) => BigInt(Math.trunc((x.shape[d + 2] ?? 0) * finite(layer, value)))), null];
}

function floatOf(layer: Layer, value: Value): number {
  if (typeof value === 'number' || typeof value === 'bigint') return Number(value);
  return layer.wrong('scale_factor', value, 'a float');
}

function finite(layer: Layer, value: number): number {
  return Number.isFinite(value) ? value : layer.wrong('scale_factor', value, 'finite');
}
