import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join, posix } from 'node:path'
import { test } from 'node:test'
import {
  findBadNames,
  findBarrels,
  findConsole,
  findCycles,
  findDeadExports,
  findHostImports,
  findImpurities,
  findLongFiles,
  findLongFunctions,
  findOrphans,
  findUndocumented,
} from './testing/house/house-rules.ts'
import { measureFunctions } from './testing/house/measure-functions.ts'
import { findBrokenWalls, findEmptyRooms, type RoomTable } from './testing/house/rooms.ts'
import { readSources, type SourceFile } from './testing/house/source-file.ts'

const DAEMONS = ['controller', 'hub', 'agent', 'gateway']
const BELOW_DAEMONS = ['core', 'pki', 'store', 'net', 'sdk', 'apps']

/**
 * The house, docs/architecture.md section 10: who may import whom. An arrow more is a decision: docs/decisions/.
 * `hub`, `agent`, `controller` and `gateway` are in nobody's list but those of `bin` and `testing`: they meet on the
 * wire and in core/api.
 */
const ROOMS: RoomTable = {
  '': [],
  'core/model': [],
  'core/policy': ['core/model'],
  'core/registry': ['core/model', 'core/api'],
  'core/path': ['core/model'],
  'core/link': ['core/model'],
  'core/stream': ['core/model'],
  'core/balance': ['core/model'],
  'core/codec': ['core/model'],
  'core/files': ['core/model'],
  'core/terminal': ['core/model'],
  'core/app': ['core/model'],
  'core/gateway': ['core/model'],
  'core/billing': ['core/model'],
  'core/api': ['core/model', 'core/policy', 'core/path', 'core/billing', 'core/app'],
  'core/edge': ['core/model', 'core/api', 'core/policy'],
  pki: ['core'],
  store: ['core'],
  net: ['core', 'pki'],
  // WebDAV over whatever has a tree; net for the shapes of its requests.
  webdav: ['core', 'net'],
  controller: ['core', 'pki'],
  hub: ['core', 'pki', 'net', 'store'],
  // Of the SDK the interface of apps alone: the SDK is built on the agent's client half.
  agent: ['core', 'pki', 'net', 'store', 'sdk/app'],
  gateway: ['core', 'pki', 'net', 'sdk'],
  sdk: ['core', 'net', 'pki', 'store', 'agent'],
  // What runs inside the process of an app from elsewhere or of a script: it must load fast, and know nothing.
  sandboxed: ['core/model', 'core/codec', 'core/app', 'sdk/define-app'],
  // What several apps do alike, for them alone.
  'sdk/for-apps': ['core/model', 'core/api', 'sdk/app'],
  apps: ['apps', 'sdk/app'],
  'apps/*': [
    'core/model',
    'core/codec',
    'core/balance',
    // Routing and headers of HTTP, the same for outbounds as for the gateway.
    'core/gateway',
    'core/files',
    // How good a way to an endpoint is.
    'core/path/path-kind',
    'core/api',
    'core/policy',
    'sdk/app',
    'sdk/for-apps',
  ],
  // Of the store no more than where the state folder is, and the log: the daemons own what is in it.
  cli: [
    'core',
    'pki',
    'net',
    'apps/*/messages',
    // The other end of what an app says on a stream of this computer's user.
    'sdk/for-apps',
    // A folder of an endpoint, shown to other programs of this computer.
    'apps/sync/tree-link',
    'webdav',
    'store/data-folder',
    'store/socket-path',
    'store/storage-error',
    'store/log-file',
    'store/log-line',
    'store/log-reader',
    'store/secret-file',
  ],
  gui: ['core', 'apps/*/messages'],
  // `testing` for the demo, which runs a mesh of processes on one computer.
  bin: [...BELOW_DAEMONS, ...DAEMONS, 'cli', 'gui', 'testing'],
  testing: [...BELOW_DAEMONS, ...DAEMONS, 'gui', 'webdav'],
  e2e: ['core', 'testing'],
}

/** What a room is handed at run time, its tests may take themselves; those of core take `testing` alone. */
const HANDED_TO_TESTS = ['testing', 'pki', 'store', 'net']

const MAX_FILE_LINES = 400
const MAX_FUNCTION_LINES = 80
/** The two front doors that may pass on names of other files. */
const BARRELS = ['src/sdk/index.ts', 'src/testing/index.ts']
/** What an app from elsewhere is: the default export of its module. */
const APP_ENTRY = /^examples\/[^/]+\/app\.ts$/
/** Files that must name a path of one machine to do their work. */
const MAY_NAME_LOCAL_PATHS: readonly string[] = []

const SOCKETS = ['net', 'tls', 'http', 'https', 'http2', 'dgram', 'dns', 'dns/promises']
const OUTER_WORLD = ['fs', 'fs/promises', 'child_process', 'cluster', 'worker_threads', 'os', 'inspector']

const root = join(import.meta.dirname, '..')
const sources = readSources(root, 'src')
const workshop = ['bench', 'examples']
  .filter(folder => existsSync(join(root, folder)))
  .flatMap(folder => readSources(root, folder))
const inRoom = (...rooms: string[]) =>
  sources.filter(({ path }) => rooms.some(room => path.startsWith(`src/${room}/`)))
