import type { FoundItem, HeldInfo, JobInfo } from '../apps/files/messages.ts'
import { FAKE_IDS, FAKE_NOW_MS } from './fake-answers.ts'
import type { FakeAnswer } from './fake-call.ts'

const ITEM = {
  owner: 'root',
  name: 'docs/a.pdf',
  kind: 'file',
  content: 'ab'.repeat(32),
  manifestBytes: 90,
  sizeBytes: 1_234_567,
  fileCount: 1,
  tags: ['work'],
  publishedAtMs: FAKE_NOW_MS,
  modifiedAtMs: FAKE_NOW_MS - 60_000,
  serial: 1,
  origin: FAKE_IDS.office,
  access: { users: ['bob'], groups: ['ops'], everyone: false },
} as const

/** A file that endpoint `office` has published. */
export const FAKE_FILE = {
  path: '/users/root/docs/a.pdf',
  ...ITEM,
  holders: [{ endpoint: FAKE_IDS.office, name: 'office', user: 'root' }],
} as unknown as FoundItem

const HELD = {
  path: FAKE_FILE.path,
  ...ITEM,
  source: '/home/root/a.pdf',
  isCopy: false,
} as unknown as HeldInfo

const VERSION = {
  serial: 1,
  kind: 'file',
  content: ITEM.content,
  manifestBytes: 90,
  sizeBytes: 1_234_567,
  fileCount: 1,
  publishedAtMs: FAKE_NOW_MS,
  modifiedAtMs: FAKE_NOW_MS,
}

/** A job that is done. */
export const FAKE_JOB = {
  id: '0123456789abcdef',
  kind: 'download',
  path: FAKE_FILE.path,
  file: '/here/a.pdf',
  state: 'done',
  doneBytes: 1_234_567,
  totalBytes: 1_234_567,
  keptBytes: 0,
  doneFiles: 1,
  totalFiles: 1,
  startedAtMs: FAKE_NOW_MS,
  endedAtMs: FAKE_NOW_MS,
  holders: [{ ...FAKE_FILE.holders[0], bytes: 1_234_567 }],
  skipped: [],
} as unknown as JobInfo

/** What the files app of the fake agent answers. */
export const FAKE_FILES: Readonly<Record<string, FakeAnswer>> = {
  'files.findFiles': () => ({
    items: [FAKE_FILE],
    unanswered: [{ endpoint: FAKE_IDS.laptop, name: 'attic', user: 'bob', reason: 'offline' }],
  }),
  'files.listInside': () => ({ item: FAKE_FILE, entries: [], total: 0 }),
  'files.listVersions': () => ({ path: FAKE_FILE.path, versions: [VERSION] }),
  'files.listHeld': () => ({ items: [HELD] }),
  'files.publish': () => FAKE_JOB,
  'files.share': () => HELD,
  'files.withdraw': () => ({ path: HELD.path, endpoints: ['office'], erased: [] }),
  'files.confirmCopies': () => ({ droppedCount: 0, erased: [] }),
  'files.download': () => ({ ...FAKE_JOB, endedAtMs: undefined, state: 'running' }),
  'files.listJobs': () => ({ jobs: [FAKE_JOB] }),
  'files.showJob': () => FAKE_JOB,
  'files.changeJob': () => ({ ...FAKE_JOB, state: 'paused' }),
  'files.cancelJob': () => FAKE_JOB,
  'files.showFilesConfig': () => ({ folder: '/home/root/ztmCloud' }),
  'files.changeFilesConfig': () => ({ folder: '/srv' }),
}
