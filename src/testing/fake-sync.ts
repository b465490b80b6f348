import type { MirrorInfo } from '../apps/sync/messages.ts'
import type { Name } from '../core/model/names.ts'
import type { FakeAnswer } from './fake-call.ts'

/** A mirror of the fake agent, with one problem and one conflict. */
export const FAKE_MIRROR: MirrorInfo = {
  name: 'docs' as Name,
  folder: '/home/root/docs',
  to: { endpoint: 'office', path: 'docs' },
  ignores: ['*.tmp'],
  bytesPerSecond: 125_000,
  direction: 'both',
  state: 'syncing',
  leftCount: 3,
  apartCount: 0,
  sentBytes: 1_000_000,
  problems: [{ path: 'out', message: 'it leads out', isLasting: true }],
  conflicts: ['a.conflict-20261120-190000-office.txt'],
}

const GRANTS = {
  grants: [{ folder: '/srv/photos', users: ['alice'], groups: ['staff'], mayWrite: false }],
}

/** What the sync app of the fake agent answers. */
export const FAKE_SYNC: Record<string, FakeAnswer> = {
  'sync.listGrants': () => GRANTS,
  'sync.putGrant': () => GRANTS,
  'sync.deleteGrant': () => ({ grants: [] }),
  'sync.listMirrors': () => ({ mirrors: [FAKE_MIRROR] }),
  'sync.createMirror': () => FAKE_MIRROR,
  'sync.changeMirror': () => ({ ...FAKE_MIRROR, state: 'paused' }),
  'sync.deleteMirror': () => undefined,
}