const notInRoom = (...rooms: string[]) =>
  sources.filter(({ path }) => !rooms.some(room => path.startsWith(`src/${room}/`)))

function holds(problems: readonly string[]): void {
  if (problems.length > 0) assert.fail(problems.join('\n'))
}

test('the house reads its own source', () => {
  assert.ok(sources.some(({ path }) => path === 'src/core/model/errors.ts'))
})

test('rooms import only along the arrows', () => holds(findBrokenWalls(sources, ROOMS, HANDED_TO_TESTS)))

test('rooms exist only with something in them', () => {
  const folders = readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true })
    .filter(entry => entry.isDirectory())
    .map(entry => posix.relative(join(root, 'src'), join(entry.parentPath, entry.name)))
  holds(findEmptyRooms(folders, sources, ROOMS))
})

test('core is pure: no host, no clock, no chance', () => holds(findImpurities(inRoom('core'))))

test('sockets are opened in net and bin alone', () =>
  holds(
    findHostImports(
      // What is sandboxed takes up the one socket that it is given, and closes the way to others.
      notInRoom('net', 'bin', 'testing', 'e2e', 'sandboxed'),
      SOCKETS,
      'open it in src/net, and take it as an argument here',
    ),
  ))

test('apps see the world through their Host', () =>
  holds(findHostImports(inRoom('apps'), OUTER_WORLD, 'use the Host, or give it a general new ability')))

test('console is for the command line', () => holds(findConsole(notInRoom('cli', 'bin'))))

test('files are short', () => holds(findLongFiles([...sources, ...workshop], MAX_FILE_LINES)))

test('functions are short', t => {
  holds(findLongFunctions([...sources, ...workshop], MAX_FUNCTION_LINES))
  t.diagnostic(describeFunctions(sources.filter(file => !file.isTest)))
})

test('names are exported by the file that owns them', () =>
  holds(findBarrels([...sources, ...workshop.filter(({ path }) => !APP_ENTRY.test(path))], BARRELS)))

test('names of files and folders say what is in them', () => holds(findBadNames(sources)))

test('every export has a docstring', () => holds(findUndocumented(notInRoom('e2e'))))

test('no files import each other in a circle', () => holds(findCycles(sources)))

test('every file is reached from an entry point', () => {
  // Of tests, those end to end alone: what only its own test uses is used by nobody.
  const isEntry = ({ path }: SourceFile) =>
    /^src\/cli\/(?:recorded-world|doctor\/seed)\.ts$/.test(path) ||
    /^src\/(?:bin|testing|e2e)\//.test(path) ||
    /^src\/(?:sdk\/index\.ts|gui\/main\.tsx|sandboxed\/main\.ts)$/.test(path)
  holds(findOrphans(sources, isEntry))
})

test('every export is used', () => {
  // `AppError` is for apps, which are not here.
  const dead = findDeadExports([...sources, ...workshop])
  holds(dead.filter(problem => !problem.includes(' AppError:')))
})

test('every decision is in the index', () => {
  const folder = join(root, 'docs/decisions')
  const index = readFileSync(join(folder, 'README.md'), 'utf8')
  const records = readdirSync(folder).filter(name => name !== 'README.md')
  holds([
    ...records
      .filter(name => !index.includes(`](${name})`))
      .map(name => `docs/decisions/${name}: not in docs/decisions/README.md: add a line`),
    ...records
      .filter(name => !/^\d{4}-[a-z0-9-]+\.md$/.test(name))
      .map(name => `docs/decisions/${name}: name it NNNN-what-it-is-about.md`),
  ])
})

test('no text names a path of one machine', t => {
  const files = trackedFiles()
  if (files === undefined) return t.skip('not a git checkout: no list of tracked files')
  const localPath = new RegExp(`(?<![\\w.~$}-])/(?:${['work', 'root'].join('|')})/`)
  const problems = files
    .filter(path => !MAY_NAME_LOCAL_PATHS.includes(path) && isFile(join(root, path)))
    .flatMap(path => {
      const lines = readFileSync(join(root, path), 'latin1').split('\n')
      const line = lines.findIndex(text => localPath.test(text))
      return line === -1 ? [] : [`${path}:${line + 1}: names a path of one machine: derive it, or use /opt/…`]
    })
  holds(problems)
})

/** What git tracks or would track; undefined outside a checkout. */
function trackedFiles(): string[] | undefined {
  if (!existsSync(join(root, '.git'))) return undefined
  const list = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
  })
  return list.split('\0').filter(path => path !== '')
}

/** Not a file that was removed but not yet committed, and not a link to a folder. */
function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true
}

/** The spread of function lengths and the longest one, for the record. */
function describeFunctions(files: readonly SourceFile[]): string {
  const sizes = files.flatMap(({ path, code }) => measureFunctions(code).map(size => ({ path, ...size })))
  sizes.sort((a, b) => a.ownLines - b.ownLines)
  const at = (share: number) => sizes[Math.floor(share * (sizes.length - 1))]?.ownLines
  const longest = sizes.at(-1)
  return (
    `${sizes.length} functions: half ${at(0.5)} lines or less, nine in ten ${at(0.9)} or less; ` +
    `the longest ${longest?.path}:${longest?.line} ${longest?.name}, ${longest?.ownLines}`
  )
}
