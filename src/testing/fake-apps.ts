import type { ReleaseInfo } from '../core/api/catalogue-api.ts'
import type { InstalledInfo, InstallOffer } from '../core/api/installed-api.ts'
import type { LogLines } from '../core/api/shapes.ts'
import { parseAppName, parseAppVersion } from '../core/app/manifest.ts'
import { parseUserName } from '../core/model/names.ts'

const RELEASE: ReleaseInfo = {
  provider: parseUserName('alice'),
  name: parseAppName('notes'),
  version: parseAppVersion('1.1.0'),
  channel: 'stable',
  description: 'Notes for all',
  hash: 'b'.repeat(64),
  sizeBytes: 2_048,
  publicKey: 'k'.repeat(43),
  publishedAtMs: 0,
  isWithdrawn: false,
}

const ASKS = [
  {
    key: 'network:example.com:443',
    says: 'connect to example.com:443 outside the mesh',
    isSensitive: true,
    isGranted: false,
  },
  { key: 'storage', says: 'keep records of its own here', isSensitive: false, isGranted: true },
]

/** An app from elsewhere that runs; a newer version asks for more. */
export const FAKE_INSTALLED: InstalledInfo = {
  provider: RELEASE.provider,
  name: RELEASE.name,
  version: parseAppVersion('1.0.0'),
  channel: 'stable',
  description: 'Notes for all',
  hash: 'a'.repeat(64),
  publicKey: RELEASE.publicKey,
  installedAtMs: 0,
  state: 'running',
  pid: 4_711,
  restartCount: 0,
  previous: parseAppVersion('0.9.0'),
  asks: ASKS.slice(1),
  memoryMb: 128,
  cpuPercent: 50,
  hasPage: true,
}

const OFFER: InstallOffer = {
  release: RELEASE,
  asks: ASKS,
  installed: FAKE_INSTALLED.version,
  isNewKey: false,
  isOlder: false,
}

const GAME: ReleaseInfo = {
  ...RELEASE,
  provider: parseUserName('bob'),
  name: parseAppName('game'),
  description: 'Play',
}
const LINES: LogLines = [{ timeMs: 0, level: 'info', event: 'note.added', fields: { app: 'alice/notes' } }]
const installed = () => FAKE_INSTALLED

/** What an agent says of apps from elsewhere, by route. */
export const FAKE_APP_ANSWERS = {
  'agent.showInstalled': installed,
  'agent.offerInstall': () => OFFER,
  'agent.installApp': () => ({ ...FAKE_INSTALLED, version: RELEASE.version }),
  'agent.showInstallProgress': () => ({ receivedBytes: 0, sizeBytes: 0 }),
  'agent.changeInstalled': installed,
  'agent.rollBack': () => ({ ...FAKE_INSTALLED, version: FAKE_INSTALLED.previous }),
  'agent.eraseInstalled': () => undefined,
  'agent.showInstalledLog': () => ({ lines: LINES }),
  'agent.publishApp': () => RELEASE,
  'agent.unpublishApp': () => ({ count: 2 }),
  'agent.listReleases': () => ({ releases: [RELEASE, GAME], total: 2 }),
  'agent.showReleases': () => ({ releases: [RELEASE, { ...RELEASE, version: FAKE_INSTALLED.version }] }),
  'agent.openAppPage': () => ({ url: 'http://notes--alice--home.localhost:7777/.ztm/login?code=x' }),
  'agent.showPublisher': () => ({ publicKey: RELEASE.publicKey }),
  'agent.exportPublisher': () => ({ privateKey: '-----BEGIN PRIVATE KEY-----\n' }),
  'agent.importPublisher': () => ({ publicKey: RELEASE.publicKey }),
}
