// An ExecuTorch program as its format read it: which operators and delegates each method calls.

export interface ExecuTorchMethod {
  /** `forward`, mostly. */
  readonly name: string;
  readonly calls: readonly ExecuTorchCall[];
}

export type ExecuTorchCall =
  | {
      readonly kind: 'operator';
      /** `aten::_native_batch_norm_legit_no_training` */
      readonly name: string;
      /** `out`, for most. */
      readonly overload: string;
      /** By argument, its value where it is a bool. */
      readonly flags: readonly (boolean | null)[];
    }
  /** A part of the model that was compiled for a backend such as `XnnpackBackend`. */
  | { readonly kind: 'delegate'; readonly name: string };
