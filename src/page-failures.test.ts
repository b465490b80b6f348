import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

// That nothing fails or waits unseen on the web page: whatever it does shows there that it is under way, and why it failed. Read off its source, as flows that fail
// are too many to be tried one by one.

const ROOT = join(import.meta.dirname, 'gui')
const SOURCES = globSync('**/*.{ts,tsx}', { cwd: ROOT })
  .filter(file => !file.includes('.test.'))
  .map(file => ({ file, text: readFileSync(join(ROOT, file), 'utf8') }))
/** Hooks of the page that make an action for others. */
const HOOKS = [
  'useMutation',
  ...SOURCES.flatMap(({ text }) =>
    [...text.matchAll(/function (use\w+)\([^{]*\{(?:(?!\n\}).)*?return useMutation\(/gs)].map(
      ([, name]) => name,
    ),
  ),
]

test('every action of the page shows where it is why it failed', () => {
  const silent = SOURCES.flatMap(({ file, text }) =>
    [...text.matchAll(new RegExp(`const (\\w+) = (?:${HOOKS.join('|')})\\(`, 'g'))]
      .map(([, name = '']) => name)
      .filter(name => !isShown(name, text))
      .map(name => `${file}: ${name}`),
  )
  assert.deepEqual(silent, [], 'give its error to a Failure beside it, or to what shows one')
})

test('every action of the page shows while it is under way', () => {
  const still = SOURCES.flatMap(({ file, text }) =>
    [...text.matchAll(new RegExp(`const (\\w+) = (?:${HOOKS.join('|')})\\(`, 'g'))]
      .map(([, name = '']) => name)
      .filter(name => !text.includes(`step={${name}}`) && !isRead(name, 'isPending', text))
      .map(name => `${file}: ${name}`),
  )
  assert.deepEqual(still, [], 'give its isPending to what begins it, or to a Progress beside it')
})

test('every answer that the page asks for shows why it is not there', () => {
  const silent = SOURCES.flatMap(({ file, text }) =>
    [...text.matchAll(/const (?:(\w+)|\{([^}]*)\}) = useQuery\(/g)]
      .filter(([, name, parts]) =>
        name === undefined ? !/\berror\b/.test(parts ?? '') : !isShown(name, text),
      )
      .map(([, name, parts]) => `${file}: ${name ?? parts?.trim()}`),
  )
  const byFile = Map.groupBy(silent, one => one.split(':')[0] ?? '')
  const counts = Object.fromEntries([...byFile].map(([file, all]) => [file, all.length]))
  const expected = Object.fromEntries(Object.entries(HELPS).map(([file, [count]]) => [file, count]))
  assert.deepEqual(counts, expected, 'show it with Loaded, or its error; of what only helps, count it here')
})

test('no failure is dropped on the way', () => {
  const dropped = SOURCES.flatMap(({ file, text }) =>
    [...text.matchAll(/\bvoid call\(|\.catch\(\(\) => (?:\{\}|undefined)\)/g)].map(() => file),
  )
  assert.deepEqual(
    dropped.filter(file => !(file in DROPPED)),
    [],
  )
})

/** Its error is read, or it is given whole to something of the page that reads it. */
function isShown(name: string, text: string): boolean {
  return new RegExp(`query=\\{${name}\\}|step=\\{${name}\\}`).test(text) || isRead(name, 'error', text)
}

function isRead(name: string, property: string, text: string): boolean {
  if (new RegExp(`\\b${name}\\.${property}\\b`).test(text)) return true
  const given = [...text.matchAll(new RegExp(`\\b(\\w+)=\\{${name}\\}`, 'g'))].map(([, prop]) => prop)
  return SOURCES.some(other => given.some(prop => new RegExp(`\\b${prop}\\.${property}\\b`).test(other.text)))
}

/** Answers whose failure shows nothing, by file: how many, and why that misleads nobody. What offers choices says `Missing` instead. */
const HELPS: Readonly<Record<string, readonly [count: number, why: string]>> = {
  'tunnels/outbound-form.tsx': [1, 'a name that is taken is refused when it is saved'],
  'tunnels/tunnel-actions.tsx': [2, 'the other end stays, and is listed where it is'],
  'tunnels/tunnel-ends.tsx': [
    2,
    'health and way are left blank, as while they are not known; the ends themselves are shown',
  ],
  'tunnels/tunnel-form.tsx': [2, 'a name or port that is taken is refused when it is opened'],
  'script/use-online-endpoints.ts': [
    3,
    'the list that they add to is shown with its failure by those who use it',
  ],
  'script/script-grants.tsx': [1, 'asked of the agent itself, whose absence the frame of the page tells'],
  'parts/page-frame.tsx': [1, 'asked of the agent itself, whose absence the frame of the page tells'],
  'pages/certificates-section.tsx': [1, 'the page above it shows why the mesh is not reached'],
  'pages/hubs-page.tsx': [2, 'buttons of administrators are offered to those alone who are known to be one'],
  'pages/join-page.tsx': [1, 'what it suggests as a name can be typed'],
  'pages/log-page.tsx': [1, 'the log of no hub is asked for, which says so'],
  'pages/map-page.tsx': [
    4,
    'hubs and counts are shown with their failure; names and ways are drawn as far as they are known',
  ],
  'pages/start-page.tsx': [1, 'what it suggests as an address can be typed'],
  'files/shared-files.tsx': [1, 'the same is asked beside it, and shown with its failure'],
  'files/transfers-section.tsx': [1, 'the same is asked beside it, and shown with its failure'],
  'files/upload-form.tsx': [1, 'without it the upload says what is missing'],
  'controller/config-field.tsx': [1, 'without its form a config is written as JSON'],
  'controller/roles-input.tsx': [1, 'attributes are typed; whom they choose now is shown with its failure'],
  'controller/usage-section.tsx': [1, 'ids stand where names are not known'],
  'apps/use-apps-place.ts': [
    2,
    'one is asked of the agent itself; the other is given on to the page, which shows it',
  ],
  'apps/app-releases.tsx': [1, 'asked of the agent itself, whose absence the frame of the page tells'],
  'apps/install-dialog.tsx': [
    2,
    'the newest is offered, with its own failure; how much came is said by the install itself',
  ],
  'apps/publish-form.tsx': [1, 'publishing says what is wrong with the key'],
}

/** Why nobody need hear of it. */
const DROPPED: Readonly<Record<string, string>> = {
  'api/call.ts': 'an answer that is no JSON is a failure of its own',
  'api/files-queries.ts': 'an answer that is no JSON is a failure of its own',
  'controller/entity-form.tsx': 'what was asked for is made; its token can be shown from the list',
  'main.tsx': 'without a service worker the page does all else',
  'files/folder-browser.tsx': 'its failure is among the transfers',
  'files/upload-queue.ts': 'what is dropped there ends by itself',
  'tunnels/tunnel-form.tsx': 'the failure before it is the one that is shown',
}
