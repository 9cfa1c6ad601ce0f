// Placeholder until the command line is written.

process.exitCode = 2;
