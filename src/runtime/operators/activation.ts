// Activation functions.

import { kernel } from '../kernels/graph';
import type { OperatorTable } from './registry';

export function defineActivations(table: OperatorTable): void {
  table.defineWithInplace('relu(Tensor self) -> Tensor', (args) => kernel('Relu', [args.tensor('self')]));
  table.defineWithInplace('sigmoid(Tensor self) -> Tensor', (args) => kernel('Sigmoid', [args.tensor('self')]));
  table.defineWithInplace('tanh(Tensor self) -> Tensor', (args) => kernel('Tanh', [args.tensor('self')]));
}
