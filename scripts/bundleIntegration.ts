// Bundles test/integration for the debugger (.vscode/launch.json); `npm test` does so by itself.

import { bundleTests } from './lib/integration';

bundleTests().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
