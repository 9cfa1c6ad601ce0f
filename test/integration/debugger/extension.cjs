// Debug sessions of type `debugpy`, as the Python Debugger extension has them: its adapter, its child sessions.
'use strict';

const vscode = require('vscode');

exports.activate = (context) => {
  context.subscriptions.push(
    vscode.debug.registerDebugAdapterDescriptorFactory('debugpy', {
      createDebugAdapterDescriptor({ configuration: { request, connect } }) {
        if (request === 'attach' && connect) return new vscode.DebugAdapterServer(connect.port, connect.host);
        return new vscode.DebugAdapterExecutable(process.env.MODE_INSPECTOR_PYTHON, ['-m', 'debugpy.adapter']);
      },
    }),
    // debugpy asks for a session of its own for each child process.
    vscode.debug.onDidReceiveDebugSessionCustomEvent(({ event, session, body }) => {
      if (event !== 'debugpyAttach') return;
      void vscode.debug.startDebugging(session.workspaceFolder, body, { parentSession: session });
    }),
  );
};
