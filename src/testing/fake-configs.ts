import type { FakeAnswer } from './fake-call.ts'

const TERMINAL = {
  isEnabled: true,
  users: [],
  groups: [],
  accounts: {},
  idleMs: 0,
  mayForward: true,
  sessionCount: 0,
}
const SCRIPT = { isEnabled: true, rules: [], runCount: 0 }
const COUNTS = { connectionCount: 0, exitConnectionCount: 0, totalCount: 0, failedCount: 0 }
const PROXY = { clients: [], rules: [], ...COUNTS }

/** What the terminal, script and proxy apps of the fake agent answer. */
export const FAKE_CONFIGS: Record<string, FakeAnswer> = {
  'terminal.showConfig': () => TERMINAL,
  'terminal.changeConfig': () => TERMINAL,
  'terminal.listHistory': () => ({ sessions: [] }),
  'terminal.listRecordings': () => ({ recordings: [] }),
  'terminal.eraseRecording': () => undefined,
  'script.showConfig': () => SCRIPT,
  'script.changeConfig': () => SCRIPT,
  'script.listHistory': () => ({ runs: [] }),
  'proxy.showConfig': () => PROXY,
  'proxy.changeConfig': () => PROXY,
  'proxy.testTarget': () => ({ host: 'example.com', port: 443, action: 'direct' }),
}
